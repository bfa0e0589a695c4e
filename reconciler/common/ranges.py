"""Sets of numbers as ranges, and sets of traffic as bands of ports, each with the addresses that it
is open to.

Both forms are canonical: equal sets are equal values. Rules and instances are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TypeAlias

Ranges: TypeAlias = "tuple[tuple[int, int], ...]"
"""Numbers as (first, last), sorted, apart from each other by at least one number."""

Intervals: TypeAlias = "tuple[tuple[int, int, Ranges], ...]"
"""Ports as (first, last, addresses), sorted; neighbours differ in their addresses, which are never
empty.
"""

ADDRESS_MAX = 2**32 - 1
PORT_MIN, PORT_MAX = 1, 65535


def union(first: Ranges, second: Ranges) -> Ranges:
    """The numbers in either."""
    found: list[tuple[int, int]] = []
    for low, high in sorted((*first, *second)):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def minus(first: Ranges, second: Ranges) -> Ranges:
    """The numbers in the first only."""
    found: list[tuple[int, int]] = []
    for low, high in first:
        for taken_low, taken_high in second:
            if taken_high < low:
                continue
            if taken_low > high:
                break
            if taken_low > low:
                found.append((low, taken_low - 1))
            low = taken_high + 1
            if low > high:
                break
        if low <= high:
            found.append((low, high))
    return tuple(found)


def common(first: Ranges, second: Ranges) -> Ranges:
    """The numbers in both."""
    return minus(first, minus(first, second))


def combine(
    first: Intervals, second: Intervals, each: Callable[[Ranges, Ranges], Ranges]
) -> Intervals:
    """For each port, `each` of the addresses of both sides, as bands."""
    cuts = sorted({edge for low, high, _ in (*first, *second) for edge in (low, high + 1)})
    found: list[tuple[int, int, Ranges]] = []
    at_first = at_second = 0
    for low, after in pairwise(cuts):
        while at_first < len(first) and first[at_first][1] < low:
            at_first += 1
        while at_second < len(second) and second[at_second][1] < low:
            at_second += 1
        addresses = each(_at(first, at_first, low), _at(second, at_second, low))
        if not addresses:
            continue
        if found and found[-1][1] == low - 1 and found[-1][2] == addresses:
            found[-1] = (found[-1][0], after - 1, addresses)
        else:
            found.append((low, after - 1, addresses))
    return tuple(found)


def _at(intervals: Intervals, place: int, port: int) -> Ranges:
    return intervals[place][2] if place < len(intervals) and intervals[place][0] <= port else ()


def intervals(pieces: Iterable[tuple[int, int, Ranges]]) -> Intervals:
    """The union of the pieces as bands; the pieces may overlap."""
    parts: list[Intervals] = [
        ((low, high, addresses),) for low, high, addresses in pieces if addresses and low <= high
    ]
    while len(parts) > 1:  # in pairs, which is cheap for many pieces
        parts = [
            combine(parts[n], parts[n + 1] if n + 1 < len(parts) else (), union)
            for n in range(0, len(parts), 2)
        ]
    return parts[0] if parts else ()


def turned(found: Intervals) -> Intervals:
    """The same set with addresses and ports exchanged: bands of addresses, each with its ports.
    Applied twice, it returns the original.
    """
    return intervals(
        (low, high, ((first, last),)) for first, last, addresses in found for low, high in addresses
    )
