"""The memory of a watch as the text of a note beside the state. A note that cannot be read counts
as lost, which is safe.
"""

from __future__ import annotations

import math
from typing import Any

from reconciler.commands.watch.values import Health, Memory, Reverted
from reconciler.common import json_text

NOTE = "watch"
"""The name of the note."""

FORMAT = 1
_ROWS_MAX = 1000


def write(memory: Memory) -> bytes:
    """The text of a memory, in UTF-8."""
    body = {
        "format": FORMAT,
        "digest": memory.digest,
        "seen": dict(memory.seen),
        "reverts": [[each.at, each.key] for each in memory.reverts],
        "read_at": memory.read_at,
        "told": memory.told,
        "failures": memory.failures,
    }
    return (json_text.canonical(body) + "\n").encode()


def read(data: bytes | None) -> Memory:
    """The memory that a text has; an empty one if there is none, or it cannot be read."""
    try:
        body: Any = json_text.parse((data or b"").decode())
        if body["format"] != FORMAT:
            return Memory()
        told = body["told"]
        return Memory(
            digest=str(body["digest"]),
            seen={str(key): _time(at) for key, at in list(body["seen"].items())[:_ROWS_MAX]},
            reverts=tuple(Reverted(_time(at), str(key)) for at, key in body["reverts"]),
            read_at=None if body["read_at"] is None else _time(body["read_at"]),
            told=None if told is None else Health(told).value,
            failures=max(int(body["failures"]), 0),
        )
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        return Memory()


def _time(value: Any) -> float:
    found = float(value)
    if not math.isfinite(found):
        raise ValueError("not a time")
    return found
