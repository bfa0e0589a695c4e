"""A text taken apart: the literal pieces and the `${...}` in it, read but not evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from reconciler.core import cel_source
from reconciler.core.cel_source import ExpressionError, Path
from reconciler.core.functions import FUNCTIONS, NATIVE, described
from reconciler.core.names import hint_for

TEXT_CHARACTERS_MAX = 4_000
"""The longest text in which `${...}` is read."""


class Expression(NamedTuple):
    """One `${...}`: its source, where that begins in the text, and what its words tell."""

    source: str
    offset: int
    words: cel_source.Source


class Template(NamedTuple):
    """A text taken apart: literal pieces and expressions in turn."""

    parts: tuple[str | Expression, ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions alone, in order."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    @property
    def only(self) -> Expression | None:
        """The expression that is the whole text, whose value keeps its type; None where text stands around it."""
        first = self.parts[0] if len(self.parts) == 1 else None
        return first if isinstance(first, Expression) else None


@lru_cache(maxsize=16384)
def parse(text: str) -> Template:
    """The text taken apart. Raises `ExpressionError` where an expression cannot be read; its offset is in the text."""
    if "${" not in text:
        return Template((text,))
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ExpressionError(f"a text with ${{...}} is at most {TEXT_CHARACTERS_MAX:,} characters long", offset=0)
    parts: list[str | Expression] = []
    literal, index = "", 0
    while (at := text.find("${", index)) >= 0:
        if at > index and text[at - 1] == "$":
            literal += text[index : at - 1] + "${"
            index = at + 2
            continue
        literal += text[index:at]
        if literal:
            parts.append(literal)
        end = cel_source.end_of(text, at + 2)
        parts.append(expression(text[at + 2 : end], at + 2))
        literal, index = "", end + 1
    literal += text[index:]
    if literal:
        parts.append(literal)
    return Template(tuple(parts))


def expression(source: str, offset: int) -> Expression:
    """One `${...}`, by its source. Raises `ExpressionError`."""
    with moved(offset):
        words = cel_source.look(source)
        for call in words.calls:
            if call.text not in FUNCTIONS and call.text not in NATIVE and call.text not in cel_source.MACROS:
                hint = hint_for(call.text, (*FUNCTIONS, *NATIVE, *cel_source.MACROS))
                raise ExpressionError(f"there is no function `{call.text}`", offset=call.at, hint=hint)
    return Expression(source, offset, words)


class moved:
    """Offsets in a source become offsets in the text around it."""

    def __init__(self, offset: int) -> None:
        self.offset = offset

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, failure: object, trace: object) -> None:
        if isinstance(failure, ExpressionError):
            failure.offset = self.offset + (failure.offset or 0)


def walk(value: Any, path: Path) -> Any:
    """The value at the end of a path, as CEL would find it. Raises `ExpressionError`."""
    for step in path.steps:
        if isinstance(value, Mapping):
            if step not in value:
                raise ExpressionError(f"there is no `{step}` in it", hint=hint_for(str(step), [str(key) for key in value]))
            value = value[step]
        elif isinstance(value, tuple | list) and isinstance(step, int):
            if step >= len(value):
                raise ExpressionError(f"there is no [{step}]: the list has {len(value)}")
            value = value[step]
        else:
            raise ExpressionError(f"{described(value)} has no `{step}`")
    return value
