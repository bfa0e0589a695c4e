"""The objects that a run tracks, as controls of the lists that it reads (safety#absence)."""

from __future__ import annotations

from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.executor.journaling import RunJournal
from reconciler.model.resource import EMPTY
from reconciler.recovery.absence import is_marked, tracked_ids
from reconciler.schedule.controls import ZONE, is_control, zones_of


@dataclass(slots=True)
class TrackedControls:
    """`schedule.controls.Controls` by the state of the run and the lists that it has read."""

    journal: RunJournal
    _zones: dict[str, tuple[float, frozenset[str | None]]] = field(default_factory=dict)
    """By kind: when the list was begun that was shown last, and the zones of its tracked
    objects.
    """

    def shows_other(self, kind: str, id: str) -> bool:
        """Whether the list of the kind, as it was read last, shows another tracked object in the
        zone of this one, which it does not show.
        """
        poller = self.journal.poller
        begun = poller.shown_at((kind,))
        known = self._zones.get(kind)
        if known is None or known[0] != begun:
            rows = poller.shown.listed(kind)
            shown = (rows[other] for other in self.tracked(kind) if other in rows)
            known = self._zones[kind] = begun, zones_of(shown)
        return is_control(known[1], self.zone(kind, id))

    def is_marked(self, kind: str, id: str, address: str) -> bool:
        """Whether the object carried its marker when it was seen last."""
        live, state = self.journal.known.live(kind, id), self.journal.state
        kept = state.deposed.get(id) or state.entries.get(address)
        return live is not None and is_marked(state, kept, live.nonce)

    def zone(self, kind: str, id: str) -> str | None:
        """The zone in which the object was seen last."""
        live = self.journal.known.live(kind, id)
        zone = (EMPTY if live is None else live.attributes).get(ZONE)
        return zone if isinstance(zone, str) else None

    def tracked(self, kind: str) -> frozenset[str]:
        """The ids of the tracked objects of a kind."""
        return tracked_ids(self.journal.state, kind)
