"""A fast check that most valid stack files pass, so that a run without mistakes never loads
jsonschema.

What passes here is also valid for the validator; a test compares both with random schemas and
values. What does not pass may still be valid: the validator decides, and its failure gives the
message. An unknown keyword never passes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import ge, le
from typing import Any, TypeAlias

from reconciler.config.document import Node, Scalar, Sequence, Table

Fits: TypeAlias = "Callable[[Node], bool]"

_ANNOTATIONS = frozenset(
    {
        "$schema",
        "$id",
        "$defs",
        "title",
        "description",
        "default",
        "examples",
        "patternErrorMessage",
    }
)

_TYPES: Mapping[str, frozenset[type]] = {
    "string": frozenset({str, int, float}),  # a number is a text to those who want a text
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "null": frozenset({type(None)}),
    "array": frozenset({Sequence}),
    "object": frozenset({Table}),
}
"""The classes of the values, or of the nodes, of each type."""


def compiled(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Fits:
    """A function that says whether a node passes the check of a schema. `root` contains the targets
    of its references.
    """
    return _compiled(schema, root, {})


def _compiled(schema: Mapping[str, Any], root: Mapping[str, Any], known: dict[str, Fits]) -> Fits:
    def inner(part: Mapping[str, Any]) -> Fits:
        return _compiled(part, root, known)

    checks: list[Fits] = []
    for keyword, wanted in schema.items():
        if keyword == "$ref":
            if wanted not in known:
                _, section, name = wanted.rsplit("/", 2)
                known[wanted] = inner(root[section][name])
            checks.append(known[wanted])
        elif keyword in ("properties", "additionalProperties"):
            checks += (
                [_members(schema, inner)]
                if keyword == "properties" or "properties" not in schema
                else []
            )
        elif keyword == "patternProperties":
            checks += [] if _is_free(wanted) else [_nothing]
        elif keyword in _NESTING:
            checks.append(_NESTING[keyword](wanted, inner))
        elif keyword not in _ANNOTATIONS:
            checks.append(_PLAIN.get(keyword, _unknown)(wanted))
    return checks[0] if len(checks) == 1 else lambda node: all(check(node) for check in checks)


def _members(schema: Mapping[str, Any], inner: Callable[[Any], Fits]) -> Fits:
    members = {key: inner(member) for key, member in schema.get("properties", {}).items()}
    of_others = schema.get("additionalProperties", True)
    fixed = {False: _nothing, True: _anything}
    others = fixed[of_others] if isinstance(of_others, bool) else inner(of_others)
    free = [re.compile(pattern) for pattern in schema.get("patternProperties", ())]

    def fits(node: Node) -> bool:
        return not isinstance(node, Table) or all(
            members.get(key, others)(value)
            or (key not in members and any(pattern.search(key) for pattern in free))
            for key, value in node.entries.items()
        )

    return fits


def _is_free(wanted: Any) -> bool:
    """Whether the keys of these patterns may have any value, as those of anchors do."""
    return all(set(part) <= _ANNOTATIONS for part in wanted.values())


def _property_names(wanted: Any, inner: Callable[[Any], Fits]) -> Fits:
    name = inner(wanted)
    return lambda node: (
        not isinstance(node, Table) or all(name(Scalar(key, key, "", 0, 0)) for key in node.entries)
    )


def _items(wanted: Any, inner: Callable[[Any], Fits]) -> Fits:
    item = inner(wanted)
    return lambda node: not isinstance(node, Sequence) or all(item(one) for one in node.items)


def _any_of(wanted: Any, inner: Callable[[Any], Fits]) -> Fits:
    ways = [inner(way) for way in wanted]
    return lambda node: any(way(node) for way in ways)


def _type(wanted: Any) -> Fits:
    classes = frozenset[type]().union(
        *(_TYPES[name] for name in ([wanted] if isinstance(wanted, str) else wanted))
    )
    return lambda node: (type(node.value) if isinstance(node, Scalar) else type(node)) in classes


def _enum(wanted: Any) -> Fits:
    texts = {value for value in wanted if isinstance(value, str)}
    return lambda node: (
        isinstance(node, Scalar)
        and (_text(node) in texts or (node.value is None and None in wanted))
    )


def _const(wanted: Any) -> Fits:
    return lambda node: (
        isinstance(node, Scalar) and type(node.value) is type(wanted) and node.value == wanted
    )


def _not(wanted: Any) -> Fits:
    """Only that a text is not a certain one."""
    if set(wanted) != {"const"} or not isinstance(wanted["const"], str):
        return _nothing
    return lambda node: (
        isinstance(node, Scalar) and type(node.value) is str and node.value != wanted["const"]
    )


def _pattern(wanted: Any) -> Fits:
    search = re.compile(wanted).search
    return lambda node: (text := _text(node)) is None or search(text) is not None


def _bound(
    holds: Callable[[Any, Any], bool], measured: Callable[[Node], Any]
) -> Callable[[Any], Fits]:
    """A keyword with a bound for what is measured of a node. None fits every bound."""
    return lambda wanted: lambda node: (found := measured(node)) is None or holds(found, wanted)


def _number(node: Node) -> Any:
    return node.value if isinstance(node, Scalar) and _is_number(node) else None


def _text_length(node: Node) -> int | None:
    text = _text(node)
    return None if text is None else len(text)


def _items_count(node: Node) -> int | None:
    return len(node.items) if isinstance(node, Sequence) else None


def _entries_count(node: Node) -> int | None:
    return len(node.entries) if isinstance(node, Table) else None


def _unique_items(wanted: Any) -> Fits:
    """Only that texts differ, with at most one value among them that is none."""
    return lambda node: (
        not isinstance(node, Sequence)
        or len({_text(item) for item in node.items}) == len(node.items)
    )


def _required(wanted: Any) -> Fits:
    return lambda node: not isinstance(node, Table) or all(key in node.entries for key in wanted)


def _unknown(wanted: Any) -> Fits:
    return _nothing


def _nothing(node: Node) -> bool:
    return False


def _anything(node: Node) -> bool:
    return True


def _text(node: Node) -> str | None:
    """What the validator sees as a text: a text, or a number as it is written."""
    if not isinstance(node, Scalar):
        return None
    if isinstance(node.value, str):
        return node.value
    return node.text if _is_number(node) else None


def _is_number(node: Node) -> bool:
    return isinstance(node, Scalar) and type(node.value) in _TYPES["number"]


_NESTING: Mapping[str, Callable[[Any, Callable[[Any], Fits]], Fits]] = {
    "propertyNames": _property_names,
    "items": _items,
    "anyOf": _any_of,
}

_PLAIN: Mapping[str, Callable[[Any], Fits]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "not": _not,
    "pattern": _pattern,
    "minLength": _bound(ge, _text_length),
    "minimum": _bound(ge, _number),
    "maximum": _bound(le, _number),
    "minItems": _bound(ge, _items_count),
    "uniqueItems": _unique_items,
    "required": _required,
    "minProperties": _bound(ge, _entries_count),
    "maxProperties": _bound(le, _entries_count),
}
