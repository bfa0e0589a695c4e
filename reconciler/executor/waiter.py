"""Waiting for what the lists show: the result of each write that the cloud accepted, and what
became of a write that had no answer.
"""

from __future__ import annotations

from dataclasses import field, replace

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.executor import effects, observed
from reconciler.executor.journaling import RunJournal
from reconciler.executor.operations import Operations
from reconciler.executor.precondition import Preconditions
from reconciler.executor.run_inputs import RunInputs
from reconciler.executor.tracked import Relisted
from reconciler.model.events import Message, StepWaiting
from reconciler.model.resource_type import RULES, Progress, creates, deletes, operation_of, waits
from reconciler.model.state import Phase, StateChange
from reconciler.recovery import evidence
from reconciler.schedule.polling import SLIGHTLY, PollResult, Polls
from reconciler.schedule.step_state import (
    Failure,
    InFlight,
    Polling,
    Rechecking,
    StepEvent,
    UnknownOutcome,
    Unsettled,
)
from reconciler.schedule.task import Task

NEAR_SECONDS = 15.0
"""A duration is learned if the two lists that bound it are at most this far apart."""

SETTLE_SECONDS = 60.0
"""How long a run looks for the outcome of a write without an answer, before it leaves that to a
later run.
"""

UNREADABLE = msg("no list that would prove it could be read")


