"""What makes a list without an object believable: it shows another object of the stack
(safety#absence, decisions/proof-of-deletion).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from typing import Protocol

from reconciler.common.dataclass import dataclass
from reconciler.model.resource import LiveResource

ZONE = "zone"


@dataclass(frozen=True, slots=True)
class AbsentLook:
    """A complete list that did not show a deleted object. It was begun at that monotonic second.

    `has_control`: it showed another object of the stack, of the same kind and in the same zone.
    `shown` is all that it showed, by id.
    """

    begun: float
    has_control: bool
    shown: Mapping[str, LiveResource] = field(repr=False, compare=False)


class Controls(Protocol):
    """What a run knows of the objects that its stack tracks: those with an entry, and deposed
    ones.
    """

    def shows_other(self, kind: str, id: str) -> bool:
        """Whether the list of the kind, as it was read last, shows another tracked object in the
        zone of this one.
        """
        ...

    def is_marked(self, kind: str, id: str, address: str) -> bool:
        """Whether the object, which has or had that address, carries the marker by which a later
        plan finds it again.
        """
        ...

    def zone(self, kind: str, id: str) -> str | None:
        """The zone of an object; None if it has none, or it is not known."""
        ...

    def tracked(self, kind: str) -> Collection[str]:
        """The ids of the tracked objects of a kind."""
        ...


def zones_of(rows: Iterable[LiveResource]) -> frozenset[str | None]:
    """The zones in which these objects are; None is among them if one shows no zone."""
    found = (row.attributes.get(ZONE) for row in rows)
    return frozenset(zone if isinstance(zone, str) else None for zone in found)


def is_control(zones: Collection[str | None], zone: str | None) -> bool:
    """Whether objects in these zones prove that a list covers a zone. Any object proves it for an
    object without a zone.
    """
    return bool(zones) if zone is None else zone in zones
