"""The objects that a stack tracks, in the model of a run: each is listed until its delete shows
(safety#absence).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.model.plan import Step
from reconciler.model.resource import EMPTY, Account, LiveResource
from reconciler.model.resource_type import ResourceType, creates, deletes, kind_of
from reconciler.model.state import State
from reconciler.recovery.absence import is_marked, tracked_ids
from reconciler.schedule.controls import ZONE, is_control, zones_of


@dataclass(slots=True)
class ModelControls:
    """`schedule.controls.Controls` in a model. `read_at(kind)` is when the cloud executed the last
    read of a list, and `shown_from` when lists show the result of a step, by its key.
    """

    state: State
    account: Account
    read_at: Callable[[str], float]
    shown_from: Mapping[str, float]
    created: Mapping[str, Mapping[str, str | None]]
    """The zones of the objects that the plan creates, by kind and by the key of the step."""

    deleted: Mapping[str, str]
    """The steps that delete objects, by the ids of these."""

    _zones: dict[str, tuple[float, frozenset[str | None]]] = field(default_factory=dict)

    def shows_other(self, kind: str, id: str) -> bool:
        """Whether another tracked object in the zone of this one is listed at the last read."""
        at = self.read_at(kind)
        known = self._zones.get(kind)
        if known is None or known[0] != at:
            listed = frozenset((*zones_of(self._listed(kind, at)), *self._created(kind, at)))
            known = self._zones[kind] = at, listed
        return is_control(known[1], self.zone(kind, id))

    def is_marked(self, kind: str, id: str, address: str) -> bool:
        """Whether the object carries its marker."""
        live = self.account.find(kind, id)
        kept = self.state.deposed.get(id) or self.state.entries.get(address)
        return live is not None and is_marked(self.state, kept, live.nonce)

    def zone(self, kind: str, id: str) -> str | None:
        """The zone of an object that the account shows."""
        live = self.account.find(kind, id)
        zone = (EMPTY if live is None else live.attributes).get(ZONE)
        return zone if isinstance(zone, str) else None

    def tracked(self, kind: str) -> frozenset[str]:
        """The ids of the tracked objects of a kind. Those that the plan creates are named by their
        steps.
        """
        return tracked_ids(self.state, kind) | frozenset(self.created.get(kind, ()))

    def _listed(self, kind: str, at: float) -> Iterator[LiveResource]:
        for id in tracked_ids(self.state, kind):
            live = self.account.find(kind, id)
            gone_from = self.shown_from.get(self.deleted.get(id, ""), at + 1.0)
            if live is not None and at < gone_from:
                yield live

    def _created(self, kind: str, at: float) -> Iterator[str | None]:
        for key, zone in self.created.get(kind, EMPTY).items():
            if key in self.shown_from and self.shown_from[key] <= at:
                yield zone


def created_by(
    steps: Sequence[Step], kinds: Mapping[str, ResourceType]
) -> dict[str, dict[str, str | None]]:
    """The zones of the objects that steps create, by kind and by the key of the step."""
    found: dict[str, dict[str, str | None]] = {}
    for step in steps:
        if creates(step.operation):
            zone = step.inputs.get(ZONE)
            of_kind = found.setdefault(kind_of(kinds, step.operation).name, {})
            of_kind[step.key] = zone if isinstance(zone, str) else None
    return found


def deleted_by(steps: Sequence[Step]) -> dict[str, str]:
    """The steps that delete objects, by the ids of these."""
    return {step.target: step.key for step in steps if deletes(step.operation) and step.target}
