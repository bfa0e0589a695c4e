"""What an apply would do to the outputs that the state keeps: outputs alone are changes too (SPEC 3, exit codes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.dataclass import dataclass
from reconciler.core.model import Deferred, Unknown
from reconciler.core.plain import shown


@dataclass(frozen=True, slots=True)
class OutputChange:
    """One output whose value will be another, None where it goes. `after` is an `Unknown` where it is known only after apply."""

    name: str
    before: Any
    after: Any


def output_changes(
    planned: Mapping[str, Any], kept: Mapping[str, tuple[Any, str | None]], *, steps: bool = True
) -> tuple[OutputChange, ...]:
    """The outputs that differ, by name. One that could not be computed last time and cannot be now is no change.

    `steps` False: nothing will be sent, so what waits for an object stays as it is.
    """
    found = []
    for name in sorted(planned):
        after = planned[name]
        before, reason = kept.get(name, (None, None))
        unknown = isinstance(after, (Unknown, Deferred))
        same = reason is not None if unknown else reason is None and shown(before) == shown(after)
        if (name not in kept or not same) and (steps or not unknown):
            found.append(OutputChange(name, shown(before), after if unknown else shown(after)))
    found += [OutputChange(name, shown(kept[name][0]), None) for name in sorted(kept) if name not in planned]
    return tuple(sorted(found, key=lambda change: change.name))
