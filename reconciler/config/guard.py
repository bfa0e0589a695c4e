"""The `guard` of a stack: who must always reach which ports of which instances (planning#guard)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.common import validators
from reconciler.common.text import msg
from reconciler.config import references_by_key
from reconciler.config.build_context import BuildContext, Invalid
from reconciler.config.document import Node, elements, is_null
from reconciler.config.document import table as entries_of
from reconciler.model import address as addresses
from reconciler.model.address import Address
from reconciler.model.resource import Guard
from reconciler.resources import instance


def guard(ctx: BuildContext, node: Node | None) -> Guard | None:
    """The guard of a section, None if there is none. Mistakes in it are reported."""
    if node is None or is_null(node):
        return None
    entries = entries_of(node)
    for missing in ("admin", "ports"):
        if missing not in entries:
            ctx.report("missing-key", msg("the guard has no `{field}`", field=missing), node.place)
    return Guard(
        admin=tuple(_checked(ctx, entries.get("admin"), "admin", validators.cidr, "bad-format")),
        ports=tuple(
            _checked(ctx, entries.get("ports"), "ports", validators.ports, "out-of-bounds")
        ),
        instances=tuple(sorted(set(_instances(ctx, entries.get("servers"))))),
        place=node.place,
    )


def _texts(ctx: BuildContext, node: Node | None, name: str) -> Iterator[tuple[str, Node]]:
    """The elements of a list as texts, which must be known when the plan is made. The whole list
    can be one `${...}`.
    """
    if node is None or is_null(node):
        return
    found = ctx.known(node, ctx.scope, f"`{name}`")
    if isinstance(found, Invalid):
        return
    if found is None:
        if name != "servers":
            ctx.report("missing-key", msg("the guard has no `{field}`", field=name), node.place)
        return
    if not isinstance(found, tuple):
        ctx.report(
            "wrong-type",
            msg("`{name}` must be a list", name=name),
            node.place,
            hint=msg("write {name}: [...]", name=name),
        )
        return
    for written, item in elements(node, found):
        if isinstance(item, str):
            yield item, written
        elif isinstance(item, int) and not isinstance(item, bool):
            yield str(item), written
        elif item is not None:
            ctx.report(
                "wrong-type", msg("`{name}` must contain only strings", name=name), written.place
            )


def _checked(
    ctx: BuildContext,
    node: Node | None,
    name: str,
    wrong_with: Callable[[str], str | None],
    code: str,
) -> Iterator[str]:
    """The valid texts. The others are reported under the code."""
    for text, written in _texts(ctx, node, name):
        wrong = wrong_with(text)
        if wrong is None:
            yield text
        else:
            ctx.report(code, wrong, written.place)


def _instances(ctx: BuildContext, node: Node | None) -> Iterator[Address]:
    """The addresses of instances. A key without an index means all objects of the resource."""
    for text, written in _texts(ctx, node, "servers"):
        found = addresses.parse(text) or addresses.parse(f"{instance.NAME}.{text}")
        if found is None or found.kind != instance.NAME or found.rule is not None or found.existing:
            hint = msg("write a key or address of an instance: web, web[0], instances.db")
            ctx.report(
                "bad-reference",
                msg("`{name}` is not an instance of this stack", name=text[:60]),
                written.place,
                hint=hint,
            )
        elif references_by_key.exists(ctx, found, written.place):
            shape = ctx.cardinalities.known[found.kind, found.name]
            if found.index is not None or shape is None:
                yield found
            else:
                keys: tuple[int | str, ...] = (
                    tuple(range(shape)) if isinstance(shape, int) else shape
                )
                yield from (Address(found.kind, found.name, key) for key in keys)
