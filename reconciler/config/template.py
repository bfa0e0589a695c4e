"""The parts of a text: literal pieces and the `${...}` between them, parsed but not evaluated."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from reconciler.common.text import msg
from reconciler.config import cel_reads, cel_syntax
from reconciler.config.cel_reads import Read
from reconciler.config.cel_syntax import CelNode, ExpressionError
from reconciler.model.kinds import Kinds
from reconciler.resources import all_kinds

TEXT_CHARACTERS_MAX = 4_000
"""The maximum length of a text with `${...}`."""


class Expression(NamedTuple):
    """One `${...}`: the offset of its source in the text, its tree, and what it reads."""

    offset: int
    tree: CelNode
    reads: tuple[Read, ...]


class Template(NamedTuple):
    """The parts of a text: literal pieces and expressions, in order."""

    parts: tuple[str | Expression, ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions, in order."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    @property
    def only(self) -> Expression | None:
        """The expression that is the whole text, so that its value keeps its type. None if there is
        other text.
        """
        first = self.parts[0] if len(self.parts) == 1 else None
        return first if isinstance(first, Expression) else None


def parse(text: str) -> Template:
    """The parts of a text. Raises `ExpressionError`, with an offset in the text, if an expression
    cannot be parsed.
    """
    return _parse(text, all_kinds()) if "${" in text else Template((text,))


def is_one_expression(text: str) -> bool:
    """Whether a text is `${...}` and nothing else, so that its value need not be a text."""
    try:
        return parse(text).only is not None
    except ExpressionError:
        return False


def element_text(text: str, position: int) -> str:
    """The text for one element of the list that a text of one expression gives. The expression may
    end with a comment.
    """
    return f"${{({text.removeprefix('${').removesuffix('}')}\n)[{position}]}}"


@lru_cache(maxsize=16384)
def _parse(text: str, kinds: Kinds) -> Template:
    """The parts of a text with expressions, whose names depend on the kinds."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ExpressionError(
            msg(
                "a string with ${{...}} can have at most {limit:,} characters",
                limit=TEXT_CHARACTERS_MAX,
            ),
            offset=0,
        )
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
        end = cel_syntax.end_of(text, at + 2)
        with moved(at + 2):
            tree = cel_syntax.parse(text[at + 2 : end])
            parts.append(Expression(at + 2, tree, tuple(cel_reads.reads(tree))))
        literal, index = "", end + 1
    literal += text[index:]
    if literal:
        parts.append(literal)
    return Template(tuple(parts))


class moved:
    """Converts offsets in a source to offsets in the text around it."""

    def __init__(self, offset: int) -> None:
        self.offset = offset

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, failure: object, trace: object) -> None:
        if isinstance(failure, ExpressionError):
            failure.offset = self.offset + (failure.offset or 0)
