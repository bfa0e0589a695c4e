"""The binary operators of CEL, for known values, and values in normal form."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.common.text import msg
from reconciler.config.cel_syntax import ExpressionError
from reconciler.config.functions import described
from reconciler.model.resource import Plain


def apply(sign: str, left: Any, right: Any) -> Any:
    """The value of `left sign right`. Raises `ExpressionError` if the operator does not accept
    them.
    """
    if sign == "in":
        if not is_list(right):
            raise ExpressionError(
                msg("`in` needs a list or map on its right, not {found}", found=described(right))
            )
        return any(same(left, item) for item in right)
    if sign in ("==", "!="):
        return same(left, right) is (sign == "==")
    if sign in _ORDER and _comparable(left, right):
        return _ORDER[sign](left, right)
    if sign == "+" and (
        (isinstance(left, str) and isinstance(right, str)) or (is_list(left) and is_list(right))
    ):
        return left + right
    if sign in _ARITHMETIC and is_number(left) and is_number(right) and type(left) is type(right):
        return bounded(_ARITHMETIC[sign](left, right))
    raise ExpressionError(
        msg(
            "`{sign}` cannot be applied to {left} and {right}",
            sign=sign,
            left=described(left),
            right=described(right),
        ),
        hint=_mixed(left, right),
    )


def same(left: Any, right: Any) -> bool:
    """Whether two values without unknown members are equal. Numbers are compared by value; a
    boolean is not a number.
    """
    if is_list(left) and is_list(right):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def is_list(value: Any) -> bool:
    """Whether a value is a list."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def is_number(value: Any) -> bool:
    """Whether a value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comparable(left: Any, right: Any) -> bool:
    if is_number(left) and is_number(right):
        return True
    return any(isinstance(left, kind) and isinstance(right, kind) for kind in (str, bool))


def _mixed(left: Any, right: Any) -> str | None:
    if is_number(left) and is_number(right):
        return msg("write double(...) around the whole number")
    return (
        msg("string(...) turns a number into a string")
        if isinstance(left, str) or isinstance(right, str)
        else None
    )


def bounded(value: Any) -> Any:
    """A number in the range of CEL. Raises `ExpressionError` for a larger one."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ExpressionError(msg("a number is too large"))
    return value


def _divided(left: Any, right: Any) -> Any:
    if isinstance(left, float):
        if right:
            return left / right
        if not left:
            return float("nan")
        return float("inf") if left > 0 else float("-inf")
    if right == 0:
        raise ExpressionError(msg("a division by zero"))
    return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, float):
        raise ExpressionError(msg("`%` needs whole numbers"))
    return left - _divided(left, right) * right


_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "%": _remainder,
}


RESULT_MAX = 200_000
"""The largest number of members and characters of a value."""


def plain(value: Any) -> Plain:
    """A value in normal form: tuples for lists, text keys. Raises `ExpressionError` for what cannot
    be the value of an attribute.
    """
    counted = [0]

    def normal(item: Any, depth: int) -> Any:
        counted[0] += 1 + (len(item) // 16 if isinstance(item, str) else 0)
        if counted[0] > RESULT_MAX or depth > 32:
            raise ExpressionError(msg("the value is too large"))
        if item is None or isinstance(item, bool | int):
            return item
        if isinstance(item, str):
            return str(item)
        if isinstance(item, float):
            if not math.isfinite(item):
                raise ExpressionError(msg("the value is not a finite number"))
            return item
        if isinstance(item, list | tuple):
            return tuple(normal(member, depth + 1) for member in item)
        if isinstance(item, Mapping):
            return {
                key_of(key): normal(member, depth + 1)
                for key, member in sorted(item.items(), key=lambda pair: str(pair[0]))
            }
        raise ExpressionError(
            msg("the value is {found}, which a stack cannot contain", found=described(item)),
            hint=msg("string(...) turns it into a string"),
        )

    made: Plain = normal(value, 0)
    return made


def key_of(key: Any) -> str:
    """The key of a map. Raises `ExpressionError` if it is not a text."""
    if not isinstance(key, str):
        raise ExpressionError(msg("the keys of a map must be strings"))
    return str(key)
