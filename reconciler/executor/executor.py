"""The one loop with effects: picks the next write, sends it, takes answers one at a time, and waits
for what the cloud does meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.executor import effects as records
from reconciler.executor import exposed, verdicts
from reconciler.executor.exposed import Exposed
from reconciler.executor.first_passwords import Keeper
from reconciler.executor.journaling import Ledger
from reconciler.executor.late_values import Known
from reconciler.executor.list_poller import ListPoller
from reconciler.executor.operations import Operations
from reconciler.executor.precondition import Preconditions
from reconciler.executor.scheduler import Scheduler
from reconciler.executor.sender import Sender
from reconciler.executor.task import Failure, Status, Task
from reconciler.executor.transitions import Transitions
from reconciler.executor.waiter import Waiter
from reconciler.model import exit_codes
from reconciler.model.diagnostics import Problem, error
from reconciler.model.events import Event, ProblemFound, StepSkipped, Summary
from reconciler.model.plan import Plan
from reconciler.model.ports import Client, Reads, RecordFailed, StateWriter, StoreError
from reconciler.model.resource import Account, Stack
from reconciler.model.resource_type import ResourceType, waits
from reconciler.planner.compare import safety_stops
from reconciler.planner.estimate.forecast import weights_of
from reconciler.planner.steps.outputs import compute

INTERRUPT_PATIENCE_SECONDS = 5.0
"""After Ctrl-C, how long answers in flight are awaited (safety#interrupts)."""

IDLE_SECONDS = 0.5
"""The longest the loop sleeps without looking whether it was interrupted."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: steps done, failed, skipped (key to reason), unknown; calls sent; seconds;
    outputs as (value, reason).

    `durations` are the cloud's seconds that operations were seen to take, by name: longer than the
    first, at most the second.
    """

    done: tuple[str, ...]
    failed: Mapping[str, Failure]
    skipped: Mapping[str, str]
    unknown: tuple[str, ...]
    calls: int
    seconds: float
    exit_code: int
    outputs: Mapping[str, tuple[Any, str | None]]
    problems: tuple[Problem, ...] = ()
    durations: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


def run(
    plan: Plan,
    *,
    stack: Stack,
    account: Account,
    writer: StateWriter,
    exchange: Client,
    reads: Reads,
    kinds: Mapping[str, ResourceType],
    emit: Callable[[Event], None],
    run: str,
    nonce: Callable[[], str],
    interrupted: Callable[[], bool],
    time_scale: float = 1.0,
    account_digest: str | None = None,
    endpoint: str | None = None,
    keep: Keeper | None = None,
) -> Result:
    """Does the plan. `run` names this run in the records; `nonce` gives a new marker for every
    create that is sent; `keep` takes the first passwords of new servers, which nobody keeps
    otherwise.

    Every outcome is recorded before it returns; a record that cannot be written stops the sending
    at once (exit 7).
    """
    loop = _Executor(
        plan,
        stack,
        account,
        writer,
        exchange,
        reads,
        kinds,
        emit,
        run,
        nonce,
        interrupted,
        time_scale,
        keep,
    )
    try:
        loop.begin()
        loop.work()
        loop.ended = loop.exchange.now()
        loop.finish(account_digest, endpoint)
    except StoreError as failure:
        loop.record_failed(failure)
    return loop.result()


@dataclass(slots=True)
class _Executor:
    plan: Plan
    stack: Stack
    account: Account
    writer: StateWriter
    exchange: Client
    reads: Reads
    kinds: Mapping[str, ResourceType]
    emit: Callable[[Event], None]
    run: str
    nonce: Callable[[], str]
    interrupted: Callable[[], bool]
    time_scale: float
    keep: Keeper | None
    tasks: dict[str, Task] = field(init=False)
    scheduler: Scheduler = field(init=False)
    poller: ListPoller = field(init=False)
    ledger: Ledger = field(init=False)
    sender: Sender = field(init=False)
    waiter: Waiter = field(init=False)
    problems: list[Problem] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, tuple[Any, str | None]] = field(default_factory=dict)
    began: float = 0.0
    ended: float | None = None
    """When the work was over: what comes after it (outputs, the state) is no time that the cloud
    took.
    """
    stop_at: float | None = None
    _token: int = 0
    _followers: dict[str, list[str]] = field(default_factory=dict)
    _missing: dict[str, int] = field(default_factory=dict)
    _let_on: set[tuple[str, str]] = field(default_factory=set)
    """(earlier, later) where the later step went on because the earlier one was accepted."""

    def __post_init__(self) -> None:
        after = {step.key: step.after for step in self.plan.steps}
        weights = weights_of(self.plan.steps, self.kinds)
        self.tasks = {
            step.key: Task(step, weights[step.key], [step.operation], target=step.target)
            for step in self.plan.steps
        }
        self.scheduler = Scheduler(self.tasks)
        for key, earlier in after.items():
            self._missing[key] = len(earlier)
            if not earlier:
                self.scheduler.release(key)
            for other in earlier:
                self._followers.setdefault(other, []).append(key)
        self.poller = ListPoller(self.reads, self.time_scale)
        self.began = self.exchange.now()
        known = Known(
            self.stack, self.account, self.kinds, self.writer.state.entries, self.plan.lookups
        )
        self.ledger = Ledger(self.run, self.writer, known, self.poller)
        self.sender = self._writes()
        self.waiter = self.sender.waiter

    def _writes(self) -> Sender:
        transitions = Transitions(self.exchange.now, self.emit)
        operations = Operations(
            self.plan,
            self.stack,
            self.writer,
            self.kinds,
            self.ledger.known,
            self.nonce,
            self.scheduler.tasks,
        )
        preconditions = Preconditions(
            operations,
            self.poller,
            self.scheduler,
            transitions,
            self.exchange.now,
            self.time_scale,
            self.began,
        )
        waiter = Waiter(
            plan=self.plan,
            stack=self.stack,
            exchange=self.exchange,
            kinds=self.kinds,
            emit=self.emit,
            time_scale=self.time_scale,
            poller=self.poller,
            scheduler=self.scheduler,
            operations=operations,
            ledger=self.ledger,
            transitions=transitions,
            preconditions=preconditions,
        )
        return Sender(
            stack=self.stack,
            account=self.account,
            exchange=self.exchange,
            kinds=self.kinds,
            emit=self.emit,
            time_scale=self.time_scale,
            operations=operations,
            ledger=self.ledger,
            transitions=transitions,
            preconditions=preconditions,
            waiter=waiter,
            keep=self.keep,
        )

    def begin(self) -> None:
        """Closes what earlier runs left accepted (their objects are in the state), and records what
        the plan changes without a call.
        """
        waited = {step.target for step in self.plan.steps if waits(step.operation)}
        for sequence, (intent, result) in sorted(self.writer.state.open.items()):
            if result == "accepted" and intent.target not in waited:
                self.ledger.note("superseded: its object is in the state", settles=sequence)
        if self.plan.records:
            self.ledger.note("plan", effects=tuple(self.plan.records))
        if self.plan.steps and self.stack.digest and (effects := records.stale(self.writer.state)):
            self.ledger.note("outputs are stale until the end of the run", effects=tuple(effects))
        self.ledger.refresh()

    def work(self) -> None:
        """Until every step has ended, or none can begin any more."""
        while self.scheduler.open:
            if self.interrupted() and self.stop_at is None:
                self.stop_at = self.exchange.now() + INTERRUPT_PATIENCE_SECONDS
            if self.sender.stop is not None and self.stop_at is None:
                self._report(self.sender.stop)
                self.stop_at = math.inf
            self._close_ended()
            if not self.scheduler.open or self._over():
                return
            if self.stop_at is None:
                self._send()
            self._close_ended()
            answer = self.exchange.next(self._patience())
            if answer is not None:
                self._take(*answer)
            self.waiter.judge()

    def _over(self) -> bool:
        now = self.exchange.now()
        if self.stop_at is not None:
            return not self.scheduler.has(Status.SENT) or now >= self.stop_at
        return self.scheduler.is_stuck(now)

    def _send(self) -> None:
        """Writes before waits, the one with most behind it first; never a read that delays a write."""
        while self.exchange.ready_in() <= 0.0:
            task = self.scheduler.next(self.exchange.now())
            if task is not None:
                self.scheduler.take(task)
                self.sender.begin(task, self._next_token)
                if task.ended:
                    self._close_ended()
                if self.sender.stop is not None:
                    return
                continue
            read = self.poller.next_call(self.exchange.now())
            if read is None:
                return
            # a holder whose lock was broken sends nothing more, not even a read (safety#one-writer)
            self.writer.check()
            token = self._next_token()
            self.poller.sent(token, read[0])
            self.exchange.send(token, read[1])

    def _next_token(self) -> int:
        self._token += 1
        return self._token

    def _patience(self) -> float:
        now = self.exchange.now()
        soon = [
            self.poller.wake_in(now),
            self.scheduler.next_time() - now,
            self.scheduler.first_deadline() - now,
            IDLE_SECONDS,
        ]
        if self.stop_at is not None and self.stop_at < math.inf:
            soon.append(self.stop_at - now)
        wait = max(0.0, min(soon))
        gate = self.exchange.ready_in()
        if gate == math.inf:
            return IDLE_SECONDS
        due = wait == 0.0 or (self.stop_at is None and self.scheduler.next(now) is not None)
        return min(gate, IDLE_SECONDS) if due else wait

    def _take(self, token: int, answer: Any) -> None:
        if self.poller.owns(token):
            problem = self.poller.take(token, answer, self.exchange.now())
            if problem is not None:
                self._read_failed(problem)
            self.ledger.refresh()
        else:
            self.sender.take(token, answer)

    def _read_failed(self, problem: Problem) -> None:
        if exit_codes.of_problem(problem) == exit_codes.ACCOUNT:
            self.sender.stop = self.sender.stop or problem
            return
        problem = (
            replace(problem, hint="retrying until its dependants are late")
            if problem.code == "cloud"
            else problem
        )
        if problem not in self.problems:
            self._report(problem)

    def _close_ended(self) -> None:
        """Takes ended tasks out and lets go, or skips, what waited for them; lets go what waited
        for one to be accepted.
        """
        for task in self.scheduler.take_accepted():
            for key in self._followers.get(task.key, ()):
                if (
                    task.key in self.tasks[key].step.after_accepted
                    and (task.key, key) not in self._let_on
                ):
                    self._let_on.add((task.key, key))
                    self._release(self.tasks[key])
        while ended := self.scheduler.take_ended():
            for task in ended:
                if task.status is Status.UNKNOWN:
                    self._leave_alone(task)
                for key in self._followers.get(task.key, ()):
                    self._follow(self.tasks[key], task)

    def _leave_alone(self, unknown: Task) -> None:
        """What may have happened blocks its address: nothing more is sent there, but what is to be
        done even so (safety#requests).
        """
        for task in self.scheduler.of(Status.PENDING):
            if (
                task.step.address == unknown.step.address
                and not task.holds
                and unknown.key not in task.step.regardless_of
            ):
                self._skip(task, unknown.key)

    def _follow(self, task: Task, ended: Task) -> None:
        if task.ended or (ended.key, task.key) in self._let_on:
            return
        if ended.status is not Status.DONE and ended.key not in task.step.regardless_of:
            self._skip(task, self._because(ended.key))
        else:
            self._release(task)

    def _release(self, task: Task) -> None:
        self._missing[task.key] -= 1
        if self._missing[task.key] == 0:
            self.scheduler.release(task.key)

    def _because(self, key: str) -> str:
        """The step at the root of it, so that every skipped step names what really failed."""
        return self.skipped.get(key, key)

    def _skip(self, task: Task, because: str) -> None:
        task.status = Status.SKIPPED
        self.skipped[task.key] = because
        self.emit(StepSkipped(task.key, str(task.step.address), task.step.operation, because))

    def _report(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.codes.append(exit_codes.of_problem(problem))
        self.emit(ProblemFound(problem))

    def finish(self, account_digest: str | None, endpoint: str | None) -> None:
        """Skips what was not begun, computes the outputs, and writes the state anew."""
        if self.interrupted():
            self.codes.append(exit_codes.INTERRUPTED)
            self._report(
                verdicts.interruption(
                    self.writer.state, self.scheduler.remaining(), self._exposed()
                )
            )
        reason = "interrupted" if self.interrupted() else "the run was stopped"
        for task in self.scheduler.remaining():
            if task.status in (Status.SENT, Status.UNKNOWN_OUTCOME):
                self.waiter.forsake(task)
            elif not task.holds:
                self._skip(task, reason)
        self.ledger.refresh()
        if not self.interrupted() and (lines := self._exposed().lines):
            self._report(error("exposed", "; ".join(lines)))
        for problem in safety_stops.doubled(self.writer.state, Account(self.poller.objects)):
            self._report(problem)
        self._outputs()
        self.writer.commit(account=account_digest, endpoint=endpoint)

    def _exposed(self) -> Exposed:
        return exposed.instances(self.tasks, self.ledger.known, self.poller)

    def _outputs(self) -> None:
        # An act that no file was read for leaves what the last apply gave; a run that is broken off
        # leaves it marked as stale.
        if not self.stack.digest or self.stop_at is not None:
            self.outputs = dict(self.writer.state.outputs)
            return
        self.outputs = (
            {} if self.plan.destroy else compute(self.stack, self.ledger.known.attributes)
        )
        effects = records.outputs(self.writer.state, self.outputs)
        if effects:
            self.ledger.note("outputs", effects=tuple(effects))

    def record_failed(self, failure: StoreError) -> None:
        """Nothing further is sent; what the record does not hold is told."""
        code = "state-write" if isinstance(failure, RecordFailed) else "locked"
        lost = self.sender.unrecorded()
        parts = [
            f"{failure}; nothing further was sent",
            *verdicts.worse_than_before(self.writer.state, self._exposed()),
        ]
        parts += [f"not recorded: {', '.join(lost)}"] if lost else []
        self._report(error(code, "; ".join(parts), hint=failure.hint))

    def result(self) -> Result:
        """What became of every step."""
        by_status = {
            status: [t for t in self.tasks.values() if t.status is status] for status in Status
        }
        failed = {t.key: t.failure or Failure("failed") for t in by_status[Status.FAILED]}
        unknown = tuple(t.key for t in by_status[Status.UNKNOWN])
        still = [t for t in self.tasks.values() if not t.ended]
        codes = [*self.codes, exit_codes.of_problems(self.plan.problems)]
        if failed or unknown or self.skipped or still:
            codes.append(exit_codes.DECIDE)
        result = Result(
            done=tuple(t.key for t in by_status[Status.DONE]),
            failed=failed,
            skipped=dict(self.skipped),
            unknown=unknown,
            calls=self.exchange.sent,
            seconds=(self.exchange.now() if self.ended is None else self.ended) - self.began,
            exit_code=exit_codes.worst(codes),
            outputs=self.outputs,
            problems=tuple(self.problems),
            durations=self.waiter.durations,
        )
        self.emit(
            Summary(
                done=len(result.done),
                failed=len(failed),
                skipped=len(self.skipped),
                unknown=len(unknown),
                calls=result.calls,
                seconds=result.seconds,
                exit_code=result.exit_code,
                eta_seconds=self.plan.eta_seconds,
                outputs={name: value for name, (value, _) in self.outputs.items()},
            )
        )
        return result
