"""How many objects each resource of a stack has: `count`, `for_each`, `when`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.common import validators
from reconciler.common.text import msg
from reconciler.config.build_context import INVALID, BuildContext, Cardinality, Invalid
from reconciler.config.document import Node, Scalar, Sequence, Table, is_null
from reconciler.config.functions import described
from reconciler.model.resource import EMPTY, Plain

OBJECTS_MAX = 100_000
"""The largest number of objects of one stack."""


def shape(
    ctx: BuildContext, table: Table
) -> tuple[Cardinality, Mapping[str, Any]] | Invalid | None:
    """How many objects a resource has, and the value of each key of its `for_each`. None if its
    `when` leaves it out, `INVALID` if the number cannot be computed, which is reported.
    """
    entries = table.entries
    count, each, when = (
        None if is_null(entries.get(name)) else entries[name]
        for name in ("count", "for_each", "when")
    )
    if count is not None and each is not None:
        ctx.report(
            "bad-combination",
            msg("`count` and `for_each` are mutually exclusive"),
            table.key_place("for_each"),
            hint=msg("keep one of them"),
        )
        return INVALID
    if when is not None and not _when(ctx, when):
        return None
    if count is not None:
        number = _count(ctx, count)
        return (number, EMPTY) if number is not None else INVALID
    if each is not None:
        values = _each(ctx, each)
        return (tuple(values), values) if values is not None else INVALID
    return None, EMPTY


def _when(ctx: BuildContext, node: Node) -> bool:
    value = ctx.known(node, ctx.scope, "`when`")
    if isinstance(value, bool):
        return value
    if not isinstance(value, Invalid):
        ctx.report(
            "wrong-type",
            msg("`when` must be true or false, not {found}", found=described(value)),
            node.place,
        )
    return True


def _count(ctx: BuildContext, node: Node) -> int | None:
    value = ctx.known(node, ctx.scope, "`count`")
    if isinstance(value, Invalid):
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        ctx.report(
            "wrong-type",
            msg("`count` must be a whole number, not {found}", found=described(value)),
            node.place,
        )
        return None
    if not 0 <= value <= validators.COUNT_MAX:
        ctx.report(
            "out-of-bounds",
            msg(
                "`count` must be 0 to {limit:,}, not {value}",
                limit=validators.COUNT_MAX,
                value=value,
            ),
            node.place,
        )
        return None
    return value


def _each(ctx: BuildContext, node: Node) -> Mapping[str, Plain] | None:
    """The value of each key, sorted by key. The elements of a list are both keys and values."""
    value = ctx.known(node, ctx.scope, "`for_each`")
    if isinstance(value, Invalid):
        return None
    if isinstance(value, Mapping):
        found = dict(value)
    elif isinstance(value, tuple):
        found = _of_list(ctx, node, value)
    else:
        ctx.report(
            "wrong-type",
            msg(
                "`for_each` must be a map or a list of strings, not {found}", found=described(value)
            ),
            node.place,
        )
        return None
    if len(found) > validators.COUNT_MAX:
        ctx.report(
            "out-of-bounds",
            msg("`for_each` can have at most {limit:,} keys", limit=validators.COUNT_MAX),
            node.place,
        )
        return None
    wrong = [message for key in found if (message := validators.key(key)) is not None]
    for message in wrong:
        ctx.report("bad-format", message, node.place)
    return None if wrong else {key: found[key] for key in sorted(found)}


def _of_list(ctx: BuildContext, node: Node, value: tuple[Any, ...]) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    nodes = node.items if isinstance(node, Sequence) and len(node.items) == len(value) else ()
    for index, item in enumerate(value):
        written = nodes[index] if nodes else None
        text = (
            written.text if isinstance(written, Scalar) and isinstance(item, int | float) else item
        )
        if isinstance(text, str) and text not in found:
            found[text] = text
        elif isinstance(text, str):
            ctx.report(
                "yaml-duplicate-key",
                msg("`for_each` contains `{text}` twice", text=text),
                (written or node).place,
            )
        else:
            ctx.report(
                "wrong-type",
                msg("`for_each` must be a list of strings, not of {found}", found=described(item)),
                (written or node).place,
            )
    return found
