"""The lookups of one resource: resolved as they are pinned, otherwise by the catalog
(stack-files#lookups).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.model.diagnostics import Problem
from reconciler.model.resource import (
    EMPTY,
    Account,
    LiveResource,
    Lookup,
    Resource,
    Value,
)
from reconciler.model.state import Entry
from reconciler.planner.compare import lookup
from reconciler.planner.compare.assessment import PlanOptions

_ZONE = "zone"
"""The field that is resolved first: images are looked up in a zone."""


@dataclass(slots=True)
class PinnedLookups:
    """`wanted` are the attributes with every lookup resolved, `pins` the ids by field and text, and
    `problems` the lookups that the catalog does not answer.
    """

    resource: Resource
    entry: Entry | None
    live: LiveResource | None
    account: Account
    options: PlanOptions
    wanted: dict[str, Value] = field(default_factory=dict)
    pins: dict[str, Mapping[str, str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def resolve(self) -> PinnedLookups:
        """Resolves all lookups of the resource."""
        self.wanted.update(self.resource.attributes)
        zone = self.wanted.get(_ZONE)
        if isinstance(zone, Lookup):
            self.wanted[_ZONE] = self._id(_ZONE, zone)
        for name, value in self.resource.attributes.items():
            if name != _ZONE and isinstance(value, Lookup | tuple):
                self.wanted[name] = self._resolved(name, value)
        return self

    def _resolved(self, name: str, value: Value) -> Value:
        if isinstance(value, Lookup):
            return self._id(name, value)
        if isinstance(value, tuple):
            return tuple(self._resolved(name, part) for part in value)
        return value

    def _id(self, name: str, desired: Lookup) -> str | None:
        id = self._pinned(name, desired) or self._of_live(name, desired)
        if id is None:
            zone = self.wanted.get(_ZONE)
            found = lookup.find(
                desired,
                self.account.catalogue,
                zone=zone if isinstance(zone, str) else None,
                address=str(self.resource.address),
            )
            if isinstance(found, Problem):
                self.problems.append(found)
                return None
            id = found
        self.pins[name] = {**self.pins.get(name, {}), desired.key: id}
        return id

    @property
    def _is_replaced(self) -> bool:
        return str(self.resource.address) in self.options.replace

    def _pinned(self, name: str, desired: Lookup) -> str | None:
        """The id that a saved plan, or the state, has for the same text."""
        pins = self.options.pinned.get(str(self.resource.address), EMPTY)
        id: str | None = pins.get(name, EMPTY).get(desired.key)
        if id is None and self.entry is not None and not self._is_replaced:
            id = self.entry.lookups.get(name, EMPTY).get(desired.key)
        return id

    def _of_live(self, name: str, desired: Lookup) -> str | None:
        """What an object has that is bound, if it satisfies the text: nothing is rebuilt by being
        taken over.
        """
        managed = self.entry is not None and name in self.entry.applied
        if self.live is None or self._is_replaced or managed:
            return None
        own = self.live.attributes.get(name)
        if isinstance(own, str) and lookup.satisfies(desired, self.account.catalogue, own):
            return own
        return None
