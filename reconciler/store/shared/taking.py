"""Taking a log: wait for whoever lives, fence whoever does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import Held, Holder, Locked, LostLock, holder_text
from reconciler.store.objects.port import ObjectStoreError
from reconciler.store.shared.beat import Beat, Life, LifeWatch, decode_beat, encode_beat
from reconciler.store.shared.log.log_fold import LogEnd
from reconciler.store.shared.log.log_format import (
    ArrivalBody,
    Body,
    CloseBody,
    DepartureBody,
    FenceBody,
    decode_log_object,
)
from reconciler.store.shared.log.log_reader import LogReader, LogReading
from reconciler.store.shared.log.log_writer import LogPlace, LogWriter
from reconciler.store.shared.log.retry_reads import read_again
from reconciler.store.shared.passage import require_usable

WATCH_SECONDS = 2.0
TAKE_SECONDS = 60.0
ALIVE_SECONDS = 120.0
"""A holder whose last sign of life is older, by the clocks of both machines, is shown as dead."""

Waiting = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who takes a log, for which stack and environment, and for how long a live holder is waited
    for. `waiting` takes a text before a longer wait.
    """

    holder: Holder | None
    stack: str
    environment: str | None
    timeout_seconds: float = 0.0
    waiting: Waiting = lambda text: None


@dataclass(frozen=True, slots=True)
class Taker:
    """Takes the log of one stack."""

    place: LogPlace
    token: Callable[[], str]

    @property
    def reader(self) -> LogReader:
        """The reader of the same log."""
        return LogReader(self.place.objects, self.place.keys)

    def read(self) -> LogReading:
        """The log as it is now, with its end. Raises `StateDamaged`, `StateNewer`,
        `PlaceUnusable`.
        """
        reader = self.reader
        return self.again(lambda: reader.with_end(reader.read()))

    def take(
        self, wanted: Wanted, require: Callable[[LogReading], None] = lambda reading: None
    ) -> tuple[LogReading, LogWriter]:
        """What was read, and the writer whose fence follows it. `require` may refuse a reading.

        Raises `Locked`, `StateMoved`, `StateDamaged`, `StateNewer`, `PlaceUnusable`,
        `RecordFailed`.
        """
        until = self.place.clock.monotonic() + wanted.timeout_seconds
        dead: int | None = None
        while True:
            reading = self.read()
            require_usable(reading, self.place.objects.location, self.place.keys.name)
            require(reading)
            if is_open(reading) and reading.position != dead:
                dead = self._watch(reading, wanted, until)
                if reading.position != dead:
                    continue
            log = self.fence(reading, wanted)
            if log is not None:
                return reading, log

    def fence(self, reading: LogReading, wanted: Wanted) -> LogWriter | None:
        """The writer after a new fence, or None if somebody else was quicker. Raises
        `RecordFailed`, `PlaceUnusable`.
        """
        log = LogWriter(self.place, reading.end, self.token())
        body = FenceBody(wanted.holder, wanted.stack, wanted.environment)
        state = reading.folded.state
        lineage = self.token() if state is None else state.lineage
        with suppress(LostLock):
            log.put(body, lineage, seconds=TAKE_SECONDS)
            if self.again(lambda: self._is_last(log.position)):
                if is_open(reading):
                    self._beat_once(log)
                return log
        return None

    def _beat_once(self, log: LogWriter) -> None:
        """Lets a holder that was fenced and still lives find out at its next beat."""
        at = int(self.place.clock.time())
        beat = Beat(log.epoch.number, log.epoch.token, 0, at)
        with suppress(ObjectStoreError):
            self.place.objects.replace(self.place.keys.beat, encode_beat(beat))

    def held(self, reading: LogReading) -> Held | None:
        """Who works on the stack, or did until it died."""
        if not is_open(reading) or reading.end is None:
            return None
        header, keys = reading.end.header, self.place.keys
        found = self.again(lambda: self.place.objects.read(keys.log(header.began), keys.beat))
        holder = reading.fence.holder if reading.fence else _holder(found, keys.log(header.began))
        beat = decode_beat(found.get(keys.beat))
        step, sign = reading.folded.step, header.at
        if beat is not None and (beat.epoch, beat.token) == (header.epoch, header.token):
            step, sign = beat.step or step, max(sign, beat.at)
        if holder is not None:
            holder = replace(holder, step=step or holder.step)
        is_alive = self.place.clock.time() - sign <= ALIVE_SECONDS
        return Held(holder, alive=is_alive, last_sign=float(sign))

    def _is_last(self, position: int) -> bool:
        """Whether nothing comes after a fence: else it is in the past, whose objects a clean-up
        removed.
        """
        objects, keys = self.place.objects, self.place.keys
        if objects.names(keys.logs, after=keys.log(position), limit=1):
            return False
        return self.reader.newest_snapshot() < position

    def _watch(self, reading: LogReading, wanted: Wanted, until: float) -> int | None:
        """Where the log of a holder ends that gave no sign of life for long enough; None if the
        holder ended or was overtaken. Raises `Locked`.
        """
        end, clock = _end(reading), self.place.clock
        watch = LifeWatch(end.header.epoch, end.header.token, clock.monotonic())
        held = self.held(reading)
        if held is not None:
            wanted.waiting(_waiting_text(held, clock.time()))
        position = end.header.position
        while True:
            beat, last = self.again(partial(self._signs, position))
            if last is not None:  # a record is a sign of life, too
                writer = (last.header.epoch, last.header.token)
                if writer != (watch.epoch, watch.token) or not _goes_on(last.kind):
                    return None
                position = last.header.position
                watch.heard(clock.monotonic())
            life = watch.see(beat, clock.monotonic())
            if life is Life.DEAD:
                return position
            if life is Life.ALIVE and clock.monotonic() >= until:
                found = self.read()
                if is_open(found):
                    raise locked(self.held(found), clock.time())
                return None
            clock.sleep(WATCH_SECONDS)

    def _signs(self, position: int) -> tuple[Beat | None, LogEnd | None]:
        """The beat, and the last object of the log if it has grown beyond a position: what is in
        between need not be read as long as the holder lives.
        """
        objects, keys = self.place.objects, self.place.keys
        names = objects.names(keys.logs, after=keys.log(position))
        found = objects.read(keys.beat, *names[-1:])
        beat = decode_beat(found.get(keys.beat))
        if not names or names[-1] not in found:
            return beat, None
        return beat, LogEnd.of(decode_log_object(found[names[-1]], name=names[-1]))

    def again(self, action: Callable[[], T]) -> T:
        """The result of an action that may be done twice. Raises `PlaceUnusable`."""
        return read_again(action, self.place.clock, self.place.notify)


