"""What a text reads, found without evaluating it: the attributes of resources, and names of the file that must be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from reconciler.core import cel_source
from reconciler.core.address import Address
from reconciler.core.cel_source import KINDS, Computed, ExpressionError, Read
from reconciler.core.model import Deferred, Ref
from reconciler.core.names import hint_for
from reconciler.core.template import Template, moved, walk

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


def references(template: Template, scope: Mapping[str, Any], shapes: Shapes) -> tuple[Ref, ...]:
    """The attributes of resources that a text reads, sorted; through locals too. Raises `ExpressionError` for one that is not there."""
    found: set[Ref] = set()
    for expression in template.expressions:
        with moved(expression.offset):
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
        raise _not_there(read, 1, value)
    return _below(read, value[name])


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
