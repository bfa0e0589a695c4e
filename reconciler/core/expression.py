"""`${...}` in the texts of a stack: what they come to, now or once what they read is known.

The language inside is CEL, evaluated by a library (`core.cel_program`) that is loaded only when a text needs it. A plain path (`vars.x`,
`instances.web[0].private_ip`) is walked here, with the same meaning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from reconciler.core.address import Address
from reconciler.core.cel_source import ExpressionError
from reconciler.core.functions import CallError, described, text_of
from reconciler.core.model import EMPTY, Deferred, Link, Lookup, Plain, Ref, Stack, Unknown, Value
from reconciler.core.references import ATTRIBUTES, POISON, Shapes, references
from reconciler.core.template import Expression, Template, moved, parse, walk

__all__ = [
    "ATTRIBUTES",
    "POISON",
    "Attributes",
    "ExpressionError",
    "Shapes",
    "Template",
    "compute",
    "parse",
    "references",
    "resolve",
    "resolve_value",
]

RESULT_MAX = 200_000
"""The most members and characters that a value may have."""

Attributes: TypeAlias = Callable[[Address], "Mapping[str, Value] | None"]
"""Gives the attributes of one concrete address, some perhaps `Unknown`; None where there is no such object."""


def compute(template: Template, data: Mapping[str, Any]) -> Plain:
    """The value of a text, where `data` holds every root that it reads. Raises `ExpressionError`."""
    only = template.only
    if only is not None:
        return _value(only, data)
    pieces: list[str] = []
    for part in template.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = _value(part, data)
        try:
            pieces.append(text_of(value))
        except CallError:
            hint = 'join(list, ", ") makes a text of a list' if isinstance(value, tuple) else None
            raise ExpressionError(f"{described(value)} cannot stand inside a text", offset=part.offset, hint=hint) from None
    return "".join(pieces)


def _value(expression: Expression, data: Mapping[str, Any]) -> Plain:
    with moved(expression.offset):
        path = expression.words.path
        if path is not None:
            return plain(walk(data.get(path.root), path))
        # The library takes long to load, and few stacks need it.
        from reconciler.core import cel_program

        return plain(cel_program.run(expression.source, expression.words, _narrowed(expression, data)))


def _narrowed(expression: Expression, data: Mapping[str, Any]) -> dict[str, Any]:
    """Only what an expression reads: beside it may stand values that are not known yet, which the library could not take."""
    found: dict[str, Any] = {}
    for read in expression.words.reads:
        if read.root in data:
            found[read.root] = _joined(found.get(read.root, {}), read.steps, data[read.root], lambda value: value)
    return found


def plain(value: Any) -> Plain:
    """A value in normal form: tuples for lists, text keys. Raises `ExpressionError` for what no attribute can hold."""
    counted = [0]

    def normal(item: Any, depth: int) -> Any:
        counted[0] += 1 + (len(item) // 16 if isinstance(item, str) else 0)
        if counted[0] > RESULT_MAX or depth > 32:
            raise ExpressionError("the value is too large")
        if item is None or isinstance(item, str | bool):
            return item
        if isinstance(item, int):
            return item
        if isinstance(item, float):
            if not math.isfinite(item):
                raise ExpressionError("the value is not a finite number")
            return item
        if isinstance(item, list | tuple):
            return tuple(normal(member, depth + 1) for member in item)
        if isinstance(item, Mapping):
            return {_key(key): normal(member, depth + 1) for key, member in sorted(item.items(), key=lambda pair: str(pair[0]))}
        raise ExpressionError(f"the value is {described(item)}, which a stack cannot hold", hint="string(...) makes a text of it")

    made: Plain = normal(value, 0)
    return made


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ExpressionError("the keys of a map must be texts")
    return key


def resolve(deferred: Deferred, stack: Stack, attributes: Attributes) -> Plain | Unknown:
    """The value of a text that reads resources; `Unknown` with the attributes waited for where one of them is. Raises `ExpressionError`."""
    waits = sorted({ref for reference in deferred.references for ref in _unknown(reference, stack, attributes)}, key=_ref_key)
    if waits:
        return Unknown(tuple(waits), deferred)
    template = parse(deferred.text)
    data: dict[str, Any] = dict(deferred.scope)
    paths = all(expression.words.path is not None for expression in template.expressions)
    data.update(_resource_data(deferred.references, stack, attributes, sparse=paths))
    for root in ("vars", "locals", "components"):
        if root in data:
            data[root] = _read_of(template, root, data[root], stack, attributes)
    return compute(template, data)


def resolve_value(value: Value, stack: Stack, attributes: Attributes) -> Plain | Unknown | Link | Lookup:
    """Like `resolve` for any value: lists and maps are looked through, what is not deferred is returned as it is."""
    if isinstance(value, Deferred):
        return resolve(value, stack, attributes)
    if isinstance(value, tuple):
        items = [resolve_value(item, stack, attributes) for item in value]
        return _any_unknown(items) or tuple(items)
    if isinstance(value, Mapping):
        members = {key: resolve_value(item, stack, attributes) for key, item in value.items()}
        return _any_unknown(members.values()) or members
    return value


def _any_unknown(values: Iterable[Any]) -> Unknown | None:
    sources = {ref for value in values if isinstance(value, Unknown) for ref in value.source}
    return Unknown(tuple(sorted(sources, key=_ref_key))) if sources else None


def _ref_key(ref: Ref) -> tuple[Any, str]:
    return (ref.address.sort_key, ref.attribute or "")


def _read_of(template: Template, root: str, values: Any, stack: Stack, attributes: Attributes) -> Any:
    """What a text reads of one root, with all that is deferred in it resolved: the rest may not be known yet, and is not asked for."""
    found: Any = {}
    for one in template.expressions:
        for read in one.words.reads:
            if read.root == root:
                found = _joined(found, read.steps, values, lambda value: resolve_value(value, stack, attributes))
    return found


def _joined(found: Any, steps: tuple[Any, ...], values: Any, take: Callable[[Any], Any]) -> Any:
    """What was found of some values, and what the steps lead to as far as they are fixed."""
    step = steps[0] if steps else None
    if not isinstance(values, Mapping) or not isinstance(step, str) or step not in values:
        return take(values)
    known = found if isinstance(found, dict) else {}
    return {**known, step: _joined(known.get(step, {}), steps[1:], values[step], take)}


def _unknown(ref: Ref, stack: Stack, attributes: Attributes) -> Iterator[Ref]:
    for address in stack.addresses(ref.address):
        values = attributes(address)
        if values is None:
            raise ExpressionError(f"`{address}` does not exist", code="missing-reference")
        for name in (ref.attribute,) if ref.attribute is not None else ATTRIBUTES[address.kind]:
            value = values.get(name)
            if isinstance(value, Unknown | Deferred):
                yield Ref(address, name)


def _resource_data(references: tuple[Ref, ...], stack: Stack, attributes: Attributes, *, sparse: bool) -> dict[str, Any]:
    """The roots `instances`, `firewalls`, ... with what the references read, shaped as expressions see them.

    `sparse`: only paths are walked, so a list of which single objects are read may be a mapping of their indices.
    """
    data: dict[str, Any] = {}
    for ref in references:
        address = ref.address
        root = data.setdefault("existing", {}) if address.existing else data
        named = root.setdefault(address.kind, {})
        shape = None if address.existing else stack.shapes.get((address.kind, address.name))
        if shape is None:
            named.setdefault(address.name, {}).update(_readable(address, ref.attribute, attributes))
            continue
        if address.name not in named:
            single = sparse and all(other.address.index is not None for other in references if other.address.resource == address.resource)
            named[address.name] = {} if single else [{} for _ in range(shape)] if isinstance(shape, int) else {key: {} for key in shape}
        objects = named[address.name]
        for one in stack.addresses(address):
            assert one.index is not None
            if isinstance(objects, dict):
                objects.setdefault(one.index, {})
            objects[one.index].update(_readable(one, ref.attribute, attributes))
    return data


def _readable(address: Address, attribute: str | None, attributes: Attributes) -> dict[str, Any]:
    values = attributes(address) or EMPTY
    names = ATTRIBUTES[address.kind] if attribute is None else (attribute,)
    return {name: str(value) if isinstance(value := values.get(name), Link | Lookup) else value for name in names}
