"""The timing of a run: how many calls are in flight, how often a list is read, how long a run
waits. Apply uses these values, and a forecast computes with them.

Times are seconds at the cloud's own speed.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from reconciler.common.dataclass import dataclass

LATENCY_SECONDS = 0.3
"""From a call to its answer, if it was not measured."""

OVERHEAD_SECONDS = 0.005
"""The time of this program before a write and after its answer: to make the record durable and sign
the request.
"""

IN_FLIGHT_MAX = 4
"""Requests in flight together (safety#record)."""

QUOTA_CALLS = 60
QUOTA_SECONDS = 60.0
"""The most requests in so many seconds; a slot is free that long after its answer (quota#quota)."""

POLL_SECONDS = 5.0
"""Between reads of a list, at first (contract#statuses). The run keeps it, and the plan states it.
"""

POLL_LATER_SECONDS = 12.0
"""Between reads once something has been waited for longer than `POLL_PATIENT_SECONDS`."""

POLL_PATIENT_SECONDS = 60.0

GAP_SECONDS = 1.0
"""The minimum between reads of a list for several things that are expected shortly after each
other.
"""

ABSENCE_SECONDS = 10.0
"""Between the two lists that prove an absence (safety#absence, contract#absence)."""

LOOK_AGE_SECONDS = 30.0
"""How old the lists of a precondition may be (planning#precondition)."""

TIME_SCALE_MAX = 100_000.0
"""How many times faster than the cloud's own speed a simulated run may be."""

PAGE_SIZE = 100
"""Rows asked for at a time: the largest size that was seen to be accepted (contract#limits)."""

TIGHT = 0.1
"""How close the bounds of a duration are, as a part of it, when it need not be measured further."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A measured duration: `look` is the seconds after which a list is read first, `done` those
    after which the operation was always done.
    """

    look: float
    done: float


def absence_provable_at(first: float, time_scale: float = 1.0) -> float:
    """The time from which on a complete list without an object proves that it is gone, if a list
    begun at `first` did not show it either (safety#absence).
    """
    return first + ABSENCE_SECONDS / time_scale


def expected(bounds: Sequence[tuple[float, float]]) -> Expected:
    """The duration of an operation from several runs, each with a lower and an upper bound.

    A plan states the lowest upper bound. While the bounds are apart, the first read is in their
    middle. If they contradict each other, the duration varies: then the median of the upper bounds
    is both.
    """
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    if low >= high:
        median = sorted(high for _, high in bounds)[len(bounds) // 2]
        return Expected(median, median)
    return Expected(
        high if high - low <= max(TIGHT * high, 2 * GAP_SECONDS) else (low + high) / 2, high
    )


@dataclass(frozen=True, slots=True)
class Throughput:
    """The current speed of calls: seconds from one to its answer, and for each taken slot of the
    quota the seconds until it is free.

    `own_seconds` is the time of this program before a write and after its answer.
    """

    latency_seconds: float = LATENCY_SECONDS
    taken: tuple[float, ...] = ()
    own_seconds: float = OVERHEAD_SECONDS


def kst(second: float) -> str:
    """A unix second as date and time of Korea, as the console shows it: `2026-11-30 14:05 KST`."""
    korea = datetime.timezone(datetime.timedelta(hours=9))
    return datetime.datetime.fromtimestamp(second, korea).strftime("%Y-%m-%d %H:%M KST")


def interval(waited_seconds: float, expected_seconds: float = 0.0) -> float:
    """Seconds until the next read, after a wait of `waited_seconds` for something that is expected
    in `expected_seconds`.
    """
    if expected_seconds > 0.0:
        return max(expected_seconds, GAP_SECONDS)
    return POLL_LATER_SECONDS if waited_seconds > POLL_PATIENT_SECONDS else POLL_SECONDS
