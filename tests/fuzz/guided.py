"""A small fuzzer: it changes inputs that reached new lines of ours, and keeps those that do so
again.

No package is needed for it: which lines are reached is seen by tracing. The same seed gives the
same inputs.
"""

from __future__ import annotations

import copy
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.targets import Target

OURS = str(Path(__file__).parents[2] / "reconciler")
INPUT_BYTES_MAX = 20_000
SLOW_SECONDS = 10.0
"""Longer than any input of that size may take."""

_PLACES = (
    b"0",
    b"-",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\n",
    b" ",
    b"\xff",
    b"\xed\xa0\x80",
    b"\0",
    b"\\u202e",
    b"'",
)


@dataclass(slots=True)
class Report:
    """What came of a run: inputs tried, lines reached, the slowest input in seconds, and what was
    found: (input, failure).
    """

    tried: int = 0
    lines: set[tuple[str, int]] = field(default_factory=set)
    slowest_seconds: float = 0.0
    finds: list[tuple[bytes, BaseException]] = field(default_factory=list)


def fuzz(target: Target, *, seed: int, until: Callable[[Report], bool]) -> Report:
    """Tries inputs until it is time to stop. Never raises for what an input does: that is a
    find.
    """
    chance = random.Random(f"{target.name} {seed}")
    report = Report()
    kept: list[bytes] = []
    for data in (b"", *target.seeds):
        _try(target, data, report)
        kept.append(data)
    while not until(report):
        data = _changed(chance, kept, target.words)
        before = len(report.lines)
        _try(target, data, report)
        if len(report.lines) > before:
            kept.append(data)
    return report


def _try(target: Target, data: bytes, report: Report) -> None:
    report.tried += 1
    begun = time.monotonic()
    lines = report.lines

    def local(frame: FrameType, event: str, argument: object) -> Any:
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return local

    def calls(frame: FrameType, event: str, argument: object) -> Any:
        return local if frame.f_code.co_filename.startswith(OURS) else None

    former = sys.gettrace()
    sys.settrace(calls)
    try:
        target.run(data)
    except (Exception, SystemExit) as failure:
        report.finds.append((data, failure))
    finally:
        sys.settrace(former)
    seconds = time.monotonic() - begun
    report.slowest_seconds = max(report.slowest_seconds, seconds)
    if seconds > SLOW_SECONDS:
        report.finds.append((data, TimeoutError(f"{seconds:.1f} s for {len(data)} bytes")))


def _changed(chance: random.Random, kept: list[bytes], words: tuple[bytes, ...]) -> bytes:
    if chance.random() < 0.5:
        found = _replanted(chance, chance.choice(kept))
        if found is not None:
            return found[:INPUT_BYTES_MAX]
    data = bytearray(chance.choice(kept))
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 1, 4, 16, 64)))
        how = chance.randrange(7)
        if how == 0:
            data[at:end] = b""
        elif how == 1:
            data[at:at] = chance.choice(words)
        elif how == 2:
            data[at:end] = chance.choice(words)
        elif how == 3:
            data[at:end] = chance.choice(_PLACES)
        elif how == 4:
            data[at:at] = data[at:end] * chance.choice((1, 2, 50))
        elif how == 5:
            other = chance.choice(kept)
            start = chance.randrange(len(other) + 1)
            data[at:end] = other[start : start + chance.choice((4, 32, 256))]
        elif data and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
    return bytes(data[:INPUT_BYTES_MAX])


_LEAVES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    10**20,
    1.5,
    "",
    "x",
    "instances.web",
    "한\u202e",
    [],
    {},
    [None],
    {"x": {}},
    "\ud800",
)


def _replanted(chance: random.Random, data: bytes) -> bytes | None:
    """The input with a branch of its JSON exchanged, doubled or cut off; None where it holds none.
    What stands before the JSON stays.
    """
    start = max(data.find(b"{"), 0)
    try:
        tree = json.loads(data[start:])
    except (ValueError, RecursionError):
        return None
    spots: list[tuple[Any, Any]] = []
    _spots(tree, spots)
    for _ in range(chance.choice((1, 1, 2, 3))):
        if not spots:
            break
        holder, place = chance.choice(spots)
        value = (
            chance.choice(_LEAVES)
            if chance.random() < 0.8
            else copy.deepcopy(chance.choice(spots)[0])
        )
        if isinstance(holder, dict) and chance.random() < 0.15:
            holder.pop(place, None)
        elif isinstance(holder, dict) or place < len(holder):
            holder[place] = value
    return data[:start] + json.dumps(tree).encode()


def _spots(value: Any, found: list[tuple[Any, Any]]) -> None:
    pairs = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    for place, part in pairs:
        found.append((value, place))
        _spots(part, found)
