"""Rules from collections: `count`, `for_each` and `when` on a rule, and lists in its fields, each
element of which is one rule (stack-files#rules-from-collections).

The key of such a rule does not depend on what the account shows: it is the value of the element if
the file determines it, else the position among the elements that read other objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Any, NamedTuple

from reconciler.common import validators
from reconciler.common.text import msg
from reconciler.config import attributes, cardinality, template
from reconciler.config.build_context import INVALID, Absent, BuildContext, Invalid
from reconciler.config.document import Node, Scalar, Sequence, Table, is_null
from reconciler.config.references import UNAVAILABLE
from reconciler.model.address import part
from reconciler.model.resource import Deferred, Ref, Unknown, Value
from reconciler.model.resource_type import Field, ResourceType, ValueType

_LOOPS = ("count", "for_each", "when")


class Element(NamedTuple):
    """One value of a field: its part of the key (empty if the field is not a list), the value, and
    the node that contains it.
    """

    part: str
    value: Value
    node: Node


class Unfolded(NamedTuple):
    """One rule: the parts of its key in brackets, the names that its texts can read, and the values
    of its listed fields.
    """

    parts: str
    scope: Mapping[str, Any]
    elements: Mapping[str, Element]


class Unfolding:
    """How one written rule becomes several. `listed` are the fields that are or may be lists.
    `has_empty_list`: one of them was empty.
    """

    def __init__(
        self, ctx: BuildContext, kind: ResourceType, table: Table, nodes: Mapping[str, Node]
    ) -> None:
        self._ctx, self._table, self._noun = ctx, table, kind.noun
        self.has_empty_list = False
        self._loops = any(not is_null(table.entries.get(name)) for name in _LOOPS)
        self.listed = {
            field.name: field
            for field in kind.fields.values()
            if field.listed and field.name in nodes and _may_be_list(nodes[field.name])
        }
        self._nodes = {name: nodes[name] for name in self.listed}

    def __bool__(self) -> bool:
        return self._loops or bool(self.listed)

    def of(self, scope: Mapping[str, Any]) -> Iterator[Unfolded]:
        """The rules in a firewall whose texts can read `scope`."""
        total = 0
        for parts, inner in self._rounds(scope):
            found = [
                self._elements(field, self._nodes[name], inner)
                for name, field in self.listed.items()
            ]
            more = prod(map(len, found))
            total += more
            self.has_empty_list |= more == 0
            if not self._fits(total, more):
                return
            for combination in product(*found):
                keys = "".join(element.part for element in combination)
                yield Unfolded(
                    parts + keys, inner, dict(zip(self.listed, combination, strict=True))
                )

    def _fits(self, number: int, more: int) -> bool:
        """Whether so many rules are allowed, `more` of which are new. The first that are not are
        reported.
        """
        limit, before = cardinality.OBJECTS_MAX, self._ctx.unfolded
        self._ctx.unfolded += more
        if number > validators.COUNT_MAX:
            message = msg(
                "the lists and the `count` or `for_each` of a rule can create at most "
                "{limit:,} rules",
                limit=validators.COUNT_MAX,
            )
            self._ctx.report("out-of-bounds", message, self._table.place)
            return False
        if self._ctx.unfolded <= limit:
            return True
        if before <= limit:
            message = msg("the lists of the stack create more than {limit:,} rules", limit=limit)
            self._ctx.report("out-of-bounds", message, self._table.place)
        return False

    def _rounds(self, scope: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The rounds of the loop on the rule, each with its part of the key."""
        if not self._loops:
            yield "", scope
            return
        with self._ctx.inside(scope):
            found = cardinality.shape(self._ctx, self._table, key_max=validators.RULE_KEY_PART_MAX)
        if found is None:
            return
        if isinstance(found, Invalid):
            # It is still read once, to find its other mistakes.
            yield "", {**scope, "count": UNAVAILABLE, "each": UNAVAILABLE}
            return
        shape, values = found
        if shape is None:
            yield "", scope
        elif isinstance(shape, int):
            for index in range(shape):
                yield part(index), {**scope, "count": {"index": index}}
        else:
            for key in shape:
                yield part(key), {**scope, "each": {"key": key, "value": values[key]}}

    def _elements(self, field: Field, node: Node, scope: Mapping[str, Any]) -> list[Element]:
        """The values of a field. A null element is left out."""
        if isinstance(node, Scalar):
            items = self._computed(field, node, scope)
            if items is None:
                value = attributes.read(self._ctx, field, node, scope)
                if isinstance(value, Absent):
                    message = msg("the {noun} has no `{field}`", noun=self._noun, field=field.name)
                    hint = attributes.null_hint(node)
                    self._ctx.report("missing-key", message, node.place, hint=hint)
                    return []
                return [] if isinstance(value, Invalid) else [Element("", value, node)]
        else:
            items = [
                item
                for written in (node.items if isinstance(node, Sequence) else ())
                for item in self._written(field, written, scope)
            ]
        return self._keyed(field, items)

    def _written(
        self, field: Field, node: Node, scope: Mapping[str, Any]
    ) -> list[tuple[Node, Value]]:
        """The values of one element that the file writes: an expression may give a list."""
        if isinstance(node, Scalar) and _may_be_list(node):
            found = self._computed(field, node, scope)
            if found is not None:
                return found
        value = INVALID if is_null(node) else attributes.read(self._ctx, field, node, scope)
        return [] if isinstance(value, Invalid | Absent) else [(node, value)]

    def _computed(
        self, field: Field, node: Scalar, scope: Mapping[str, Any]
    ) -> list[tuple[Node, Value]] | None:
        """The values of an expression that gives a list, None if it gives no list."""
        found = self._ctx.elements(node, scope)
        if found is None:
            return None
        if isinstance(found, Invalid):
            return []
        if isinstance(found, Unknown):
            self._unknown_number(field, found.source, node)
            return []
        values: list[tuple[Node, Value]] = []
        for position, item in enumerate(found):
            value = self._value(field, node, (position, item), scope)
            if not isinstance(value, Invalid | Absent) and value is not None:
                values.append((node, value))
        return values

    def _value(
        self, field: Field, node: Scalar, element: tuple[int, Any], scope: Mapping[str, Any]
    ) -> attributes.Result:
        """One element of a computed list, with its position, as a value of the field. None for a
        null.
        """
        position, item = element
        if not isinstance(item, Unknown):
            if item is None:
                return None
            one = node._replace(value=item, text=str(item), expressions_at=())
            return attributes.read(self._ctx, field, one, {})
        whole = [ref for ref in item.source if ref.attribute is None]
        if whole:
            message = msg(
                "`{field}` must be a string, not all of {address}",
                field=field.name,
                address=whole[0].address,
            )
            hint = msg("name the attribute: .map(x, x.private_ip)")
            return self._ctx.report("wrong-type", message, node.place, hint=hint)
        if field.type is not ValueType.TEXT:
            return self._ctx.not_known(f"`{field.name}`", item.source, node.place)
        text = template.element_text(node.text, position)
        return Deferred(text, item.source, scope, node.place)

    def _unknown_number(self, field: Field, waits: tuple[Ref, ...], node: Scalar) -> None:
        number = msg("the number of elements of `{field}`", field=field.name)
        if self._ctx.waits_for_stacks(number, waits, node.place):
            return
        message = msg(
            "the number of elements of `{field}` must be known before the plan, but it reads "
            "{sources}",
            field=field.name,
            sources=", ".join(str(ref) for ref in waits[:3]),
        )
        hint = msg(
            "choose the elements by variables, keys or indices; attributes of other objects can "
            "be read in each element, as in .map(x, x.private_ip)"
        )
        self._ctx.report("not-known", message, node.place, hint=hint)

    def _keyed(self, field: Field, items: list[tuple[Node, Value]]) -> list[Element]:
        found: dict[str, Element] = {}
        waiting = 0
        for node, value in items:
            key: int | str = str(value)
            if isinstance(value, Deferred):
                key, waiting = waiting, waiting + 1
            elif str(key).isdecimal():
                key = int(key)
            text = part(key)
            if text in found and not isinstance(value, Deferred):
                message = msg(
                    "`{field}` contains `{value}` twice", field=field.name, value=str(value)
                )
                hint = msg("remove one of them; distinct(list) does that in an expression")
                self._ctx.report("duplicate-rule", message, node.place, hint=hint)
            found.setdefault(text, Element(text, value, node))
        return list(found.values())


def _may_be_list(node: Node) -> bool:
    """Whether the value of a field is a list, or an expression that may give one."""
    if isinstance(node, Sequence):
        return True
    return isinstance(node, Scalar) and template.is_one_expression(node.text)
