"""`${...}` in the texts of a stack: what they come to, now or once what they read is known.

The language inside is CEL, evaluated by a library (`core.cel_program`) that is loaded only when a text needs it. A plain path (`vars.x`,
`instances.web[0].private_ip`) is walked here, with the same meaning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from reconciler.core import branches, cel_source
from reconciler.core.address import Address
from reconciler.core.cel_source import ExpressionError, Path
from reconciler.core.functions import CallError, described, text_of
from reconciler.core.model import EMPTY, Deferred, Link, Lookup, Plain, Ref, Stack, Unknown, Value
from reconciler.core.references import ATTRIBUTES, POISON, Need, Shapes, check_names, needs, references, resources_of
from reconciler.core.template import Expression, Template, moved, parse, walk
from reconciler.core.template import expression as expression_of

__all__ = [
    "ATTRIBUTES",
    "POISON",
    "Attributes",
    "ExpressionError",
    "Shapes",
    "Template",
    "check_names",
    "compute",
    "parse",
    "references",
    "resolve",
    "resolve_value",
    "resources_of",
    "taken",
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
    if not deferred.text:
        return Unknown(deferred.references, deferred)
    template = parse(deferred.text)
    if _has_branches(template, deferred.scope):
        existing = {(f"existing.{address.kind}", address.name): None for address in stack.existing}
        shapes: Shapes = {**stack.shapes, **existing} if existing else stack.shapes
        found = _Known(deferred.scope, stack, attributes, shapes=shapes).value(template)
        return Unknown(found.source, deferred) if isinstance(found, Unknown) else found
    waits = sorted({ref for reference in deferred.references for ref in _unknown(reference, stack, attributes)}, key=_ref_key)
    if waits:
        return Unknown(tuple(waits), deferred)
    data: dict[str, Any] = dict(deferred.scope)
    paths = all(expression.words.path is not None for expression in template.expressions)
    data.update(_resource_data(tuple(Need(ref, False) for ref in deferred.references), stack, attributes, sparse=paths))
    for root in ("vars", "locals", "components"):
        if root in data:
            data[root] = _read_of(template, root, data[root], stack, attributes)
    return compute(template, data)


def taken(template: Template, scope: Mapping[str, Any], shapes: Shapes | None) -> Template:
    """The text without the branches that the file itself rules out: by its names, and by which objects there are.

    `shapes` are None as long as it is not known which objects there are. Raises `ExpressionError` for a branch that cannot be read.
    """
    if all(branches.structure(one.source) is None for one in template.expressions):
        return template
    kept = _Known(scope, Stack("", None, {}, shapes={} if shapes is None else shapes), _nothing_known, shapes=shapes).taken(template)
    for before, after in zip(template.expressions, kept.expressions, strict=True):
        if before != after:
            _check_readable(before)
    return kept


def _check_readable(one: Expression) -> None:
    from reconciler.core import cel_program

    with moved(one.offset):
        cel_program.check(branches.without_has(one.source))


class _NothingKnown(Mapping[str, Value]):
    """The attributes of an object of which only the existence is known."""

    def __getitem__(self, name: str) -> Value:
        return Unknown(())

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_NOTHING_KNOWN = _NothingKnown()


def _nothing_known(address: Address) -> Mapping[str, Value]:
    return _NOTHING_KNOWN


def _has_branches(template: Template, scope: Mapping[str, Any]) -> bool:
    """Whether a text, or what it reads under names of the file, has parts that are evaluated only under a condition."""
    for one in template.expressions:
        if branches.structure(one.source) is not None:
            return True
        for read in one.words.reads:
            value = scope.get(read.root)
            for step in read.steps:
                if not isinstance(value, Mapping) or not isinstance(step, str):
                    break
                value = value.get(step)
            if read.root in scope and any(_has_branches(parse(inner.text), inner.scope) for inner in _deferred(value)):
                return True
    return False


def _deferred(value: Any) -> Iterator[Deferred]:
    if isinstance(value, Deferred):
        yield value
    elif isinstance(value, tuple | Mapping):
        for item in value if isinstance(value, tuple) else value.values():
            yield from _deferred(item)


class _Known:
    """What is known when a text is evaluated: names of the file, which objects there are, and those attributes that have a value."""

    def __init__(self, scope: Mapping[str, Any], stack: Stack, attributes: Attributes, *, shapes: Shapes | None) -> None:
        self._scope, self._stack, self._attributes, self._shapes = scope, stack, attributes, shapes

    def taken(self, template: Template) -> Template:
        """The text without the branches that are certain not to be taken."""
        return Template(tuple(part if isinstance(part, str) else self._taken(part) for part in template.parts))

    def _taken(self, one: Expression) -> Expression:
        source = branches.taken(one.source, self._decide, self._exists)
        return one if source == one.source else expression_of(source, one.offset)

    def value(self, template: Template) -> Plain | Unknown:
        """The value of a text, or what it waits for. Raises `ExpressionError`."""
        template = self.taken(template)
        asked = needs(template, self._scope, {} if self._shapes is None else self._shapes)
        waits = {ref for need in asked if not need.counted for ref in _unknown(need.ref, self._stack, self._attributes)}
        data: dict[str, Any] = dict(self._scope)
        for root in cel_source.FILE_ROOTS:
            if root in data:
                data[root] = _read_of(template, root, data[root], self._stack, self._attributes)
                waits.update(_sources(data[root]))
        if waits:
            return Unknown(tuple(sorted(waits, key=_ref_key)))
        data.update(_resource_data(asked, self._stack, self._attributes, sparse=False))
        return compute(template, data)

    def _decide(self, source: str) -> bool | None:
        """What a condition comes to, or None where that is not known yet, or it is none."""
        try:
            value = self.value(Template((expression_of(source, 0),)))
        except ExpressionError:
            return None
        return value if isinstance(value, bool) else None

    def _exists(self, source: str) -> bool | None:
        """What `has` comes to; None where that is not known yet, or it asks for no plain path."""
        path = cel_source.path_of(source)
        if path is None:
            return None
        if path.root not in cel_source.FILE_ROOTS:
            return self._is_object(path)
        value: Any = self._scope
        for step in (path.root, *path.steps):
            value = resolve_value(value, self._stack, self._attributes) if isinstance(value, Deferred) else value
            if isinstance(value, Unknown) or value is POISON:
                return None
            there = step in value if isinstance(value, Mapping) else isinstance(value, tuple) and step in range(len(value))
            if not there:
                return False
            value = value[step]
        return True

    def _is_object(self, path: Path) -> bool | None:
        """Whether an object of the stack, or an attribute of it, exists."""
        existing = path.root == "existing"
        kind, name, *steps = (*(path.steps if existing else (path.root, *path.steps)), None, None)[:4]
        section = f"existing.{kind}" if existing else kind
        if self._shapes is None:
            return None
        if (section, name) not in self._shapes:
            return False
        shape = self._shapes[section, name]  # type: ignore[index]  # looked up above
        if shape is None or steps[0] is None:
            return True
        return steps[0] in (range(shape) if isinstance(shape, int) else shape)


def _sources(value: Any) -> Iterator[Ref]:
    """What the unknown parts of a value wait for."""
    if isinstance(value, Unknown):
        yield from value.source
    elif isinstance(value, tuple | Mapping):
        for item in value if isinstance(value, tuple) else value.values():
            yield from _sources(item)


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
    unknown = [value for value in values if isinstance(value, Unknown)]
    sources = {ref for value in unknown for ref in value.source}
    return Unknown(tuple(sorted(sources, key=_ref_key))) if unknown else None


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


def _resource_data(asked: tuple[Need, ...], stack: Stack, attributes: Attributes, *, sparse: bool) -> dict[str, Any]:
    """The roots `instances`, `firewalls`, ... with what is asked of them, shaped as expressions see them.

    `sparse`: only paths are walked, so a list of which single objects are read may be a mapping of their indices.
    """
    data: dict[str, Any] = {}
    for ref, counted in asked:
        address = ref.address
        root = data.setdefault("existing", {}) if address.existing else data
        named = root.setdefault(address.kind, {})
        shape = None if address.existing else stack.shapes.get((address.kind, address.name))
        if shape is None:
            named.setdefault(address.name, {}).update(_readable(address, ref.attribute, attributes))
            continue
        if address.name not in named:
            single = sparse and all(other.address.index is not None for other, _ in asked if other.address.resource == address.resource)
            named[address.name] = {} if single else [{} for _ in range(shape)] if isinstance(shape, int) else {key: {} for key in shape}
        objects = named[address.name]
        for one in stack.addresses(address):
            assert one.index is not None
            if isinstance(objects, dict):
                objects.setdefault(one.index, {})
            if not counted:
                objects[one.index].update(_readable(one, ref.attribute, attributes))
    return data


def _readable(address: Address, attribute: str | None, attributes: Attributes) -> dict[str, Any]:
    values = attributes(address) or EMPTY
    names = ATTRIBUTES[address.kind] if attribute is None else (attribute,)
    return {name: str(value) if isinstance(value := values.get(name), Link | Lookup) else value for name in names}
