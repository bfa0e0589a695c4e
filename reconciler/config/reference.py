"""The fields of the language, from the schemas: for `explain` and for the language reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, msg
from reconciler.config.schema import load
from reconciler.config.schema_messages import forms
from reconciler.model.resource_type import Edit
from reconciler.resources import all_kinds

_TYPE_NAMES = {
    "string": msg("text"),
    "integer": msg("whole number"),
    "number": msg("number"),
    "boolean": msg("true or false"),
    "object": msg("mapping"),
    "array": msg("list"),
}

EDITS: Mapping[Edit, str] = {
    Edit.IN_PLACE: msg("changed in place"),
    Edit.RESIZE: msg("a resize: the instance may be down for some minutes"),
    Edit.REBUILD: msg(
        "a rebuild: the disk is emptied (`on_image_change: replace` creates a new instance instead)"
    ),
    Edit.REPLACE: msg("a replacement: a new object is created and the old one is deleted"),
    Edit.POWER: msg("the instance is started, or stopped by a power cut"),
    Edit.MEMBER: msg("the instance changes its firewall"),
    Edit.ATTACH: msg("the block storage moves with its data"),
    Edit.CREATE_ONLY: msg("nothing: the field is only set at creation, and a notice says so"),
}
"""What an edit of a field does to an existing object (stack-files#edits)."""


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """One field, as it is explained. `types` are the forms of its values, `members` the names below
    it, `keyed` the rule for keys that the user chooses.
    """

    path: tuple[str, ...]
    description: str
    types: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    default: Any = None
    examples: tuple[Any, ...] = ()
    required: bool = False
    edit: str | None = None
    keyed: str | None = None
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its path as a user types it."""
        return ".".join(self.path)


def find(path: tuple[str, ...], *, schema: str = "stack") -> FieldDoc | None:
    """The field at a path, None if there is none. Keys that the user chooses are left out:
    `instances.flavor`.
    """
    root = load(schema)
    node: Mapping[str, Any] = root
    required = False
    wanted = (all_kinds().spellings.get(path[0], path[0]), *path[1:]) if path else ()
    for name in wanted:
        members = _members(node, root)
        if name not in members:
            return None
        required = name in _required(node, root)
        node = members[name]
    return _field(wanted, node, root, required=required)


def below(path: tuple[str, ...], *, schema: str = "stack") -> Iterator[FieldDoc]:
    """The fields directly below a path, in the order of the schema."""
    found = find(path, schema=schema)
    for name in found.members if found is not None else ():
        inner = find((*path, name), schema=schema)
        if inner is not None:
            yield inner


def _field(
    path: tuple[str, ...], node: Mapping[str, Any], root: Mapping[str, Any], *, required: bool
) -> FieldDoc:
    shape = _shape(node, root)
    own = {**shape, **{name: value for name, value in node.items() if name != "$ref"}}
    others = shape.get("additionalProperties")
    keyed = (
        shape.get("propertyNames", {}).get("patternErrorMessage")
        if isinstance(others, Mapping)
        else None
    )
    return FieldDoc(
        path=path,
        description=Text(str(own.get("description", "")), {}),
        types=tuple(dict.fromkeys(_types(own))),
        allowed=tuple(str(value) for value in _allowed(own) if value is not None),
        default=own.get("default"),
        examples=tuple(own.get("examples", ())),
        required=required,
        edit=_edit(path),
        keyed=None if keyed is None else Text(keyed, {}),
        members=tuple(_members(node, root)),
    )


def _shape(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node, with a reference resolved."""
    reference = node.get("$ref")
    return node if reference is None else _followed(str(reference), root)


def _followed(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    section, _, name = reference.removeprefix("#/").partition("/")
    found: Mapping[str, Any] = root[section][name]
    return found


def _members(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The fields of a mapping, or of the values of its keys, or of its items."""
    shape = _shape(node, root)
    if "properties" in shape:
        properties: Mapping[str, Mapping[str, Any]] = shape["properties"]
        return properties
    for inner in (shape.get("additionalProperties"), shape.get("items")):
        if isinstance(inner, Mapping) and ("$ref" in inner or "properties" in inner):
            return _members(inner, root)
    for part in shape.get("anyOf", ()):
        if (found := _members(part, root)) and "/byId" not in str(part.get("$ref")):
            return found
    return {}


def _required(node: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[str, ...]:
    """The required fields of the mapping that `_members` finds."""
    shape = _shape(node, root)
    if "properties" in shape:
        return tuple(shape.get("required", ()))
    inner = [
        part
        for part in (shape.get("additionalProperties"), shape.get("items"))
        if isinstance(part, Mapping)
    ]
    return _required(inner[0], root) if inner else ()


def _types(node: Mapping[str, Any]) -> Iterator[str]:
    for form, part in forms(node):
        if form in ("integer", "number"):
            yield _TYPE_NAMES[form] + _bounds(part)
        elif form in _TYPE_NAMES:
            yield _TYPE_NAMES[form]
        elif form != "enum":
            yield form if form.startswith("`") else f"`{form}`"


def _bounds(node: Mapping[str, Any]) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if high is not None:
        return f" {low} to {high:,}"
    return "" if low is None else f" from {low}"


def _allowed(node: Mapping[str, Any]) -> Iterator[Any]:
    yield from (node["const"],) if "const" in node else ()
    yield from node.get("enum", ())
    for part in node.get("anyOf", ()):
        yield from part.get("enum", ())


def _edit(path: tuple[str, ...]) -> str | None:
    """What an edit of the field at a path does. None if it is not a field of a kind."""
    for kind in all_kinds().values():
        above = (kind.name,) if kind.owner is None else (kind.owner, kind.name)
        if path[:-1] == above and path[-1] in kind.fields:
            return EDITS[kind.fields[path[-1]].edit]
    return None
