"""A state that is not here, or not yet: it was moved away, or is being moved here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model.ports import Arrival, Departure, LostLock, NameTaken, StateMoved, Transit
from reconciler.model.resource import title_of
from reconciler.store import state_format
from reconciler.store.folder_name import name_of_folder
from reconciler.store.moving.transit_format import moved_away, not_arrived
from reconciler.store.objects.port import ObjectStoreError
from reconciler.store.shared.log.log_format import ArrivalBody, CloseBody, DepartureBody
from reconciler.store.shared.log.log_reader import LogReading
from reconciler.store.shared.log.log_writer import LogPlace, LogWriter
from reconciler.store.state_format import Snapshot

Name: TypeAlias = "tuple[str, str | None]"
"""A stack and an environment."""

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


def require_usable(reading: LogReading, here: str, name: str) -> None:
    """Raises `StateMoved` if the state is somewhere else. `here` is this place, `name` that of the
    log in it.
    """
    transit = transit_of(reading)
    if isinstance(transit, Departure):
        raise moved_away(transit)
    if transit is not None:
        if is_near(transit.origin):
            former = name_of_folder(transit.origin.removeprefix("../"))
            raise being_renamed(former, name_of_folder(name))
        raise not_arrived(transit, here)


def is_near(place: str) -> bool:
    """Whether a place is that of another name in the same place."""
    return place.startswith("../")


def being_renamed(former: Name, name: Name) -> StateMoved:
    """The error for whoever wants to use a state under one of two names while it changes them."""
    message = msg(
        "the rename of the state of {former} to {name} was interrupted",
        former=title_of(*former),
        name=title_of(*name),
    )
    pairs = tuple(zip(former, name, strict=True))
    is_stack = former[0] != name[0]
    hint = msg(
        "run that command again: reconciler state {command} {former} {name}",
        command="rename-stack" if is_stack else "rename-env",
        former=pasted(pairs[0][0] if is_stack else pairs[1][0] or "-"),
        name=pasted(pairs[0][1] if is_stack else pairs[1][1] or "-"),
    )
    return StateMoved(message, hint=hint)


def require_arrived(
    reading: LogReading, name: str, sibling: Callable[[str], Transit | None]
) -> None:
    """Raises `StateMoved` if the state was renamed from here and has not arrived. `name` is that of
    its log here, `sibling` looks at another one.
    """
    gone = reading.folded.renamed
    if gone is None:
        return
    there = gone.to.removeprefix("../")
    found = sibling(there)
    if (
        isinstance(found, Arrival)
        and found.origin == f"../{name}"
        and found.state.serial == gone.serial
    ):
        raise being_renamed(name_of_folder(name), name_of_folder(there))


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
