"""What an expression reads, found in its tree without evaluating it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.config.cel_syntax import (
    MACROS,
    TYPES,
    CelNode,
    ExpressionError,
    roots,
    unknown_name,
)
from reconciler.config.functions import CALLS

COMPUTED = None
"""The value of an index that an expression computes."""


class PathStep(NamedTuple):
    """A name, a number or a key after a root, `COMPUTED` if it is an expression. `at` is its
    offset.
    """

    value: str | int | None
    at: int


class Read(NamedTuple):
    """A root that an expression reads, with the steps after it.

    `fields` are read of the elements, if a macro goes through them. `protected`: it is read only
    under a condition. `asked`: `has` only asks whether it exists.
    """

    root: str
    steps: tuple[PathStep, ...]
    fields: tuple[PathStep, ...]
    protected: bool
    asked: bool
    at: int

    @property
    def names(self) -> tuple[str | int | None, ...]:
        """The steps without their offsets."""
        return tuple(step.value for step in self.steps)


def reads(tree: CelNode) -> Iterator[Read]:
    """Everything that an expression reads. Raises `ExpressionError` for an unknown name or
    function.
    """
    yield from _reads(tree, frozenset(), protected=False)


def _reads(node: CelNode, bound: frozenset[str], *, protected: bool) -> Iterator[Read]:
    if (
        node.kind == "name" and node.value not in bound and node.value not in TYPES
    ) or node.kind in ("select", "index"):
        yield from _of_chain(node, bound, protected=protected)
    elif node.kind == "has":
        for read in _of_chain(node.parts[0], bound, protected=True):
            yield read._replace(asked=True)
    elif node.kind == "choice":
        yield from _reads(node.parts[0], bound, protected=protected)
        for branch in node.parts[1:]:
            yield from _reads(branch, bound, protected=True)
    elif node.kind in ("both", "either"):
        yield from _reads(node.parts[0], bound, protected=protected)
        yield from _reads(node.parts[1], bound, protected=True)
    elif node.kind == "macro":
        target, *bodies = node.parts
        variable = node.value[1]
        fields = tuple(field for body in bodies for field in _fields(body, variable))
        for read in _reads(target, bound, protected=protected):
            yield read._replace(fields=fields) if read.at == target.at else read
        for body in bodies:
            yield from _reads(body, bound | {variable}, protected=True)
    else:
        for part in node.parts:
            yield from _reads(part, bound, protected=protected)
        check_call(node)


def _of_chain(node: CelNode, bound: frozenset[str], *, protected: bool) -> Iterator[Read]:
    """What a root with steps after it reads, and what its indices read."""
    steps: list[PathStep] = []
    at = node.at
    while node.kind in ("select", "index"):
        if node.kind == "select":
            steps.append(PathStep(*node.value))
        else:
            index = node.parts[1]
            fixed = (
                index.kind == "literal"
                and isinstance(index.value, str | int)
                and not isinstance(index.value, bool)
            )
            steps.append(
                PathStep(
                    index.value if fixed else COMPUTED, index.at + isinstance(index.value, str)
                )
            )
            if not fixed:
                yield from _reads(index, bound, protected=protected)
        node = node.parts[0]
    if node.kind != "name":
        yield from _reads(node, bound, protected=protected)
    elif node.value in bound or (node.value in TYPES and not steps):
        return
    elif node.value not in roots():
        raise unknown_name(node.value, node.at)
    else:
        yield Read(node.value, tuple(reversed(steps)), (), protected, False, at)


def _fields(body: CelNode, variable: str) -> Iterator[PathStep]:
    """The fields that the body of a macro reads of its variable."""
    if body.kind == "select" and body.parts[0].kind == "name" and body.parts[0].value == variable:
        yield PathStep(*body.value)
    elif not (body.kind == "macro" and body.value[1] == variable):
        for part in body.parts:
            yield from _fields(part, variable)


def check_call(node: CelNode) -> None:
    """Raises `ExpressionError` if a call is not one of the language."""
    if node.kind not in ("call", "method"):
        return
    name, at = (node.value, node.at) if node.kind == "call" else node.value
    if name in MACROS and node.kind == "method":
        hint = msg("write LIST.{name}(x, ...), where x names the element", name=name)
        raise ExpressionError(
            msg(
                "{name}() needs a name for the element and an expression to apply to it", name=name
            ),
            offset=at,
            hint=hint,
        )
    if name not in CALLS:
        raise ExpressionError(
            msg("there is no function `{name}`", name=name),
            offset=at,
            hint=hint_for(name, (*CALLS, *MACROS, "has")),
        )
