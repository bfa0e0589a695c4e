"""Another name for a state in the same place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from reconciler.common.dataclass import dataclass
from reconciler.model.ports import Departure, StateDamaged, StateNewer
from reconciler.model.state import State
from reconciler.store.shared.arriving import complete, receive, require_free
from reconciler.store.shared.log.log_format import ArrivalBody, DepartureBody
from reconciler.store.shared.log.log_reader import LogReading
from reconciler.store.shared.past_states import PastStates
from reconciler.store.shared.shared_writer import SharedWriter
from reconciler.store.shared.taking import Taker
from reconciler.store.state_format import Moment, Snapshot


@dataclass(frozen=True, slots=True)
class SharedRename:
    """The rename of a state. `here` and `there` are how each log names the other one: `../<name>`.
    `open_source` takes the source.
    """

    source: Taker
    target: Taker
    here: str
    there: str
    open_source: Callable[[State], SharedWriter]

    def run(self, stack: str, environment: str | None) -> State | None:
        """The state under its new name; None if there is none under the former one. Raises
        `NameTaken`, `Locked`, `StateDamaged`, `StateNewer`, `PlaceUnusable`, `RecordFailed`,
        `LostLock`.
        """
        found, target = self.source.read(), self.target.read()
        arriving = target.folded.passage
        mine = (
            arriving
            if isinstance(arriving, ArrivalBody) and self._is_ours(arriving, found)
            else None
        )
        if found.state is None:
            # interrupted after the state had departed from here
            if mine is None or found.folded.renamed != DepartureBody(self.there, mine.state.serial):
                return None
            complete(self.target, mine)
            return mine.state
        require_free(self.target, target, found.state, mine)
        writer = self.open_source(found.state)
        try:
            state = replace(
                writer.state,
                stack=stack,
                environment=environment,
                serial=writer.state.serial + 1,
            )
            arrival = ArrivalBody(state, self.here)
            receive(self.target, arrival, instead_of=mine, kept=self._kept())
            writer.depart(Departure(self.there, state.lineage, state.serial))
        finally:
            writer.close()
        complete(self.target, arrival)
        return state

    def _is_ours(self, arriving: ArrivalBody, found: LogReading) -> bool:
        """Whether an arrival is that of this rename, or of an interrupted one that is older."""
        if arriving.origin == self.here:
            return True
        theirs, state = arriving.state, found.state
        return state is not None and (
            theirs.lineage == state.lineage and theirs.serial <= state.serial
        )

    def _kept(self) -> list[Snapshot]:
        """The history of the source, oldest first."""
        with suppress(StateDamaged, StateNewer):
            return self.source.again(self._history)
        return []

    def _history(self) -> list[Snapshot]:
        reader = self.source.reader
        past = PastStates(reader)
        kept = [Snapshot(past.past(serial)) for serial in reversed(past.history())]
        before = past.before_last_run(reader.with_end(reader.read()))
        if before is not None and before.serial > 0:
            kept.append(Snapshot(before, Moment.START))
        return kept
