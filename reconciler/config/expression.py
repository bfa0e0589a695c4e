"""The values of `${...}` in a stack: now, or as soon as what they read is known.

The language inside is CEL (`config.cel_syntax`, `config.cel_eval`). What a text reads is not
collected in advance: the text is evaluated with attributes that are unknown, and the unknown result
names the attributes that it waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config.cel_eval import Evaluator, Members, gives_list, unknown
from reconciler.config.cel_operators import is_list, key_of, plain
from reconciler.config.cel_syntax import FILE_ROOTS, ExpressionError
from reconciler.config.functions import CallError, described, text_of
from reconciler.config.references import (
    UNAVAILABLE,
    Cardinalities,
    Cardinality,
    check_names,
    has,
    no_such_attribute,
    no_such_index,
    out_of_scope,
    wrong_names,
)
from reconciler.config.template import Template, moved, parse
from reconciler.model.address import Address
from reconciler.model.resource import Deferred, Link, Lookup, Plain, Ref, Stack, Unknown, Value
from reconciler.resources import all_kinds

__all__ = [
    "UNAVAILABLE",
    "Attributes",
    "Cardinalities",
    "ExpressionError",
    "Template",
    "check_names",
    "compute",
    "elements",
    "parse",
    "read",
    "resolve",
    "resolve_value",
    "wrong_names",
]

Attributes: TypeAlias = Callable[[Address], "Mapping[str, Value] | None"]
"""Returns the attributes of one object, some of them perhaps `Unknown`. None if there is no such
object.
"""


def compute(template: Template, scope: Mapping[str, Any]) -> Plain:
    """The value of a text that reads no resources. Raises `ExpressionError`."""
    value = read(template, scope, Cardinalities())
    assert not isinstance(value, Unknown)
    return value


def read(
    template: Template, scope: Mapping[str, Any], cardinalities: Cardinalities | None
) -> Plain | Unknown:
    """The value of a text as far as the file determines it, or `Unknown` with the attributes that
    it reads. Raises `ExpressionError`.

    `cardinalities` are None until it is known which objects there are.
    """
    return _Context(scope, cardinalities, None).value(template)


def elements(
    template: Template, scope: Mapping[str, Any], cardinalities: Cardinalities | None
) -> tuple[Plain | Unknown, ...] | Unknown | None:
    """The elements of the list that a text gives, each as far as the file determines it. None if
    the text is not one expression that gives a list, or it cannot be known whether it does;
    `Unknown` if it gives a list whose number of elements is not known. Raises `ExpressionError`.
    """
    return _Context(scope, cardinalities, None).elements(template)


def read_members(
    template: Template, scope: Mapping[str, Any], cardinalities: Cardinalities | None
) -> Any:
    """As `read`, but the members of a map are read one by one: each is a value, `Unknown`, or an
    `ObjectReference`. Raises `ExpressionError`.
    """
    return _Context(scope, cardinalities, None).members(template)


def member_text(text: str, key: str) -> str:
    """The text whose value is one member of the value of another text, which is one expression and
    may end with a comment.
    """
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'${{({text[2:-1]}\n)["{quoted}"]}}'


def resolve(deferred: Deferred, stack: Stack, attributes: Attributes) -> Plain | Unknown:
    """The value of a text that reads resources, or `Unknown` with the attributes that are not known
    yet. Raises `ExpressionError`.
    """
    existing = {(f"existing.{address.kind}", address.name): None for address in stack.existing}
    cardinalities = Cardinalities({**stack.cardinalities, **existing})
    found = _Context(deferred.scope, cardinalities, attributes).value(parse(deferred.text))
    return Unknown(found.source, deferred) if isinstance(found, Unknown) else found


def resolve_value(
    value: Value, stack: Stack, attributes: Attributes
) -> Plain | Unknown | Link | Lookup:
    """Like `resolve`, for any value: deferred values in lists and maps are resolved, all others are
    returned as they are.
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


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """An object of the stack as a value, such as the `each.value` of a `for_each` over another
    resource.
    """

    address: Address


