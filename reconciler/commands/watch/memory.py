"""The memory of a watch as the text of a note beside the state. A note that cannot be read counts
as lost, which is safe.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from reconciler.commands import session
from reconciler.common import json_text
from reconciler.model import ports
from reconciler.model.watching import Health, Memory, Passed, Reverted

NOTE = "watch"
"""The name of the note."""

FORMAT = 1
_ROWS_MAX = 1000


def kept(store: ports.Store) -> Memory:
    """The memory beside a state. Stops if the place cannot be read."""
    return read(session.read_place(lambda: store.notes.read(NOTE)))


def keep(store: ports.Store, memory: Memory) -> None:
    """Keeps a memory beside a state. Stops if that is not possible."""
    session.read_place(lambda: store.notes.write(NOTE, write(memory)))


def keep_reported(store: ports.Store, passed: Passed) -> None:
    """Keeps that the health of a pass was reported, so that it is reported once."""
    keep(store, replace(passed.decision.memory, reported=passed.health.value))


def write(memory: Memory) -> bytes:
    """The text of a memory, in UTF-8."""
    body = {
        "format": FORMAT,
        "digest": memory.digest,
        "seen": dict(memory.seen),
        "reverts": [[each.at, each.key] for each in memory.reverts],
        "read_at": memory.read_at,
        "reported": memory.reported,
        "failures": memory.failures,
    }
    return (json_text.canonical(body) + "\n").encode()


def read(data: bytes | None) -> Memory:
    """The memory that a text has; an empty one if there is none, or it cannot be read."""
    try:
        body: Any = json_text.parse((data or b"").decode())
        if body["format"] != FORMAT:
            return Memory()
        reported = body["reported"]
        return Memory(
            digest=str(body["digest"]),
            seen={str(key): _time(at) for key, at in list(body["seen"].items())[:_ROWS_MAX]},
            reverts=tuple(Reverted(_time(at), str(key)) for at, key in body["reverts"]),
            read_at=None if body["read_at"] is None else _time(body["read_at"]),
            reported=None if reported is None else Health(reported).value,
            failures=max(int(body["failures"]), 0),
        )
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        return Memory()


def _time(value: Any) -> float:
    found = float(value)
    if not math.isfinite(found):
        raise ValueError("not a time")
    return found
