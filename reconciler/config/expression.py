"""`${...}` in the texts of a stack: what they come to, now or once what they read is known.

The language inside is CEL (`core.cel_syntax`, `core.cel_eval`). What a text reads is not collected
beforehand: it is evaluated with attributes that are not known, and what the result waits for is
what it reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.config.cel_eval import Evaluator, Members, unknown
from reconciler.config.cel_syntax import FILE_ROOTS, ExpressionError
from reconciler.config.functions import CallError, described, text_of
from reconciler.config.references import (
    UNAVAILABLE,
    Shape,
    Shapes,
    check_names,
    no_such_index,
    out_of_scope,
)
from reconciler.config.template import Template, moved, parse
from reconciler.model.address import Address
from reconciler.model.resource import Deferred, Link, Lookup, Plain, Ref, Stack, Unknown, Value
from reconciler.resources import all_kinds

__all__ = [
    "UNAVAILABLE",
    "Attributes",
    "ExpressionError",
    "Shapes",
    "Template",
    "check_names",
    "compute",
    "parse",
    "read",
    "resolve",
    "resolve_value",
]

RESULT_MAX = 200_000
"""The most members and characters that a value may have."""

Attributes: TypeAlias = Callable[[Address], "Mapping[str, Value] | None"]
"""Gives the attributes of one concrete address, some perhaps `Unknown`; None where there is no such
object.
"""


def compute(template: Template, scope: Mapping[str, Any]) -> Plain:
    """The value of a text that reads no resources. Raises `ExpressionError`."""
    value = read(template, scope, {})
    assert not isinstance(value, Unknown)
    return value


def read(
    template: Template,
    scope: Mapping[str, Any],
    shapes: Shapes | None,
    broken: Collection[tuple[str, str]] = (),
) -> Plain | Unknown:
    """The value of a text as far as the file decides it, or `Unknown` with the attributes that it
    reads. Raises `ExpressionError`.

    `shapes` are None as long as it is not known which objects there are; of the resources in
    `broken` it cannot be told, and why is said elsewhere.
    """
    return _World(scope, shapes, None, broken).value(template)


def resolve(deferred: Deferred, stack: Stack, attributes: Attributes) -> Plain | Unknown:
    """The value of a text that reads resources; `Unknown` with the attributes waited for where one
    of them is. Raises `ExpressionError`.
    """
    existing = {(f"existing.{address.kind}", address.name): None for address in stack.existing}
    shapes: Shapes = {**stack.shapes, **existing} if existing else stack.shapes
    found = _World(deferred.scope, shapes, attributes).value(parse(deferred.text))
    return Unknown(found.source, deferred) if isinstance(found, Unknown) else found


def resolve_value(
    value: Value, stack: Stack, attributes: Attributes
) -> Plain | Unknown | Link | Lookup:
    """Like `resolve` for any value: lists and maps are looked through, what is not deferred is
    returned as it is.
    """
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
    found = [value for value in values if isinstance(value, Unknown)]
    return unknown({ref for value in found for ref in value.source}) if found else None


class _World:
    """What expressions can read: names of the file, the objects that there are, and their
    attributes (None: not known yet).
    """

    def __init__(
        self,
        scope: Mapping[str, Any],
        shapes: Shapes | None,
        attributes: Attributes | None,
        broken: Collection[tuple[str, str]] = (),
    ) -> None:
        self.scope, self.shapes, self.attributes, self.broken = scope, shapes, attributes, broken
        self._spent = [0]
        self._deferred: dict[int, Any] = {}

    def value(self, template: Template) -> Plain | Unknown:
        """The value of a text, in normal form. Raises `ExpressionError`."""
        found = self._text(template, self.scope)
        if isinstance(found, Unknown):
            return Unknown(_folded(found.source, self.shapes))
        with moved(template.only.offset if template.only is not None else 0):
            return plain(found)

    def _text(self, template: Template, scope: Mapping[str, Any]) -> Any:
        evaluator = Evaluator(lambda name: self._root(name, scope), self.touch, self._spent)
        values: list[Any] = []
        for part in template.parts:
            if isinstance(part, str):
                values.append(part)
                continue
            with moved(part.offset):
                found = evaluator.whole(evaluator.value(part.tree))
                values.append(
                    found
                    if template.only is not None or isinstance(found, Unknown)
                    else _piece(found)
                )
        waits = _any_unknown(values)
        if waits is not None or template.only is not None:
            return waits or values[0]
        return "".join(values)

    def _root(self, name: str, scope: Mapping[str, Any]) -> Any:
        if name == "components" and self.shapes is None:
            return _NotYet(name)
        if name in scope:
            return scope[name]
        if name in all_kinds().sections:
            return _Kind(self, name, existing=False) if self.shapes is not None else _NotYet(name)
        if name == "existing":
            return _Existing(self) if self.shapes is not None else _NotYet(name)
        if name in FILE_ROOTS:
            raise out_of_scope(name)
        raise KeyError(name)

    def touch(self, value: Any) -> Any:
        """What a value of the file or of an object is now."""
        if value is UNAVAILABLE:
            raise ExpressionError("", code="")
        if isinstance(value, Deferred):
            if id(value) not in self._deferred:
                self._deferred[id(value)] = self._text(parse(value.text), value.scope)
            return self._deferred[id(value)]
        return str(value) if isinstance(value, Link | Lookup) else value


def _piece(value: Any) -> str:
    """A value inside a text."""
    try:
        return text_of(value)
    except CallError:
        hint = (
            msg('join(list, ", ") turns a list into a string') if isinstance(value, list) else None
        )
        raise ExpressionError(
            msg("{found} cannot be inserted into a string", found=described(value)),
            offset=0,
            hint=hint,
        ) from None


class _NotYet(Members):
    """Resources of which it is not known yet which there are."""

    def __init__(self, root: str) -> None:
        self._root = root

    def member(self, step: Any) -> Any:
        return Unknown((Ref(Address(self._root, str(step))),))

    def has(self, step: Any) -> Any:
        return self.member(step)


class _Existing(Members):
    """The objects that the stack refers to and does not own, by kind."""

    def __init__(self, world: _World) -> None:
        self._world = world

    def member(self, step: Any) -> Any:
        return _Kind(self._world, str(step), existing=True)

    def has(self, step: Any) -> bool:
        return step in all_kinds().sections


class _Kind(Members):
    """The resources of one kind, by name."""

    def __init__(self, world: _World, kind: str, *, existing: bool) -> None:
        self._world, self._kind, self._existing = world, kind, existing
        self._section = f"existing.{kind}" if existing else kind

    def member(self, step: Any) -> Any:
        if not self.has(step):
            known = [name for section, name in self._world.shapes or () if section == self._section]
            hint = hint_for(str(step), known) or msg(
                "the stack defines no `{section}`", section=self._section
            )
            raise ExpressionError(
                msg("`{section}.{name}` does not exist", section=self._section, name=step),
                code="missing-reference",
                hint=hint,
            )
        if (self._section, step) in self._world.broken:
            raise ExpressionError("", code="")
        assert self._world.shapes is not None
        shape, address = (
            self._world.shapes[self._section, step],
            Address(self._kind, step, existing=self._existing),
        )
        if shape is None:
            return _Object(self._world, address)
        return (
            _Counted(self._world, address, shape)
            if isinstance(shape, int)
            else _Keyed(self._world, address, shape)
        )

    def has(self, step: Any) -> bool:
        return (self._section, step) in (self._world.shapes or ())


class _Counted(Members, Sequence[Any]):
    """The objects of a resource with `count`."""

    def __init__(self, world: _World, address: Address, count: int) -> None:
        self._world, self._address, self._count = world, address, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return _Object(self._world, self._address.at(index))

    def has(self, step: Any) -> bool:
        return isinstance(step, int) and 0 <= step < self._count

    def member(self, step: Any) -> Any:
        if not self.has(step):
            raise no_such_index(self._address, self._count, step)
        return self[step]


class _Keyed(Members, Mapping[str, Any]):
    """The objects of a resource with `for_each`."""

    def __init__(self, world: _World, address: Address, keys: tuple[str, ...]) -> None:
        self._world, self._address, self._keys = world, address, keys

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def has(self, step: Any) -> bool:
        return step in self._keys

    __contains__ = has

    def __getitem__(self, key: str) -> Any:
        return _Object(self._world, self._address.at(key))

    def member(self, step: Any) -> Any:
        if step not in self:
            raise no_such_index(self._address, self._keys, step)
        return self[step]


class _Object(Members, Mapping[str, Any]):
    """One object, with the attributes that expressions may read."""

    def __init__(self, world: _World, address: Address) -> None:
        self._world, self._address = world, address
        self._names = all_kinds()[address.kind].attributes

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def has(self, step: Any) -> bool:
        return step in self._names

    __contains__ = has

    def __getitem__(self, name: str) -> Any:
        here = Unknown((Ref(self._address, name),))
        if self._world.attributes is None:
            return here
        values = self._world.attributes(self._address)
        if values is None:
            raise ExpressionError(
                msg("`{address}` does not exist", address=self._address), code="missing-reference"
            )
        value = values.get(name)
        return here if isinstance(value, Unknown | Deferred) else value

    def member(self, step: Any) -> Any:
        if step not in self:
            hint = hint_for(str(step), self._names)
            raise ExpressionError(
                msg(
                    "{kind} have no attribute `{attribute}`",
                    kind=self._address.kind,
                    attribute=step,
                ),
                code="unknown-attribute",
                hint=hint,
            )
        return self[step]


def _folded(sources: tuple[Ref, ...], shapes: Shapes | None) -> tuple[Ref, ...]:
    """The attributes, with one reference for all attributes of an object, and one for all objects
    of a resource.
    """
    names: dict[Address, set[str]] = {}
    found: set[Ref] = {ref for ref in sources if ref.attribute is None}
    for ref in sources:
        if ref.attribute is not None:
            names.setdefault(ref.address, set()).add(ref.attribute)
    for address, read_ in names.items():
        whole = read_ == set(all_kinds()[address.kind].attributes)
        found |= {Ref(address)} if whole else {Ref(address, name) for name in read_}
    groups: dict[tuple[Address, str | None], list[Ref]] = {}
    for ref in found:
        groups.setdefault((ref.address.resource, ref.attribute), []).append(ref)
    for (resource, attribute), refs in groups.items():
        shape: Shape = None if shapes is None else shapes.get((resource.kind, resource.name))
        count = shape if isinstance(shape, int) else len(shape or ())
        if not resource.existing and count > 1 and len(refs) == count:
            found = found.difference(refs) | {Ref(resource, attribute)}
    return unknown(found).source


def plain(value: Any) -> Plain:
    """A value in normal form: tuples for lists, text keys. Raises `ExpressionError` for what no
    attribute can hold.
    """
    counted = [0]

    def normal(item: Any, depth: int) -> Any:
        counted[0] += 1 + (len(item) // 16 if isinstance(item, str) else 0)
        if counted[0] > RESULT_MAX or depth > 32:
            raise ExpressionError(msg("the value is too large"))
        if item is None or isinstance(item, bool | int):
            return item
        if isinstance(item, str):
            return str(item)
        if isinstance(item, float):
            if not math.isfinite(item):
                raise ExpressionError(msg("the value is not a finite number"))
            return item
        if isinstance(item, list | tuple):
            return tuple(normal(member, depth + 1) for member in item)
        if isinstance(item, Mapping):
            return {
                _key(key): normal(member, depth + 1)
                for key, member in sorted(item.items(), key=lambda pair: str(pair[0]))
            }
        raise ExpressionError(
            msg("the value is {found}, which a stack cannot contain", found=described(item)),
            hint=msg("string(...) turns it into a string"),
        )

    made: Plain = normal(value, 0)
    return made


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ExpressionError(msg("the keys of a map must be strings"))
    return str(key)
