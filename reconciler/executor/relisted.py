"""Objects that a run proved gone, and that a later list of the same run shows again
(safety#absence).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.executor.journaling import RunJournal
from reconciler.model.diagnostics import Problem, error
from reconciler.model.plan import Step
from reconciler.model.state import Deposed, Phase, State, StateChange


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
