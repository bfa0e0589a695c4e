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
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.paths import read_ordinary
from reconciler.common.text import msg
from reconciler.common.timing import QUOTA_CALLS, QUOTA_SECONDS
from reconciler.model.diagnostics import Problem, warning

ANSWER_SECONDS_MAX = 100.0
"""No request is in flight longer than this: the network gives it up before
(`network.REQUEST_SECONDS_MAX`).
"""

ALONE_PARTS = 6
"""The part of the quota that a process takes which cannot see the others: so many of them stay
within it together.
"""

_LOCK_SECONDS_MAX = 5.0
_FILE_BYTES_MAX = 64 * 1024
_CLOCK_SET_SECONDS = 1.0
"""From how much on a clock counts as set; less lies between two looks at it."""

_BUSY = 1 / 3
"""The part of the window within which an owner that sent counts as busy."""

_CLAIM_GRACE = 1 / 30
"""The part of the window for which a waiting owner may be late before what is kept for it goes to
others.
"""


@dataclass(slots=True)
class Slot:
    """One send: who sent it, when, and when its answer came (None: not yet)."""

    owner: str
    sent: float
    answered: float | None = None


@dataclass(slots=True)
class QuotaRecord:
    """The sends of the last minute, and who waits for a slot. A value with rules, without a file."""

    slots: list[Slot] = field(default_factory=list)
    slow_until: float = 0.0
    claims: dict[str, float] = field(default_factory=dict)
    """Owner to the time at which it was told to come back."""

    def reserve(self, owner: str, now: float, *, limit: int, window: float) -> float:
        """Takes a slot and returns 0.0, or returns the seconds until one may be free.

        An owner that holds its even share or more leaves free what other busy owners may soon want
        of theirs, so that two runs that share a key come out about even, however different their
        pace is.
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
        """Gives back the newest open slot of that owner: nothing was sent with it."""
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
        """Drops what is over. Times that lie ahead of the clock (it was set back) are taken for
        now.
        """
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
        """Who sent lately, or waits for a slot."""
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
    """The log of one process alone: for tests, and where no file can be written. `time_scale`
    divides the window.
    """

    def __init__(
        self,
        *,
        limit: int = QUOTA_CALLS,
        time_scale: float = 1.0,
        book: QuotaRecord | None = None,
        owner: str = "self",
    ) -> None:
        self._limit = limit
        self._window = QUOTA_SECONDS / time_scale
        self._book = book if book is not None else QuotaRecord()
        self._owner = owner

    def reserve(self, now: float) -> float:
        """Takes a slot and returns 0.0, or returns the seconds to wait."""
        return self._book.reserve(self._owner, now, limit=self._limit, window=self._window)

    def answered(self, now: float) -> None:
        """The oldest open send has its answer."""
        self._book.answered(self._owner, now)

    def release(self, now: float) -> None:
        """Gives back a slot that was not used."""
        self._book.release(self._owner)

    def taken(self, now: float) -> tuple[float, ...]:
        """Seconds until each slot that is taken is free."""
        return self._book.taken(now, self._window)

    def slow_down(self, now: float) -> None:
        """Halves the rate for a window."""
        self._book.slow_down(now, self._window)


class FileQuotaLog:
    """The log that all processes of a user share, one file per key in `folder` (quota#quota).

    `offset` tells by how much the machine's clock is ahead of one that nobody sets, and of which
    start of the machine that one counts. Where the file cannot be written, this process takes a
    part of the quota alone and `problem` says so (once, through `on_problem`).
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
        offset: Callable[[], tuple[str, float] | None] | None = None,
    ) -> None:
        self._path = folder / f"{digest[:32]}.json"
        self._limit = limit
        self._time_scale = time_scale
        self._window = QUOTA_SECONDS / time_scale
        self._owner = owner or f"{os.getpid()}-{os.urandom(4).hex()}"
        self._on_problem = on_problem
        self._offset = offset or _offset
        self._alone: MemoryQuotaLog | None = None
        self._lock: AbstractContextManager[Any] | None = None
        self.problem: Problem | None = None

    def reserve(self, now: float) -> float:
        """Takes a slot and returns 0.0, or returns the seconds to wait."""
        if self._alone is None:
            try:
                with self._open(now) as book:
                    return book.reserve(self._owner, now, limit=self._limit, window=self._window)
            except OSError as failure:
                self._go_alone(failure)
        assert self._alone is not None
        return self._alone.reserve(now)

    def answered(self, now: float) -> None:
        """The oldest open send of this process has its answer."""
        self._change(
            now, lambda book: book.answered(self._owner, now), lambda alone: alone.answered(now)
        )

    def release(self, now: float) -> None:
        """Gives back a slot that was not used."""
        self._change(now, lambda book: book.release(self._owner), lambda alone: alone.release(now))

    def taken(self, now: float) -> tuple[float, ...]:
        """Seconds until each slot that is taken is free, of all processes that share the key."""
        if self._alone is None:
            try:
                with self._open(now) as book:
                    return book.taken(now, self._window)
            except OSError as failure:
                self._go_alone(failure)
        assert self._alone is not None
        return self._alone.taken(now)

    def slow_down(self, now: float) -> None:
        """Halves the rate of all who share the key for a window."""
        self._change(
            now, lambda book: book.slow_down(now, self._window), lambda alone: alone.slow_down(now)
        )

    def _change(
        self,
        now: float,
        shared: Callable[[QuotaRecord], None],
        alone: Callable[[MemoryQuotaLog], None],
    ) -> None:
        if self._alone is None:
            try:
                with self._open(now) as book:
                    shared(book)
                return
            except OSError as failure:
                self._go_alone(failure)
        assert self._alone is not None
        alone(self._alone)

    @contextmanager
    def _open(self, now: float) -> Iterator[QuotaRecord]:
        """The book under its lock; written back whole when the block ends. Raises OSError (a lock
        that is not had included).
        """
        with self._locked():
            offset = self._offset()
            book = _read(self._path, now, self._window, offset)
            yield book
            _write(self._path, book, offset)

    def _locked(self) -> AbstractContextManager[Any]:
        if self._lock is None:
            from filelock import FileLock

            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(
                self._path.with_suffix(".lock"), timeout=_LOCK_SECONDS_MAX, mode=0o600
            )
        return self._lock

    def _go_alone(self, failure: OSError) -> None:
        reason = failure.strerror or type(failure).__name__
        self._alone = MemoryQuotaLog(
            limit=max(1, self._limit // ALONE_PARTS), time_scale=self._time_scale
        )
        self.problem = warning(
            "quota",
            msg(
                "request log unavailable ({reason}); limiting this run to {calls} requests per minute",
                reason=reason,
                calls=QUOTA_CALLS // ALONE_PARTS,
            ),
            hint=msg(
                "make {parent} writable, or set XDG_STATE_HOME to a folder that is",
                parent=self._path.parent,
            ),
        )
        if self._on_problem is not None:
            self._on_problem(self.problem)


def _offset() -> tuple[str, float] | None:
    """The name of this start of the machine, and the seconds by which its clock is ahead of the
    time since then; None where none tells.
    """
    try:
        ahead = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(), ahead
    except (AttributeError, OSError, ValueError):
        return None


def _read(path: Path, now: float, window: float, offset: tuple[str, float] | None) -> QuotaRecord:
    """The book in a file; where its content cannot be read, an empty one at half rate, since the
    last minute is not known.
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
    """By how much somebody has set the clock forward since the book was written, as far as that is
    known: its times move along.
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


def _write(path: Path, book: QuotaRecord, offset: tuple[str, float] | None) -> None:
    """In place, under the lock: a file cut off by a kill is taken for a minute that is not known,
    as `_read` says.
    """
    content = {
        "slots": [[slot.owner, slot.sent, slot.answered] for slot in book.slots],
        "slow_until": book.slow_until,
        "claims": book.claims,
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
