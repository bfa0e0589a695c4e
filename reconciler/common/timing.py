"""The rhythm of a run: how many calls, how often a list is looked at, how long is waited: apply
keeps to it, a forecast reckons with it.

Times are seconds at the cloud's own speed.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.common.dataclass import dataclass

LATENCY_SECONDS = 0.3
"""From a call to its answer, where nobody has measured it."""

OVERHEAD_SECONDS = 0.005
"""What this program itself takes before a write and after its answer: the record made durable, the
request signed.
"""

IN_FLIGHT_MAX = 4
"""Requests under way together (safety#record)."""

QUOTA_CALLS = 60
QUOTA_SECONDS = 60.0
"""Never more than so many sends in so many seconds; a slot is free that long after its answer
(quota#quota).
"""

POLL_SECONDS = 5.0
"""Between reads of a list, at first (contract#statuses). The run keeps it, and the plan states it.
"""

POLL_LATER_SECONDS = 12.0
"""Between reads once something has been waited for longer than `POLL_PATIENT_SECONDS`."""

POLL_PATIENT_SECONDS = 60.0

GAP_SECONDS = 1.0
"""The least between reads of a list for several things that are expected one shortly after the
other.
"""

ABSENCE_SECONDS = 10.0
"""Between the two looks that prove an object gone (safety#absence, contract#absence)."""

LOOK_AGE_SECONDS = 30.0
"""How old the second look before a destructive write may be (planning#precondition)."""

TIME_SCALE_MAX = 100_000.0
"""How many times quicker than the cloud's own speed a simulated run may go."""

PAGE_SIZE = 100
"""Rows asked for at a time: the largest size that was seen to be accepted (contract#limits)."""

TIGHT = 0.1
"""How close the bounds of a duration are, as a part of it, when nothing more is to be learned of
it.
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """What was learned of a duration: the seconds after which it is worth looking, and those after
    which it was done so far.
    """

    look: float
    done: float


def absence_provable_at(first: float, time_scale: float = 1.0) -> float:
    """The time from which on a complete list without an object proves that it is gone, if a list
    begun at `first` did not show it either (safety#absence).
    """
    return first + ABSENCE_SECONDS / time_scale


def expected(looks: Sequence[tuple[float, float]]) -> Expected:
    """How long something takes, of which it is known for some times that it took longer than the
    first and at most the second.

    It was always done at the least of the upper bounds, which is what a plan says. As long as the
    bounds are apart, it is looked for in their middle. Where they contradict each other, it takes
    now longer and now shorter: then the median of the upper bounds is both.
    """
    low, high = max(low for low, _ in looks), min(high for _, high in looks)
    if low >= high:
        median = sorted(high for _, high in looks)[len(looks) // 2]
        return Expected(median, median)
    return Expected(
        high if high - low <= max(TIGHT * high, 2 * GAP_SECONDS) else (low + high) / 2, high
    )


@dataclass(frozen=True, slots=True)
class Throughput:
    """How calls go just now: seconds from one to its answer, and for each slot of the quota that is
    taken the seconds until it is free.

    `own_seconds` is what this program takes by itself before a write and after its answer.
    """

    latency_seconds: float = LATENCY_SECONDS
    taken: tuple[float, ...] = ()
    own_seconds: float = OVERHEAD_SECONDS


def interval(waited_seconds: float, expected_seconds: float = 0.0) -> float:
    """Seconds until the next read for something that has been waited for that long, and is expected
    that much later.
    """
    if expected_seconds > 0.0:
        return max(expected_seconds, GAP_SECONDS)
    return POLL_LATER_SECONDS if waited_seconds > POLL_PATIENT_SECONDS else POLL_SECONDS