class _Context:
    """What expressions can read: the names of the file, the resources (None: not known yet), and
    their attributes (None: not known yet).
    """

    def __init__(
        self,
        scope: Mapping[str, Any],
        cardinalities: Cardinalities | None,
        attributes: Attributes | None,
    ) -> None:
        self.scope, self.cardinalities, self.attributes = scope, cardinalities, attributes
        self._spent = [0]
        self._deferred: dict[int, Any] = {}

    def value(self, template: Template) -> Plain | Unknown:
        """The value of a text, in normal form. Raises `ExpressionError`."""
        found = self._text(template, self.scope)
        if isinstance(found, Unknown):
            return Unknown(_folded(found.source, self.cardinalities))
        with moved(template.only.offset if template.only is not None else 0):
            return plain(found)

    def elements(self, template: Template) -> tuple[Plain | Unknown, ...] | Unknown | None:
        """The elements of the list that a text gives, as `elements` describes them."""
        only = template.only
        if only is None:
            return None
        with moved(only.offset):
            evaluator = self._evaluator(self.scope)
            found = evaluator.value(only.tree)
            if isinstance(found, Unknown):
                waits = unknown(evaluator.undecided) if evaluator.undecided else found
                return waits if gives_list(only.tree) else None
            if not is_list(found):
                return None
            items = [evaluator.whole(item) for item in found]
            return tuple(
                Unknown(_folded(item.source, self.cardinalities))
                if isinstance(item, Unknown)
                else plain(item)
                for item in items
            )

    def _evaluator(self, scope: Mapping[str, Any]) -> Evaluator:
        return Evaluator(lambda name: self._root(name, scope), self.touch, self._spent)

    def members(self, template: Template) -> Any:
        """The value of a text, with the members of a map one by one."""
        if template.only is None:
            return self.value(template)
        evaluator = self._evaluator(self.scope)
        with moved(template.only.offset):
            found = evaluator.value(template.only.tree)
            if not isinstance(found, Mapping) or isinstance(found, _Object):
                return self.value(template)
            return {key_of(key): self._member(evaluator, found[key]) for key in found}

    def _member(self, evaluator: Evaluator, value: Any) -> Any:
        if isinstance(value, _Object):
            return ObjectReference(value.address)
        found = evaluator.whole(value)
        if isinstance(found, Unknown):
            return Unknown(_folded(found.source, self.cardinalities))
        return plain(found)

    def _text(self, template: Template, scope: Mapping[str, Any]) -> Any:
        evaluator = self._evaluator(scope)
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
        is_section = name in all_kinds().sections
        if name == "components" and self.cardinalities is not None and self.cardinalities.pending:
            return _NotYet(name)
        if self.cardinalities is None and (is_section or name in ("components", "existing")):
            return _NotYet(name)
        if name in scope:
            value = scope[name]
            return _Object(self, value) if isinstance(value, Address) else value
        if is_section:
            return _Kind(self, name, existing=False)
        if name == "existing":
            return _Existing(self)
        if name in FILE_ROOTS:
            raise out_of_scope(name)
        raise KeyError(name)

    def touch(self, value: Any) -> Any:
        """The current value of something in the file or of an attribute."""
        if value is UNAVAILABLE:
            raise ExpressionError("", code="")
        if isinstance(value, Deferred):
            if id(value) not in self._deferred:
                self._deferred[id(value)] = self._inner(parse(value.text), value.scope)
            return self._deferred[id(value)]
        if isinstance(value, ObjectReference):
            return _Object(self, value.address)
        return str(value) if isinstance(value, Link | Lookup) else value

    def _inner(self, template: Template, scope: Mapping[str, Any]) -> Any:
        """The value of a text that another one reads: of a list, single elements may be unknown."""
        only = template.only
        if only is None:
            return self._text(template, scope)
        with moved(only.offset):
            return self._evaluator(scope).value(only.tree)


def _piece(value: Any) -> str:
    """A value as it is inserted into a text."""
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
    """Resources before it is known which there are."""

    def __init__(self, root: str) -> None:
        self._root = root

    def member(self, step: Any) -> Any:
        return Unknown((Ref(Address(self._root, str(step))),))

    def has(self, step: Any) -> Any:
        return self.member(step)


class _Existing(Members):
    """The existing objects that the stack refers to, by kind."""

    def __init__(self, context: _Context) -> None:
        self._context = context

    def member(self, step: Any) -> Any:
        return _Kind(self._context, str(step), existing=True)

    def has(self, step: Any) -> bool:
        return step in all_kinds().sections


