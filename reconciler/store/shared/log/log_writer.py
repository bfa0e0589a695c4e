"""Appending to the log: each object at the next position, or not at all.

"There is an object already" may be the answer to our own object, whose first answer was lost, and
no answer may mean anything. So both are settled by reading the position back and comparing bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import Enum

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import LostLock, RecordFailed
from reconciler.store.objects.port import ObjectStore, ObjectStoreError, Unreachable, Unsure
from reconciler.store.shared.log.keys import StackKeys
from reconciler.store.shared.log.log_fold import LogEnd
from reconciler.store.shared.log.log_format import Body, LogHeader, digest, encode_log_object
from reconciler.store.shared.log.retry_reads import HINT_AWAY, Notify, Retries
from reconciler.store.shared.log.store_clock import StoreClock

GUARD_SECONDS = 60.0
"""Whoever heard nothing from the log for so long looks at it before it writes."""

HINT_LOST = msg(
    "find out who is working on it, then run the command again: it continues from what was recorded"
)


class _Found(Enum):
    OURS = "ours"
    ANOTHER = "another"
    NOTHING = "nothing"
    NO_TAIL = "no tail"


@dataclass(slots=True)
class _Attempts:
    """Whether an attempt at one object may have written it without our knowledge."""

    is_unsure: bool = False


@dataclass(frozen=True, slots=True)
class Epoch:
    """The time of one writer: its number, its token, and the position of its first object."""

    number: int
    token: str
    began: int


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a log is, and by what time it is written."""

    objects: ObjectStore
    keys: StackKeys
    clock: StoreClock
    notify: Notify


