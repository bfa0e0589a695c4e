"""Reading the state of a stack from its newest snapshot and the log after it. It takes no lock, so
a writer and its clean-up may be at work meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import StateDamaged
from reconciler.model.state import State
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.log.keys import StackKeys
from reconciler.store.shared.log.log_fold import Folded, LogEnd, folded, require_next
from reconciler.store.shared.log.log_format import (
    HINT_DAMAGED,
    ArrivalBody,
    FenceBody,
    LogObject,
    StateBody,
    decode_log_object,
    digest,
)
from reconciler.store.shared.log.retry_reads import batches
from reconciler.store.state_format import Moment, decode_snapshot

_ATTEMPTS_MAX = 3
_BATCH = 200
_NAMES = 1000


@dataclass(frozen=True, slots=True)
class SnapshotRead:
    """A snapshot that was read. `digest` is the SHA-256 of its bytes."""

    position: int
    digest: str
    moment: Moment


@dataclass(frozen=True, slots=True)
class LogReading:
    """The log up to `position`, 0 if there is none. `end` is None if its last object was not read,
    because a snapshot was taken there; `fence` is that of its epoch, if it was read.
    """

    position: int = 0
    folded: Folded = field(default_factory=Folded)
    end: LogEnd | None = None
    fence: FenceBody | None = None
    snapshot: SnapshotRead | None = None

    @property
    def state(self) -> State | None:
        """The state, or None if nothing was ever recorded."""
        state = self.folded.state
        return None if state is None or state.serial == 0 else state

    @property
    def is_closed(self) -> bool:
        """Whether it is certain without a further read that nobody is at work: the snapshot of a
        clean end is the last that there is, or there is nothing.
        """
        return self.end is None and (self.snapshot is None or self.snapshot.moment is Moment.END)


@dataclass(frozen=True, slots=True)
class LogReader:
    """Reads the objects of one stack. Every method raises `StateDamaged`, `StateNewer` and
    `ObjectStoreError`.
    """

    objects: ObjectStore
    keys: StackKeys

    def read(self) -> LogReading:
        """The state as it is now."""
        before: int | None = None
        for _ in range(_ATTEMPTS_MAX - 1):
            newest = self.newest_snapshot()
            try:
                return self._from(newest)
            except StateDamaged:
                # A writer removes a snapshot, and a clean-up old objects, once newer ones are there
                if newest == before:
                    raise
            before = newest
        return self._from(self.newest_snapshot())

    def newest_snapshot(self, *, until: int | None = None) -> int:
        """The position of the newest snapshot, of those up to a position; 0 if there is none."""
        after = "" if until is None else self.keys.snapshot(until + 1)
        found = self.objects.names(self.keys.snapshots, after=after, limit=1)
        return self.keys.snapshot_position(found[0]) if found else 0

    def with_end(self, reading: LogReading) -> LogReading:
        """The same reading with its last object, whose position a snapshot has."""
        if reading.end is not None or reading.position == 0:
            return reading
        key = self.keys.log(reading.position)
        data = self.objects.read(key).get(key)
        if data is None:
            raise _missing(key)
        end = LogEnd.of(decode_log_object(data, name=key))
        if end.header.position != reading.position:
            raise StateDamaged(msg("{key} is not at its own position", key=key), hint=HINT_DAMAGED)
        return replace(reading, end=end)

    def snapshot(self, position: int) -> LogReading:
        """The state as a snapshot has it."""
        key = self.keys.snapshot(position)
        data = self.objects.read(key).get(key)
        if data is None:
            raise _missing(key)
        try:
            found = decode_snapshot(data, name=key)
        except StateDamaged as error:
            hint = msg(
                "move {key} elsewhere: the log and the snapshot before it have the same state "
                "(docs/how-to/recover.md)",
                key=key,
            )
            raise StateDamaged(error.args[0], hint=hint) from None
        return LogReading(
            position,
            Folded(found.state, is_unsaved=found.moment is not Moment.END),
            snapshot=SnapshotRead(position, digest(data), found.moment),
        )

    def follow(self, reading: LogReading, last: int) -> LogReading:
        """The state after all objects up to the position `last`."""
        for positions in batches(range(reading.position + 1, last + 1), _BATCH):
            wanted = positions
            if reading.end is None and reading.position > 0:
                wanted = range(reading.position, positions.stop)
            found = self.objects.read(*map(self.keys.log, wanted))
            if reading.end is None:
                reading = self._joined(reading, found)
            for position in positions:
                key = self.keys.log(position)
                if key not in found:
                    raise _missing(key)
                reading = self._with(reading, decode_log_object(found[key], name=key), key)
        return reading

    def _from(self, newest: int) -> LogReading:
        reading = self.snapshot(newest) if newest else LogReading()
        last = self._last_named(newest)
        if last is None:
            return reading
        reading = self.follow(reading, last)
        while True:  # a list may lag behind
            key = self.keys.log(reading.position + 1)
            found = self.objects.read(key)
            if key not in found:
                return reading
            reading = self._with(reading, decode_log_object(found[key], name=key), key)

    def _last_named(self, newest: int) -> int | None:
        last: int | None = None
        after = self.keys.log(newest)
        while True:
            names: Sequence[str] = self.objects.names(self.keys.logs, after=after, limit=_NAMES)
            if not names:
                return last
            last, after = self.keys.log_position(names[-1]), names[-1]
            if len(names) < _NAMES:
                return last

    def _joined(self, reading: LogReading, found: Mapping[str, bytes]) -> LogReading:
        """The reading with the object at its snapshot, which a clean-up keeps, as its end."""
        key = self.keys.log(reading.position)
        if reading.position == 0 or key not in found:
            return reading
        return replace(reading, end=LogEnd.of(decode_log_object(found[key], name=key)))

    def _with(self, reading: LogReading, found: LogObject, key: str) -> LogReading:
        if reading.end is not None or reading.position == 0:
            require_next(reading.end, found, key)
        else:
            self._require_same(reading, found, key)
        fence = found.body if isinstance(found.body, FenceBody) else reading.fence
        return replace(
            reading,
            position=found.header.position,
            folded=folded(reading.folded, found, key),
            end=LogEnd.of(found),
            fence=fence,
        )

    def _require_same(self, reading: LogReading, found: LogObject, key: str) -> None:
        # all that can be checked of an object if the one before it is gone
        if found.header.position != reading.position + 1:
            raise StateDamaged(msg("{key} is not at its own position", key=key), hint=HINT_DAMAGED)
        state = reading.folded.state
        is_whole = isinstance(found.body, StateBody | ArrivalBody)
        if state is not None and found.header.lineage != state.lineage and not is_whole:
            message = msg("{key} belongs to another state (lineage)", key=key)
            raise StateDamaged(message, hint=HINT_DAMAGED)


def _missing(key: str) -> StateDamaged:
    message = msg(
        "{key} is missing: somebody, or a lifecycle rule of the place, removed it", key=key
    )
    return StateDamaged(message, hint=HINT_DAMAGED)
