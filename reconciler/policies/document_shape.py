"""The members of the JSON plan, by its schema: which a policy can read (plan-format#the-plan)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

from reconciler.config import schema

Shape: TypeAlias = "Mapping[str, Any] | None"
"""The schema of a value; None if nothing is known about it."""


def of_plan() -> Shape:
    """The shape of a plan."""
    return _resolved(schema.load("plan"))


def of_change() -> Shape:
    """The shape of one change of a plan."""
    return _resolved({"$ref": "#/$defs/change"})


def element(shape: Shape) -> Shape:
    """The shape of the elements of a list."""
    items = None if shape is None else shape.get("items")
    return _resolved(items) if isinstance(items, Mapping) else None


def names(shape: Shape) -> tuple[str, ...] | None:
    """The members that a value can have, or None if it may have any."""
    if shape is None:
        return None
    if "properties" in shape:
        return tuple(shape["properties"])
    if _is_closed(shape):
        return ()
    limited: tuple[str, ...] | None = shape.get("propertyNames", {}).get("enum")
    return None if limited is None else tuple(limited)


def member(shape: Shape, name: str) -> Shape:
    """The shape of a member that the value has."""
    if shape is None:
        return None
    found = shape.get("properties", {}).get(name, shape.get("additionalProperties"))
    return _resolved(found) if isinstance(found, Mapping) else None


def _is_closed(shape: Mapping[str, Any]) -> bool:
    """Whether a value is never a map, so that it has no members."""
    types = shape.get("type")
    known = {types} if isinstance(types, str) else set(types or ())
    if not known and "enum" in shape:
        known = {"string"}
    return bool(known) and "object" not in known


def _resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of the schema with what it refers to, as one mapping."""
    found: dict[str, Any] = {key: part[key] for key in part if key not in ("$ref", "allOf")}
    others = [_definition(part["$ref"])] if "$ref" in part else []
    for other in (*others, *part.get("allOf", ())):
        inner = _resolved(other)
        properties = {**inner.get("properties", {}), **found.get("properties", {})}
        found = {**inner, **found, **({"properties": properties} if properties else {})}
    return found


@cache
def _definition(reference: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema.load("plan")["$defs"][reference.rpartition("/")[2]]
    return found
