"""Holding back the delete of the last object of a kind and zone (decisions/proof-of-deletion).

The proof that others are gone needs an object that their lists still show. If all were deleted
together, each of them would have to be read by its id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.timing import ABSENCE_SECONDS, GAP_SECONDS
from reconciler.model.resource_type import acts_on, deletes
from reconciler.resources.rule import SINGULAR as RULE
from reconciler.schedule.polling import Polls
from reconciler.schedule.step_state import InFlight, Pending, Polling, Rechecking, StepEvent
from reconciler.schedule.task import Task

HELD_FOR_MIN = 3
"""For fewer objects nothing is held back: reading each by its id costs less than the time."""

LATE_SECONDS = 30.0
"""A delete that lists still show that long after its usual time holds no other one back."""

AGAIN_SECONDS = ABSENCE_SECONDS + GAP_SECONDS
"""How soon a delete that is held back is looked at again, at the latest."""

Group: TypeAlias = tuple[str, str | None]
"""A kind and a zone."""


@dataclass(slots=True)
class LastControl:
    """Finds the deletes of a run that must wait."""

    polls: Polls
    _deletes: dict[Group, dict[str, Task]] | None = None
    _unsent: dict[Group, dict[str, Task]] = field(default_factory=dict)

    def hold_back(self, task: Task, now: float) -> bool:
        """Whether a delete that is due must wait, because its object is the last one that the
        proofs of others need. If so, it is pending again until a later time.
        """
        if not deletes(task.operation) or acts_on(task.operation, RULE):
            return False
        until = self._until(task, now)
        if until is None:
            return False
        task.advance(StepEvent.HELD_BACK, Pending(until))
        return True

    def _until(self, task: Task, now: float) -> float | None:
        group, scale = self._group(task), self.polls.poller.time_scale
        if not self._is_last(task, group):
            return None
        needed = list(self._second_lists(group, now))
        if len(needed) < HELD_FOR_MIN:
            return None
        return min(max(needed), now + AGAIN_SECONDS / scale)

    def _group(self, task: Task) -> Group:
        kind = self.polls.lists.kind_of(task)
        return kind, self.polls.controls.zone(kind, task.target or "")

    def _of(self, group: Group) -> dict[str, Task]:
        """The deletes of a group, by key."""
        if self._deletes is None:
            self._deletes = {}
            for task in self.polls.scheduler.tasks.values():
                if deletes(task.operation) and not acts_on(task.operation, RULE):
                    self._deletes.setdefault(self._group(task), {})[task.key] = task
        return self._deletes.get(group, {})

    def _is_last(self, task: Task, group: Group) -> bool:
        """Whether every other tracked object of the group has been deleted, or is being deleted."""
        known = self._of(group)
        unsent = self._unsent.setdefault(group, dict(known))
        while (other := next((key for key in unsent if key != task.key), None)) is not None:
            if isinstance(unsent[other].state, Pending | Rechecking):
                return False
            del unsent[other]
        kind, zone = group
        targets = {each.target for each in known.values()}
        return not any(
            id not in targets and self.polls.controls.zone(kind, id) == zone
            for id in self.polls.controls.tracked(kind)
        )

    def _second_lists(self, group: Group, now: float) -> Iterator[float]:
        """When the lists are begun that may prove the deletes of a group that need a control."""
        scale = self.polls.poller.time_scale
        apart, margin = ABSENCE_SECONDS / scale, GAP_SECONDS / scale
        for task in self._of(group).values():
            usual = self.polls.lists.operation(task).look_seconds / scale
            match task.state:
                case InFlight():
                    yield now + usual + apart + margin
                case Polling(first_look=None, accepted=accepted, not_yet=not_yet):
                    expected = accepted + usual
                    if not_yet is None or not_yet < expected + LATE_SECONDS / scale:
                        yield max(now, expected) + apart + margin
                case Polling(first_look=first) if first is not None and first.has_control:
                    yield max(now, first.begun + apart) + margin
