"""The audit log in a place of objects: one object for each entry, created at its position if there
is none, and never replaced.

"There is an object already" may be the answer to our own object, whose first answer was lost, and
no answer may mean anything. So both are settled by reading the position back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import RecordFailed
from reconciler.model.ports.audit_ports import AuditRecord, AuditTrail
from reconciler.model.review.audit_entry import AuditEntry
from reconciler.store.audit import FOLDER
from reconciler.store.audit.audit_chain import hash_of, record_of, sealed, trail_of
from reconciler.store.objects.port import (
    AccessRefused,
    ObjectStore,
    ObjectStoreError,
    Unreachable,
    Unsure,
)
from reconciler.store.shared.log.keys import POSITION_MAX
from reconciler.store.shared.log.retry_reads import (
    HINT_AWAY,
    Retries,
    batches,
    read_again,
    unusable,
)
from reconciler.store.shared.runtime import StoreRuntime

APPEND_SECONDS = 60.0
"""For how long an entry is tried if the place gives no answer."""

_BATCH = 200
_NAMES = 1000
_DIGITS = 12


@dataclass(slots=True)
class _End:
    """Behind which record one is written. `is_unsure`: ours may be there already, so that the
    position is not given up before it was read.
    """

    position: int
    before: bytes | None
    is_unsure: bool = False


class ObjectAudit:
    """The audit log of a project in a place. `opened` gives a connection to it, which is closed
    after each call; `prefix` is where the project's keys begin, with a `/` at its end.
    """

    def __init__(
        self, opened: Callable[[], ObjectStore], prefix: str, runtime: StoreRuntime
    ) -> None:
        self._opened, self._runtime = opened, runtime
        self._prefix = f"{prefix}{FOLDER}/"

    @property
    def location(self) -> str:
        """The URL of the place, with the path of the log."""
        place = self._opened()
        place.close()
        address, mark, parameters = place.location.partition("?")
        return f"{address.rstrip('/')}/{self._prefix.rstrip('/')}{mark}{parameters}"

    def append(self, entry: AuditEntry) -> AuditRecord:
        """Appends an entry durably. Raises `RecordFailed`, `PlaceUnusable`."""
        runtime, token = self._runtime, self._runtime.token()
        end: _End | None = None
        with self._place() as place:
            retries = Retries.of(runtime.clock, runtime.notify, APPEND_SECONDS)
            while True:
                try:
                    if end is None:
                        end = self._end(place)
                    return self._put(place, entry, end, token)
                except ObjectStoreError as error:
                    if isinstance(error, AccessRefused) or not retries.wait(error):
                        raise _failed(error, end) from error
                    if end is not None and not end.is_unsure:
                        end = None

    def entries(self) -> AuditTrail:
        """The whole log. Raises `PlaceUnusable`, `StateNewer`."""
        runtime = self._runtime
        with self._place() as place:
            found = read_again(lambda: self._texts(place), runtime.clock, runtime.notify)
        return trail_of(*found)

    def _put(self, place: ObjectStore, entry: AuditEntry, end: _End, token: str) -> AuditRecord:
        """Puts the entry at the first position that is free. Raises `ObjectStoreError` to try
        again.
        """
        while True:
            position = end.position + 1
            previous = None if end.before is None else hash_of(end.before)
            data = sealed(entry, position, previous, token)
            key, after = self._key(position), self._key(end.position) if end.position else None
            failure: ObjectStoreError = Unreachable(msg("what was written before is gone"))
            was_unsure, end.is_unsure = end.is_unsure, True
            try:
                if place.create(key, data, after=after):
                    return record_of(data)
            except Unsure as error:
                was_unsure, failure = True, error
            except ObjectStoreError:
                end.is_unsure = was_unsure
                raise
            found = place.read(key).get(key)
            if found == data:
                return record_of(data)
            if found is None:
                end.is_unsure = was_unsure  # what is under way may still arrive
                raise failure
            end.position, end.before, end.is_unsure = position, found, False

    def _end(self, place: ObjectStore) -> _End:
        """The newest record. A list may lag behind: `_put` then finds its position taken. The first
        entry needs a place that keeps its promises.
        """
        names = place.names(self._prefix, limit=1)
        if not names:
            self._runtime.check_place(place)
            return _End(0, None)
        position = self._position(names[0])
        data = place.read(names[0]).get(names[0])
        if position is None or data is None:
            message = msg("{key} is not an entry of the audit log", key=names[0])
            hint = msg("move it elsewhere: nothing else may be stored there")
            raise AccessRefused(message, hint=hint)
        return _End(position, data)

    def _texts(self, place: ObjectStore) -> tuple[dict[int, bytes], list[str]]:
        """The records by position, and the keys that are none."""
        texts, others = dict[int, bytes](), list[str]()
        last, after = 0, ""
        while True:
            names = place.names(self._prefix, after=after, limit=_NAMES)
            for name in names:
                position = self._position(name)
                last = max(last, position or 0)
                others += [name] if position is None else []
            if len(names) < _NAMES:
                break
            after = names[-1]
        for positions in batches(range(1, last + 1), _BATCH):
            found = place.read(*map(self._key, positions))
            keys = {self._key(position): position for position in positions}
            texts |= {keys[key]: data for key, data in found.items()}
        return texts, others

    def _key(self, position: int) -> str:
        """The newest has the first name."""
        return f"{self._prefix}{POSITION_MAX - position:0{_DIGITS}d}"

    def _position(self, key: str) -> int | None:
        digits = key.removeprefix(self._prefix)
        if len(digits) == _DIGITS and digits.isascii() and digits.isdecimal():
            return (POSITION_MAX - int(digits)) or None
        return None

    @contextmanager
    def _place(self) -> Iterator[ObjectStore]:
        """A connection, while the block runs."""
        try:
            place = self._opened()
        except ObjectStoreError as error:
            raise unusable(error) from error
        try:
            yield place
        finally:
            place.close()


def _failed(error: ObjectStoreError, end: _End | None) -> RecordFailed:
    if end is not None and end.is_unsure:
        message = msg(
            "it is not known whether the entry was added to the audit log: {reason}",
            reason=str(error),
        )
    else:
        message = msg("the entry cannot be added to the audit log: {reason}", reason=str(error))
    return RecordFailed(message, hint=error.hint or HINT_AWAY)
