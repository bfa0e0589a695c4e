"""The objects of one resource of a stack file: defaults are applied, `count` and `for_each`
expanded, and every attribute is in normal form.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.common import validators
from reconciler.common.text import msg
from reconciler.config import attributes, lifecycle_options, references_by_key
from reconciler.config.attributes import null_hint
from reconciler.config.build_context import Absent, BuildContext, Invalid
from reconciler.config.document import Node, Scalar, Sequence, Table, is_null
from reconciler.config.document import table as entries_of
from reconciler.config.references import UNAVAILABLE
from reconciler.config.rules.unfolding import Unfolding
from reconciler.config.schema_messages import intended_key
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place
from reconciler.model.resource import EMPTY, Lifecycle, Resource, Value
from reconciler.model.resource_type import ResourceType
from reconciler.resources import all_kinds

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_DYNAMIC = "${"


class Places(Mapping[str, Place]):
    """The places of attributes, computed only when they are needed. `nulls` are the attributes that
    count as not written because their expressions are null.
    """

    __slots__ = ("_nodes", "nulls")

    def __init__(self, nodes: Mapping[str, Node], nulls: Mapping[str, Node] = EMPTY) -> None:
        self._nodes = {name: node for name, node in nodes.items() if name not in nulls}
        self.nulls = nulls

    def with_(self, nodes: Mapping[str, Node]) -> Places:
        """These places and others."""
        return Places({**self._nodes, **nodes}, self.nulls)

    def __getitem__(self, key: str) -> Place:
        return self._nodes[key].place

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)


def resources(
    ctx: BuildContext, resource: Address, table: Table, place: Place, default: Node | None
) -> Iterator[Resource]:
    """Every object of one resource, each followed by the objects inside it. The shape of the
    resource is known. `default` is the section with the defaults of its kind.
    """
    kinds = all_kinds()
    kind, owned = kinds[resource.kind], kinds.owned_by(resource.kind)
    defaults = entries_of(default)
    life = _lifecycle(ctx, kind, owned, defaults, table)
    waits = _depends_on(ctx, table.entries.get("depends_on"))
    made = _Attributes(ctx, kind, _merged(defaults, table.entries), unread=default)
    section = None if owned is None else table.entries.get(owned.name)
    if owned is not None and not isinstance(section, Table) and not is_null(section):
        ctx.cardinalities.broken.add((resource.kind, f"{resource.name}.{owned.name}"))
    inner = (
        [_Inner(ctx, owned, key, node, at) for key, at, node in section.keyed()]
        if owned is not None and isinstance(section, Table)
        else []
    )
    imports = _imports(ctx, resource, table.entries.get("import"))
    for address, scope in objects(ctx, resource):
        attributes, places = made.of(scope)
        yield Resource(
            address=address,
            attributes=attributes,
            at_create=made.at_create(address, places.nulls),
            lifecycle=life,
            depends_on=waits,
            place=place,
            places=places,
            import_id=imports.get(address.index),
        )
        for one in inner:
            yield from one.of(address, scope)


def _merged(defaults: Mapping[str, Node], own: Mapping[str, Node]) -> dict[str, Node]:
    """The entries with the defaults of the kind. A null removes a default
    (language#a-stack-file).
    """
    merged = {**defaults, **own} if defaults else dict(own)
    return {key: node for key, node in merged.items() if not is_null(node)}


class _Attributes:
    """The attributes of all objects of one resource. What contains no expression is read once and
    shared. `unread` is a section with defaults, which are not known if it is not a mapping.

    `places` are also those of attributes that could not be read, and of keys that are likely
    misspelt attributes: they are reported, and are not missing.
    """

    def __init__(
        self,
        ctx: BuildContext,
        kind: ResourceType,
        nodes: Mapping[str, Node],
        *,
        unread: Node | None = None,
    ) -> None:
        self._ctx, self._kind = ctx, kind
        self._written = written = {name: nodes[name] for name in kind.fields if name in nodes}
        self._dynamic = {name: node for name, node in written.items() if _is_dynamic(node)}
        self._fixed, self._nulls = self._read(
            {name: node for name, node in written.items() if name not in self._dynamic}, ctx.scope
        )
        failed = {
            field: node
            for name, node in nodes.items()
            if name not in written and (field := intended_key(name, kind.fields)) is not None
        }
        if unread is not None and not isinstance(unread, Table) and not is_null(unread):
            failed.update(dict.fromkeys(kind.required, unread))
        self._nodes = {**failed, **written}
        self.places = Places(self._nodes, self._nulls)

    def of(self, scope: Mapping[str, Any]) -> tuple[Mapping[str, Value], Places]:
        """The attributes of the object with that scope, and their places."""
        if not self._dynamic:
            return self._fixed, self.places
        found, nulls = self._read(self._dynamic, scope)
        places = Places(self._nodes, {**self._nulls, **nulls}) if nulls else self.places
        return {**self._fixed, **found}, places

    def at_create(self, address: Address, nulls: Mapping[str, Node]) -> Mapping[str, Value]:
        """The values that only a create needs: the default name, and those of the kind's table.
        `nulls` are not written.
        """
        found: dict[str, Value] = {}
        if "name" not in self._written or "name" in nulls:
            found["name"] = default_name(self._ctx.stack, self._ctx.environment, address)
        for name, value in all_kinds().at_create[self._kind.name].items():
            if name not in self._written or name in nulls:
                found[name] = value
        return found

    def _read(
        self, nodes: Mapping[str, Node], scope: Mapping[str, Any]
    ) -> tuple[dict[str, Value], dict[str, Node]]:
        """The values, and the nodes of those that are null."""
        found: dict[str, Value] = {}
        nulls: dict[str, Node] = {}
        for name, node in nodes.items():
            value = attributes.read(self._ctx, self._kind.fields[name], node, scope)
            if isinstance(value, Absent):
                nulls[name] = node
            elif not isinstance(value, Invalid):
                found[name] = value
        return found, nulls


def _is_dynamic(node: Node) -> bool:
    if isinstance(node, Scalar):
        return _DYNAMIC in node.text
    return any(
        _is_dynamic(item)
        for item in (node.items if isinstance(node, Sequence) else node.entries.values())
    )


class _Inner:
    """An object that is written inside another one, such as a rule in its firewall
    (stack-files#addresses).
    """

    def __init__(
        self, ctx: BuildContext, kind: ResourceType, key: str, node: Node, place: Place
    ) -> None:
        self._ctx, self._kind = ctx, kind
        self._key, self._place = key, place
        nodes = _merged(EMPTY, entries_of(node))
        self._unfolding = Unfolding(ctx, kind, node, nodes) if isinstance(node, Table) else None
        listed = self._unfolding.listed if self._unfolding else {}
        self._made = _Attributes(
            ctx, kind, {name: value for name, value in nodes.items() if name not in listed}
        )
        self._from_key = {field.name: key for field in kind.fields.values() if field.from_key}
        for name in kind.required:
            if name not in self._made.places and name not in listed:
                message = msg("the {noun} has no `{field}`", noun=kind.noun, field=name)
                ctx.report("missing-key", message, node.place)

    def of(self, owner: Address, scope: Mapping[str, Any]) -> Iterator[Resource]:
        """The objects inside that owner: one, or those that its collections give."""
        if not self._unfolding:
            attributes, places = self._made.of(scope)
            self._check(places)
            yield Resource(
                address=owner.with_rule(self._key),
                attributes={**self._from_key, **attributes},
                place=self._place,
                places=places,
            )
            return
        found = list(self._unfolding.of(scope))
        written = (owner.kind, f"{owner.name}.{self._kind.name}.{self._key}")
        if not found:
            self._ctx.cardinalities.emptied[written] = self._unfolding.has_empty_list
        for one in found:
            values = {name: element.value for name, element in one.elements.items()}
            nodes = {name: element.node for name, element in one.elements.items()}
            attributes, places = self._made.of(one.scope)
            self._check(places)
            yield Resource(
                address=owner.with_rule(f"{self._key}{one.parts}"),
                attributes={**self._from_key, **attributes, **values},
                place=self._place,
                places=places.with_(nodes),
            )

    def _check(self, places: Places) -> None:
        """Reports required fields that are null."""
        for name in self._kind.required:
            if name in places.nulls:
                node = places.nulls[name]
                message = msg("the {noun} has no `{field}`", noun=self._kind.noun, field=name)
                hint = null_hint(node)
                self._ctx.report("missing-key", message, node.place, hint=hint)


def objects(ctx: BuildContext, resource: Address) -> Iterator[tuple[Address, Mapping[str, Any]]]:
    """The addresses of a resource, each with the names that its texts can read."""
    name = (resource.kind, resource.name)
    shape, values = ctx.cardinalities.known[name], ctx.cardinalities.each[name]
    if name in ctx.cardinalities.broken:
        yield resource, {**ctx.scope, "count": UNAVAILABLE, "each": UNAVAILABLE}
    elif shape is None:
        yield resource, ctx.scope
    elif isinstance(shape, int):
        for index in range(shape):
            yield resource.at(index), {**ctx.scope, "count": {"index": index}}
    else:
        for key in shape:
            yield resource.at(key), {**ctx.scope, "each": {"key": key, "value": values[key]}}


def default_name(stack: str, environment: str | None, address: Address) -> str:
    """The name at iwinv of an object for which the file has none: `<stack>[-<env>]-<key>[-<index or
    key>]` (stack-files#remote-names).
    """
    parts = [stack] if environment is None else [stack, environment]
    parts.append(address.name)
    if isinstance(address.index, int):
        parts.append(str(address.index))
    elif address.index is not None:
        reduced = _NOT_IN_NAMES.sub("-", address.index.lower()).strip("-")
        # Nothing remains of a key in another script; its digest keeps the name unique.
        parts.append(reduced or hashlib.sha256(address.index.encode()).hexdigest()[:6])
    return "-".join(parts)


def _lifecycle(
    ctx: BuildContext,
    kind: ResourceType,
    owned: ResourceType | None,
    defaults: Mapping[str, Node],
    table: Table,
) -> Lifecycle:
    entries = {
        **entries_of(defaults.get("lifecycle")),
        **entries_of(table.entries.get("lifecycle")),
    }
    marker = table.entries.get("marker", defaults.get("marker"))
    if not entries and marker is None:
        return _PLAIN_LIFECYCLE
    inner = () if owned is None else (owned.name,)
    return lifecycle_options.lifecycle(ctx, entries, marker, frozenset((*kind.fields, *inner)))


_PLAIN_LIFECYCLE = Lifecycle()


def _depends_on(ctx: BuildContext, node: Node | None) -> tuple[Address, ...]:
    if not isinstance(node, Sequence):
        return ()
    found: list[Address] = []
    for item in node.items:
        if not isinstance(item, Scalar) or is_null(item):
            continue
        text: Any = item.text
        if _DYNAMIC in text:
            text = ctx.known(item, ctx.scope, "`depends_on`")
            if isinstance(text, Invalid) or text is None:
                continue
            text = references_by_key.inside(ctx, "", str(text), ctx.scope)
        if (address := references_by_key.depends_on(ctx, text, item.place)) is not None:
            found.append(address)
    return tuple(sorted(set(found)))


def _imports(
    ctx: BuildContext, resource: Address, node: Node | None
) -> Mapping[int | str | None, str]:
    """The id to bind for each index. The index None is the only object."""
    name = (resource.kind, resource.name)
    found: dict[int | str | None, str] = {}
    if node is None or name in ctx.cardinalities.broken or is_null(node):
        return found
    shape = ctx.cardinalities.known[name]
    if isinstance(node, Scalar) and shape is None:
        return {None: node.text} if _is_id(ctx, node) else found
    if not isinstance(node, Table) or shape is None:
        form = msg("one id") if shape is None else msg("a map of index or key to id")
        ctx.report("wrong-type", msg("`import` must be {form} here", form=form), node.place)
        return found
    keys: dict[str, int | str] = (
        {str(n): n for n in range(shape)} if isinstance(shape, int) else {key: key for key in shape}
    )
    for key, place, value in node.keyed():
        if key not in keys:
            message = msg("`import` names `{key}`, but the resource has no such object", key=key)
            ctx.report("missing-reference", message, place)
        elif isinstance(value, Scalar) and _is_id(ctx, value):
            found[keys[key]] = value.text
    return found


def _is_id(ctx: BuildContext, node: Scalar) -> bool:
    wrong = validators.identifier(node.text)
    if wrong is not None:
        ctx.report("bad-format", wrong, node.place)
    return wrong is None