class LogWriter:
    """Writes the objects of one epoch. `end` is the last object of the log, None if there is none;
    the epoch is the next one, and begins with the first object that is put here.

    After `LostLock`, or an end that left a write unsure, nothing more is written.
    """

    def __init__(self, place: LogPlace, end: LogEnd | None, token: str) -> None:
        self.end = end
        self.is_lost = self.is_unsure = False
        epoch = 1 if end is None else end.header.epoch + 1
        self.epoch = Epoch(epoch, token, self.position + 1)
        self.place = place
        self._heard = place.clock.boottime()
        self._guard_tried = -GUARD_SECONDS

    @classmethod
    def resumed(cls, place: LogPlace, end: LogEnd) -> LogWriter:
        """A writer that continues an epoch, for what anybody may complete."""
        made = cls(place, end, end.header.token)
        made.epoch = Epoch(end.header.epoch, end.header.token, end.header.began)
        return made

    @property
    def position(self) -> int:
        """The position of the last object."""
        return 0 if self.end is None else self.end.header.position

    @property
    def lineage(self) -> str:
        """The lineage of the state, as the last object names it."""
        return "" if self.end is None else self.end.header.lineage

    @property
    def can_write(self) -> bool:
        """Whether another object may be written."""
        return not (self.is_lost or self.is_unsure)

    def put(
        self,
        body: Body,
        lineage: str,
        *,
        seconds: float,
        failing: Callable[[], object] = lambda: None,
    ) -> None:
        """Appends an object, which is durable when this returns. `seconds` is for how long it is
        tried if the place gives no answer, which is when `failing` is called.

        Raises `LostLock` if another writer has the position, `RecordFailed`: unless `is_unsure`,
        nothing was written then.
        """
        self.require_own()
        if self.is_unsure:
            message = msg("nothing more is recorded after a write whose outcome is unknown")
            raise RecordFailed(message, hint=HINT_AWAY)
        header = LogHeader(
            lineage,
            self.position + 1,
            self.epoch.number,
            self.epoch.token,
            None if self.end is None else self.end.digest,
            self.epoch.began,
            int(self.place.clock.time()),
        )
        data = encode_log_object(header, body)
        # an interrupt may come between the place and what is remembered of it
        self.is_unsure = True
        attempts = _Attempts()
        retries = Retries.of(self.place.clock, self.place.notify, seconds)
        while True:
            asked = self.place.clock.boottime()
            try:
                self._try(data, attempts)
                break
            except ObjectStoreError as error:
                failing()
                if not retries.wait(error):
                    self.is_unsure = attempts.is_unsure
                    raise _failed(error) from error
        self.is_unsure = False
        self.end = LogEnd(header, type(body), digest(data))
        self._heard = asked  # the machine may have stood still since

    def require_own(self) -> None:
        """Raises `LostLock` if it is known that the lock is lost."""
        if self.is_lost:
            raise _lost()

    def guard(self) -> None:
        """Looks whether somebody else wrote meanwhile, if the log was not heard of for a while.
        Raises `LostLock`. If the place gives no answer, nothing is known.
        """
        self.require_own()
        now = self.place.clock.boottime()
        if now - self._heard <= GUARD_SECONDS or now - self._guard_tried < GUARD_SECONDS / 6:
            return
        self._guard_tried = now
        with suppress(RecordFailed):
            self.require_alone()

    def require_alone(self) -> None:
        """Looks as `guard` does. Raises `LostLock`, and `RecordFailed` if the place gives no
        answer: a request that was recorded before a pause is then not sent.
        """
        now = self.place.clock.boottime()
        if now - self._heard <= GUARD_SECONDS:
            return
        try:
            is_alone = not self._names_after()
        except ObjectStoreError as error:
            raise _failed(error) from error
        if not is_alone:
            self._lose()
        self._heard = now

    def _try(self, data: bytes, attempts: _Attempts) -> None:
        """Puts the object, or finds that it is there. Raises `ObjectStoreError` to try again."""
        objects, position = self.place.objects, self.position + 1
        key = self.place.keys.log(position)
        before = self.place.keys.log(position - 1) if position > 1 else None
        if self.place.clock.boottime() - self._heard > GUARD_SECONDS:
            names = self._names_after()
            if names and not (names == (key,) and self._look(key, before, data) is _Found.OURS):
                self._lose()
            self._heard = self.place.clock.boottime()
        failure: ObjectStoreError = Unreachable(msg("it contradicts itself"))
        try:
            if objects.create(key, data, after=before):
                return
            attempts.is_unsure = True  # until the object that is there has been compared
        except Unsure as error:
            attempts.is_unsure, failure = True, error
        match self._look(key, before, data):
            case _Found.ANOTHER:
                self._lose()
            case _Found.NO_TAIL:
                raise _no_tail()
            case _Found.NOTHING:
                raise failure

    def _look(self, key: str, before: str | None, data: bytes) -> _Found:
        keys = (key,) if before is None else (key, before)
        found = self.place.objects.read(*keys)
        if key in found:
            return _Found.OURS if found[key] == data else _Found.ANOTHER
        return _Found.NOTHING if before is None or before in found else _Found.NO_TAIL

    def _names_after(self) -> tuple[str, ...]:
        keys = self.place.keys
        return tuple(self.place.objects.names(keys.logs, after=keys.log(self.position), limit=2))

    def _lose(self) -> None:
        self.is_lost, self.is_unsure = True, False
        raise _lost()


def _lost() -> LostLock:
    message = msg("the lock on this stack was taken by somebody else")
    return LostLock(message, hint=HINT_LOST)


def _no_tail() -> RecordFailed:
    message = msg(
        "the last objects of the log are gone: the place lost what it had confirmed, as a database "
        "may that failed over or was restored"
    )
    hint = msg(
        "run the command again: it continues from what is left and searches the account for the "
        "rest (docs/how-to/recover.md)"
    )
    return RecordFailed(message, hint=hint)


def _failed(error: ObjectStoreError) -> RecordFailed:
    message = msg("the place of the state gives no answer: {reason}", reason=str(error))
    return RecordFailed(message, hint=error.hint or HINT_AWAY)
