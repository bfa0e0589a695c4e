"""The quota: never more than 60 sends in any 60 seconds, for all processes of a user that share a
key (quota#quota).

A send takes a slot. The slot is free 60 seconds after the answer came, not after the send: the
server counts a request somewhere between the two, so it never counts a 61st. A slot whose answer
never came (its process died) is free after the longest time that a request may take and 60 seconds
more.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any, TypeVar

from reconciler.common.dataclass import dataclass
from reconciler.common.paths import read_ordinary
from reconciler.common.text import msg
from reconciler.common.timing import QUOTA_CALLS, QUOTA_SECONDS
from reconciler.model.diagnostics import Problem, warning

_T = TypeVar("_T")

ANSWER_SECONDS_MAX = 100.0
"""No request is in flight for longer: the network gives up earlier
(`network.REQUEST_SECONDS_MAX`).
"""

ALONE_PARTS = 6
"""A process that cannot see the others takes this fraction of the quota: so many of them together
stay within it.
"""

_LOCK_SECONDS_MAX = 5.0
_FILE_BYTES_MAX = 64 * 1024
_CLOCK_SET_SECONDS = 1.0
"""A difference from which on the clock counts as set; a smaller one passes between two readings."""

_BUSY = 1 / 3
"""The part of the window within which an owner that sent counts as busy."""

_CLAIM_GRACE = 1 / 30
"""The part of the window for which a waiting owner may be late before its slot goes to others."""


@dataclass(slots=True)
class Slot:
    """One send: who sent it, when, and when its answer came (None: not yet)."""

    owner: str
    sent: float
    answered: float | None = None


@dataclass(slots=True)
class QuotaRecord:
    """The sends of the last minute, and who waits for a slot. A value with rules, without a
    file.
    """

    slots: list[Slot] = field(default_factory=list)
    slow_until: float = 0.0
    claims: dict[str, float] = field(default_factory=dict)
    """Owner to the time at which it was asked to try again."""

    def reserve(self, owner: str, now: float, *, limit: int, window: float) -> float:
        """Takes a slot and returns 0.0, or returns the seconds until one may be free.

        An owner that holds its even share or more leaves free what other busy owners may soon want
        of theirs. Two runs that share a key then get about the same, however fast each of them is.
        """
        self._tidy(now, window)
        if now < self.slow_until:
            limit = max(1, limit // 2)
        free = limit - len(self.slots)
        busy = self._busy(now, window) - {owner}
        share = limit // (len(busy) + 1)
        kept = (
            0
            if self._held(owner) < share
            else sum(_headroom(self._held(other), share) for other in busy)
        )
        if free > kept:
            self.claims.pop(owner, None)
            self.slots.append(Slot(owner, now))
            return 0.0
        wait = self._wait(now, limit, window) if free <= 0 else window / QUOTA_CALLS
        self.claims[owner] = now + wait
        return wait

    def answered(self, owner: str, now: float) -> None:
        """The oldest open send of that owner has its answer. Which of several it was makes no
        difference to the count.
        """
        for slot in self.slots:
            if slot.owner == owner and slot.answered is None:
                slot.answered = now
                return

    def release(self, owner: str) -> None:
        """Gives back the newest open slot of that owner, with which nothing was sent."""
        for place in range(len(self.slots) - 1, -1, -1):
            if self.slots[place].owner == owner and self.slots[place].answered is None:
                del self.slots[place]
                return

    def taken(self, now: float, window: float) -> tuple[float, ...]:
        """Seconds until each slot that is taken is free, the soonest first."""
        self._tidy(now, window)
        return tuple(sorted(_free_at(slot, window) - now for slot in self.slots))

    def slow_down(self, now: float, window: float) -> None:
        """A 429 came: the rate halves for a window."""
        self.slow_until = now + window

    def _tidy(self, now: float, window: float) -> None:
        """Drops what has expired. Times ahead of the clock, which was set back, count as now."""
        for slot in self.slots:
            slot.sent = min(slot.sent, now)
            if slot.answered is not None:
                slot.answered = min(slot.answered, now)
        self.slots = [slot for slot in self.slots if _free_at(slot, window) > now]
        self.slow_until = min(self.slow_until, now + window)
        self.claims = {
            owner: due
            for owner, due in self.claims.items()
            if now - _CLAIM_GRACE * window <= due <= now + 2 * window
        }

    def _busy(self, now: float, window: float) -> set[str]:
        """The owners that sent recently, or wait for a slot."""
        return {
            slot.owner for slot in self.slots if slot.sent > now - _BUSY * window
        } | self.claims.keys()

    def _held(self, owner: str) -> int:
        return sum(1 for slot in self.slots if slot.owner == owner)

    def _wait(self, now: float, limit: int, window: float) -> float:
        """Seconds until fewer than `limit` slots are taken, as far as known now."""
        ends = sorted(_free_at(slot, window) for slot in self.slots)
        return max(ends[len(ends) - limit] - now, 0.001)


def _headroom(held: int, share: int) -> int:
    """What an owner that holds so many may soon want more, within its share."""
    return min(max(share - held, 0), held // 2 + 4)


def _free_at(slot: Slot, window: float) -> float:
    return (
        slot.sent + ANSWER_SECONDS_MAX + window if slot.answered is None else slot.answered + window
    )


class MemoryQuotaLog:
    """The log of one process alone: for tests, and if no file can be written. `time_scale` divides
    the window.
    """

    def __init__(
        self,
        *,
        limit: int = QUOTA_CALLS,
        time_scale: float = 1.0,
        record: QuotaRecord | None = None,
        owner: str = "self",
    ) -> None:
        self._limit = limit
        self._window = QUOTA_SECONDS / time_scale
        self._record = record if record is not None else QuotaRecord()
        self._owner = owner

    def reserve(self, now: float) -> float:
        """Takes a slot and returns 0.0, or returns the seconds to wait."""
        return self._use(
            now,
            lambda record: record.reserve(self._owner, now, limit=self._limit, window=self._window),
        )

    def answered(self, now: float) -> None:
        """Notes that the oldest open send of this process has its answer."""
        self._use(now, lambda record: record.answered(self._owner, now))

    def release(self, now: float) -> None:
        """Gives back a slot that was not used."""
        self._use(now, lambda record: record.release(self._owner))

    def taken(self, now: float) -> tuple[float, ...]:
        """Seconds until each slot that is taken is free, of all processes that share the log."""
        return self._use(now, lambda record: record.taken(now, self._window))

    def slow_down(self, now: float) -> None:
        """Halves the rate of all processes that share the log for a window."""
        self._use(now, lambda record: record.slow_down(now, self._window))

    def _use(self, now: float, use: Callable[[QuotaRecord], _T]) -> _T:
        return use(self._record)


class FileQuotaLog(MemoryQuotaLog):
    """The log that all processes of a user share, one file for each key in `folder` (quota#quota).

    If the file cannot be written, this process takes a part of the quota alone. `problem` then says
    so, and `on_problem` is called with it once.
    """

    def __init__(
        self,
        folder: Path,
        digest: str,
        *,
        limit: int = QUOTA_CALLS,
        time_scale: float = 1.0,
        owner: str | None = None,
        on_problem: Callable[[Problem], None] | None = None,
    ) -> None:
        super().__init__(
            limit=limit,
            time_scale=time_scale,
            owner=owner or f"{os.getpid()}-{os.urandom(4).hex()}",
        )
        self._path = folder / f"{digest[:32]}.json"
        self._on_problem = on_problem
        self._lock: AbstractContextManager[Any] | None = None
        self.problem: Problem | None = None

    def _use(self, now: float, use: Callable[[QuotaRecord], _T]) -> _T:
        if self.problem is None:
            try:
                with self._open(now) as record:
                    return use(record)
            except OSError as failure:
                self._continue_alone(failure)
        return super()._use(now, use)

    @contextmanager
    def _open(self, now: float) -> Iterator[QuotaRecord]:
        """The record under its lock, written back as a whole when the block ends. Raises OSError,
        also if the lock cannot be had.
        """
        with self._locked():
            offset = clock_offset()
            record = _read(self._path, now, self._window, offset)
            yield record
            _write(self._path, record, offset)

    def _locked(self) -> AbstractContextManager[Any]:
        if self._lock is None:
            from filelock import FileLock

            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(
                self._path.with_suffix(".lock"), timeout=_LOCK_SECONDS_MAX, mode=0o600
            )
        return self._lock

    def _continue_alone(self, failure: OSError) -> None:
        self._limit = max(1, self._limit // ALONE_PARTS)
        self.problem = warning(
            "quota",
            msg(
                "request log unavailable ({reason}); limiting this run to {calls} requests per "
                "minute",
                reason=failure.strerror or type(failure).__name__,
                calls=QUOTA_CALLS // ALONE_PARTS,
            ),
            hint=msg(
                "make {parent} writable, or set XDG_STATE_HOME to a folder that is",
                parent=self._path.parent,
            ),
        )
        if self._on_problem is not None:
            self._on_problem(self.problem)


def clock_offset() -> tuple[str, float] | None:
    """The name of this boot of the machine, and the seconds by which the clock is ahead of the time
    since then, which nobody sets; None if the machine does not know.
    """
    try:
        ahead = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(), ahead
    except (AttributeError, OSError, ValueError):
        return None


def _read(path: Path, now: float, window: float, offset: tuple[str, float] | None) -> QuotaRecord:
    """The record in a file. If its content cannot be read, an empty record at half the rate, since
    the last minute is not known.
    """
    try:
        raw = read_ordinary(path, _FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return QuotaRecord()
    try:
        if len(raw) > _FILE_BYTES_MAX:
            raise ValueError("too large")
        found = json.loads(raw)
        return _decode(found, _clock_moved(found.get("offset"), offset))
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        return QuotaRecord(slow_until=now + window)


def _clock_moved(before: Any, now: tuple[str, float] | None) -> float:
    """By how many seconds the clock was set forward since the record was written, as far as that is
    known: its times are moved by as much.
    """
    if now is None or not isinstance(before, list) or before[0] != now[0]:
        return 0.0
    moved = now[1] - float(before[1])
    return moved if abs(moved) >= _CLOCK_SET_SECONDS else 0.0


def _decode(found: Any, moved: float) -> QuotaRecord:
    slots = [
        Slot(
            str(owner)[:64],
            float(sent) + moved,
            None if answered is None else float(answered) + moved,
        )
        for owner, sent, answered in found["slots"][-QUOTA_CALLS:]
    ]
    claims = {
        str(owner)[:64]: float(due) + moved
        for owner, due in list(found["claims"].items())[:QUOTA_CALLS]
    }
    return QuotaRecord(slots, float(found["slow_until"]) + moved, claims)


def _write(path: Path, record: QuotaRecord, offset: tuple[str, float] | None) -> None:
    """Writes in place, under the lock. A file that a kill has cut off counts as a minute that is
    not known (see `_read`).
    """
    content = {
        "slots": [[slot.owner, slot.sent, slot.answered] for slot in record.slots],
        "slow_until": record.slow_until,
        "claims": record.claims,
        "offset": offset,
    }
    data = json.dumps(content).encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        if os.pwrite(descriptor, data, 0) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)