def is_open(reading: LogReading) -> bool:
    """Whether the last epoch of a log was not closed."""
    return reading.end is not None and _goes_on(reading.end.kind)


def _goes_on(kind: type[Body]) -> bool:
    """Whether the writer of an object of that kind may still write."""
    return kind not in (CloseBody, ArrivalBody, DepartureBody)


def locked(held: Held | None, now: float) -> Locked:
    """The error for whoever finds a live holder. `now` is in unix seconds."""
    holder, sign = (None, None) if held is None else (held.holder, held.last_sign)
    hint = msg(
        "wait (--lock-timeout SECONDS), or, if that run does not respond or its machine is gone, "
        "`reconciler state unlock`"
    )
    return Locked(holder_text.title(holder, sign, now), holder=holder, hint=hint, last_sign=sign)


def _waiting_text(held: Held, now: float) -> str:
    """Why it takes a while to find out whether a lock is free. Who it was comes first: a narrow
    terminal cuts the end.
    """
    sign = holder_text.sign_of_life(held.last_sign or 0.0, now)
    if held.holder is None:
        return msg("another run, {sign}; checking whether it is alive", sign=sign)
    return msg(
        "{user} on {host}, {sign}; checking whether that run is alive",
        user=held.holder.user,
        host=held.holder.host,
        sign=sign,
    )


def _end(reading: LogReading) -> LogEnd:
    if reading.end is None:
        raise AssertionError("an open log has an end")
    return reading.end


def _holder(found: Mapping[str, bytes], key: str) -> Holder | None:
    if key not in found:
        return None
    body = decode_log_object(found[key], name=key).body
    return body.holder if isinstance(body, FenceBody) else None
