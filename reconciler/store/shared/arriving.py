"""A state that is moved: it arrives at one log, and departs from another.

The destination gets the whole state first, as an arrival that nobody may use. Then the source gets
a departure; that moment decides. Then the arrival is closed, and is the state. Whatever was
interrupted is done by the same call again.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.common.text import msg
from reconciler.model.ports import LostLock, NameTaken
from reconciler.model.resource import title_of
from reconciler.model.state import State
from reconciler.store.shared.log.log_format import ArrivalBody, CloseBody, DepartureBody
from reconciler.store.shared.log.log_reader import LogReading
from reconciler.store.shared.log.log_writer import LogWriter
from reconciler.store.shared.taking import Taker, is_open, locked
from reconciler.store.state_format import Moment, Snapshot, encode_snapshot

_SECONDS = 60.0


def receive(
    taker: Taker,
    arrival: ArrivalBody,
    *,
    instead_of: ArrivalBody | DepartureBody | None,
    kept: Sequence[Snapshot] = (),
) -> None:
    """Puts an arrival at the end of a log whose passage is `instead_of`, and which has no state
    with objects. `kept` are former states for its history, oldest first.

    Raises `NameTaken` if there is anything else, `Locked`, `StateDamaged`, `StateNewer`,
    `PlaceUnusable`, `RecordFailed`.
    """
    reading = taker.read()
    require_free(taker, reading, arrival.state, instead_of)
    positions, end = [], reading.end
    try:
        for former in kept:
            log = LogWriter(taker.place, end, taker.token())
            log.put(
                ArrivalBody(former.state, arrival.origin), former.state.lineage, seconds=_SECONDS
            )
            positions.append(log.position)
            end = log.end
        log = LogWriter(taker.place, end, taker.token())
        log.put(arrival, arrival.state.lineage, seconds=_SECONDS)
    except LostLock as error:
        raise locked(None, 0.0) from error
    # once an arrival follows them all, none of these can be mistaken for the state
    for position, former in zip(positions, kept, strict=True):
        _put_snapshot(taker, position, former)


def require_free(
    taker: Taker,
    reading: LogReading,
    state: State,
    instead_of: ArrivalBody | DepartureBody | None,
) -> None:
    """Raises `NameTaken` or `Locked` if a state cannot arrive at a log."""
    passage, found = reading.folded.passage, reading.state
    if passage is None and is_open(reading):
        raise locked(taker.held(reading), taker.place.clock.time())
    if passage != instead_of or (passage is None and found is not None and not found.is_empty):
        title = title_of(state.stack, state.environment)
        raise NameTaken(msg("{stack} has a state with objects already", stack=title))


def complete(taker: Taker, arrival: ArrivalBody) -> None:
    """Makes that arrival the state, if it is still there. Raises `StateDamaged`, `StateNewer`,
    `PlaceUnusable`, `RecordFailed`.
    """
    reading = taker.read()
    if reading.folded.passage != arrival or reading.end is None:
        return
    log = LogWriter.resumed(taker.place, reading.end)
    try:
        log.put(CloseBody(), arrival.state.lineage, seconds=_SECONDS)
    except LostLock:  # another process completed it, or began again
        return
    _put_snapshot(taker, log.position, Snapshot(arrival.state, Moment.END))


def _put_snapshot(taker: Taker, position: int, snapshot: Snapshot) -> None:
    keys = taker.place.keys
    taker.again(
        lambda: taker.place.objects.create(
            keys.snapshot(position), encode_snapshot(snapshot), after=keys.log(position)
        )
    )
