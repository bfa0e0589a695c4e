"""What an apply would do to the outputs that the state keeps: outputs alone are changes too
(exit-codes#plans).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model.resource import Deferred, NoValue, Unknown
from reconciler.model.serialize import shown
from reconciler.model.state import STALE


@dataclass(frozen=True, slots=True)
class OutputChange:
    """One output whose value will be another, None where it goes. `after` is an `Unknown` where it
    is known only after apply, a `NoValue` where it cannot be computed.
    """

    name: str
    before: Any
    after: Any


def output_changes(
    planned: Mapping[str, Any], kept: Mapping[str, tuple[Any, str | None]], *, steps: bool = True
) -> tuple[OutputChange, ...]:
    """The outputs that differ, by name. One that has no value for the reason for which it had none
    last time is no change, nor is one that is the same after a run that was interrupted.

    `steps` False: nothing will be sent, so what waits for an object stays as it is.
    """
    found = []
    for name in sorted(planned):
        after = planned[name]
        before, reason = kept.get(name, (None, None))
        reason = None if reason == STALE else reason
        unknown = isinstance(after, (Unknown, Deferred))
        if unknown:
            same = reason is not None
        elif isinstance(after, NoValue):
            same = reason == after.reason
        else:
            same = reason is None and shown(before) == shown(after)
        if (name not in kept or not same) and (steps or not unknown):
            found.append(
                OutputChange(
                    name,
                    shown(before),
                    after if unknown or isinstance(after, NoValue) else shown(after),
                )
            )
    found += [
        OutputChange(name, shown(kept[name][0]), None)
        for name in sorted(kept)
        if name not in planned
    ]
    return tuple(sorted(found, key=lambda change: change.name))