class _Kind(Members):
    """The resources of one kind, by name."""

    def __init__(self, context: _Context, kind: str, *, existing: bool) -> None:
        self._context, self._kind, self._existing = context, kind, existing
        self._section = f"existing.{kind}" if existing else kind
        self._cardinalities = context.cardinalities or Cardinalities()

    def member(self, step: Any) -> Any:
        if (self._section, step) in self._cardinalities.pending:
            return Unknown((Ref(Address(self._kind, str(step))),))
        if not self.has(step):
            raise self._cardinalities.missing(self._section, step)
        if (self._section, step) in self._cardinalities.broken:
            raise ExpressionError("", code="")
        shape = self._cardinalities.known[self._section, step]
        address = Address(self._kind, step, existing=self._existing)
        if shape is None:
            return _Object(self._context, address)
        if isinstance(shape, int):
            return _Counted(self._context, address, shape)
        return _Keyed(self._context, address, shape)

    def has(self, step: Any) -> Any:
        if (self._section, step) in self._cardinalities.pending:
            return Unknown((Ref(Address(self._kind, str(step))),))
        return (self._section, step) in self._cardinalities.known


class _Counted(Members, Sequence[Any]):
    """The objects of a resource with `count`."""

    def __init__(self, context: _Context, address: Address, count: int) -> None:
        self._context, self._address, self._count = context, address, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return _Object(self._context, self._address.at(index))

    def has(self, step: Any) -> bool:
        return has(self._count, step)

    def member(self, step: Any) -> Any:
        if not self.has(step):
            raise no_such_index(self._address, self._count, step)
        return self[step]


class _Keyed(Members, Mapping[str, Any]):
    """The objects of a resource with `for_each`."""

    def __init__(self, context: _Context, address: Address, keys: tuple[str, ...]) -> None:
        self._context, self._address, self._keys = context, address, keys

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def has(self, step: Any) -> bool:
        return step in self._keys

    __contains__ = has

    def __getitem__(self, key: str) -> Any:
        return _Object(self._context, self._address.at(key))

    def member(self, step: Any) -> Any:
        if step not in self:
            raise no_such_index(self._address, self._keys, step)
        return self[step]


class _Object(Members, Mapping[str, Any]):
    """One object, with the attributes that expressions may read."""

    def __init__(self, context: _Context, address: Address) -> None:
        self._context, self.address = context, address
        self._names = all_kinds()[address.kind].attributes

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def has(self, step: Any) -> bool:
        return step in self._names

    __contains__ = has

    def __getitem__(self, name: str) -> Any:
        here = Unknown((Ref(self.address, name),))
        if self._context.attributes is None:
            return here
        values = self._context.attributes(self.address)
        if values is None:
            raise ExpressionError(
                msg("`{address}` does not exist", address=self.address), code="missing-reference"
            )
        value = values.get(name)
        return here if isinstance(value, Unknown | Deferred) else value

    def member(self, step: Any) -> Any:
        if step not in self:
            raise no_such_attribute(self.address, step)
        return self[step]


def _folded(sources: tuple[Ref, ...], cardinalities: Cardinalities | None) -> tuple[Ref, ...]:
    """The attributes, with one reference in place of all attributes of an object, and one in place
    of all objects of a resource.
    """
    names: dict[Address, set[str]] = {}
    found: set[Ref] = {ref for ref in sources if ref.attribute is None or ref.stack is not None}
    for ref in sources:
        if ref.attribute is not None and ref.stack is None:
            names.setdefault(ref.address, set()).add(ref.attribute)
    for address, read_ in names.items():
        whole = read_ == set(all_kinds()[address.kind].attributes)
        found |= {Ref(address)} if whole else {Ref(address, name) for name in read_}
    groups: dict[tuple[Address, str | None], list[Ref]] = {}
    for ref in found:
        groups.setdefault((ref.address.resource, ref.attribute), []).append(ref)
    for (resource, attribute), refs in groups.items():
        shape: Cardinality = (
            None
            if cardinalities is None
            else cardinalities.known.get((resource.kind, resource.name))
        )
        count = shape if isinstance(shape, int) else len(shape or ())
        if not resource.existing and count > 1 and len(refs) == count:
            found = found.difference(refs) | {Ref(resource, attribute)}
    return unknown(found).source
