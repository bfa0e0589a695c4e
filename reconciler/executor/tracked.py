"""The objects that a run tracks, in the lists that it reads (safety#absence): as controls of these
lists, and those that are listed again after they were proved gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.executor.journaling import RunJournal
from reconciler.model.diagnostics import Problem, error
from reconciler.model.plan import Step
from reconciler.model.resource import EMPTY
from reconciler.model.state import Deposed, Phase, State, StateChange
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


@dataclass(slots=True)
class Relisted:
    """The deleted objects of one run, by kind and id, as the state would keep them."""

    journal: RunJournal
    _gone: dict[str, dict[str, Deposed]] = field(default_factory=dict)
    _found: list[Problem] = field(default_factory=list)

    def proved(self, step: Step, kind: str, id: str) -> None:
        """Takes an object that is about to leave the state, because it is proved gone."""
        address, state = str(step.address), self.journal.state
        nonce = _nonce(state, address, id)
        self._gone.setdefault(kind, {})[id] = Deposed(address, kind, id, nonce, Phase.DELETING)

    def check(self, shown: Collection[str]) -> None:
        """Takes the objects back into the state that one of the lists `shown` has again."""
        for kind in sorted(self._gone.keys() & set(shown)):
            gone = self._gone[kind]
            for id in sorted(gone.keys() & self.journal.poller.shown.listed(kind).keys()):
                self._take_back(gone.pop(id))

    def take_problems(self) -> Iterator[Problem]:
        """An error for each of them, once."""
        found, self._found = self._found, []
        yield from found

    def _take_back(self, old: Deposed) -> None:
        self.journal.note("listed again after its delete", effects=(StateChange(depose=old),))
        message = msg(
            "{id} was deleted and is listed again, although two lists did not show it; the next "
            "run deletes it",
            id=old.id,
        )
        self._found.append(error("incomplete", message, address=old.address))


def _nonce(state: State, address: str, id: str) -> str | None:
    """The marker of an object of the state."""
    old, entry = state.deposed.get(id), state.entries.get(address)
    if old is not None:
        return old.nonce
    return None if entry is None or entry.id != id else entry.nonce
