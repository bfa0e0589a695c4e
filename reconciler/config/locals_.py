"""Locals: named values that the file computes once."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from reconciler.common.text import msg
from reconciler.config import expression
from reconciler.config.build_context import BuildContext, Invalid
from reconciler.config.cel_reads import Read
from reconciler.config.document import Node, Scalar, Sequence, Table
from reconciler.config.expression import UNAVAILABLE, ExpressionError


def evaluate(ctx: BuildContext, root: Table, *, late: bool) -> None:
    """Adds the locals to the scope.

    This is done twice. Before the shapes are known, locals that read resources remain unread, so
    that a `count` can use the others. Afterwards (`late`) all are evaluated.
    """
    section = root.get("locals")
    if not isinstance(section, Table):
        return
    values: dict[str, Any] = {}
    scope = {**ctx.scope, "locals": values}
    told = ctx.problems if late else list(ctx.problems)
    keep, ctx.problems = ctx.problems, told
    for name in _in_order(ctx, section):
        node = section.entries[name]
        value: Any = ctx.value(node, scope)
        values[name] = UNAVAILABLE if isinstance(value, Invalid) else value
    for name in section.entries:
        values.setdefault(name, UNAVAILABLE)
    ctx.problems = keep
    ctx.scope = scope


def _in_order(ctx: BuildContext, section: Table) -> Iterator[str]:
    """The names, each after those that it reads. A dependency cycle is reported."""
    needs = {
        name: {other for other in _locals_in(node) if other in section.entries}
        for name, node in section.entries.items()
    }
    sorter = graphlib.TopologicalSorter({name: sorted(needs[name]) for name in sorted(needs)})
    try:
        return iter(tuple(sorter.static_order()))
    except graphlib.CycleError as failure:
        names = failure.args[1][::-1]
        path = " -> ".join(f"locals.{name} ({section.key_place(name)})" for name in names)
        ctx.report(
            "cycle",
            msg("dependency cycle between locals: {path}", path=path),
            section.key_place(names[0]),
        )
        return iter(())


def texts(node: Node) -> Iterator[Scalar]:
    """The texts with `${...}` in a value."""
    if isinstance(node, Scalar):
        if isinstance(node.value, str) and "${" in node.value:
            yield node
        return
    for item in node.items if isinstance(node, Sequence) else node.entries.values():
        yield from texts(item)


def reads(node: Node) -> Iterator[Read]:
    """What the expressions in a value read. Texts that cannot be parsed are skipped."""
    for text in texts(node):
        with suppress(ExpressionError):
            for found in expression.parse(text.text).expressions:
                yield from found.reads


def _locals_in(node: Node) -> Iterator[str]:
    for read in reads(node):
        if read.root == "locals" and read.steps and isinstance(read.names[0], str):
            yield read.names[0]
