"""Outputs: values computed at the end of an apply; one that cannot be is null with the reason
(stack-files#outputs).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.config import expression
from reconciler.model.address import Address
from reconciler.model.resource import Stack, Unknown, Value


def compute(
    stack: Stack, attributes: Callable[[Address], Mapping[str, Value] | None]
) -> dict[str, tuple[Any, str | None]]:
    """Each output's name to its value and None, or to None and the reason why it has none."""
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
