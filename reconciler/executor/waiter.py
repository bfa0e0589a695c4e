"""Waiting: what the cloud took is looked for until it has come; so is what became of a write that
had no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.executor import effects as records
from reconciler.executor import verdicts
from reconciler.executor.journaling import Ledger
from reconciler.executor.list_poller import ListPoller
from reconciler.executor.operations import Operations
from reconciler.executor.precondition import Preconditions
from reconciler.executor.scheduler import Scheduler
from reconciler.executor.task import Failure, Status, Task
from reconciler.executor.transitions import Transitions
from reconciler.model.events import Event, Message, StepWaiting
from reconciler.model.plan import Plan
from reconciler.model.ports import Client
from reconciler.model.resource import Stack
from reconciler.model.resource_type import (
    Progress,
    ResourceType,
    creates,
    deletes,
    operation_of,
    waits,
)
from reconciler.model.state import Intent, Phase, StateChange
from reconciler.recovery import evidence

NEAR_SECONDS = 15.0
"""Two looks that are no further apart tell when something came to its end."""

DOUBT_SECONDS = 60.0
"""How long a run looks for what became of a write without an answer, before it leaves that to a
later run.
"""


@dataclass(slots=True)
class Waiter:
    """All tasks of one run that wait for what lists show. `durations` are the cloud's seconds that
    operations were seen to take, by name: longer than the first, at most the second.
    """

    plan: Plan
    stack: Stack
    exchange: Client
    kinds: Mapping[str, ResourceType]
    emit: Callable[[Event], None]
    time_scale: float
    poller: ListPoller
    scheduler: Scheduler
    operations: Operations
    ledger: Ledger
    transitions: Transitions
    preconditions: Preconditions
    durations: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    _probing: dict[tuple[str, str], Task] = field(default_factory=dict)

    def begin(self, task: Task, *, accepted: float) -> None:
        """Waits for the end of what the cloud took at `accepted` (monotonic seconds)."""
        operation = self.operations.operation(task)
        task.status, task.accepted, task.next_poll = (
            Status.WAITING,
            accepted,
            accepted + self._usual(task),
        )
        task.deadline = accepted + operation.deadline_seconds / self.time_scale
        task.first_absence = task.not_yet = None
        watched = self.operations.watched(task)
        self.scheduler.watch(task, watched)
        self.poller.ask(watched, task.next_poll)
        self.emit(StepWaiting(task.key, str(task.step.address), task.operation))

    def judge(self) -> None:
        """Looks at what the lists showed since, for every task that waits for one of them; asks for
        the next read.
        """
        self.ledger.refresh()
        now, shown = self.exchange.now(), self.ledger.take_shown()
        probed = [
            self._probing.pop(subject)
            for subject in self.poller.take_probed()
            if subject in self._probing
        ]
        found = (
            *self.scheduler.watchers((*shown, *self.poller.take_failed())),
            *probed,
            *self.scheduler.overdue(now),
            *self.scheduler.of(Status.UNKNOWN_OUTCOME),
        )
        for task in sorted({task.key: task for task in found}.values(), key=lambda task: task.key):
            if task.status is Status.RECHECKING:
                self.preconditions.judge(task, now)
            elif task.status is Status.UNKNOWN_OUTCOME:
                self._doubted(task, now)
            elif task.status is Status.WAITING:
                self._judge(task, now)
        self.poller.calm(self.scheduler.take_unwatched())

    def _judge(self, task: Task, now: float) -> None:
        watched = self.operations.watched(task)
        # What was sent, a description with its marker, is what the lists must show.
        sent = task.intent.inputs if task.intent is not None else self.operations.asked(task)
        verdict = verdicts.verdict(
            task,
            self.operations.operation(task),
            sent,
            self.poller,
            watched,
            self.kinds[self.operations.kind_of(task)],
        )
        late = now >= task.deadline and self._is_late(task, verdict, watched)
        if verdict is verdicts.Verdict.DONE:
            self._learn(task, watched)
            self._settled(task)
        elif verdict is verdicts.Verdict.FAILED:
            self.ledger.outcome(task, "failed", code="error status")
            self.transitions.fail(task, Failure("the cloud reports it as failed"))
        elif late and task.doubt is not None and deletes(task.operation):
            self.transitions.give_up(task, task.doubt.message)
        elif late:
            self.ledger.outcome(task, "failed", code="deadline")
            why = (
                "no list that would prove it could be read"
                if verdict is verdicts.Verdict.UNREAD
                else "not ready within the time limit"
            )
            self.transitions.fail(task, Failure(f"{why}; the next run continues with it"))
        elif verdict is verdicts.Verdict.LATER:
            if task.first_absence is None:
                task.not_yet = min(self.poller.lists[what].shown_at for what in watched)
            task.next_poll = max(
                task.next_poll,
                now
                + self.poller.interval(
                    now - task.accepted, task.accepted + self._usual(task) - now
                ),
            )
            self.poller.ask(watched, task.next_poll)
        elif verdict is verdicts.Verdict.UNREAD:
            self.poller.ask(watched, max(min(task.next_poll, task.deadline), now))
        else:
            self._probing[self.operations.kind_of(task), task.target or ""] = task

    def _is_late(self, task: Task, verdict: verdicts.Verdict, watched: tuple[str, ...]) -> bool:
        """Whether a look past the deadline still did not show the end, or could not be had.

        Writes go before waits: that nobody looked since is no delay of the cloud's, nor is an
        absence whose proof is not complete.
        """
        if verdict is verdicts.Verdict.UNREAD:
            return self.poller.tried(watched, max(task.deadline, task.judged))
        return verdict is verdicts.Verdict.LATER and task.first_absence is None

    def _usual(self, task: Task) -> float:
        """Seconds after which what is waited for is worth a look; nothing is known of an object
        found at work.
        """
        return (
            0.0
            if waits(task.operation)
            else self.operations.operation(task).look_seconds / self.time_scale
        )

    def _learn(self, task: Task, watched: tuple[str, ...]) -> None:
        """Keeps how long the cloud took for it, where looks were close enough to tell."""
        seen = task.first_absence or min(self.poller.lists[what].shown_at for what in watched)
        usual = self.operations.operation(task).look_seconds
        found = verdicts.duration(
            task, seen, usual / self.time_scale, near=NEAR_SECONDS / self.time_scale
        )
        if found is not None and usual and not waits(task.operation):
            low, high = found
            self.durations.setdefault(task.operation, []).append(
                (low * self.time_scale, high * self.time_scale)
            )

    def _settled(self, task: Task) -> None:
        self.ledger.refresh()
        effects: tuple[StateChange, ...]
        if deletes(task.operation):
            effects = records.gone(self.ledger.state, task.step)
        elif creates(task.operation) or waits(task.operation):
            self._close_accepted(task)
            effects = records.ready(self.ledger.state, task.step) + verdicts.marker_facts(
                task, self.ledger.known, self.operations.kind_of(task)
            )
        else:
            effects = (
                task.intent.done(task.target) if task.intent is not None else ()
            ) + verdicts.attach_facts(task, self.poller)
        if "rules" in task.inputs:
            effects += verdicts.written_rules(task, self.stack, self.ledger.state, self.poller)
        self.ledger.close(task, effects, "done")
        extra = verdicts.after_attach(task, self.poller)
        if extra:
            task.program += extra
        self.transitions.next(task)

    def _close_accepted(self, task: Task) -> None:
        """What an earlier run had asked of an object that was at work: it is done where the object,
        at rest, shows it.
        """
        if not waits(task.operation):
            return
        view = self.poller.view()
        for sequence, (intent, result) in sorted(self.ledger.state.open.items()):
            if result == "accepted" and intent.target == task.target:
                done = (
                    operation_of(self.kinds, intent.operation).progress(
                        intent.target, intent.inputs, view
                    )
                    is Progress.DONE
                )
                effects = (
                    evidence.as_it_is_now(self.ledger.state, intent, intent.done(intent.target))
                    if done
                    else ()
                )
                self.ledger.note("settled: idle", effects=effects, settles=sequence)

    # Doubt
    # ----------------------------------------------------------------------------------------------------------------------

    def doubt(self, task: Task, reason: str, status: int | None) -> None:
        """A write without an answer may have happened: it is looked for at once, for a while, and
        never sent again.
        """
        self.ledger.outcome(task, "unknown", code=reason[:200])
        now = self.exchange.now()
        task.doubt = Failure(reason, http_status=status)
        task.status, task.accepted, task.judged = Status.UNKNOWN_OUTCOME, now, now
        task.deadline, task.next_poll = now + DOUBT_SECONDS / self.time_scale, now
        self.scheduler.watch(task, self.operations.evidence_lists(task))
        self.emit(
            Message(
                f"{task.step.address}: no answer to {task.operation} ({reason}); checking whether it took effect"
            )
        )

    def forsake(self, task: Task) -> None:
        """The run ends before it is known what became of a write: a later run settles it."""
        if task.status is Status.SENT:
            self.ledger.outcome(task, "unknown", code="the run ended before the answer came")
            task.doubt = Failure("the run ended before the answer came")
        self.transitions.give_up(task, (task.doubt or Failure("not known")).message)

    def _doubted(self, task: Task, now: float) -> None:
        """Looks at what the lists show of a write that had no answer (safety#settling)."""
        intent, whats = task.intent, self.operations.evidence_lists(task)
        if intent is None or not self.poller.fresh(whats, task.judged):
            if now >= task.deadline:
                self.transitions.give_up(
                    task, task.not_proved or "no list that would prove it could be read"
                )
            self.poller.ask(whats, max(task.next_poll, now))
            return
        task.judged = min(self.poller.lists[what].shown_at for what in whats) + 1e-9
        if deletes(task.operation) and self.operations.watched(task):
            self._doubted_delete(task, now)
            return
        observed = evidence.Observation(self.poller.account(), self.exchange.unix())
        found = evidence.settle_one(
            self.ledger.state, intent, "unknown", (observed,), self.kinds, now=self.exchange.unix()
        )
        if found.finding is evidence.Finding.DONE:
            self._proved(task, intent, found)
        elif found.finding is evidence.Finding.NEEDS_DECISION or now >= task.deadline:
            self.transitions.give_up(task, found.reason)
        else:
            task.not_proved, task.next_poll = (
                found.reason,
                now + self.poller.interval(now - task.accepted),
            )
            self.poller.ask(whats, task.next_poll)

    def _doubted_delete(self, task: Task, now: float) -> None:
        """A delete without an answer is proved like every other; where a successor follows, that it
        is gone is for a person to say.
        """
        shown = (
            self.operations.operation(task).progress(
                task.target, self.operations.asked(task), self.poller.view()
            )
            is not Progress.DONE
        )
        entry = self.ledger.state.entries.get(str(task.step.address))
        followed = (
            entry is not None
            and entry.id == task.target
            and task.step.address in self.stack.resources
            and not self.plan.destroy
        )
        if shown and now < task.deadline:
            task.next_poll = now + self.poller.interval(now - task.accepted)
            self.poller.ask(self.operations.evidence_lists(task), task.next_poll)
        elif shown:
            self.transitions.give_up(
                task, "it is still shown, and its request could still be accepted"
            )
        elif followed:
            self.transitions.give_up(
                task,
                f"it is not shown, and its delete was not answered: its replacement needs --accept {pasted(f'gone={task.step.address}')}",
            )
        else:
            self.begin(task, accepted=now)

    def _proved(self, task: Task, intent: Intent, found: evidence.Settlement) -> None:
        """It was done: from here on as if the answer had come."""
        made = next(
            (
                e.put.id
                for e in found.effects
                if e.put is not None and e.put.address == intent.address
            ),
            None,
        )
        create = creates(task.operation)
        if create:
            task.target = made
        if create and self.operations.watched(task):
            self.ledger.outcome(task, "accepted", intent.done(made, Phase.INCOMPLETE))
            self.begin(task, accepted=self.exchange.now())
        else:
            self.ledger.outcome(task, "done", found.effects)
            self.operations.answered(task)
            self.transitions.next(task)
