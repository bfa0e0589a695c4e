"""The second look: what a destructive write is about is read once more just before it is sent
(safety#requests).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.timing import LOOK_AGE_SECONDS
from reconciler.executor.list_poller import ListPoller
from reconciler.executor.operations import MEMBERSHIP, Operations
from reconciler.executor.scheduler import Scheduler
from reconciler.executor.task import Failure, Status, Task
from reconciler.executor.transitions import Transitions
from reconciler.model.resource_type import ANYTHING, FIREWALLS, operation_of, waits
from reconciler.planner.compare import fingerprint


def _owner(what: str) -> str:
    """The id of the firewall that a list belongs to; nothing for the list of a whole kind."""
    return what.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Preconditions:
    """`began` is the monotonic second at which the run did, `now` gives the present one."""

    operations: Operations
    poller: ListPoller
    scheduler: Scheduler
    transitions: Transitions
    now: Callable[[], float]
    time_scale: float
    began: float
    _near: dict[str, list[Task]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for task in self.scheduler.tasks.values():
            for id in {task.step.target, *task.step.instances} - {None}:
                self._near.setdefault(str(id), []).append(task)

    def is_due(self, task: Task) -> bool:
        """Whether the object must be read anew before the next operation is sent."""
        if not self._lists(task):
            return False
        if task.look_after is None:
            since = max(self.began, self.now() - LOOK_AGE_SECONDS / self.time_scale)
            task.look_after = since
        return bool(self._unread(task))

    def _lists(self, task: Task) -> tuple[str, ...]:
        """The lists of the second look; after the first refusal of a step, or on the way back from
        it, there is none.
        """
        if task.second or task.failure is not None:
            return ()
        if waits(task.operation):
            return ()
        operation = self.operations.operation(task)
        return operation.second_look(task.step.fingerprint, self.operations.asked(task))

    def _unread(self, task: Task) -> tuple[str, ...]:
        """The lists that are not read since: that of the object first, which may bring the others
        or make them needless.
        """
        first, *others = self._lists(task)
        since, planned = task.look_after or 0.0, task.step.fingerprint
        if unread := self._still_unread((first,), since):
            return unread
        is_there = planned["id"] in self.poller.objects.get(planned["kind"], {})
        return self._still_unread(others, since) if is_there else ()

    def _still_unread(self, whats: Iterable[str], since: float) -> tuple[str, ...]:
        """Of these lists those that are to be read. A list of one firewall that could not be read
        may be that of a firewall that is gone: the list of firewalls says so.
        """
        unread = []
        for what in whats:
            if self.poller.fresh((what,), since):
                continue
            failed = what in self.poller.lists and self.poller.tried((what,), since)
            if failed and _owner(what) and not self.poller.fresh((FIREWALLS,), since):
                unread.append(FIREWALLS)
            elif not (failed and self._is_gone(_owner(what))):
                unread.append(what)
        return tuple(unread)

    def _is_gone(self, firewall: str) -> bool:
        """Whether a firewall is missing from the list of firewalls as it was read last."""
        listed = self.poller.objects.get(FIREWALLS)
        return firewall != "" and listed is not None and firewall not in listed

    def ask(self, task: Task) -> None:
        """Lets the task wait for the lists that it needs."""
        task.status, now = Status.RECHECKING, self.now()
        task.deadline = now + self.operations.operation(task).deadline_seconds / self.time_scale
        lists = self._lists(task)
        owners = (FIREWALLS,) if any(map(_owner, lists)) else ()
        self.scheduler.watch(task, tuple(dict.fromkeys((*lists, *owners))))
        self.poller.ask_once(self._unread(task), task.look_after or 0.0, now)

    def judge(self, task: Task, now: float) -> None:
        """Lets the task go on where enough was read; ends it where that cannot be had in time."""
        unread = self._unread(task)
        if not unread:
            task.status = Status.PENDING
        elif now >= task.deadline:
            self.transitions.fail(
                task,
                Failure("could not re-read it before an irreversible change; nothing was sent"),
            )
        else:
            self.poller.ask_once(unread, task.look_after or 0.0, now)

    def objection(self, task: Task) -> str | None:
        """Why the next operation must not be sent: what it is about is not as planned. None where
        it is, or where no look is due.
        """
        if not self._lists(task):
            return None
        planned = task.step.fingerprint
        id, kind = str(planned["id"]), str(planned["kind"])
        found = self.poller.objects.get(kind, {}).get(id)
        if found is None or self._is_gone(_owner(self._lists(task)[0])):
            return "it is no longer in the account's list; nothing was sent"
        left = self._left(task, id)
        account = self.poller.account()
        gone = {firewall: () for firewall in planned.get(FIREWALLS, ()) if self._is_gone(firewall)}
        account = replace(account, members={**account.members, **gone}) if gone else account
        changed = fingerprint.differences(
            planned, found, account, left, lambda other: self._moved(id, other)
        )
        return (
            f"it changed since the plan: {'; '.join(changed)}; nothing was sent"
            if changed
            else None
        )

    def _ours(self, id: str) -> list[Task]:
        """The steps of this run about an object of which a request has left."""
        return [task for task in self._near.get(id, ()) if task.sent]

    def _left(self, current: Task, id: str) -> Mapping[str, tuple[Any, ...]]:
        """What our own steps of this run have made of an object, by field; anything, where it is
        not known how one of them ended.
        """
        found: dict[str, tuple[Any, ...]] = {}
        for task in self._ours(id):
            if task is current and task.operation == task.step.operation:
                continue  # refused, and about to be sent once more
            for name, value in self._leaves(task, id).items():
                found[name] = (
                    *found.get(name, ()),
                    value if task is current or task.status is Status.DONE else ANYTHING,
                )
        return found

    def _leaves(self, task: Task, id: str) -> Mapping[str, Any]:
        if task.step.operation in MEMBERSHIP:
            return {"firewall": ANYTHING} if task.inputs.get("instance") == id else {}
        return (
            operation_of(self.operations.kinds, task.step.operation).leaves(task.inputs)
            if task.step.target == id
            else {}
        )

    def _moved(self, owner: str, id: str) -> bool:
        """Whether a step of this run, or what it waits for of an earlier one, brings an object to
        another one or takes it away.
        """
        mine = (task for task in self._near.get(owner, ()) if task.target == id)
        return any(
            task.sent or waits(task.step.operation) for task in (*self._near.get(id, ()), *mine)
        )
