"""What must still be as planned just before a risky request (safety#requests)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, joined, msg
from reconciler.executor.operations import MEMBERSHIP
from reconciler.model.resource_type import ANYTHING, FIREWALLS, MEMBERS, operation_of, waits
from reconciler.planner.compare import fingerprint
from reconciler.resources.firewall import INSTANCE
from reconciler.resources.instance import FIREWALL
from reconciler.schedule.last_control import LastControl
from reconciler.schedule.rechecks import GONE, Rechecks
from reconciler.schedule.step_state import Done
from reconciler.schedule.task import Task


@dataclass(frozen=True, slots=True)
class Preconditions:
    """Compares an object, as it was read again, with its fingerprint in the plan. `last_control`
    knows which deletes must wait.
    """

    rechecks: Rechecks
    last_control: LastControl
    tasks: Mapping[str, Task]
    _near: dict[str, list[Task]] = field(default_factory=dict)
    """The tasks that are about an object or act on it, by its id."""

    def __post_init__(self) -> None:
        for task in self.tasks.values():
            for id in {task.step.target, *task.step.instances} - {None}:
                self._near.setdefault(str(id), []).append(task)

    def failure(self, task: Task) -> Text | None:
        """Why the next operation must not be sent: its object is not as planned. None if it is, or
        if it need not be read again.
        """
        lists = self.rechecks.lists.rechecked(task)
        if not lists:
            return None
        planned, poller = task.step.fingerprint, self.rechecks.poller
        since = task.write.read_since or 0.0
        id, kind = str(planned["id"]), str(planned["kind"])
        found = poller.objects.get(kind, {}).get(id)
        if found is None or self.rechecks.is_gone(lists[0], since):
            return GONE
        left = self._left(task, id)
        account = poller.account()
        gone = {
            firewall: ()
            for firewall in planned.get(FIREWALLS, ())
            if self.rechecks.is_gone(f"{MEMBERS}:{firewall}", since)
        }
        account = replace(account, members={**account.members, **gone}) if gone else account
        changed = fingerprint.differences(
            planned, found, account, left, lambda other: self._moved(id, other)
        )
        if not changed:
            return None
        return msg(
            "it changed since the plan: {changes}; nothing was sent", changes=joined("; ", changed)
        )

    def _left(self, current: Task, id: str) -> Mapping[str, tuple[Any, ...]]:
        """The values that steps of this run gave an object, by field; anything, if it is not known
        how one of them ended.
        """
        found: dict[str, tuple[Any, ...]] = {}
        for task in self._near.get(id, ()):
            if not task.write.sent:
                continue
            if task is current and task.operation == task.step.operation:
                continue  # refused, and about to be sent once more
            for name, value in self._leaves(task, id).items():
                known = task is current or isinstance(task.state, Done)
                found[name] = (*found.get(name, ()), value if known else ANYTHING)
        return found

    def _leaves(self, task: Task, id: str) -> Mapping[str, Any]:
        if task.step.operation in MEMBERSHIP:
            return {FIREWALL: ANYTHING} if task.inputs.get(INSTANCE) == id else {}
        if task.step.target != id:
            return {}
        return operation_of(self.rechecks.lists.kinds, task.step.operation).leaves(task.inputs)

    def _moved(self, owner: str, id: str) -> bool:
        """Whether a step of this run, or what it awaits of an earlier one, attaches an object to
        another one or detaches it.
        """
        mine = (task for task in self._near.get(owner, ()) if task.target == id)
        return any(
            task.write.sent or waits(task.step.operation)
            for task in (*self._near.get(id, ()), *mine)
        )
