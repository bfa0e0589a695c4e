"""A state that is not here, or not yet: it was moved away, or is being moved here."""

from __future__ import annotations

from contextlib import suppress

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import Arrival, Departure, LostLock, NameTaken, Transit
from reconciler.model.resource import title_of
from reconciler.store import state_format
from reconciler.store.moving.transit_format import moved_away, not_arrived
from reconciler.store.objects.port import ObjectStoreError
from reconciler.store.shared.log.log_format import ArrivalBody, CloseBody, DepartureBody
from reconciler.store.shared.log.log_reader import LogReading
from reconciler.store.shared.log.log_writer import LogPlace, LogWriter
from reconciler.store.state_format import Snapshot

ARRIVAL_SECONDS = 60.0
"""For how long an object of a move is tried."""


def transit_of(reading: LogReading) -> Transit | None:
    """Whether the state was moved away, or is being moved here; None if neither."""
    passage, end = reading.folded.passage, reading.end
    if isinstance(passage, ArrivalBody):
        return Arrival(passage.state, passage.origin)
    if isinstance(passage, DepartureBody) and end is not None:
        return Departure(passage.to, end.header.lineage, passage.serial)
    return None


def require_usable(reading: LogReading, here: str) -> None:
    """Raises `StateMoved` if the state is somewhere else. `here` is this place."""
    transit = transit_of(reading)
    if isinstance(transit, Departure):
        raise moved_away(transit)
    if transit is not None:
        raise not_arrived(transit, here)


@dataclass(frozen=True, slots=True)
class SharedArrival:
    """A state that arrives in a log, which ends as `reading` says."""

    place: LogPlace
    reading: LogReading
    arrival: Arrival

    def put(self, token: str, *, instead_of: Transit | None) -> None:
        """Appends the arrival if `instead_of` was found and no state. Raises `NameTaken`,
        `LostLock`, `RecordFailed`.
        """
        state = self.arrival.state
        found = transit_of(self.reading)
        if found != instead_of or (found is None and self.reading.state is not None):
            title = title_of(state.stack, state.environment)
            message = msg(
                "{place} has a state of {stack}", place=self.place.objects.location, stack=title
            )
            raise NameTaken(message, hint=msg("run the command again"))
        log = LogWriter(self.place, self.reading.end, token)
        body = ArrivalBody(state, self.arrival.origin)
        log.put(body, state.lineage, seconds=ARRIVAL_SECONDS)

    def complete(self) -> bool:
        """Makes the arrival the state, and returns True; False if the log has changed meanwhile.
        Nothing happens if it is no longer there. Raises `RecordFailed`.
        """
        end = self.reading.end
        if end is None or transit_of(self.reading) != self.arrival:
            return True
        log, state = LogWriter.resumed(self.place, end), self.arrival.state
        try:
            log.put(CloseBody(), state.lineage, seconds=ARRIVAL_SECONDS)
        except LostLock:
            return False
        keys, position = self.place.keys, log.position
        data = state_format.encode_snapshot(Snapshot(state))
        with suppress(ObjectStoreError):  # the log has all of it
            self.place.objects.create(keys.snapshot(position), data, after=keys.log(position))
        return True
