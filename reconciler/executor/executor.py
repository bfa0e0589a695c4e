"""Runs a plan and returns the result. `reconciler.schedule.loop` decides which step is next; this
module starts the step, passes answers on, and does the work before and after the loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import joined, msg
from reconciler.executor import effects, exposed
from reconciler.executor.exposed import Exposed
from reconciler.executor.journaling import RunJournal
from reconciler.executor.late_values import AuthorChecks, Known
from reconciler.executor.operations import Operations
from reconciler.executor.precondition import Preconditions
from reconciler.executor.reports import Reports
from reconciler.executor.run_inputs import RunInputs
from reconciler.executor.sender import Sender
from reconciler.executor.tracked import Relisted, TrackedControls
from reconciler.executor.waiter import Waiter
from reconciler.model import exit_codes
from reconciler.model.diagnostics import Problem, error
from reconciler.model.events import Summary
from reconciler.model.ports import Answer, RecordFailed, StoreError
from reconciler.model.resource import Account
from reconciler.model.resource_type import waits
from reconciler.planner.compare import safety_stops
from reconciler.planner.estimate.forecast import weights_of
from reconciler.planner.steps.outputs import compute
from reconciler.schedule.last_control import LastControl
from reconciler.schedule.list_poller import ListPoller
from reconciler.schedule.loop import Loop
from reconciler.schedule.operation_lists import OperationLists
from reconciler.schedule.polling import Polls
from reconciler.schedule.rechecks import Rechecks
from reconciler.schedule.scheduler import Scheduler
from reconciler.schedule.step_state import (
    Done,
    Failed,
    Failure,
    InFlight,
    Pending,
    Rechecking,
    UnknownOutcome,
    Unsettled,
)
from reconciler.schedule.task import Task, Write

INTERRUPT_WAIT_SECONDS = 5.0
"""After Ctrl-C, how long answers in flight are awaited (safety#interrupts)."""

IDLE_SECONDS = 0.5
"""The longest the loop sleeps without checking whether it was interrupted."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: the steps that are done, failed, skipped (key to reason) and unknown; calls
    sent; seconds; outputs as (value, reason).

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


def run(inputs: RunInputs) -> Result:
    """Carries out the plan. Every outcome is recorded before it returns; if a record cannot be
    written, nothing further is sent (exit 7).
    """
    executor = _executor(inputs)
    try:
        executor.prepare()
        executor.loop().run()
        executor.ended = inputs.client.now()
        executor.finish()
    except StoreError as failure:
        executor.record_failed(failure)
    return executor.result()


def _executor(inputs: RunInputs) -> _Executor:
    """The parts of a run, joined."""
    weights = weights_of(inputs.plan.steps, inputs.kinds)
    reports = Reports(inputs.emit, inputs.kinds, inputs.client.now, inputs.client.now())
    tasks = {
        step.key: Task(step, weights[step.key], [step.operation], write=Write(step.target))
        for step in inputs.plan.steps
    }

    def ended(task: Task) -> str | None:
        reports.ended(task)
        return checks.after(task)

    scheduler = Scheduler(tasks, on_end=ended)
    poller = ListPoller(inputs.reads, inputs.time_scale)
    known = Known(
        inputs.stack,
        inputs.account,
        inputs.kinds,
        inputs.writer.state.entries,
        inputs.plan.lookups,
    )
    checks = AuthorChecks(inputs.stack, known, tasks, reports)
    journal = RunJournal(inputs.run_id, inputs.writer, known, poller)
    polls = Polls(scheduler, poller, OperationLists(inputs.kinds), TrackedControls(journal))
    operations = Operations(inputs, polls.lists, known, tasks)
    rechecks = Rechecks(
        polls,
        inputs.client.now,
        reports.began,
        is_shown=lambda kind, id: id in poller.objects.get(kind, {}),
    )
    preconditions = Preconditions(rechecks, LastControl(polls), tasks)
    waiter = Waiter(inputs, polls, operations, journal, preconditions, Relisted(journal))
    sender = Sender(inputs, operations, journal, preconditions, waiter)
    return _Executor(inputs, scheduler, journal, sender, reports)


@dataclass(slots=True)
class _Executor:
    """Does the work of the tasks (`schedule.loop.Handler`).

    `ended` is when the loop was over. What comes after it (outputs, the state) does not count as
    time that the cloud took.
    """

    inputs: RunInputs
    scheduler: Scheduler
    journal: RunJournal
    sender: Sender
    reports: Reports
    outputs: Mapping[str, tuple[Any, str | None]] = field(default_factory=dict)
    ended: float | None = None
    _stop_at: float | None = None

    def loop(self) -> Loop:
        """The loop that runs this."""
        client, poller = self.inputs.client, self.journal.poller
        return Loop(self.scheduler, poller, client, self, IDLE_SECONDS)

    def begin(self, task: Task, token: Callable[[], int]) -> None:
        """A task may begin or continue."""
        self.sender.begin(task, token)

    def prepare(self) -> None:
        """Closes accepted requests of earlier runs (their objects are in the state), and records
        the changes of the plan that need no call.
        """
        plan, state = self.inputs.plan, self.inputs.writer.state
        awaited = {step.target for step in plan.steps if waits(step.operation)}
        for sequence, (intent, result) in sorted(state.open.items()):
            if result == "accepted" and intent.target not in awaited:
                self.journal.note("superseded: its object is in the state", settles=sequence)
        if plan.records:
            self.journal.note("plan", effects=tuple(plan.records))
        if plan.steps and self.inputs.stack.digest:
            stale = effects.stale_outputs(self.inputs.writer.state)
            if stale:
                self.journal.note(
                    "outputs are stale until the end of the run", effects=tuple(stale)
                )
        self.journal.refresh()

    @property
    def halted(self) -> bool:
        """Whether the cloud refuses the keys."""
        return self.sender.stop is not None

    def stop_at(self) -> float | None:
        """The time at which the run must end: some seconds after an interrupt; if the cloud refuses
        the keys, as soon as the last answer has come.
        """
        if self._stop_at is None and self.inputs.interrupted():
            self._stop_at = self.inputs.client.now() + INTERRUPT_WAIT_SECONDS
        if self._stop_at is None and self.sender.stop is not None:
            self.reports.problem(self.sender.stop)
            self._stop_at = math.inf
        return self._stop_at

    def held_back(self, seconds: float) -> None:
        """Reports that the quota is waited for, unless it was reported how long."""
        self.reports.held_back(seconds)

    def before_read(self) -> None:
        """Raises if the lock was broken: the run then sends nothing more, not even a read
        (safety#one-writer).
        """
        self.inputs.writer.check()

    def take(self, token: int, answer: Answer) -> None:
        """Takes the answer of a write."""
        self.sender.take(token, answer)

    def take_read(self, problem: Problem | None) -> None:
        """Takes note that a list was read, or could not be read."""
        if problem is not None:
            self._read_failed(problem)
        self.journal.refresh()

    def _read_failed(self, problem: Problem) -> None:
        if exit_codes.of_problem(problem) == exit_codes.ACCOUNT:
            self.sender.stop = self.sender.stop or problem
            return
        if problem.code == "cloud":
            problem = replace(
                problem, hint=msg("retrying until the steps that need this list time out")
            )
        if problem not in self.reports.problems:
            self.reports.problem(problem)

    def judge(self) -> None:
        """Compares the lists that were read since with what the steps wait for."""
        self.sender.waiter.judge()
        for problem in self.sender.waiter.relisted.take_problems():
            self.reports.problem(problem)

    def finish(self) -> None:
        """Skips what was not begun, computes the outputs, and writes the state."""
        state, interrupted = self.inputs.writer.state, self.inputs.interrupted()
        if interrupted:
            self.reports.codes.append(exit_codes.INTERRUPTED)
            remaining = self.scheduler.remaining()
            self.reports.problem(exposed.interruption(state, remaining, self._exposed()))
        reason = msg("interrupted") if interrupted else msg("the run was stopped")
        for task in self.scheduler.remaining():
            if isinstance(task.state, InFlight | UnknownOutcome):
                self.sender.waiter.abandon(task)
            elif isinstance(task.state, Pending | Rechecking) and not task.write.sent:
                self.scheduler.skip(task, reason)
        self.journal.refresh()
        if not interrupted and (lines := self._exposed().lines):
            self.reports.problem(error("exposed", joined("; ", lines)))
        shown = Account(self.journal.poller.objects)
        for problem in safety_stops.doubled(self.inputs.writer.state, shown):
            self.reports.problem(problem)
        if self._stop_at is None and not self.inputs.plan.destroy:
            tasks, known = self.scheduler.tasks, self.journal.known
            AuthorChecks(self.inputs.stack, known, tasks, self.reports).at_end()
        self._write_outputs()
        account, endpoint = self.inputs.account_digest, self.inputs.endpoint
        self.inputs.writer.commit(account=account, endpoint=endpoint)

    def _exposed(self) -> Exposed:
        return exposed.instances(self.scheduler.tasks, self.journal.known, self.journal.poller)

    def _write_outputs(self) -> None:
        state, stack = self.inputs.writer.state, self.inputs.stack
        # An action that reads no stack file keeps the outputs of the last apply. A run that ends
        # early leaves them marked as stale.
        if not stack.digest or self._stop_at is not None:
            self.outputs = dict(state.outputs)
            return
        if not self.inputs.plan.destroy:
            self.outputs = compute(stack, self.journal.known.attributes)
            if not all(isinstance(task.state, Done) for task in self.scheduler.tasks.values()):
                self.outputs = effects.with_earlier(self.outputs, state.outputs)
        found = effects.outputs(state, self.outputs)
        if found:
            self.journal.note("outputs", effects=tuple(found))

    def record_failed(self, failure: StoreError) -> None:
        """Ends a run whose record could not be written: reports why, which instances are left
        without a firewall, and which sent requests are not recorded.
        """
        lost = self.sender.not_recorded()
        parts = [
            msg("{failure}; nothing further was sent", failure=failure),
            *exposed.worse_than_before(self.inputs.writer.state, self._exposed()),
        ]
        if lost:
            parts.append(msg("not recorded: {objects}", objects=", ".join(lost)))
        code = "state-write" if isinstance(failure, RecordFailed) else "locked"
        self.reports.problem(error(code, joined("; ", parts), hint=failure.hint))

    def result(self) -> Result:
        """What became of every step."""
        tasks, reports = self.scheduler.tasks.values(), self.reports
        failed = {t.key: t.state.failure for t in tasks if isinstance(t.state, Failed)}
        unknown = tuple(t.key for t in tasks if isinstance(t.state, Unsettled))
        codes = [*reports.codes, exit_codes.of_problems(self.inputs.plan.problems)]
        if failed or unknown or reports.skipped or any(not task.ended for task in tasks):
            codes.append(exit_codes.DECIDE)
        ended = self.inputs.client.now() if self.ended is None else self.ended
        result = Result(
            done=tuple(t.key for t in tasks if isinstance(t.state, Done)),
            failed=failed,
            skipped=dict(reports.skipped),
            unknown=unknown,
            calls=self.inputs.client.sent,
            seconds=ended - reports.began,
            exit_code=exit_codes.worst(codes),
            outputs=self.outputs,
            problems=tuple(reports.problems),
            durations=self.sender.waiter.durations,
        )
        self.inputs.emit(
            Summary(
                done=len(result.done),
                failed=len(failed),
                skipped=len(result.skipped),
                unknown=len(unknown),
                calls=result.calls,
                seconds=result.seconds,
                exit_code=result.exit_code,
                eta_seconds=self.inputs.plan.eta_seconds,
                outputs={name: value for name, (value, _) in self.outputs.items()},
            )
        )
        return result
