"""The types of fields: how a stack file writes the value of each, and who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from reconciler.common import validators
from reconciler.model.resource_type import Edit, Field, ValueType

TEXT: Mapping[str, Any] = {"type": ["string", "number"], "minLength": 1}
_TEXT_OR_EMPTY: Mapping[str, Any] = {"type": ["string", "number"]}
_EXPRESSION: Mapping[str, Any] = {"$ref": "#/$defs/expression"}
_BY_ID: Mapping[str, Any] = {"$ref": "#/$defs/byId"}


def text(name: str, edit: Edit, description: str, *, empty: bool = False, **more: Any) -> Field:
    """A text, which may contain attributes that are known only after apply. `empty`: it may be
    empty.
    """
    forms = (_TEXT_OR_EMPTY if empty else TEXT,)
    return Field(name, edit, ValueType.TEXT, description, forms, **more)


def fixed_text(name: str, edit: Edit, description: str, **more: Any) -> Field:
    """A text that must be known when the plan is made."""
    return Field(name, edit, ValueType.FIXED_TEXT, description, **{"forms": (TEXT,), **more})


def choice(name: str, edit: Edit, description: str, *values: str, **more: Any) -> Field:
    """One of these texts."""
    forms = ({"enum": list(values)}, _EXPRESSION)
    check = validators.one_of(*values)
    return Field(name, edit, ValueType.FIXED_TEXT, description, forms, check=check, **more)


def whole_number(
    name: str, edit: Edit, description: str, *, low: int, high: int, **more: Any
) -> Field:
    """A whole number between two bounds."""
    forms = ({"type": "integer", "minimum": low, "maximum": high}, _EXPRESSION)
    return Field(name, edit, ValueType.INTEGER, description, forms, code="out-of-bounds", **more)


def boolean(name: str, edit: Edit, description: str, **more: Any) -> Field:
    """True or false."""
    forms = ({"type": "boolean"}, _EXPRESSION)
    check = validators.boolean
    return Field(name, edit, ValueType.BOOLEAN, description, forms, check=check, **more)


def lookup(
    name: str,
    edit: Edit,
    description: str,
    catalog: str,
    *,
    more_forms: tuple[Mapping[str, Any], ...] = (),
    **more: Any,
) -> Field:
    """A name that the catalog turns into an id."""
    forms = (TEXT, _BY_ID, *more_forms)
    return Field(name, edit, ValueType.LOOKUP, description, forms, lookup=catalog, **more)


def lookups(name: str, edit: Edit, description: str, catalog: str, **more: Any) -> Field:
    """A list of such names."""
    items = {"type": "array", "uniqueItems": True, "items": {"anyOf": [TEXT, _BY_ID]}}
    forms = (items, _EXPRESSION)
    return Field(name, edit, ValueType.LOOKUPS, description, forms, lookup=catalog, **more)


def link(name: str, edit: Edit, description: str, kind: str, **more: Any) -> Field:
    """A reference to an object of a kind, by key or address."""
    return Field(name, edit, ValueType.LINK, description, (TEXT,), link=kind, **more)


def name(edit: Edit, example: str, **more: Any) -> Field:
    """The name of the object at iwinv."""
    length = "4-32" if more.get("check") is validators.firewall_name else "1-32"
    description = (
        f"The name at iwinv, {length} characters. "
        "Default: `<stack>[-<environment>]-<key>[-<index>]`."
    )
    fixed: dict[str, Any] = {"clearable": False, "limited": True, "examples": (example,)}
    return text("name", edit, description, **{"check": validators.name, **fixed, **more})


def description(edit: Edit, example: str) -> Field:
    """The description of the object at iwinv, which also contains the marker."""
    return text(
        "description",
        edit,
        "A text of at most 34 characters, or 50 with `marker: false`. The API cannot empty it.",
        empty=True,
        examples=(example,),
        clearable=False,
        check=partial(validators.description, marked=True),
        unmarked_check=partial(validators.description, marked=False),
        limited=True,
    )
