"""The quota's record in memory, or in a file that all processes of a user share (quota#quota)."""

from __future__ import annotations

import errno
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from reconciler.common.dataclass import dataclass
from reconciler.common.paths import read_ordinary
from reconciler.common.text import msg
from reconciler.common.timing import QUOTA_CALLS, QUOTA_SECONDS
from reconciler.iwinv.quota.quota_record import Priority, QuotaRecord, decode, encode
from reconciler.model.diagnostics import Problem, warning

_T = TypeVar("_T")

ALONE_PARTS = 6
"""A process that cannot see the others takes this fraction of the quota: so many of them together
stay within it.
"""

_LOCK_SECONDS_MAX = 5.0
_FILE_BYTES_MAX = 64 * 1024
_CLOCK_SET_SECONDS = 1.0
"""A difference from which on the clock counts as set; a smaller one passes between two readings."""


@dataclass(frozen=True, slots=True)
class QuotaOwner:
    """Who sends: the name of this process in the record, a new one if it is None, and its
    priority.
    """

    given: str | None = None
    priority: Priority = Priority.PERSON

    @property
    def name(self) -> str:
        """The name in the record."""
        return self.given or f"{os.getpid()}-{os.urandom(4).hex()}"


NEW, SELF = QuotaOwner(), QuotaOwner("self")
"""A process with a new name, and the only one that uses a log."""


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
        owner: QuotaOwner = SELF,
    ) -> None:
        self._limit = limit
        self._window = QUOTA_SECONDS / time_scale
        self._record = record if record is not None else QuotaRecord()
        self._owner, self._priority = owner.name, owner.priority

    def reserve(self, now: float) -> float:
        """Takes a slot and returns 0.0, or returns the seconds to wait."""
        return self._use(now, self._reserve)

    def answered(self, now: float) -> None:
        """Notes that the oldest open send of this process has its answer."""
        self._use(now, lambda record, now: record.answered(self._owner, now))

    def release(self, now: float) -> None:
        """Gives back a slot that was not used."""
        self._use(now, lambda record, now: record.release(self._owner))

    def taken(self, now: float) -> tuple[float, ...]:
        """Seconds until each slot that is taken is free, of all processes that share the log.
        Those of the quota that this log never gives are taken without an end.
        """
        never = (math.inf,) * max(0, QUOTA_CALLS - self._limit)
        return self._use(now, lambda record, now: record.taken(now, self._window)) + never

    def slow_down(self, now: float) -> None:
        """Halves the rate of all processes that share the log for a window."""
        self._use(now, lambda record, now: record.slow_down(now, self._window))

    def _reserve(self, record: QuotaRecord, now: float) -> float:
        return record.reserve(
            self._owner, now, limit=self._limit, window=self._window, priority=self._priority
        )

    def _use(self, now: float, use: Callable[[QuotaRecord, float], _T]) -> _T:
        return use(self._record, now)


class FileQuotaLog(MemoryQuotaLog):
    """The log that all processes of a user share, one file for each key in `folder` (quota#quota).

    If the file cannot be written, this process takes a part of the quota alone. `problem` then says
    so, and `on_problem` is called with it once. `clock` is read again under the lock of the file:
    what others recorded while this process waited for it is not ahead of the clock.
    """

    def __init__(
        self,
        folder: Path,
        digest: str,
        *,
        limit: int = QUOTA_CALLS,
        time_scale: float = 1.0,
        owner: QuotaOwner = NEW,
        on_problem: Callable[[Problem], None] | None = None,
    ) -> None:
        super().__init__(limit=limit, time_scale=time_scale, owner=owner)
        self.clock: Callable[[], float] = lambda: 0.0
        self._path = folder / f"{digest[:32]}.json"
        self._on_problem = on_problem
        self._lock: AbstractContextManager[Any] | None = None
        self.problem: Problem | None = None

    def _use(self, now: float, use: Callable[[QuotaRecord, float], _T]) -> _T:
        if self.problem is None:
            try:
                with self._open(now) as (record, at):
                    return use(record, at)
            except OSError as failure:
                self._continue_alone(failure)
        return super()._use(now, use)

    @contextmanager
    def _open(self, now: float) -> Iterator[tuple[QuotaRecord, float]]:
        """The record under its lock, and the time when the lock was had. The record is written back
        as a whole when the block ends. Raises OSError, also if the lock cannot be had.
        """
        with self._locked():
            at = max(now, self.clock())
            offset = clock_offset()
            record = _read(self._path, at, self._window, offset)
            yield record, at
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
                calls=self._limit,
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
        return decode(found, _clock_moved(found.get("offset"), offset))
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


def _write(path: Path, record: QuotaRecord, offset: tuple[str, float] | None) -> None:
    """Writes in place, under the lock. A file that a kill has cut off counts as a minute that is
    not known (see `_read`).
    """
    content = {**encode(record), "offset": offset}
    data = json.dumps(content).encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        if os.pwrite(descriptor, data, 0) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)
