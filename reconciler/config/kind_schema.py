"""The parts of the JSON schemas that follow from the tables of the kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model.kinds import Kinds
from reconciler.model.resource_type import Field, ResourceType

_OF_RESOURCES = (
    "count",
    "for_each",
    "when",
    "depends_on",
    "lifecycle",
    "marker",
    "import",
    "assert",
)
_OF_DEFAULTS = ("lifecycle", "marker")
_OF_OWNED = ("count", "for_each", "when")
"""What a resource can have besides its fields, what its defaults can have, and an object inside
another one.
"""


def of_stack(schema: Mapping[str, Any], kinds: Kinds) -> dict[str, Any]:
    """The schema of a stack, with the sections of these kinds."""
    properties, definitions = dict(schema["properties"]), dict(schema["$defs"])
    sections = [kinds[name] for name in kinds.build_order]
    for kind in sections:
        owned = kinds.owned_by(kind.name)
        inner = {} if owned is None else {owned.name: _section(owned, kinds)}
        properties[kind.name] = _section(kind, kinds)
        definitions[kind.singular] = _object(
            f"One {kind.noun}.", {**_fields(kind), **inner, **_references(_OF_RESOURCES)}
        )
        if owned is not None:
            definitions[owned.singular] = _owned_object(owned)
    definitions["protect"] = {**definitions["protect"], "anyOf": _protect(kinds)}
    for name, members in (
        (
            "defaults",
            {
                kind.name: _object(
                    f"Defaults for all {kind.nouns}.",
                    {**_fields(kind), **_references(_OF_DEFAULTS)},
                )
                for kind in sections
            },
        ),
        ("existing", {kind.name: _existing(kind) for kind in sections}),
    ):
        properties[name] = {**properties[name], "properties": members}
    return {**schema, "properties": properties, "$defs": definitions}


_FROM_THE_STACK: Mapping[str, str] = {
    "parameters": "variables",
    "locals": "locals",
    "defaults": "defaults",
    "existing": "existing",
    "outputs": "outputs",
    "assert": "assert",
}
"""The keys of a component, each with the key of a stack that has the same form."""


def of_component(
    schema: Mapping[str, Any], kinds: Kinds, stack: Mapping[str, Any]
) -> dict[str, Any]:
    """The schema of a component, with the sections of these kinds. `stack` is the schema of a
    stack; the parts of it that a component shares are copied, so that one file is enough.
    """
    shared = {**_FROM_THE_STACK, **{name: name for name in kinds.build_order}}
    properties = {
        name: {**stack["properties"][shared[name]], **_own_text(part)} if name in shared else part
        for name, part in schema["properties"].items()
    }
    return {**schema, "properties": properties, "$defs": _reached(properties, stack["$defs"])}


def with_plan(schema: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
    """A schema in which plans occur, with that of the plan copied into its definitions."""
    whole = {name: part for name, part in plan.items() if name not in _OF_A_FILE}
    shared = {"plan": whole, **plan["$defs"]}
    own = {name: part for name, part in schema["$defs"].items() if name not in shared}
    return {**schema, "$defs": {**shared, **own}}


_OF_A_FILE = ("$schema", "$id", "$defs")


def _own_text(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": part["description"]} if "description" in part else {}


def _reached(part: Any, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The definitions that a part refers to, directly or through others, in their order."""
    found: set[str] = set()
    open_ones = [part]
    while open_ones:
        at = open_ones.pop()
        if isinstance(at, Mapping):
            name = str(at.get("$ref", "")).removeprefix("#/$defs/")
            if name in definitions and name not in found:
                found.add(name)
                open_ones.append(definitions[name])
            open_ones += at.values()
        elif isinstance(at, list):
            open_ones += at
    return {name: body for name, body in definitions.items() if name in found}


def _section(kind: ResourceType, kinds: Kinds) -> dict[str, Any]:
    # A reference to the key `none` would mean no object.
    reserved = {"not": {"const": "none"}} if kind.name in kinds.links.values() else {}
    return {
        "description": kind.description,
        "type": ["object", "null"],
        "propertyNames": {**_keys(kind), **reserved},
        "additionalProperties": {"$ref": f"#/$defs/{kind.singular}"},
    }


def _existing(kind: ResourceType) -> dict[str, Any]:
    return {
        "description": f"Existing {kind.nouns}.",
        "type": ["object", "null"],
        "propertyNames": _keys(kind),
        "additionalProperties": {"$ref": "#/$defs/existing"},
    }


def _keys(kind: ResourceType) -> dict[str, Any]:
    return {"pattern": kind.key_pattern, "patternErrorMessage": kind.key_rule}


def _object(description: str, members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": members,
    }


def _owned_object(kind: ResourceType) -> dict[str, Any]:
    """An object inside another one. It has no defaults, so its required fields must be there."""
    return {
        "description": f"One {kind.noun}.",
        "type": "object",
        "additionalProperties": False,
        "required": list(kind.required),
        "properties": {**_fields(kind), **_references(_OF_OWNED)},
    }


def _protect(kinds: Kinds) -> list[dict[str, Any]]:
    listed = {"type": "array", "uniqueItems": True, "items": {"enum": list(kinds.protected)}}
    return [{"type": "boolean"}, listed, {"type": "null"}]


def _references(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: {"$ref": f"#/$defs/{name}"} for name in names}


def _fields(kind: ResourceType) -> dict[str, Any]:
    return {field.name: _field(field, kind) for field in kind.fields.values()}


def _field(field: Field, kind: ResourceType) -> dict[str, Any]:
    examples = {"examples": list(field.examples)} if field.examples else {}
    forms = [dict(form) for form in field.forms]
    if field.listed:
        forms.append({"type": "array", "items": {"anyOf": [*field.forms, {"type": "null"}]}})
    if kind.owner is None or not field.required:
        if len(forms) == 1:
            forms[0]["type"] = [*forms[0]["type"], "null"]
        else:
            forms.append({"type": "null"})
    return {
        "description": field.description,
        **(forms[0] if len(forms) == 1 else {"anyOf": forms}),
        **examples,
    }
