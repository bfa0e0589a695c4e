"""Reading lists until they show the result of a request: when they are read next, and what they
prove. The intervals are in `common.timing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field, replace
from enum import Enum

from reconciler.common.dataclass import dataclass
from reconciler.common.timing import absence_provable_at
from reconciler.model.ports import Reading
from reconciler.model.resource_type import Progress, deletes, waits
from reconciler.schedule.controls import AbsentLook, Controls
from reconciler.schedule.list_poller import ListPoller
from reconciler.schedule.operation_lists import OperationLists
from reconciler.schedule.scheduler import Scheduler
from reconciler.schedule.step_state import Polling, StepEvent, UnknownOutcome
from reconciler.schedule.task import Task

SLIGHTLY = 1e-9
"""Seconds by which a later reading is later, at least."""


class PollResult(Enum):
    """`DONE` and `FAILED` are ends. `NOT_SHOWN`: a list was read and does not show it yet.
    `UNREAD`: no list was read since. `PROBING`: the list does not show a deleted object, and the
    object itself is being read by its id.
    """

    DONE = "done"
    FAILED = "failed"
    NOT_SHOWN = "not shown"
    UNREAD = "unread"
    PROBING = "probing"


@dataclass(slots=True)
class Polls:
    """All tasks of one run that wait for what lists show."""

    scheduler: Scheduler
    poller: ListPoller
    lists: OperationLists
    controls: Controls
    _probing: dict[tuple[str, str], dict[str, Task]] = field(default_factory=dict)

    def begin(
        self, task: Task, event: StepEvent, accepted: float, unknown: UnknownOutcome | None = None
    ) -> None:
        """Waits for the result of what the cloud accepted at `accepted`. `unknown` is what was
        known before, if no answer said so. How much time the request of an earlier run still needs
        is not known.
        """
        scale, operation = self.poller.time_scale, self.lists.operation(task)
        usual = 0.0 if waits(task.operation) else operation.look_seconds / scale
        watched = self.lists.watched(task)
        polling = Polling(
            watched,
            accepted,
            usual,
            deadline=accepted + operation.deadline_seconds / scale,
            next_poll=accepted + usual,
            judged=0.0 if unknown is None else unknown.judged,
            unanswered=None if unknown is None else unknown.failure,
        )
        task.advance(event, polling)
        self.poller.ask(watched, polling.next_poll)

    def concerned(self, shown: Iterable[str], now: float) -> list[Task]:
        """The tasks to be judged now: those that wait for one of the lists `shown`, or for one that
        could not be read, and those whose deadline has come.
        """
        news, scheduler = self.poller.news, self.scheduler
        found = scheduler.waiting.watchers((*shown, *news.take_failed()))
        for subject in news.take_probed():
            found += self._probing.pop(subject, {}).values()
        found += scheduler.waiting.overdue(now)
        if scheduler.has(UnknownOutcome):
            found += scheduler.of(UnknownOutcome)
        by_key = {task.key: task for task in found}
        return [by_key[key] for key in sorted(by_key)]

    def probe(self, task: Task, kind: str, id: str) -> Reading:
        """The reading of one object by its id, begun once. The task is judged when it is over."""
        probe = self.poller.probe(kind, id)
        if probe.failure is None and probe.seen is None:
            self._probing.setdefault((kind, id), {})[task.key] = task
        return probe

    def judge(
        self, task: Task, polling: Polling, progress: Callable[[], Progress]
    ) -> tuple[PollResult, Polling]:
        """How far a polling task is, by the lists that were begun since it was accepted or judged
        last; and what is known of it then.
        """
        if not self.poller.fresh(polling.lists, max(polling.accepted, polling.judged)):
            return PollResult.UNREAD, polling
        shown_at, found = self.poller.shown_at(polling.lists), progress()
        if deletes(task.operation):
            return self._absence(task, polling, shown_at, found)
        if found is Progress.DONE:
            return PollResult.DONE, polling
        if found is Progress.FAILED:
            return PollResult.FAILED, polling
        return PollResult.NOT_SHOWN, replace(polling, judged=shown_at + SLIGHTLY)

    def _absence(
        self, task: Task, polling: Polling, shown_at: float, found: Progress
    ) -> tuple[PollResult, Polling]:
        """Gone means: two complete lists without it, 10 s apart. If they are not enough, its id
        must give the documented not-found too (safety#absence).
        """
        kind, id = self.lists.kind_of(task), task.target or ""
        shown = replace(polling, first_look=None, judged=shown_at + SLIGHTLY)
        if found is not Progress.DONE:
            self.poller.forget_probe(kind, id)
            return PollResult.NOT_SHOWN, shown
        has_control = self.controls.shows_other(kind, id)
        look = AbsentLook(shown_at, has_control, self.poller.shown.listed(kind))
        first = polling.first_look or look
        if self.poller.shown.may_have_skipped(kind, first.shown, look.shown):
            first = look
        again = absence_provable_at(first.begun, self.poller.time_scale)
        is_second = shown_at >= again
        if self._is_read_by_id(task, polling, (first, look) if is_second else ()):
            probe = self.probe(task, kind, id)
            if probe.failure is None and probe.seen is None:
                return PollResult.PROBING, polling
            if probe.seen is None or not probe.seen.absent:
                self.poller.forget_probe(kind, id)
                return PollResult.NOT_SHOWN, shown
        self.poller.forget_probe(kind, id)
        if is_second:
            return PollResult.DONE, polling
        return (
            PollResult.NOT_SHOWN,
            replace(polling, first_look=first, judged=again, next_poll=again),
        )

    def _is_read_by_id(self, task: Task, polling: Polling, pair: tuple[AbsentLook, ...]) -> bool:
        """Whether the lists without an object are not enough. `pair` are the two that are to prove
        its absence, none while the second is to come.

        A delete without an answer is read by its id with each list. Any other is read with the
        second one, if a list had no control, or no later plan could find the object by its marker.
        """
        kind, id = self.lists.kind_of(task), task.target or ""
        if self.lists.kinds[kind].detail is None:
            return False
        if polling.unanswered is not None:
            return True
        if not pair:
            return False
        if not all(look.has_control for look in pair):
            return True
        return not self.controls.is_marked(kind, id, str(task.step.address))

    def is_late(self, result: PollResult, polling: Polling, now: float) -> bool:
        """Whether a reading begun after the deadline still did not show the result, or failed.

        Writes go before reads: if nobody read a list since, the cloud is not late. Neither is it
        while a proof of absence is not complete.
        """
        if now < polling.deadline:
            return False
        if result is PollResult.UNREAD:
            return self.poller.tried(polling.lists, max(polling.deadline, polling.judged))
        return result is PollResult.NOT_SHOWN and polling.first_look is None

    def again(self, task: Task, result: PollResult, polling: Polling, now: float) -> None:
        """Has the lists read again after a judgement that was not an end."""
        if result is PollResult.PROBING:
            return
        if result is PollResult.UNREAD:
            self.poller.ask(polling.lists, max(min(polling.next_poll, polling.deadline), now))
        else:
            expected = polling.accepted + polling.usual_seconds - now
            pause = self.poller.interval(now - polling.accepted, expected)
            next_poll = max(polling.next_poll, now + pause)
            not_yet = polling.not_yet
            if polling.first_look is None:
                not_yet = self.poller.shown_at(polling.lists)
            task.advance(
                StepEvent.NOT_SHOWN, replace(polling, next_poll=next_poll, not_yet=not_yet)
            )
            self.poller.ask(polling.lists, next_poll)
