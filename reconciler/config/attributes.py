"""The attributes of one resource in normal form, read from the stack file as the table of its kind
says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from reconciler.common import validators
from reconciler.common.text import msg
from reconciler.config import references_by_key
from reconciler.config.build_context import (
    ABSENT,
    INVALID,
    Absent,
    BuildContext,
    Invalid,
    waited_for,
)
from reconciler.config.document import Node, Scalar, elements, plain
from reconciler.config.functions import CallError, described, text_of
from reconciler.model.resource import Deferred, Lookup, Plain, Value
from reconciler.model.resource_type import Field, ValueType

_WHOLE_REFERENCE = re.compile(
    r"\$\{\s*(?P<kind>[a-z_]+)\.(?P<key>[a-z][a-z0-9_]*(?:\[[^\]]*\])?)(?:\.[a-z_]+)?\s*\}"
)
"""A text that is only a reference to an attribute of a resource, as Terraform writes it."""

Result: TypeAlias = "Value | Invalid | Absent"

Reader: TypeAlias = Callable[[BuildContext, Field, Node, Mapping[str, Any]], Result]


def read(ctx: BuildContext, field: Field, node: Node, scope: Mapping[str, Any]) -> Result:
    """The value of a field in normal form, `INVALID` after a problem was reported, or `ABSENT` if
    its expression is null.
    """
    return _READERS[field.type](ctx, field, node, scope)


def null_hint(node: Node) -> str:
    """Says that the expression of an attribute is null."""
    if isinstance(node, Scalar):
        return msg("`{expression}` is null, which counts as not written", expression=node.text[:80])
    return msg("its members are null, which counts as not written")


def _value(
    ctx: BuildContext, field: Field, node: Node, scope: Mapping[str, Any]
) -> Plain | Invalid:
    """A value that must be known when the plan is made."""
    if isinstance(node, Scalar) and "${" not in node.text:
        return node.value
    return ctx.known(node, scope, f"`{field.name}`")


def _spelled(ctx: BuildContext, field: Field, node: Node, value: Plain) -> str | Invalid:
    """The value as a text. A number keeps the spelling of the file."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return node.text if isinstance(node, Scalar) and "${" not in node.text else text_of(value)
    hint = msg("put it in quotes") if isinstance(value, bool) else None
    message = msg(
        "`{field}` must be a string, not {found}", field=field.name, found=described(value)
    )
    return ctx.report("wrong-type", message, node.place, hint=hint)


def _checked(ctx: BuildContext, field: Field, node: Node, value: Any) -> Any:
    """The value if it is valid. The limit of a text is checked only when the text is sent."""
    wrong = None if field.limited else field.problem_with(value)
    return value if wrong is None else ctx.report(field.code, wrong, node.place)


def _text(ctx: BuildContext, field: Field, node: Node, scope: Mapping[str, Any]) -> Result:
    value = ctx.value(node, scope)
    if isinstance(value, Invalid | Deferred):
        return value
    if value is None:
        return ABSENT
    if waited_for(value):
        message = msg("`{field}` must be a string", field=field.name)
        return ctx.report("wrong-type", message, node.place)
    text = _spelled(ctx, field, node, value)  # type: ignore[arg-type]  # nothing in it is deferred
    return text if isinstance(text, Invalid) else _normal(ctx, field, node, text)


def _fixed_text(ctx: BuildContext, field: Field, node: Node, scope: Mapping[str, Any]) -> Result:
    value = _value(ctx, field, node, scope)
    if value is None:
        return ABSENT
    text = value if isinstance(value, Invalid) else _spelled(ctx, field, node, value)
    return text if isinstance(text, Invalid) else _normal(ctx, field, node, text)


def _normal(ctx: BuildContext, field: Field, node: Node, text: str) -> str | Invalid:
    found = _checked(ctx, field, node, text)
    return found if isinstance(found, Invalid) else field.normal(found)


def _boolean(ctx: BuildContext, field: Field, node: Node, scope: Mapping[str, Any]) -> Result:
    value = _value(ctx, field, node, scope)
    if isinstance(value, bool | Invalid):
        return value
    if value is None:
        return ABSENT
    message = msg("`{field}` must be true or false, not `{value}`", field=field.name, value=value)
    return ctx.report("wrong-type", message, node.place)


def _whole(ctx: BuildContext, field: Field, node: Node, scope: Mapping[str, Any]) -> Result:
    value = _value(ctx, field, node, scope)
    if isinstance(value, Invalid):
        return value
    if value is None:
        return ABSENT
    if isinstance(value, int) and not isinstance(value, bool):
        checked: Value | Invalid = _checked(ctx, field, node, value)
        return checked
    message = msg(
        "`{field}` must be a whole number{unit}, not {found}",
        field=field.name,
        unit=msg(" of {unit}", unit=field.unit) if field.unit else "",
        found=described(value),
    )
    return ctx.report("wrong-type", message, node.place)


def _lookup(ctx: BuildContext, field: Field, node: Node, scope: Mapping[str, Any]) -> Result:
    if field.lookup == "user_scripts" and _is_script(plain(node)):
        # before its `${...}` are read, whose mistakes would quote it
        return _no_script(ctx, field, node)
    value = _value(ctx, field, node, scope)
    if field.lookup == "user_scripts" and _is_script(value):
        return _no_script(ctx, field, node)
    is_null = isinstance(value, Mapping) and value and not any(_is_written(value))
    if value is None or is_null:
        return ABSENT
    return value if isinstance(value, Invalid) else _found(ctx, field, node, value)


def _is_written(value: Mapping[str, Any]) -> Iterator[bool]:
    return (item is not None for item in value.values())


_SCRIPT_BEGINS = ("#!", "#cloud-", "#include", "#part-handler", "content-type:", "mime-version:")
"""How the formats of cloud-init begin that a name in the console does not have."""


def _is_script(value: object) -> bool:
    """Whether a value has the text of a script in it, in place of its name or id."""
    if isinstance(value, str):
        return "\n" in value or value.lstrip().lower().startswith(_SCRIPT_BEGINS)
    if isinstance(value, Mapping):
        return any(map(_is_script, value.values()))
    return isinstance(value, tuple) and any(map(_is_script, value))


def _no_script(ctx: BuildContext, field: Field, node: Node) -> Invalid:
    """Reports the text of a script without a part of it, because it may contain secrets."""
    return ctx.report(
        "bad-format",
        msg("`{field}` is the name or id of a script, not its text", field=field.name),
        node.place,
        hint=msg(
            "save the script in the iwinv console, and write its name or id here: `reconciler "
            "catalog scripts` lists them"
        ),
    )


def _found(ctx: BuildContext, field: Field, node: Node, value: Plain) -> Lookup | Invalid:
    """What a text, `{id: X}` or `{os: X, version: Y}` names in the catalog."""
    catalog = field.lookup or ""
    if isinstance(value, Mapping):
        nulls = [key for key, item in value.items() if item is None]
        spelled = {key: _member(node, key, item) for key, item in value.items() if item is not None}
        if set(spelled) == {"id"} and spelled["id"]:
            wrong = validators.identifier(spelled["id"])
            if wrong is not None:
                return ctx.report("bad-format", wrong, node.place)
            return Lookup(catalog, "id", spelled["id"], None, node.place)
        if catalog == "images" and set(spelled) == {"os", "version"} and all(spelled.values()):
            return Lookup(catalog, "os", spelled["os"], spelled["version"], node.place)
        forms = (
            msg("a name, an id, {{id: ...}} or {{os: ..., version: ...}}")
            if catalog == "images"
            else msg("a name, an id, {{id: ...}}")
        )
        message = msg("`{field}` must be {forms}", field=field.name, forms=forms)
        null = (
            msg("`{name}` is null, which counts as not written", name=nulls[0]) if nulls else None
        )
        return ctx.report("bad-format", message, node.place, hint=null)
    text = _spelled(ctx, field, node, value)
    if isinstance(text, Invalid) or text.strip():
        return text if isinstance(text, Invalid) else Lookup(catalog, "any", text, None, node.place)
    return ctx.report("bad-format", msg("`{field}` is empty", field=field.name), node.place)


def _member(node: Node, key: str, value: Any) -> str:
    """A member of a lookup as it is spelled (`version: 22.10`). Empty if it is not a text."""
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


def _lookups(ctx: BuildContext, field: Field, node: Node, scope: Mapping[str, Any]) -> Result:
    value = _value(ctx, field, node, scope)
    if isinstance(value, Invalid):
        return INVALID
    if value is None:
        return ABSENT
    if not isinstance(value, tuple):
        message = msg(
            "`{field}` must be a list, not {found}", field=field.name, found=described(value)
        )
        hint = msg("write {field}: [name]", field=field.name)
        return ctx.report("wrong-type", message, node.place, hint=hint)
    found = [
        _found(ctx, field, part, item) for part, item in elements(node, value) if item is not None
    ]
    return INVALID if any(item is INVALID for item in found) else tuple(found)


def _link(ctx: BuildContext, field: Field, node: Node, scope: Mapping[str, Any]) -> Result:
    whole = isinstance(node, Scalar) and _WHOLE_REFERENCE.fullmatch(node.text)
    if whole and whole["kind"] == field.link and isinstance(ctx.value(node, scope), Deferred):
        message = msg("`{field}` must be a key, not an attribute", field=field.name)
        hint = msg("write {field}: {key}", field=field.name, key=whole["key"])
        return ctx.report("not-known", message, node.place, hint=hint)
    value = _value(ctx, field, node, scope)
    if isinstance(value, Invalid):
        return INVALID
    if value is None:
        return ABSENT
    if isinstance(value, str):
        if isinstance(node, Scalar) and "${" in node.text:
            value = references_by_key.inside(ctx, field.link or "", value, scope)
        return references_by_key.link(ctx, field.link or "", value, node.place)
    message = msg(
        "`{field}` must be a key or address, not {found}", field=field.name, found=described(value)
    )
    return ctx.report("wrong-type", message, node.place)


_READERS: Mapping[ValueType, Reader] = {
    ValueType.TEXT: _text,
    ValueType.FIXED_TEXT: _fixed_text,
    ValueType.INTEGER: _whole,
    ValueType.BOOLEAN: _boolean,
    ValueType.LOOKUP: _lookup,
    ValueType.LOOKUPS: _lookups,
    ValueType.LINK: _link,
}
