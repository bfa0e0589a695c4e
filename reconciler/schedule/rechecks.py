"""Reading an object once more just before a risky request about it (safety#requests)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.common.timing import LOOK_AGE_SECONDS
from reconciler.model.resource_type import FIREWALLS
from reconciler.schedule.list_poller import ListPoller
from reconciler.schedule.operation_lists import OperationLists
from reconciler.schedule.step_state import Failure, Pending, Rechecking, StepEvent
from reconciler.schedule.task import Task


def owner_of(what: str) -> str:
    """The id of the firewall that a list belongs to; empty for the list of a whole kind."""
    return what.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Rechecks:
    """Which lists are too old to send a request. `began` is the monotonic second at which the run
    began. `exists(kind, id)` says whether the list of a kind showed an object.
    """

    poller: ListPoller
    lists: OperationLists
    now: Callable[[], float]
    began: float
    exists: Callable[[str, str], bool]

    def is_due(self, task: Task) -> bool:
        """Whether the object must be read again before the next operation is sent."""
        lists = self.lists.rechecked(task)
        if not lists:
            return False
        if task.write.read_since is None:
            oldest = self.now() - LOOK_AGE_SECONDS / self.poller.time_scale
            task.note(read_since=max(self.began, oldest))
        return bool(self._unread(task, lists))

    def ask(self, task: Task) -> None:
        """Lets the task wait for the lists that it needs."""
        now, lists = self.now(), self.lists.rechecked(task)
        deadline = self.lists.operation(task).deadline_seconds / self.poller.time_scale
        owners = (FIREWALLS,) if any(map(owner_of, lists)) else ()
        watched = tuple(dict.fromkeys((*lists, *owners)))
        task.advance(StepEvent.RECHECK_NEEDED, Rechecking(watched, now + deadline))
        self.poller.ask_once(self._unread(task, lists), task.write.read_since or 0.0, now)

    def judge(self, task: Task, rechecking: Rechecking, now: float) -> None:
        """Lets the task continue if enough was read. It fails if a reading begun after the deadline
        did not give that either: writes go before reads, so the lists may not have had their turn.
        """
        unread = self._unread(task, self.lists.rechecked(task))
        if not unread:
            task.advance(StepEvent.RECHECKED, Pending())
        elif now >= rechecking.deadline and self.poller.tried(unread, rechecking.deadline):
            why = msg("could not re-read it before an irreversible change; nothing was sent")
            task.fail(Failure(why))
        else:
            self.poller.ask_once(unread, task.write.read_since or 0.0, now)

    def _unread(self, task: Task, lists: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the lists that were not read since: that of the object first, which may bring
        the others or make them needless.
        """
        first, *others = lists
        since, planned = task.write.read_since or 0.0, task.step.fingerprint
        if unread := self._still_unread((first,), since):
            return unread
        exists = self.exists(planned["kind"], planned["id"])
        return self._still_unread(others, since) if exists else ()

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
            elif not (failed and self.is_gone(owner_of(what))):
                unread.append(what)
        return tuple(unread)

    def is_gone(self, firewall: str) -> bool:
        """Whether a firewall is missing from the list of firewalls as it was read last."""
        listed = self.poller.objects.get(FIREWALLS)
        return firewall != "" and listed is not None and firewall not in listed
