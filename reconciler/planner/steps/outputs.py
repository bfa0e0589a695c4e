"""Outputs: what an apply would do to those that the state keeps, and their values at its end
(stack-files#outputs, exit-codes#plans).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.config import expression
from reconciler.model.address import Address
from reconciler.model.resource import Deferred, NoValue, Stack, Unknown, Value
from reconciler.model.serialize import shown
from reconciler.model.state import STALE


@dataclass(frozen=True, slots=True)
class OutputChange:
    """One output whose value changes. `after` is None if the output is removed, an `Unknown` if it
    is known only after apply, and a `NoValue` if it cannot be computed.
    """

    name: str
    before: Any
    after: Any


def output_changes(
    planned: Mapping[str, Any], kept: Mapping[str, tuple[Any, str | None]], *, steps: bool = True
) -> tuple[OutputChange, ...]:
    """The outputs that differ, by name. An output that has no value for the same reason as before
    does not differ, nor does one that is the same after an interrupted run.

    `steps` False: nothing will be sent, so what waits for an object does not change.
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


def compute(
    stack: Stack, attributes: Callable[[Address], Mapping[str, Value] | None]
) -> dict[str, tuple[Any, str | None]]:
    """Each output by name: its value and None, or None and the reason why it has no value."""
    found: dict[str, tuple[Any, str | None]] = {}
    for output in stack.outputs:
        value: Any = output.value
        try:
            answer = expression.resolve_value(value, stack, attributes)
        except expression.ExpressionError as failure:
            found[output.name] = (None, str(failure))
            continue
        found[output.name] = (None, str(answer)) if isinstance(answer, Unknown) else (answer, None)
    return found
