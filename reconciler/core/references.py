"""What a text reads, found without evaluating it: the attributes of resources, and names of the file that must be there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from reconciler.core import branches, cel_source
from reconciler.core.address import Address
from reconciler.core.cel_source import KINDS, Computed, ExpressionError, Read, Step
from reconciler.core.model import Deferred, Ref
from reconciler.core.names import hint_for
from reconciler.core.template import Expression, Template, moved, walk

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "instances": ("id", "name", "status", "zone", "flavor", "image", "public_ip", "private_ip", "firewall"),
    "block_storages": ("id", "name", "type", "size", "instance"),
    "firewalls": ("id", "name", "icmp"),
}
"""What expressions may read of each kind (SPEC 2)."""

Shapes: TypeAlias = Mapping[tuple[str, str], "int | tuple[str, ...] | None"]
"""Which resources there are, by kind and name: single (None), counted, or keyed. `existing` ones have the kind `existing.<kind>`."""


class Poison:
    """Stands for a value that could not be had, and of which the user has been told: what reads it fails without a word."""


POISON = Poison()


class Need(NamedTuple):
    """What one read asks of resources. `counted`: only how many objects there are, and under which keys."""

    ref: Ref
    counted: bool


def references(template: Template, scope: Mapping[str, Any], shapes: Shapes) -> tuple[Ref, ...]:
    """The attributes of resources that a text reads, sorted; through locals too. Raises `ExpressionError` for one that is not there.

    What a condition protects may be missing: it is told of only if it is evaluated.
    """
    found: set[Ref] = set()
    for expression in template.expressions:
        for read, protected in _reads(expression):
            try:
                with moved(expression.offset):
                    if read.root in cel_source.FILE_ROOTS:
                        found.update(_deferred_in(_known_to_file(read, scope)))
                    else:
                        found.update(need.ref for need in _resource_needs(read, scope, shapes))
            except ExpressionError as failure:
                if failure.code in ("", "unknown-attribute") or not protected:
                    raise
    return tuple(sorted(found, key=lambda ref: (ref.address.sort_key, ref.attribute or "")))


def needs(template: Template, scope: Mapping[str, Any], shapes: Shapes) -> tuple[Need, ...]:
    """What a text itself asks of resources, what it reads through names of the file left out. Raises as `references` does."""
    found: list[Need] = []
    for expression in template.expressions:
        for read, protected in _reads(expression):
            try:
                with moved(expression.offset):
                    if read.root not in cel_source.FILE_ROOTS:
                        found.extend(_resource_needs(read, scope, shapes))
                    else:
                        _known_to_file(read, scope)
            except ExpressionError as failure:
                if failure.code == "" or not protected:
                    raise
    return tuple(found)


def resources_of(template: Template) -> tuple[Ref, ...]:
    """The resources that a text reads, as long as it is not known which there are."""
    found: set[Ref] = set()
    for expression in template.expressions:
        for read in expression.words.reads:
            names = [step for step in read.steps[:2] if isinstance(step, str)]
            if read.root in KINDS and names:
                found.add(Ref(Address(read.root, names[0])))
            elif read.root == "existing" and len(names) == 2:
                found.add(Ref(Address(names[0], names[1], existing=True)))
    return tuple(sorted(found))


def check_names(template: Template, scope: Mapping[str, Any], shapes: Shapes, gone: Collection[tuple[str, str]]) -> None:
    """Raises `ExpressionError` for a name that the file defines nowhere, in whatever branch it stands, unless `has` asks for it.

    An index, a key, or an object that its `when` leaves out may be missing in a branch that is not taken; a name there is misspelt.
    """
    for expression in template.expressions:
        asked = branches.asked_for(expression.source)
        for read, protected in _reads(expression):
            if not protected or any(_is_about(text, read) for text in asked):
                continue
            with moved(expression.offset):
                if read.root in cel_source.FILE_ROOTS:
                    _first_value(read, scope)
                else:
                    _named(read, {**dict.fromkeys(gone), **shapes})


def _reads(expression: Expression) -> Iterator[tuple[Read, bool]]:
    """What an expression reads, each with whether a condition protects it."""
    spans = branches.guarded(expression.source)
    for read in expression.words.reads:
        yield read, any(start <= read.at < end for start, end in spans)


def _is_about(asked: str, read: Read) -> bool:
    """Whether a `has` asks for the object or value that is read, or for something in it."""
    path, names = cel_source.path_of(asked), 2 if read.root == "existing" else 1
    return path is not None and path.root == read.root and path.steps[:names] == read.steps[:names]


def _known_to_file(read: Read, scope: Mapping[str, Any]) -> Any:
    value = _file_value(read, scope)
    if value is POISON:
        raise ExpressionError("", code="")
    return value


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
    value = _first_value(read, scope)
    return value if value is POISON or not read.steps or isinstance(read.steps[0], Computed) else _below(read, value)


def _first_value(read: Read, scope: Mapping[str, Any]) -> Any:
    """The value of a root, or of the name that follows it."""
    if read.root not in scope:
        raise _out_of_scope(read)
    value = scope[read.root]
    if not read.steps or value is POISON:
        return value
    name = read.steps[0]
    if isinstance(name, Computed):
        return value
    if not isinstance(value, Mapping) or name not in value:
        raise _not_there(read, 1, value)
    return value[name]


def _below(read: Read, value: Any) -> Any:
    """What the further steps lead to, as far as they are fixed: only that is waited for."""
    deep = read.root in ("components", "stacks")
    for number, step in enumerate(read.steps[1:], start=2):
        if isinstance(step, Computed) or not isinstance(value, Mapping):
            break
        if step not in value:
            if deep:
                raise _not_there(read, number, value)
            break
        value = value[step]
    return value


def _not_there(read: Read, steps: int, value: Any) -> ExpressionError:
    name = str(read.steps[steps - 1])
    spelled = ".".join([read.root, *map(str, read.steps[:steps])])
    known = [str(key) for key in value] if isinstance(value, Mapping) else []
    none = "that stack gives no outputs: apply it again" if read.root == "stacks" and steps > 1 else f"the stack defines no `{read.root}`"
    hint = hint_for(name, known) or none
    return ExpressionError(f"`{spelled}` does not exist", offset=read.at, code="missing-reference", hint=hint)


def _out_of_scope(read: Read) -> ExpressionError:
    reason = {
        "count": "`count.index` is known only in a resource with `count`",
        "each": "`each.key` and `each.value` are known only in a resource with `for_each`",
        "locals": "`locals` cannot be read here",
        "component": "`component.name` is known only in the file of a component",
        "components": "what components give can be read in resources, outputs and `with`, not in locals or in another component",
        "stacks": "outputs of other stacks can be read in the stack's own files; give them to a component by `with`",
    }.get(read.root, f"`{read.root}` cannot be read here")
    return ExpressionError(reason, offset=read.at, code="bad-reference")


def _resource_needs(read: Read, scope: Mapping[str, Any], shapes: Shapes) -> Iterator[Need]:
    """The attributes that one read of a resource means. Raises `ExpressionError` where it names nothing."""
    address, steps = _named(read, shapes)
    shape = shapes[f"existing.{address.kind}" if address.existing else address.kind, address.name]
    if isinstance(shape, tuple) and not steps and read.method in cel_source.MACROS:
        # The macro goes over the keys, which the file decides; what it reads by them stands there for itself.
        yield Need(Ref(address, "name"), True)
        return
    if shape is not None and not steps and read.fields == ():
        # Only how many there are is asked; their names, which are mostly known before the plan, stand for that.
        yield Need(Ref(address, "name"), True)
        return
    if shape is not None and steps:
        step = steps.pop(0)
        index = _known_index(step, scope) if isinstance(step, Computed) else step
        if index is not None:
            address = _indexed(address, shape, index, read)
    for ref in _attribute_refs(address, steps, read):
        yield Need(ref, False)


def _named(read: Read, shapes: Shapes) -> tuple[Address, list[Step]]:
    """The resource that a read names, without its index, and the steps that follow. Raises `ExpressionError` where there is none."""
    steps: list[Step] = list(read.steps)
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
    return Address(kind, name, existing=existing), steps


def _indexed(address: Address, shape: int | tuple[str, ...], index: Any, read: Read) -> Address:
    """The address with an index that it has."""
    if not _has(shape, index):
        hint = _index_hint(shape)
        raise ExpressionError(_no_such_index(address, shape, index), offset=read.at, code="missing-reference", hint=hint)
    return Address(address.kind, address.name, index, None, address.existing)


def _has(shape: int | tuple[str, ...], index: Any) -> bool:
    if isinstance(shape, int):
        return isinstance(index, int) and not isinstance(index, bool) and 0 <= index < shape
    return index in shape


def _known_index(index: Computed, scope: Mapping[str, Any]) -> int | str | None:
    """The index that the file decides (`count.index`), or None: any of them may be read."""
    if index.path is None or index.path.root not in scope:
        return None
    try:
        value = walk(scope[index.path.root], index.path)
    except ExpressionError:
        return None
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _no_such_index(address: Address, shape: int | tuple[str, ...], index: Any) -> str:
    if isinstance(shape, int):
        if isinstance(index, str):
            return f"`{address}` has several objects (`count`): `{index}` needs an index before it"
        return f"`{address}[{index}]` does not exist: there are {shape}"
    return f'`{address}["{index}"]` does not exist'


def _index_hint(shape: int | tuple[str, ...]) -> str:
    if isinstance(shape, int):
        return "write [0], or .map(x, x.name) for all of them" if shape else "its count is 0"
    return "keys are " + ", ".join(f'"{key}"' for key in shape[:12]) if shape else "its for_each is empty"


def _attribute_refs(address: Address, steps: list[Step], read: Read) -> Iterator[Ref]:
    """The attributes read of an address; without its index, of all its objects."""
    if steps and isinstance(steps[0], str):
        yield Ref(address, _checked(address, steps[0], read))
    elif steps or not read.fields:
        yield Ref(address)
    else:
        for field in read.fields:
            yield Ref(address, _checked(address, field, read))


def _checked(address: Address, attribute: str, read: Read) -> str:
    known = ATTRIBUTES[address.kind]
    if attribute not in known:
        raise ExpressionError(
            f"{address.kind} have no attribute `{attribute}`", offset=read.at, code="unknown-attribute", hint=hint_for(attribute, known)
        )
    return attribute
