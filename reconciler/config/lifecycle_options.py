"""The `lifecycle` of a resource."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.common.text import msg
from reconciler.config.build_context import BuildContext
from reconciler.config.document import Node, Scalar, Sequence, is_null
from reconciler.model.resource import PROTECT_ALL, Lifecycle
from reconciler.resources import all_kinds

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "on_image_change": ("rebuild", "replace"),
    "resize": ("as_is", "stop_first"),
    "replace": ("create_first", "delete_first"),
}


def lifecycle(
    ctx: BuildContext, entries: Mapping[str, Node], marker: Node | None, fields: frozenset[str]
) -> Lifecycle:
    """The lifecycle that the entries describe. `fields` are the names that `ignore` can contain.
    Mistakes are reported.
    """
    choices = {
        name: _choice(ctx, entries.get(name), name, allowed) for name, allowed in _CHOICES.items()
    }
    return Lifecycle(
        protect=_protect(ctx, entries.get("protect")),
        ignore=_ignore(ctx, entries.get("ignore"), fields),
        on_image_change=choices["on_image_change"],
        resize=choices["resize"],
        replace=choices["replace"],
        retain=_boolean(ctx, entries.get("retain"), "retain", default=False),
        marker=_boolean(ctx, marker, "marker", default=True),
    )


def _choice(ctx: BuildContext, node: Node | None, name: str, allowed: tuple[str, ...]) -> str:
    if node is None or is_null(node):
        return allowed[0]
    if isinstance(node, Scalar) and node.text in allowed:
        return node.text
    ctx.report(
        "not-allowed",
        msg("`{name}` must be one of {allowed}", name=name, allowed=", ".join(allowed)),
        node.place,
    )
    return allowed[0]


def _boolean(ctx: BuildContext, node: Node | None, name: str, *, default: bool) -> bool:
    if node is None or is_null(node):
        return default
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    ctx.report("wrong-type", msg("`{name}` must be true or false", name=name), node.place)
    return default


def _protect(ctx: BuildContext, node: Node | None) -> tuple[str, ...] | None:
    if node is None or is_null(node):
        return None
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return PROTECT_ALL if node.value else ()
    return _names(ctx, node, "protect", all_kinds().protected)


def _ignore(ctx: BuildContext, node: Node | None, fields: frozenset[str]) -> tuple[str, ...]:
    return (
        () if node is None or is_null(node) else _names(ctx, node, "ignore", tuple(sorted(fields)))
    )


def _names(ctx: BuildContext, node: Node, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(node, Sequence):
        ctx.report(
            "wrong-type",
            msg("`{name}` must be a list of {allowed}", name=name, allowed=", ".join(allowed)),
            node.place,
        )
        return ()
    found: set[str] = set()
    for item in node.items:
        if isinstance(item, Scalar) and item.text in allowed:
            found.add(item.text)
        else:
            ctx.report(
                "not-allowed",
                msg("`{name}` can contain only {allowed}", name=name, allowed=", ".join(allowed)),
                item.place,
            )
    return tuple(sorted(found))
