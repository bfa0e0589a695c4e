"""The quota's record in a database, for all machines that use one key (quota#quota).

If the database does not answer, nobody knows what others have sent with it just before. So nothing
is sent for a window, and then each machine takes a fixed small part until it answers again.
"""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.common.timing import QUOTA_CALLS, QUOTA_SECONDS
from reconciler.iwinv.quota.quota_log import ALONE_PARTS, NEW, QuotaOwner
from reconciler.iwinv.quota.quota_record import QuotaRecord, decode, encode
from reconciler.model.diagnostics import Problem, warning
from reconciler.model.ports import PlaceUnusable, QuotaLog, QuotaRow

_T = TypeVar("_T")

_AGAIN_SECONDS = 5.0
"""Between attempts to reach the database."""

ALONE_CALLS = QUOTA_CALLS // ALONE_PARTS
"""The calls a minute of one machine while the database does not answer. So many machines together
stay within the quota as there are parts.
"""


@dataclass(frozen=True, slots=True)
class Alone:
    """What is used while the database does not answer: a `log` of this machine that gives
    `ALONE_CALLS` a minute, a clock that nobody sets, and a function that takes the problem, once.
    """

    log: QuotaLog
    monotonic: Callable[[], float] = time.monotonic
    on_problem: Callable[[Problem], None] = lambda problem: None


class SharedQuotaLog:
    """The log of all processes on all machines that use one row. Its times are those of the place
    of the row, so the clocks of the machines do not matter.
    """

    def __init__(
        self,
        row: QuotaRow,
        alone: Alone,
        *,
        time_scale: float = 1.0,
        owner: QuotaOwner = NEW,
    ) -> None:
        self._row, self._alone = row, alone
        self._window = QUOTA_SECONDS / time_scale
        self._owner = QuotaOwner(owner.name, owner.priority)
        self._absence = _Absence()
        self._shared_sends: deque[bool] = deque()
        """For each open send, the oldest first: whether its slot is one of the row."""
        self._unused, self._is_slow = 0, False
        """What the row does not know yet: slots that were given back, and a 429."""

    def reserve(self, now: float) -> float:
        """Takes a slot and returns 0.0, or returns the seconds to wait."""
        wait = self._use(self._reserve)
        is_shared = wait is not None
        if wait is None:
            wait = self._reserve_alone(now)
        if wait == 0.0:
            self._shared_sends.append(is_shared)
        return wait

    def answered(self, now: float) -> None:
        """Notes that the oldest open send of this process has its answer."""
        if self._shared_sends and not self._shared_sends.popleft():
            self._alone.log.answered(now)
            return
        self._use(lambda record, at: None)

    def release(self, now: float) -> None:
        """Gives back a slot that was not used."""
        if self._shared_sends and not self._shared_sends.pop():
            self._alone.log.release(now)
            return
        self._unused += 1
        self._use(lambda record, at: None)

    def taken(self, now: float) -> tuple[float, ...]:
        """Seconds until each taken slot is free, of all processes that share the log."""
        found = self._use(lambda record, at: record.taken(at, self._window))
        return self._alone.log.taken(now) if found is None else found

    def slow_down(self, now: float) -> None:
        """Halves the rate of all for a window."""
        self._alone.log.slow_down(now)
        self._is_slow = True
        self._use(lambda record, at: None)

    def _reserve(self, record: QuotaRecord, now: float) -> float:
        return record.reserve(
            self._owner.name,
            now,
            limit=QUOTA_CALLS,
            window=self._window,
            priority=self._owner.priority,
        )

    def _reserve_alone(self, now: float) -> float:
        """A slot of this machine. While the row may have given slots to others within the last
        window, the seconds until the next attempt to reach it.
        """
        left = self._absence.since + self._window - self._alone.monotonic()
        if left > 0.0:
            return min(left, max(self._absence.again_at - self._alone.monotonic(), 0.001))
        if not self._absence.is_reported:
            self._absence.is_reported = True
            self._alone.on_problem(self._problem())
        self._absence.was_alone = True
        return self._alone.log.reserve(now)

    def _catch_up(self, record: QuotaRecord, now: float) -> None:
        """Tells the record what this process knows: of its open slots there, those that are not
        open sends were given back or have their answer. It may be called twice for one change,
        since an acknowledgement can be lost.
        """
        name = self._owner.name
        closed = record.open_of(name) - sum(self._shared_sends)
        for number in range(closed):
            if number < self._unused:
                record.release(name)
            else:
                record.answered(name, now)
        if self._is_slow:
            record.slow_down(now, self._window)
        if self._absence.was_alone:
            # What others have sent alone is not in the record.
            record.slow_down(now, self._window + 2 * self._again)

    def _use(self, use: Callable[[QuotaRecord, float], _T]) -> _T | None:
        """What `use` returns for the record; None if the row cannot be reached now."""
        absence = self._absence
        if self._alone.monotonic() < absence.again_at:
            return None
        found: list[_T] = []

        def change(text: str | None, now: float) -> str:
            found.clear()
            record = self._read(text, now)
            self._catch_up(record, now)
            found.append(use(record, now))
            return json.dumps(encode(record))

        try:
            self._row.change(change)
        except PlaceUnusable as failure:
            at = self._alone.monotonic()
            absence.reason = failure
            absence.since = min(absence.since, at)
            absence.again_at = at + self._again
            return None
        self._unused, self._is_slow = 0, False
        self._absence = _Absence(is_reported=absence.is_reported)
        return found[0]

    @property
    def _again(self) -> float:
        return _AGAIN_SECONDS * self._window / QUOTA_SECONDS

    def _read(self, text: str | None, now: float) -> QuotaRecord:
        """The record. If its content cannot be read, an empty one at half the rate."""
        if text is None:
            return QuotaRecord()
        try:
            return decode(json.loads(text))
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
            return QuotaRecord(slow_until=now + self._window)

    def _problem(self) -> Problem:
        reason = self._absence.reason
        return warning(
            "quota",
            msg(
                "the shared quota cannot be used ({reason}); limiting this machine to {calls} "
                "requests per minute",
                reason=str(reason),
                calls=ALONE_CALLS,
            ),
            hint=None if reason is None else reason.hint,
        )


@dataclass(slots=True)
class _Absence:
    """Since when the row cannot be reached, by the clock that nobody sets, when it is tried again,
    and whether this process has sent without it.
    """

    since: float = math.inf
    again_at: float = -math.inf
    reason: PlaceUnusable | None = None
    was_alone: bool = False
    is_reported: bool = False
