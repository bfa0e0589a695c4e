"""The proof that an object is gone, by the lists of several reads of the account (safety#absence):
two complete lists without it, the second one begun at least 10 s after the first. A list that is
not enough counts only with the documented not-found for the id, if the API has a detail of the
kind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.common.timing import absence_provable_at
from reconciler.model.resource import Account
from reconciler.model.resource_type import deletes
from reconciler.model.state import Deposed, Entry, Phase, State
from reconciler.recovery.signature_fence import LATE_MARGIN_SECONDS
from reconciler.resources import all_kinds
from reconciler.schedule.controls import ZONE, is_control, zones_of

YOUNG_SECONDS = LATE_MARGIN_SECONDS
"""How long a new object may be missing from the lists (contract#statuses)."""


@dataclass(slots=True)
class AbsenceProof:
    """The proof for the objects that this stack deletes. `first` maps an id to the unix second at
    which it was first absent, perhaps in an earlier run; `proved` are the ids proved gone.
    """

    time_scale: float = 1.0
    first: dict[str, float] = field(default_factory=dict)
    proved: frozenset[str] = frozenset()

    def observe(self, absent: Collection[str], at: float) -> None:
        """Takes the ids that are absent at that unix second. For any other id the proof starts
        again, because the account showed it.
        """
        # A first time in the future was written by a machine with a wrong clock.
        self.first = {id: min(self.first.get(id, at), at) for id in sorted(absent)}
        self.proved = frozenset(
            id
            for id, first in self.first.items()
            if id in self.proved or at >= absence_provable_at(first, self.time_scale)
        )

    @property
    def next_check(self) -> float | None:
        """The unix second from which on another list may prove something; None if nothing is
        waiting for it.
        """
        waiting = [first for id, first in self.first.items() if id not in self.proved]
        return absence_provable_at(min(waiting), self.time_scale) if waiting else None


def tracked_ids(state: State, kind: str) -> frozenset[str]:
    """The ids of the objects of a kind that the state has, deposed ones among them."""
    entries = (entry.id for entry in state.entries.values() if entry.kind == kind)
    deposed = (old.id for old in state.deposed.values() if old.kind == kind)
    return frozenset((*entries, *deposed))


def is_marked(state: State, kept: Entry | Deposed | None, nonce: str | None) -> bool:
    """Whether an object of the state that was shown with that nonce carries the marker with which
    this stack created it: a later plan finds it by that, should it come back.
    """
    if kept is None or nonce is None or state.facts.get("marker") == "unproved":
        return False
    return kept.nonce == nonce


def pending_deletes(state: State, account: Account) -> Mapping[str, str]:
    """The objects under a delete of this stack that complete lists do not show, id to kind: whether
    they are gone is still to be proved. Rules are not among them, because the list of their
    firewall is proof enough.
    """
    kept: dict[str, Entry | Deposed] = {
        **{entry.id: entry for entry in state.entries.values() if entry.parent is None},
        **state.deposed,
    }
    under_delete = {id for id, each in kept.items() if each.phase is Phase.DELETING}
    under_delete |= {
        intent.target
        for intent, result in state.open.values()
        if intent.target in kept and result != "accepted" and deletes(intent.operation)
    }
    return {
        id: each.kind
        for id, each in kept.items()
        if id in under_delete
        and each.kind in account.complete
        and account.find(each.kind, id) is None
    }


def believed(state: State, account: Account, missing: Mapping[str, str]) -> frozenset[str]:
    """Those of the missing ids for which the list without them is enough, id to kind as
    `pending_deletes` gives them. The others are read by their ids too.

    Their delete was acknowledged, and they were created with a marker. The list has one page, and
    shows another object of the stack in their zone.
    """
    if state.facts.get("marker") == "unproved":
        return frozenset()
    zones: dict[str, frozenset[str | None]] = {}
    found = set()
    for entry in state.entries.values():
        kind = missing.get(entry.id)
        if kind != entry.kind or entry.phase is not Phase.DELETING or entry.nonce is None:
            continue
        rows = account.objects[kind]
        if kind in account.paged:
            continue
        if kind not in zones:
            zones[kind] = zones_of(rows[id] for id in tracked_ids(state, kind) if id in rows)
        zone = entry.applied.get(ZONE)
        is_known = not all_kinds()[kind].zonal or isinstance(zone, str)
        if is_known and is_control(zones[kind], zone if isinstance(zone, str) else None):
            found.add(entry.id)
    return frozenset(found)


def not_listed_yet(state: State, account: Account, now: float) -> Mapping[str, float]:
    """The addresses of new objects that the lists do not show yet, with the unix second until which
    that proves nothing.
    """
    return {
        entry.address: entry.made + YOUNG_SECONDS
        for entry in state.entries.values()
        if entry.phase is Phase.INCOMPLETE
        and entry.made is not None
        and now < entry.made + YOUNG_SECONDS
        and entry.parent is None
        and account.find(entry.kind, entry.id) is None
    }