@dataclass(slots=True)
class Waiter:
    """All tasks of one run that wait for what lists show. `durations` are the cloud's seconds that
    operations were seen to take, by name: longer than the first, at most the second.
    """

    inputs: RunInputs
    polls: Polls
    operations: Operations
    journal: RunJournal
    preconditions: Preconditions
    relisted: Relisted
    durations: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def begin(
        self, task: Task, event: StepEvent, accepted: float, unknown: UnknownOutcome | None = None
    ) -> None:
        """Waits for the result of what the cloud accepted at `accepted` (monotonic seconds)."""
        self.polls.begin(task, event, accepted, unknown)
        self.inputs.emit(StepWaiting(task.key, str(task.step.address), task.operation))

    def judge(self) -> None:
        """Judges what the lists showed since, for every task that waits for one of them, and asks
        for the next read.
        """
        self.journal.refresh()
        now, shown = self.inputs.client.now(), self.journal.take_shown()
        self.relisted.check(shown)
        for task in self.polls.concerned(shown, now):
            match task.state:
                case Rechecking() as rechecking:
                    self.preconditions.rechecks.judge(task, rechecking, now)
                case UnknownOutcome() as unknown:
                    self._judge_unknown(task, unknown, now)
                case Polling() as polling:
                    self._judge(task, polling, now)
        self.polls.poller.calm(self.polls.scheduler.waiting.take_unwatched())

    def _judge(self, task: Task, polling: Polling, now: float) -> None:
        result, polling = self.polls.judge(task, polling, lambda: self._progress(task))
        unanswered = polling.unanswered
        if result is PollResult.DONE:
            self._learn(task, polling)
            self._settled(task)
        elif result is PollResult.FAILED:
            self.journal.outcome(task, "failed", code="error status")
            task.fail(Failure(msg("the cloud reports it as failed")))
        elif not self.polls.is_late(result, polling, now):
            self.polls.again(task, result, polling, now)
        elif unanswered is not None and deletes(task.operation):
            self._give_up(task, unanswered.message, unanswered)
        else:
            self.journal.outcome(task, "failed", code="deadline")
            why = UNREADABLE
            if result is PollResult.NOT_SHOWN:
                why = msg("not ready within the time limit")
            task.fail(Failure(msg("{reason}; the next run continues with it", reason=why)))

    def _progress(self, task: Task) -> Progress:
        # What was sent, a description with its marker, is what the lists must show.
        intent = task.write.intent
        sent = intent.inputs if intent is not None else self.polls.lists.asked(task)
        view = self.polls.poller.view()
        return self.polls.lists.operation(task).progress(task.target, sent, view)

    def _learn(self, task: Task, polling: Polling) -> None:
        """Keeps how long the cloud took, if the lists were read close enough to tell."""
        scale, poller = self.inputs.time_scale, self.polls.poller
        usual = self.polls.lists.operation(task).look_seconds
        first = polling.first_look
        shown_at = poller.shown_at(polling.lists) if first is None else first.begun
        found = observed.duration(polling, shown_at, usual / scale, near=NEAR_SECONDS / scale)
        if found is not None and usual and not waits(task.operation):
            low, high = found
            seen = self.durations.setdefault(task.operation, [])
            seen.append((low * scale, high * scale))

    def _settled(self, task: Task) -> None:
        self.journal.refresh()
        intent, poller, state = task.write.intent, self.polls.poller, self.journal.state
        found: tuple[StateChange, ...]
        if deletes(task.operation):
            self.relisted.proved(task.step, self.polls.lists.kind_of(task), task.target or "")
            found = effects.deleted(state, task.step)
        elif creates(task.operation) or waits(task.operation):
            self._close_accepted(task)
            kind = self.polls.lists.kind_of(task)
            found = effects.ready(self.journal.state, task.step)
            found += observed.marker_facts(task, self.journal.known, kind)
        else:
            found = intent.done(task.target) if intent is not None else ()
            found += observed.attach_facts(task, poller)
        if RULES in task.inputs:
            stack = self.inputs.stack
            found += observed.written_rules(task, stack, self.journal.state, poller)
        self.journal.close(task, found, "done")
        task.operations += observed.after_attach(task, poller)
        task.operation_done()

    def _close_accepted(self, task: Task) -> None:
        """Closes what an earlier run asked of an object that was at work then: it is done if the
        object, now at rest, shows it.
        """
        if not waits(task.operation):
            return
        view = self.polls.poller.view()
        for sequence, (intent, result) in sorted(self.journal.state.open.items()):
            if result == "accepted" and intent.target == task.target:
                operation = operation_of(self.inputs.kinds, intent.operation)
                progress = operation.progress(intent.target, intent.inputs, view)
                found: tuple[StateChange, ...] = ()
                if progress is Progress.DONE:
                    state, done = self.journal.state, intent.done(intent.target)
                    found = evidence.as_it_is_now(state, intent, done)
                self.journal.note("settled: idle", effects=found, settles=sequence)

    # Writes without an answer
    # -----------------------------------------------------------------------------------------

    def answer_lost(self, task: Task, failure: Failure) -> None:
        """A write without an answer may have taken effect. For a while its outcome is looked for,
        and it is never sent again.
        """
        reason = failure.message
        self.journal.outcome(task, "unknown", code=reason[:200])
        now, lists = self.inputs.client.now(), self.polls.lists.evidence(task)
        deadline = now + SETTLE_SECONDS / self.inputs.time_scale
        unknown = UnknownOutcome(failure, lists, now, deadline, next_poll=now, judged=now)
        task.advance(StepEvent.ANSWER_LOST, unknown)
        self.inputs.emit(
            Message(
                msg(
                    "{address}: no answer to {operation} ({reason}); checking whether it took"
                    " effect",
                    address=task.step.address,
                    operation=task.operation,
                    reason=reason,
                )
            )
        )

    def abandon(self, task: Task) -> None:
        """The run ends before the outcome of a write is known: a later run settles it."""
        state = task.state
        if isinstance(state, InFlight):
            reason = msg("the run ended before the answer came")
            self.journal.outcome(task, "unknown", code=reason)
            self._give_up(task, reason)
        elif isinstance(state, UnknownOutcome):
            self._give_up(task, state.failure.message, state.failure)

    def _give_up(self, task: Task, reason: str, failure: Failure | None = None) -> None:
        status = None if failure is None else failure.http_status
        task.advance(StepEvent.GIVEN_UP, Unsettled(reason, status))

    def _judge_unknown(self, task: Task, unknown: UnknownOutcome, now: float) -> None:
        """Judges what the lists show of a write that had no answer (safety#settling)."""
        intent, poller, state = task.write.intent, self.polls.poller, self.journal.state
        if intent is None or not poller.fresh(unknown.lists, unknown.judged):
            if now >= unknown.deadline:
                self._give_up(task, unknown.not_proved or UNREADABLE, unknown.failure)
            else:
                poller.ask(unknown.lists, max(unknown.next_poll, now))
            return
        unknown = replace(unknown, judged=poller.shown_at(unknown.lists) + SLIGHTLY)
        if deletes(task.operation) and self.polls.lists.watched(task):
            self._judge_unknown_delete(task, unknown, now)
            return
        unix = self.inputs.client.unix()
        observation = evidence.Observation(poller.account(), unix)
        found = evidence.settle_one(
            state, intent, "unknown", (observation,), self.inputs.kinds, now=unix
        )
        if found.finding is evidence.Finding.DONE:
            self._proved(task, unknown, found)
        elif found.finding is evidence.Finding.NEEDS_DECISION or now >= unknown.deadline:
            self._give_up(task, found.reason, unknown.failure)
        else:
            next_poll = now + poller.interval(now - unknown.since)
            self._look_again(task, replace(unknown, next_poll=next_poll, not_proved=found.reason))

    def _judge_unknown_delete(self, task: Task, unknown: UnknownOutcome, now: float) -> None:
        """A delete without an answer is proved like every other. If a successor follows, a person
        must say that the object is gone.
        """
        poller, lists = self.polls.poller, self.polls.lists
        progress = lists.operation(task).progress(task.target, lists.asked(task), poller.view())
        if progress is not Progress.DONE and now < unknown.deadline:
            next_poll = now + poller.interval(now - unknown.since)
            self._look_again(task, replace(unknown, next_poll=next_poll))
        elif progress is not Progress.DONE:
            reason = msg("it is still shown, and its request could still be accepted")
            self._give_up(task, reason, unknown.failure)
        elif self._is_followed(task):
            reason = msg(
                "it is not shown, and its delete was not answered: its replacement needs"
                " --accept {consent}",
                consent=pasted(f"gone={task.step.address}"),
            )
            self._give_up(task, reason, unknown.failure)
        else:
            self.begin(task, StepEvent.ACCEPTED, now, unknown)

    def _is_followed(self, task: Task) -> bool:
        """Whether a new object is created at the address of one that is deleted."""
        entry = self.journal.state.entries.get(str(task.step.address))
        return (
            entry is not None
            and entry.id == task.target
            and task.step.address in self.inputs.stack.resources
            and not self.inputs.plan.destroy
        )

    def _look_again(self, task: Task, unknown: UnknownOutcome) -> None:
        task.advance(StepEvent.NOT_SHOWN, unknown)
        self.polls.poller.ask(unknown.lists, unknown.next_poll)

    def _proved(self, task: Task, unknown: UnknownOutcome, found: evidence.Settlement) -> None:
        """It took effect: from here on as if the answer had come."""
        intent, create = task.write.intent, creates(task.operation)
        if create:
            put = (effect.put for effect in found.effects if effect.put is not None)
            address = str(task.step.address)
            task.note(target=next((e.id for e in put if e.address == address), None))
        if create and intent is not None and self.polls.lists.watched(task):
            made = intent.done(task.target, Phase.INCOMPLETE)
            self.journal.outcome(task, "accepted", made)
            self.begin(task, StepEvent.ACCEPTED, self.inputs.client.now(), unknown)
        else:
            self.journal.outcome(task, "done", found.effects)
            self.operations.answered(task)
            task.operation_done()
