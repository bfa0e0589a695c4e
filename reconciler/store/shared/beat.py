"""The holder's sign of life: an object that the holder replaces every few seconds, and how somebody
who waits judges it. Only the waiter's own clock counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from enum import Enum

from reconciler.common.dataclass import dataclass
from reconciler.store import state_format
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.log.log_format import decode_log_object, digest
from reconciler.store.shared.log.log_writer import LogWriter

BEAT_SECONDS = 10.0
DEAD_SECONDS = 30.0
"""A holder that gave no sign of life for so long is dead or cut off."""

_TEXT_MAX = 1024


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life. `at` is the unix second of the holder's clock, for people only."""

    epoch: int
    token: str
    count: int
    at: int
    step: str | None = None


def encode_beat(beat: Beat) -> bytes:
    """The bytes of a sign of life."""
    return state_format.encode_object(asdict(beat)) + b"\n"


def decode_beat(data: bytes | None) -> Beat | None:
    """The sign of life that the bytes spell, or None if they spell none."""
    with suppress(ValueError, RecursionError):
        found: Beat = state_format.CODEC.decode(Beat, state_format.decode_object(data or b""))
        return found
    return None


class Life(Enum):
    """What a waiter knows of a holder."""

    UNKNOWN = "unknown"
    ALIVE = "alive"
    DEAD = "dead"


@dataclass(slots=True)
class LifeWatch:
    """Judges whether the holder of an epoch lives, from what is seen at moments of the waiter's own
    monotonic clock.

    A count that changes is a sign of life if the beat is of this very epoch and token: a former
    holder that does not know yet that it lost may write there, too.
    """

    epoch: int
    token: str
    since: float
    count: int | None = None
    is_first: bool = True
    life: Life = Life.UNKNOWN

    def heard(self, now: float) -> None:
        """Takes another sign of life: a record."""
        self.life, self.since = Life.ALIVE, now

    def see(self, beat: Beat | None, now: float) -> Life:
        """The judgement after one more look at the beat."""
        own = beat is not None and (beat.epoch, beat.token) == (self.epoch, self.token)
        count = beat.count if own and beat is not None else self.count
        if not self.is_first and count != self.count:
            self.life, self.since = Life.ALIVE, now
        elif now - self.since >= DEAD_SECONDS:
            self.life = Life.DEAD
        self.count, self.is_first = count, False
        return self.life


class Pulse:
    """Beats for a writer, over a connection of its own. `is_lost` becomes true when a later epoch
    beats. `step` is shown to others.
    """

    def __init__(self, connect: Callable[[], ObjectStore], log: LogWriter) -> None:
        self.is_lost = False
        self.step: str | None = None
        self._connect, self._log = connect, log
        self._last = Beat(log.epoch.number, log.epoch.token, 0, 0)
        # None once it is over; a machine may stand still between the next line and its result
        self._end: Callable[[], None] | None = _nothing
        self._objects: ObjectStore | None = None
        self._busy = threading.Lock()
        self._end = log.place.clock.every(BEAT_SECONDS, self.beat)

    def beat(self) -> None:
        """Beats once, or notices that the lock is lost. Raises nothing."""
        with self._busy:
            if self._end is None or self.is_lost:
                return
            try:
                self._beat()
            except Exception:  # the next beat tries again, over a new connection
                self._disconnect()

    def stop(self) -> None:
        """Ends the beat. A beat that is under way ends by itself."""
        end, self._end = self._end, None
        if end is not None:
            end()
        if self._busy.acquire(blocking=False):
            try:
                self._disconnect()
            finally:
                self._busy.release()

    def _beat(self) -> None:
        if self._objects is None:
            self._objects = self._connect()
        key = self._log.place.keys.beat
        found = decode_beat(self._objects.read(key).get(key))
        if found is not None and self._is_of_another(found) and self._is_overtaken():
            self.is_lost = True
            return
        step = None if self.step is None else self.step[:_TEXT_MAX]
        at = int(self._log.place.clock.time())
        self._last = replace(self._last, count=self._last.count + 1, at=at, step=step)
        self._objects.replace(key, encode_beat(self._last))
        if self._end is None:
            self._disconnect()

    def _is_of_another(self, found: Beat) -> bool:
        # the same epoch of somebody else began where the place had lost the end of our log
        return found.epoch >= self._last.epoch and found.token != self._last.token

    def _is_overtaken(self) -> bool:
        """Whether the log says so too: the beat may be one that a restored log was left with."""
        end, keys = self._log.end, self._log.place.keys
        if self._objects is None or end is None:
            return False
        last, following = map(keys.log, (end.header.position, end.header.position + 1))
        found = self._objects.read(last, following)
        if last in found and digest(found[last]) != end.digest:
            return True
        if following not in found:
            return False
        return decode_log_object(found[following], name=following).header.token != self._last.token

    def _disconnect(self) -> None:
        if self._objects is not None:
            self._objects.close()
            self._objects = None


def _nothing() -> None:
    """Ends a beat that has not begun."""
