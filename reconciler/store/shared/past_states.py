"""Former states: the kept snapshots, and the state before the last run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import StateDamaged, StateNewer, Version
from reconciler.model.state import Freeze, State, only_freezes
from reconciler.store.shared.log.log_fold import LogEnd
from reconciler.store.shared.log.log_format import (
    ArrivalBody,
    FenceBody,
    LogObject,
    RecordsBody,
    StateBody,
    decode_log_object,
)
from reconciler.store.shared.log.log_reader import LogReader, LogReading
from reconciler.store.shared.log.retry_reads import batches
from reconciler.store.state_format import Moment, Snapshot, decode_snapshot

_BATCH = 20
_NAMES = 1000


@dataclass(frozen=True, slots=True)
class PastStates:
    """The former states of one stack. Every method raises `StateDamaged`, `StateNewer` and
    `ObjectStoreError`.
    """

    reader: LogReader

    def history(self) -> tuple[int, ...]:
        """The serials of the kept states, newest first."""
        return tuple(dict.fromkeys(found.state.serial for _, found in self._kept()))

    def versions(self) -> tuple[Version, ...]:
        """The kept states, newest first, with the run that wrote each."""
        kept, frozen = dict[int, int](), dict[int, Freeze | None]()
        for position, found in self._kept():
            kept.setdefault(found.state.serial, position)
            frozen.setdefault(found.state.serial, found.state.frozen)
        ends = self._objects(kept.values())
        fences = self._objects(end.header.began for end in ends.values())
        versions = []
        for serial, position in kept.items():
            end = ends.get(position)
            fence = None if end is None else fences.get(end.header.began)
            body = None if fence is None else fence.body
            versions.append(
                Version(
                    serial,
                    None if end is None else float(end.header.at),
                    body.holder if isinstance(body, FenceBody) else None,
                    frozen[serial],
                )
            )
        return tuple(versions)

    def past(self, serial: int) -> State:
        """The kept state of that serial."""
        serials = []
        for _, found in self._kept():
            if found.state.serial == serial:
                return found.state
            serials.append(found.state.serial)
        kept = ", ".join(map(str, dict.fromkeys(serials))) or "none"
        message = msg("no state of serial {serial} was kept", serial=serial)
        raise StateDamaged(message, hint=msg("kept are: {kept}", kept=kept))

    def before_last_run(self, reading: LogReading) -> State | None:
        """The state before the first record of the last run that recorded anything, under the
        serial that this run gave it; None if it was not kept.
        """
        end: LogEnd | None = reading.end
        while end is not None:
            began = end.header.began
            first = self._object(began)
            if first is not None and isinstance(first.body, ArrivalBody):
                return self._arrived()
            before, after = self._object(began - 1), self._object(began + 1)
            if after is None and end.header.position > began:
                return None  # cleaned
            body = None if after is None else after.body
            if isinstance(body, StateBody) or (isinstance(body, RecordsBody) and _is_run(body)):
                return self._at(began, body)
            end = None if before is None else LogEnd.of(before)
        return None

    def _arrived(self) -> State | None:
        """The state before the last run at the place from which the state was moved here."""
        states = (found.state for _, found in self._kept() if found.moment is Moment.START)
        return next(states, None)

    def _at(self, fence: int, first: StateBody | RecordsBody) -> State | None:
        newest = self.reader.newest_snapshot(until=fence)
        try:
            start = self.reader.snapshot(newest) if newest else LogReading()
            state = self.reader.follow(start, fence).folded.state
        except StateDamaged:
            return None
        if state is None or isinstance(first, StateBody):
            return state
        return replace(
            state,
            serial=state.serial + 1,
            account=first.account or state.account,
            endpoint=first.endpoint or state.endpoint,
        )

    def _object(self, position: int) -> LogObject | None:
        if position < 1:
            return None
        key = self.reader.keys.log(position)
        data = self.reader.objects.read(key).get(key)
        return None if data is None else decode_log_object(data, name=key)

    def _objects(self, positions: Iterable[int]) -> dict[int, LogObject]:
        """The objects of the log at these positions; those that were removed are left out."""
        keys = {self.reader.keys.log(position): position for position in positions}
        found = self.reader.objects.read(*keys) if keys else {}
        return {keys[key]: decode_log_object(data, name=key) for key, data in found.items()}

    def _kept(self) -> Iterator[tuple[int, Snapshot]]:
        """The snapshots of ends of runs, newest first; one that cannot be read is left out."""
        keys, objects = self.reader.keys, self.reader.objects
        names = objects.names(keys.snapshots, limit=_NAMES)
        positions = [keys.snapshot_position(name) for name in names]
        for batch in batches(range(len(positions)), _BATCH):
            found = objects.read(*(names[number] for number in batch))
            for number in batch:
                name = names[number]
                with suppress(StateDamaged, StateNewer):
                    if name in found:
                        snapshot = decode_snapshot(found[name], name=name)
                        if snapshot.moment is not Moment.DURING:
                            yield positions[number], snapshot


def _is_run(body: RecordsBody) -> bool:
    """Whether records are those of a run to which an undo can return."""
    return any(not only_freezes(record) for record in body.records)
