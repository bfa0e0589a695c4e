"""Locals: named values that the file computes once."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from reconciler.common.text import msg
from reconciler.config import expression
from reconciler.config.build_context import BuildContext, Invalid
from reconciler.config.cel_reads import Read
from reconciler.config.document import Node, Scalar, Sequence, Table, is_null
from reconciler.config.expression import UNAVAILABLE, ExpressionError
from reconciler.model.diagnostics import Place


def evaluate(ctx: BuildContext, root: Table, *, late: bool) -> None:
    """Adds the locals to the scope.

    This is done twice. Before the shapes are known, locals that read resources remain unread, so
    that a `count` can use the others. Afterwards (`late`) all are evaluated.
    """
    section = root.get("locals")
    if not isinstance(section, Table):
        if not is_null(section):
            ctx.scope = {**ctx.scope, "locals": UNAVAILABLE}
        return
    # one that is part of a dependency cycle has no value
    values: dict[str, Any] = dict.fromkeys(section.entries, UNAVAILABLE)
    scope = {**ctx.scope, "locals": values}
    reported = ctx.problems
    if not late:
        ctx.problems = list(reported)
    needs = {
        name: {other for other in _locals_in(node) if other in section.entries}
        for name, node in section.entries.items()
    }
    for name in in_order(ctx, "locals", needs, {name: at for name, at, _ in section.keyed()}):
        node = section.entries[name]
        value: Any = ctx.value(node, scope)
        values[name] = UNAVAILABLE if isinstance(value, Invalid) else value
    ctx.problems = reported
    ctx.scope = scope


def in_order(
    ctx: BuildContext, root: str, needs: Mapping[str, set[str]], places: Mapping[str, Place]
) -> tuple[str, ...]:
    """The names of locals or components, each after those that it needs. A dependency cycle is
    reported, and its names are left out.
    """
    left = dict(needs)
    while True:
        sorter = graphlib.TopologicalSorter({name: sorted(left[name]) for name in sorted(left)})
        try:
            return tuple(name for name in sorter.static_order() if name in left)
        except graphlib.CycleError as failure:
            names = failure.args[1][::-1]
        path = " -> ".join(f"{root}.{name} ({places[name]})" for name in names)
        message = msg("dependency cycle between {root}: {path}", root=root, path=path)
        ctx.report("cycle", message, places[names[0]])
        left = {name: found for name, found in left.items() if name not in names}


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
