"""Reading an object once more just before a risky request about it (safety#requests).

A list that has pages can miss an object that exists: while rows leave the list, others move to
pages that were read already (quota#lists). So an object that its list does not show is read by its
id, if the API has such a read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.common.timing import LOOK_AGE_SECONDS
from reconciler.model.resource_type import FIREWALLS
from reconciler.schedule.list_poller import READ_FAILURE_SECONDS, ListPoller
from reconciler.schedule.operation_lists import OperationLists
from reconciler.schedule.polling import Polls
from reconciler.schedule.step_state import Failure, Pending, Rechecking, StepEvent
from reconciler.schedule.task import Task

GONE = msg("it is no longer in the account's list; nothing was sent")
NOT_READ = msg("could not re-read it before an irreversible change; nothing was sent")


def owner_of(what: str) -> str:
    """The id of the firewall that a list belongs to; empty for the list of a whole kind."""
    return what.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Rechecks:
    """Which lists are too old to send a request. `began` is the monotonic second at which the run
    began. `is_shown(kind, id)` says whether the list of a kind showed an object.
    """

    polls: Polls
    now: Callable[[], float]
    began: float
    is_shown: Callable[[str, str], bool]

    @property
    def poller(self) -> ListPoller:
        return self.polls.poller

    @property
    def lists(self) -> OperationLists:
        return self.polls.lists

    def is_due(self, task: Task) -> bool:
        """Whether the object must be read again before the next operation is sent."""
        lists = self.lists.rechecked(task)
        if not lists:
            return False
        if task.write.read_since is None:
            oldest = self.now() - LOOK_AGE_SECONDS / self.poller.time_scale
            task.note(read_since=max(self.began, oldest))
        return bool(self._unread(task, lists)) or self._is_missing(task)

    def ask(self, task: Task) -> None:
        """Lets the task wait for the lists that it needs."""
        now, lists = self.now(), self.lists.rechecked(task)
        deadline = self.lists.operation(task).deadline_seconds / self.poller.time_scale
        owners = (FIREWALLS,) if any(map(owner_of, lists)) else ()
        watched = tuple(dict.fromkeys((*lists, *owners)))
        rechecking = Rechecking(watched, now + deadline)
        task.advance(StepEvent.RECHECK_NEEDED, rechecking)
        unread = self._unread(task, lists)
        if unread:
            self.poller.ask_once(unread, task.write.read_since or 0.0, now)
        else:
            self._read_by_id(task, rechecking)

    def judge(self, task: Task, rechecking: Rechecking, now: float) -> None:
        """Lets the task continue if enough was read. It fails if a reading begun after the deadline
        did not give that either: writes go before reads, so the lists may not have had their turn.
        """
        unread = self._unread(task, self.lists.rechecked(task))
        if not unread and self._is_missing(task):
            self._read_by_id(task, rechecking)
        elif not unread:
            self.poller.forget_probe(task.step.fingerprint["kind"], task.step.fingerprint["id"])
            task.advance(StepEvent.RECHECKED, Pending())
        elif now >= rechecking.deadline and self.poller.tried(unread, rechecking.deadline):
            task.fail(Failure(NOT_READ))
        else:
            self.poller.ask_once(unread, task.write.read_since or 0.0, now)

    def _is_missing(self, task: Task) -> bool:
        """Whether the list of the object does not show it, and it can be read by its id."""
        planned = task.step.fingerprint
        kind, id = planned["kind"], planned["id"]
        return not self.is_shown(kind, id) and self.lists.kinds[kind].detail is not None

    def _read_by_id(self, task: Task, rechecking: Rechecking) -> None:
        """Reads the object by its id. If it exists, the task continues with what was read. If the
        answer proves nothing, the list is read again.
        """
        now, planned = self.now(), task.step.fingerprint
        kind, id = str(planned["kind"]), str(planned["id"])
        probe = self.polls.probe(task, kind, id)
        if probe.seen is None and probe.failure is None:
            return
        self.poller.forget_probe(kind, id)
        if probe.seen is not None and probe.seen.absent:
            task.fail(Failure(GONE))
        elif probe.seen is not None and probe.seen.rows:
            self.poller.shown.add(kind, probe.seen.rows[0])
            self.judge(task, rechecking, now)
        elif now >= rechecking.deadline:
            task.fail(Failure(NOT_READ))
        else:
            task.note(read_since=now)
            again = now + READ_FAILURE_SECONDS / self.poller.time_scale
            self.poller.ask(self.lists.rechecked(task)[:1], again)

    def _unread(self, task: Task, lists: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the lists that were not read since: that of the object first, which may bring
        the others or make them needless.
        """
        first, *others = lists
        since, planned = task.write.read_since or 0.0, task.step.fingerprint
        if unread := self._still_unread((first,), since):
            return unread
        is_shown = self.is_shown(planned["kind"], planned["id"])
        return self._still_unread(others, since) if is_shown else ()

    def _still_unread(self, lists: Iterable[str], since: float) -> tuple[str, ...]:
        """Those of these lists that are to be read. If a list of one firewall could not be read,
        the firewall may be gone: the list of firewalls tells.
        """
        unread = []
        for what in lists:
            if self.poller.fresh((what,), since):
                continue
            failed = self.poller.tried((what,), since)
            if failed and owner_of(what) and not self.poller.fresh((FIREWALLS,), since):
                unread.append(FIREWALLS)
            elif not (failed and self.is_gone(what, since)):
                unread.append(what)
        return tuple(unread)

    def is_gone(self, what: str, since: float) -> bool:
        """Whether the firewall of a list is gone: the list was not read since, and the list of
        firewalls, as it was read last, does not show the firewall.
        """
        firewall, listed = owner_of(what), self.poller.objects.get(FIREWALLS)
        missing = firewall != "" and listed is not None and firewall not in listed
        return missing and not self.poller.fresh((what,), since)
