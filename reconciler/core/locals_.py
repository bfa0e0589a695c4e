"""Locals: values that the file computes once and names."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core import cel_source, expression
from reconciler.core.address import Address
from reconciler.core.document import Node, Scalar, Sequence, Table
from reconciler.core.expression import POISON, ExpressionError
from reconciler.core.model import Deferred, Ref
from reconciler.core.workshop import Bad, Workshop


def evaluate(shop: Workshop, root: Table, *, late: bool) -> None:
    """Puts the locals into the scope.

    Twice: before the shapes are known, those that read resources stand for themselves unread, so that a `count` may use the others;
    afterwards (`late`) all are evaluated.
    """
    section = root.get("locals")
    if not isinstance(section, Table):
        return
    values: dict[str, Any] = {}
    scope = {**shop.scope, "locals": values}
    told = shop.problems if late else list(shop.problems)
    keep, shop.problems = shop.problems, told
    for name in _in_order(shop, section):
        node = section.entries[name]
        unread = None if late else early(node, scope)
        value: Any = unread if unread is not None else shop.value(node, scope)
        values[name] = POISON if isinstance(value, Bad) else value
    for name in section.entries:
        values.setdefault(name, POISON)
    shop.problems = keep
    shop.scope = scope


def _in_order(shop: Workshop, section: Table) -> Iterator[str]:
    """The names, each after those that it reads. Tells of a circle."""
    needs = {name: {other for other in _locals_in(node) if other in section.entries} for name, node in section.entries.items()}
    sorter = graphlib.TopologicalSorter({name: sorted(needs[name]) for name in sorted(needs)})
    try:
        return iter(tuple(sorter.static_order()))
    except graphlib.CycleError as failure:
        names = failure.args[1][::-1]
        path = " -> ".join(f"locals.{name} ({section.key_place(name)})" for name in names)
        shop.tell("cycle", f"locals read each other in a circle: {path}", section.key_place(names[0]))
        return iter(())


def texts(node: Node) -> Iterator[Scalar]:
    """The texts with `${...}` in a value."""
    if isinstance(node, Scalar):
        if isinstance(node.value, str) and "${" in node.value:
            yield node
        return
    for item in node.items if isinstance(node, Sequence) else node.entries.values():
        yield from texts(item)


def reads(node: Node, scope: Mapping[str, Any] | None = None) -> Iterator[cel_source.Read]:
    """What the expressions in a value read; with a scope, without the branches that its names rule out."""
    for text in texts(node):
        try:
            template = expression.parse(text.text)
            template = template if scope is None else expression.taken(template, scope, None)
        except ExpressionError:
            continue
        for found in template.expressions:
            yield from found.words.reads


def _locals_in(node: Node) -> Iterator[str]:
    for read in reads(node):
        if read.root == "locals" and read.steps and isinstance(read.steps[0], str):
            yield read.steps[0]


def early(node: Node, scope: Mapping[str, Any]) -> Deferred | None:
    """What stands for a local that reads resources while it is not known which there are."""
    found: list[Ref] = []
    values = scope["locals"]
    for read in reads(node, scope):
        if read.root in (*cel_source.KINDS, "existing", "components"):
            name = read.steps[0] if read.steps and isinstance(read.steps[0], str) else "?"
            found.append(Ref(Address(read.root, name)))
        elif read.root == "locals" and read.steps and isinstance(values.get(str(read.steps[0])), Deferred):
            found.extend(values[str(read.steps[0])].references)
    return Deferred("", tuple(found)) if found else None
