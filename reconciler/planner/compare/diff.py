"""Three inputs, one result: what the file wants, what was last applied, what is live; field by
field. deepdiff is used here only, and only to explain nested values to a person.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.common.text import msg
from reconciler.model.plan import Cause

ABSENT: Any = object()
"""Stands for a missing value, which is not the same as None."""


def cause(*, desired: Any, applied: Any, live: Any) -> Cause | None:
    """Who made `desired` differ from `live`; None if it does not.

    `applied` is `ABSENT` if the field was not managed before: then the file made the difference.
    """
    if desired == live:
        return None
    if applied is ABSENT or applied == live:
        return Cause.YOU
    return Cause.OUTSIDE if applied == desired else Cause.BOTH


def differences(before: Any, after: Any) -> tuple[str, ...]:
    """How two nested plain values differ, one line per place, sorted: for a person who must see
    why a saved plan is stale.
    """
    if before == after:
        return ()
    from deepdiff import DeepDiff

    try:
        found = DeepDiff(_plain(before), _plain(after), verbose_level=2, view="tree")
    except RecursionError:
        return (msg("nested too deeply to be compared"),)
    return tuple(
        sorted(
            f"{'.'.join(map(str, level.path(output_format='list')))}: "
            f"{_short(level.t1)} -> {_short(level.t2)}"
            for levels in found.values()
            for level in levels
        )
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _short(value: Any) -> str:
    if type(value).__name__ == "NotPresent":
        return "(not there)"
    text = json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 120 else text[:117] + "..."
