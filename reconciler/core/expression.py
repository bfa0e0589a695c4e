"""`${...}` in the texts of a stack: what they read, found without evaluating, and what they come to.

The language inside is CEL, evaluated by a library (`core.cel_program`) that is loaded only when a text needs it. A plain path (`vars.x`,
`instances.web[0].private_ip`) is walked here, with the same meaning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from reconciler.core import cel_source
from reconciler.core.address import Address
from reconciler.core.cel_source import KINDS, Computed, ExpressionError, Path, Read
from reconciler.core.functions import FUNCTIONS, NATIVE, CallError, described, text_of
from reconciler.core.model import EMPTY, Deferred, Link, Lookup, Plain, Ref, Stack, Unknown, Value
from reconciler.core.names import hint_for

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
    "text_of",
]

TEXT_CHARACTERS_MAX = 4_000
"""The longest text in which `${...}` is read."""

RESULT_MAX = 200_000
"""The most members and characters that a value may have."""

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "instances": ("id", "name", "status", "zone", "flavor", "image", "public_ip", "private_ip", "firewall"),
    "block_storages": ("id", "name", "type", "size", "instance"),
    "firewalls": ("id", "name", "icmp"),
}
"""What expressions may read of each kind (SPEC 2)."""

Attributes: TypeAlias = Callable[[Address], "Mapping[str, Value] | None"]
"""Gives the attributes of one concrete address, some perhaps `Unknown`; None where there is no such object."""

Shapes: TypeAlias = Mapping[tuple[str, str], "int | tuple[str, ...] | None"]
"""Which resources there are, by kind and name: single (None), counted, or keyed. `existing` ones have the kind `existing.<kind>`."""


class Expression(NamedTuple):
    """One `${...}`: its source, where that begins in the text, and what its words tell."""

    source: str
    offset: int
    words: cel_source.Source


class Template(NamedTuple):
    """A text taken apart: literal pieces and expressions in turn."""

    parts: tuple[str | Expression, ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions alone, in order."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    @property
    def only(self) -> Expression | None:
        """The expression that is the whole text, whose value keeps its type; None where text stands around it."""
        first = self.parts[0] if len(self.parts) == 1 else None
        return first if isinstance(first, Expression) else None


@lru_cache(maxsize=16384)
def parse(text: str) -> Template:
    """The text taken apart. Raises `ExpressionError` where an expression cannot be read; its offset is in the text."""
    if "${" not in text:
        return Template((text,))
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ExpressionError(f"a text with ${{...}} is at most {TEXT_CHARACTERS_MAX:,} characters long", offset=0)
    parts: list[str | Expression] = []
    literal, index = "", 0
    while (at := text.find("${", index)) >= 0:
        if at > index and text[at - 1] == "$":
            literal += text[index : at - 1] + "${"
            index = at + 2
            continue
        literal += text[index:at]
        if literal:
            parts.append(literal)
        end = cel_source.end_of(text, at + 2)
        parts.append(_expression(text[at + 2 : end], at + 2))
        literal, index = "", end + 1
    literal += text[index:]
    if literal:
        parts.append(literal)
    return Template(tuple(parts))


def _expression(source: str, offset: int) -> Expression:
    with _moved(offset):
        words = cel_source.look(source)
        for call in words.calls:
            if call.text not in FUNCTIONS and call.text not in NATIVE and call.text not in cel_source.MACROS:
                hint = hint_for(call.text, (*FUNCTIONS, *NATIVE, *cel_source.MACROS))
                raise ExpressionError(f"there is no function `{call.text}`", offset=call.at, hint=hint)
    return Expression(source, offset, words)


class Poison:
    """Stands for a value that could not be had, and of which the user has been told: what reads it fails without a word."""


POISON = Poison()


class _moved:
    """Offsets in a source become offsets in the text around it."""

    def __init__(self, offset: int) -> None:
        self.offset = offset

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, failure: object, trace: object) -> None:
        if isinstance(failure, ExpressionError):
            failure.offset = self.offset + (failure.offset or 0)


# What a text reads


def references(template: Template, scope: Mapping[str, Any], shapes: Shapes) -> tuple[Ref, ...]:
    """The attributes of resources that a text reads, sorted; through locals too. Raises `ExpressionError` for one that is not there."""
    found: set[Ref] = set()
    for expression in template.expressions:
        with _moved(expression.offset):
            for read in expression.words.reads:
                if read.root in cel_source.FILE_ROOTS:
                    value = _file_value(read, scope)
                    if value is POISON:
                        raise ExpressionError("", code="")
                    found.update(_deferred_in(value))
                else:
                    found.update(_resource_refs(read, scope, shapes))
    return tuple(sorted(found, key=lambda ref: (ref.address.sort_key, ref.attribute or "")))


def _deferred_in(value: Any) -> Iterator[Ref]:
    if isinstance(value, Deferred):
        yield from value.references
    elif isinstance(value, tuple):
        for item in value:
            yield from _deferred_in(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _deferred_in(item)


def _file_value(read: Read, scope: Mapping[str, Any]) -> Any:
    """The value of the first steps that can be told now, to find what is missing and what waits for resources."""
    if read.root not in scope:
        raise _out_of_scope(read)
    value = scope[read.root]
    if not read.steps or value is POISON:
        return value
    name = read.steps[0]
    if isinstance(name, Computed):
        return value
    if not isinstance(value, Mapping) or name not in value:
        known = [str(key) for key in value] if isinstance(value, Mapping) else []
        hint = hint_for(str(name), known) or f"the stack defines no `{read.root}`"
        raise ExpressionError(f"`{read.root}.{name}` does not exist", offset=read.at, code="missing-reference", hint=hint)
    return value[name]


def _out_of_scope(read: Read) -> ExpressionError:
    reason = {
        "count": "`count.index` is known only in a resource with `count`",
        "each": "`each.key` and `each.value` are known only in a resource with `for_each`",
        "locals": "`locals` cannot be read here",
    }.get(read.root, f"`{read.root}` cannot be read here")
    return ExpressionError(reason, offset=read.at, code="bad-reference")


def _resource_refs(read: Read, scope: Mapping[str, Any], shapes: Shapes) -> Iterator[Ref]:
    """The attributes that one read of a resource means. Raises `ExpressionError` where it names nothing."""
    steps = list(read.steps)
    existing = read.root == "existing"
    kind: Any = steps.pop(0) if existing and steps else read.root
    if kind not in KINDS:
        hint = "name the kind and the object: existing.firewalls.office"
        raise ExpressionError("what is read of `existing` is not named", offset=read.at, code="bad-reference", hint=hint)
    section = f"existing.{kind}" if existing else kind
    name = steps.pop(0) if steps else None
    if not isinstance(name, str):
        hint = "a resource is named as written, not computed"
        raise ExpressionError(f"name the resource: {section}.NAME", offset=read.at, code="bad-reference", hint=hint)
    if (section, name) not in shapes:
        hint = hint_for(name, [other for known, other in shapes if known == section]) or f"the stack defines no `{section}`"
        raise ExpressionError(f"`{section}.{name}` does not exist", offset=read.at, code="missing-reference", hint=hint)
    address, shape = Address(kind, name, existing=existing), shapes[section, name]
    if isinstance(shape, tuple) and not steps and read.method in cel_source.MACROS:
        # The macro goes over the keys, which the file decides; what it reads by them stands there for itself.
        yield Ref(address, "name")
        return
    if shape is None or not steps:
        yield from _attribute_refs(address, steps, read)
        return
    step = steps.pop(0)
    index = _known_index(step, scope) if isinstance(step, Computed) else step
    if index is not None:
        address = _indexed(address, shape, index, read)
    yield from _attribute_refs(address, steps, read)


def _indexed(address: Address, shape: int | tuple[str, ...], index: Any, read: Read) -> Address:
    """The address with an index that it has."""
    keys: tuple[int | str, ...] = tuple(range(shape)) if isinstance(shape, int) else shape
    if index not in keys or isinstance(index, bool):
        hint = _index_hint(shape, keys)
        raise ExpressionError(_no_such_index(address, shape, index), offset=read.at, code="missing-reference", hint=hint)
    return Address(address.kind, address.name, index, None, address.existing)


def _known_index(index: Computed, scope: Mapping[str, Any]) -> int | str | None:
    """The index that the file decides (`count.index`), or None: any of them may be read."""
    if index.path is None or index.path.root not in scope:
        return None
    try:
        value = _walk(scope[index.path.root], index.path)
    except ExpressionError:
        return None
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _no_such_index(address: Address, shape: int | tuple[str, ...], index: Any) -> str:
    if isinstance(shape, int):
        if isinstance(index, str):
            return f"`{address}` has several objects (`count`): `{index}` needs an index before it"
        return f"`{address}[{index}]` does not exist: there are {shape}"
    return f'`{address}["{index}"]` does not exist'


def _index_hint(shape: int | tuple[str, ...], keys: tuple[int | str, ...]) -> str:
    if isinstance(shape, int):
        return "write [0], or .map(x, x.name) for all of them" if shape else "its count is 0"
    return "keys are " + ", ".join(f'"{key}"' for key in keys[:12]) if keys else "its for_each is empty"


def _attribute_refs(address: Address, steps: list[Any], read: Read) -> Iterator[Ref]:
    """The attributes read of an address; without its index, of all its objects."""
    if steps and isinstance(steps[0], str):
        yield Ref(address, _checked(address, steps[0], read))
    elif steps or read.fields is None:
        yield Ref(address)
    else:
        for field in read.fields:
            yield Ref(address, _checked(address, field, read))
        if not read.fields:
            # Only how many there are is asked; their names, which are mostly known before the plan, stand for that.
            yield Ref(address, "name")


def _checked(address: Address, attribute: str, read: Read) -> str:
    known = ATTRIBUTES[address.kind]
    if attribute not in known:
        raise ExpressionError(
            f"{address.kind} have no attribute `{attribute}`", offset=read.at, code="unknown-attribute", hint=hint_for(attribute, known)
        )
    return attribute


# What a text comes to


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
    with _moved(expression.offset):
        path = expression.words.path
        if path is not None:
            return plain(_walk(data.get(path.root), path))
        # The library takes long to load, and few stacks need it.
        from reconciler.core import cel_program

        return plain(cel_program.run(expression.source, expression.words, data))


def _walk(value: Any, path: Path) -> Any:
    """The value at the end of a path, as CEL would find it. Raises `ExpressionError`."""
    for step in path.steps:
        if isinstance(value, Mapping):
            if step not in value:
                raise ExpressionError(f"there is no `{step}` in it", hint=hint_for(str(step), [str(key) for key in value]))
            value = value[step]
        elif isinstance(value, tuple | list) and isinstance(step, int):
            if step >= len(value):
                raise ExpressionError(f"there is no [{step}]: the list has {len(value)}")
            value = value[step]
        else:
            raise ExpressionError(f"{described(value)} has no `{step}`")
    return value


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
    data: dict[str, Any] = dict(deferred.scope)
    data.update(_resource_data(deferred.references, stack, attributes))
    if "locals" in data:
        data["locals"] = _Locals(data["locals"], stack, attributes)
    return compute(parse(deferred.text), data)


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


class _Locals(Mapping[str, Any]):
    """Locals whose deferred values are resolved when read."""

    def __init__(self, values: Mapping[str, Any], stack: Stack, attributes: Attributes) -> None:
        self._values, self._stack, self._attributes = values, stack, attributes

    def __getitem__(self, key: str) -> Any:
        return resolve_value(self._values[key], self._stack, self._attributes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _unknown(ref: Ref, stack: Stack, attributes: Attributes) -> Iterator[Ref]:
    for address in stack.addresses(ref.address):
        values = attributes(address)
        if values is None:
            raise ExpressionError(f"`{address}` does not exist", code="missing-reference")
        for name in (ref.attribute,) if ref.attribute is not None else ATTRIBUTES[address.kind]:
            value = values.get(name)
            if isinstance(value, Unknown | Deferred):
                yield Ref(address, name)


def _resource_data(references: tuple[Ref, ...], stack: Stack, attributes: Attributes) -> dict[str, Any]:
    """The roots `instances`, `firewalls`, ... with what the references read, shaped as expressions see them."""
    data: dict[str, Any] = {}
    for ref in references:
        address = ref.address
        root = data.setdefault("existing", {}) if address.existing else data
        named = root.setdefault(address.kind, {})
        shape = None if address.existing else stack.shapes.get((address.kind, address.name))
        if shape is None:
            named.setdefault(address.name, {}).update(_readable(address, ref.attribute, attributes))
            continue
        objects = named.setdefault(address.name, [{} for _ in range(shape)] if isinstance(shape, int) else {key: {} for key in shape})
        for one in stack.addresses(address):
            assert one.index is not None
            objects[one.index].update(_readable(one, ref.attribute, attributes))
    return data


def _readable(address: Address, attribute: str | None, attributes: Attributes) -> dict[str, Any]:
    values = attributes(address) or EMPTY
    names = ATTRIBUTES[address.kind] if attribute is None else (attribute,)
    return {name: str(value) if isinstance(value := values.get(name), Link | Lookup) else value for name in names}
