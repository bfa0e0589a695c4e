"""The attributes of one resource in normal form, from what the file writes.

Each field of a kind has a reader; what a reader refuses, it tells of, and the attribute is left
out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from reconciler import resources
from reconciler.common import validators
from reconciler.common.text import msg
from reconciler.config import references_by_key
from reconciler.config.build_context import INVALID, BuildContext, Invalid, waited_for
from reconciler.config.document import Node, Scalar
from reconciler.config.functions import CallError, described, text_of
from reconciler.model.resource import Deferred, Lookup, Plain, Value

Reader: TypeAlias = Callable[[BuildContext, str, str, Node, Mapping[str, Any]], "Value | Invalid"]
"""Takes the workshop, kind, field, node and scope."""

_PLAIN_NUMBER_RANGE = re.compile(r"([0-9]+)-\1")


def read(
    ctx: BuildContext, kind: str, field: str, node: Node, scope: Mapping[str, Any]
) -> Value | Invalid:
    """The value of a field in normal form, or `INVALID` with a problem told."""
    return FIELDS[kind][field](ctx, kind, field, node, scope)


def _value(ctx: BuildContext, field: str, node: Node, scope: Mapping[str, Any]) -> Plain | Invalid:
    """A value that must be known now; a number written as such keeps its spelling where the field
    wants a text.
    """
    if isinstance(node, Scalar) and "${" not in node.text:
        return node.value
    return ctx.known(node, scope, f"`{field}`")


def _spelled(ctx: BuildContext, field: str, node: Node, value: Plain) -> str | Invalid:
    """The text that a value is where a text is wanted: numbers count as what was written."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return node.text if isinstance(node, Scalar) and "${" not in node.text else text_of(value)
    hint = msg("put it in quotes") if isinstance(value, bool) else None
    return ctx.report(
        "wrong-type",
        msg("`{field}` must be a string, not {found}", field=field, found=described(value)),
        node.place,
        hint=hint,
    )


def _text(
    ctx: BuildContext, kind: str, field: str, node: Node, scope: Mapping[str, Any]
) -> Value | Invalid:
    """A text that may wait for resources: names and descriptions. Its length is looked at where it
    is sent.
    """
    value = ctx.value(node, scope)
    if value is INVALID or isinstance(value, Deferred):
        return value
    if waited_for(value):
        return ctx.report("wrong-type", msg("`{field}` must be a string", field=field), node.place)
    return _spelled(ctx, field, node, value)  # type: ignore[arg-type]  # nothing in it is deferred


def _known_text(
    ctx: BuildContext, kind: str, field: str, node: Node, scope: Mapping[str, Any]
) -> str | Invalid:
    value = _value(ctx, field, node, scope)
    if isinstance(value, Invalid):
        return INVALID
    text = _spelled(ctx, field, node, value)
    return text if isinstance(text, Invalid) else _checked(ctx, kind, field, node, text)


def _checked(ctx: BuildContext, kind: str, field: str, node: Node, value: Any) -> Any:
    wrong = (
        None if resources.is_limited(kind, field) else resources.problem_with(kind, field, value)
    )
    if wrong is None:
        return value
    return ctx.report(_code(kind, field), wrong, node.place)


def _code(kind: str, field: str) -> str:
    if field in ("ports", "size"):
        return "out-of-bounds"
    return "bad-format" if field == "cidr" else "not-allowed"


def _cidr(
    ctx: BuildContext, kind: str, field: str, node: Node, scope: Mapping[str, Any]
) -> Value | Invalid:
    value = _text(ctx, kind, field, node, scope)
    return (
        value if isinstance(value, Deferred | Invalid) else _checked(ctx, kind, field, node, value)
    )


def _ports(
    ctx: BuildContext, kind: str, field: str, node: Node, scope: Mapping[str, Any]
) -> Value | Invalid:
    text = _known_text(ctx, kind, field, node, scope)
    # A range of one port is that port (contract#security-groups shows `"443"`).
    single = _PLAIN_NUMBER_RANGE.fullmatch(text) if isinstance(text, str) else None
    return single[1] if single else text


def _word(
    ctx: BuildContext, kind: str, field: str, node: Node, scope: Mapping[str, Any]
) -> Value | Invalid:
    return _known_text(ctx, kind, field, node, scope)


def _boolean(
    ctx: BuildContext, kind: str, field: str, node: Node, scope: Mapping[str, Any]
) -> Value | Invalid:
    value = _value(ctx, field, node, scope)
    if isinstance(value, bool | Invalid):
        return value
    return ctx.report(
        "wrong-type",
        msg("`{field}` must be true or false, not `{value}`", field=field, value=value),
        node.place,
    )


def _whole(
    ctx: BuildContext, kind: str, field: str, node: Node, scope: Mapping[str, Any]
) -> Value | Invalid:
    value = _value(ctx, field, node, scope)
    if isinstance(value, Invalid):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        checked: Value | Invalid = _checked(ctx, kind, field, node, value)
        return checked
    return ctx.report(
        "wrong-type",
        msg(
            "`{field}` must be a whole number of GB, not {found}",
            field=field,
            found=described(value),
        ),
        node.place,
    )


def _lookup(catalogue: str) -> Reader:
    def reader(
        ctx: BuildContext, kind: str, field: str, node: Node, scope: Mapping[str, Any]
    ) -> Value | Invalid:
        value = _value(ctx, field, node, scope)
        return value if isinstance(value, Invalid) else _found(ctx, catalogue, field, node, value)

    return reader


def _found(
    ctx: BuildContext, catalogue: str, field: str, node: Node, value: Plain
) -> Lookup | Invalid:
    """What a text, `{id: X}` or `{os: X, version: Y}` asks the catalogue for."""
    if isinstance(value, Mapping):
        spelled = {key: _member(node, key, item) for key, item in value.items()}
        if set(spelled) == {"id"} and spelled["id"]:
            wrong = validators.identifier(spelled["id"])
            return (
                Lookup(catalogue, "id", spelled["id"], None, node.place)
                if wrong is None
                else ctx.report("bad-format", wrong, node.place)
            )
        if catalogue == "images" and set(spelled) == {"os", "version"} and all(spelled.values()):
            return Lookup(catalogue, "os", spelled["os"], spelled["version"], node.place)
        forms = "a name, an id, {id: ...}" + (
            " or {os: ..., version: ...}" if catalogue == "images" else ""
        )
        return ctx.report(
            "bad-format", msg("`{field}` must be {forms}", field=field, forms=forms), node.place
        )
    text = _spelled(ctx, field, node, value)
    if isinstance(text, Invalid):
        return INVALID
    return (
        Lookup(catalogue, "any", text, None, node.place)
        if text.strip()
        else ctx.report("bad-format", msg("`{field}` is empty", field=field), node.place)
    )


def _member(node: Node, key: str, value: Any) -> str:
    """The text of a member of a lookup, as spelled (`version: 22.10`); empty where it is none."""
    written = None if isinstance(node, Scalar) else getattr(node, "entries", {}).get(key)
    if (
        isinstance(written, Scalar)
        and "${" not in written.text
        and not isinstance(written.value, bool | None)
    ):
        return written.text
    try:
        return text_of(value) if not isinstance(value, bool) else ""
    except CallError:
        return ""


def _lookups(catalogue: str) -> Reader:
    def reader(
        ctx: BuildContext, kind: str, field: str, node: Node, scope: Mapping[str, Any]
    ) -> Value | Invalid:
        value = _value(ctx, field, node, scope)
        if isinstance(value, Invalid):
            return INVALID
        if not isinstance(value, tuple):
            return ctx.report(
                "wrong-type",
                msg("`{field}` must be a list, not {found}", field=field, found=described(value)),
                node.place,
                hint=msg("write {field}: [name]", field=field),
            )
        items = getattr(node, "items", ())
        nodes = (
            items if isinstance(items, tuple) and len(items) == len(value) else (node,) * len(value)
        )
        found = [
            _found(ctx, catalogue, field, part, item)
            for part, item in zip(nodes, value, strict=True)
        ]
        return INVALID if any(item is INVALID for item in found) else tuple(found)

    return reader


def _link(kind_of_target: str) -> Reader:
    def reader(
        ctx: BuildContext, kind: str, field: str, node: Node, scope: Mapping[str, Any]
    ) -> Value | Invalid:
        value = _value(ctx, field, node, scope)
        if isinstance(value, Invalid):
            return INVALID
        if not isinstance(value, str):
            return ctx.report(
                "wrong-type",
                msg(
                    "`{field}` must be a key or address, not {found}",
                    field=field,
                    found=described(value),
                ),
                node.place,
            )
        return references_by_key.link(ctx, kind_of_target, value, node.place)

    return reader


FIELDS: Mapping[str, Mapping[str, Reader]] = {
    "instances": {
        "zone": _lookup("zones"),
        "flavor": _lookup("flavors"),
        "image": _lookup("images"),
        "name": _text,
        "description": _text,
        "ssh_keys": _lookups("ssh_keys"),
        "user_script": _lookup("user_scripts"),
        "firewall": _link("firewalls"),
        "power": _word,
    },
    "block_storages": {
        "type": _word,
        "size": _whole,
        "name": _text,
        "description": _text,
        "instance": _link("instances"),
    },
    "firewalls": {"name": _text, "description": _text, "icmp": _boolean},
    "rules": {
        "direction": _word,
        "protocol": _word,
        "ports": _ports,
        "cidr": _cidr,
        "title": _word,
        "description": _text,
    },
}
"""How each field of each kind is read."""
