"""How many objects each resource of a stack has: `count`, `for_each`, `when`. One that depends on
another is computed after it.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.common import validators
from reconciler.common.text import msg
from reconciler.config import expression, locals_, references_by_key
from reconciler.config.build_context import (
    ABSENT,
    INVALID,
    Absent,
    BuildContext,
    Cardinality,
    Invalid,
    waited_for,
)
from reconciler.config.document import Node, Scalar, Sequence, Table, is_null
from reconciler.config.expression import ExpressionError
from reconciler.config.functions import described
from reconciler.config.references import Name
from reconciler.model.diagnostics import Place
from reconciler.model.resource import EMPTY, Plain
from reconciler.resources import all_kinds

OBJECTS_MAX = 100_000
"""The largest number of objects of one stack."""


class Waiting(Exception):
    """The number of objects depends on that of other resources, which is not computed yet."""

    def __init__(self, names: frozenset[Name]) -> None:
        super().__init__()
        self.names = names


def shape(
    ctx: BuildContext, table: Table, *, key_max: int = validators.KEY_MAX
) -> tuple[Cardinality, Mapping[str, Any]] | Invalid | None:
    """How many objects a resource has, and the value of each key of its `for_each`. None if its
    `when` leaves it out, `INVALID` if the number cannot be computed, which is reported. Raises
    `Waiting`.
    """
    entries = table.entries
    count, each, when = (
        None if is_null(entries.get(name)) else entries[name]
        for name in ("count", "for_each", "when")
    )
    if count is not None and each is not None:
        ctx.report(
            "bad-combination",
            msg("`count` and `for_each` are mutually exclusive"),
            table.key_place("for_each"),
            hint=msg("keep one of them"),
        )
        return INVALID
    if when is not None and not _when(ctx, when):
        return None
    if count is not None:
        number = _count(ctx, count)
        if isinstance(number, Absent):
            return None, EMPTY
        return (number, EMPTY) if number is not None else INVALID
    if each is not None:
        values = _each(ctx, each, key_max)
        return (tuple(values), values) if values is not None else INVALID
    return None, EMPTY


def _known(ctx: BuildContext, node: Node, value: Any, what: str) -> Any:
    """A value, or `INVALID` after a report if it waits for attributes. Raises `Waiting`."""
    waits = waited_for(value)
    names = {(ref.address.kind, ref.address.name) for ref in waits}
    pending = frozenset(names & ctx.cardinalities.pending)
    if pending:
        raise Waiting(pending)
    return ctx.not_known(what, waits, node.place) if waits else value


def _when(ctx: BuildContext, node: Node) -> bool:
    value = _known(ctx, node, ctx.value(node, ctx.scope), "`when`")
    if value is None:
        return True
    if isinstance(value, bool):
        return value
    if not isinstance(value, Invalid):
        ctx.report(
            "wrong-type",
            msg("`when` must be true or false, not {found}", found=described(value)),
            node.place,
        )
    return True


def _count(ctx: BuildContext, node: Node) -> int | Absent | None:
    value = _known(ctx, node, ctx.value(node, ctx.scope), "`count`")
    if isinstance(value, Invalid):
        return None
    if value is None:
        return ABSENT
    if isinstance(value, bool) or not isinstance(value, int):
        ctx.report(
            "wrong-type",
            msg("`count` must be a whole number, not {found}", found=described(value)),
            node.place,
        )
        return None
    if not 0 <= value <= validators.COUNT_MAX:
        ctx.report(
            "out-of-bounds",
            msg(
                "`count` must be 0 to {limit:,}, not {value}",
                limit=validators.COUNT_MAX,
                value=value,
            ),
            node.place,
        )
        return None
    return value


def _each(ctx: BuildContext, node: Node, key_max: int) -> Mapping[str, Any] | None:
    """The value of each key, sorted by key. The elements of a list are both keys and values."""
    value = ctx.members(node, ctx.scope)
    if not isinstance(value, Mapping):
        value = _known(ctx, node, value, "`for_each`")
    if isinstance(value, Invalid):
        return None
    if value is None:
        ctx.report(
            "wrong-type",
            msg("`for_each` is null, so the number of objects is unknown"),
            node.place,
            hint=msg("for no objects write [], such as ${{vars.names == null ? [] : vars.names}}"),
        )
        return None
    if isinstance(value, Mapping):
        found = dict(value)
    elif isinstance(value, tuple):
        found = _of_list(ctx, node, value)
    else:
        ctx.report(
            "wrong-type",
            msg(
                "`for_each` must be a map or a list of strings, not {found}", found=described(value)
            ),
            node.place,
        )
        return None
    if len(found) > validators.COUNT_MAX:
        ctx.report(
            "out-of-bounds",
            msg("`for_each` can have at most {limit:,} keys", limit=validators.COUNT_MAX),
            node.place,
        )
        return None
    checked = (validators.key(key, key_max) for key in found)
    wrong = [message for message in checked if message is not None]
    for message in wrong:
        ctx.report("bad-format", message, node.place)
    return None if wrong else {key: found[key] for key in sorted(found)}


def _of_list(ctx: BuildContext, node: Node, value: tuple[Any, ...]) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    nodes = node.items if isinstance(node, Sequence) and len(node.items) == len(value) else ()
    for index, item in enumerate(value):
        written = nodes[index] if nodes else None
        text = (
            written.text if isinstance(written, Scalar) and isinstance(item, int | float) else item
        )
        if isinstance(text, str) and text not in found:
            found[text] = text
        elif isinstance(text, str):
            ctx.report(
                "yaml-duplicate-key",
                msg("`for_each` contains `{text}` twice", text=text),
                (written or node).place,
            )
        else:
            ctx.report(
                "wrong-type",
                msg("`for_each` must be a list of strings, not of {found}", found=described(item)),
                (written or node).place,
            )
    return found


# All resources
# --------------------------------------------------------------------------------------------------


class _Resource(NamedTuple):
    name: Name
    place: Place
    table: Table
    scope: Mapping[str, Any]


def sections(root: Table) -> Iterator[tuple[str, str, Place, Node]]:
    """Each resource of a file: kind, key, place and node."""
    for kind in all_kinds().build_order:
        section = root.get(kind)
        if isinstance(section, Table):
            for name, place, node in section.keyed():
                yield kind, name, place, node


def as_table(node: Node) -> Table | None:
    """The mapping of a resource. One written as `web:` alone is empty: its fields may all be
    defaults.
    """
    if isinstance(node, Scalar) and node.value is None:
        return Table({}, (), node.file, node.line, node.column)
    return node if isinstance(node, Table) else None


def compute(ctx: BuildContext, roots: Iterable[tuple[Mapping[str, Any], Table]]) -> None:
    """Computes how many objects each resource has, in the files of the roots, each with the names
    that its texts can read. Mistakes are reported.
    """
    linked, cardinalities = all_kinds().links.values(), ctx.cardinalities
    waiting: list[_Resource] = []
    for scope, root in roots:
        for kind, name, place, written in sections(root):
            table = as_table(written)
            if table is None:
                cardinalities.known[kind, name] = None
                continue
            if name == references_by_key.NONE and kind in linked:
                message = msg("`none` is reserved: as a reference it means no object")
                ctx.report("not-allowed", message, place, hint=msg("choose another key"))
            waiting.append(_Resource((kind, name), place, table, scope))
    every = tuple(waiting)
    cardinalities.pending.update(resource.name for resource in every)
    total = 0
    while waiting:
        needs: dict[Name, frozenset[Name]] = {}
        for resource in waiting:
            before = len(ctx.problems)
            try:
                with ctx.inside(resource.scope):
                    found = shape(ctx, resource.table)
            except Waiting as waits:
                del ctx.problems[before:]
                needs[resource.name] = waits.names
                continue
            total = _take(ctx, resource, found, total)
        left = [resource for resource in waiting if resource.name in needs]
        if len(left) == len(waiting):
            _report_cycle(ctx, left, needs)
            break
        waiting = left
    cardinalities.pending.clear()
    for resource in every:
        _check_names(ctx, resource)


def _take(
    ctx: BuildContext,
    resource: _Resource,
    found: tuple[Cardinality, Mapping[str, Any]] | Invalid | None,
    total: int,
) -> int:
    """Notes how many objects a resource has, and returns the number of all of them so far."""
    cardinalities, name = ctx.cardinalities, resource.name
    cardinalities.pending.discard(name)
    if found is None:
        cardinalities.left_out.add(name)
        return total
    if isinstance(found, Invalid):
        # It is still read as one object, to find its other mistakes.
        cardinalities.broken.add(name)
        found = (None, EMPTY)
    number, values = found
    is_full, total = total > OBJECTS_MAX, total + _size(number)
    if total > OBJECTS_MAX:
        if not is_full:
            limit = OBJECTS_MAX
            message = msg("the stack has more than {limit:,} objects", limit=limit)
            ctx.report("out-of-bounds", message, resource.place)
        cardinalities.broken.add(name)
        number, values = None, EMPTY
    cardinalities.known[name], cardinalities.each[name] = number, values
    return total


def _size(shape: Cardinality) -> int:
    if shape is None:
        return 1
    return shape if isinstance(shape, int) else len(shape)


def _report_cycle(
    ctx: BuildContext, left: list[_Resource], needs: Mapping[Name, frozenset[Name]]
) -> None:
    """Reports the resources whose numbers depend on each other. Those that wait for them are
    broken.
    """
    places = {resource.name: resource.place for resource in left}
    ordered = {name: sorted(needs[name]) for name in sorted(needs)}
    try:
        graphlib.TopologicalSorter(ordered).prepare()
    except graphlib.CycleError as failure:
        names: list[Name] = failure.args[1][::-1]
        first = names.index(min(names[1:]))
        path = [*names[first:-1], *names[:first], names[first]]
        shown = " -> ".join(f"{kind}.{name} ({places[kind, name]})" for kind, name in path)
        ctx.report(
            "cycle",
            msg("the numbers of objects depend on each other: {cycle}", cycle=shown),
            places[path[0]],
            hint=msg("compute one of them from variables or locals"),
        )
    for resource in left:
        ctx.cardinalities.pending.discard(resource.name)
        ctx.cardinalities.broken.add(resource.name)
        ctx.cardinalities.known[resource.name] = None
        ctx.cardinalities.each[resource.name] = EMPTY


def _check_names(ctx: BuildContext, resource: _Resource) -> None:
    """Reports names that the file does not define, in any branch of an expression."""
    if resource.name in ctx.cardinalities.broken:
        return
    entries = resource.table.entries
    for key in ("count", "for_each", "when"):
        for text in locals_.texts(entries[key]) if key in entries else ():
            try:
                template = expression.parse(text.text)
            except ExpressionError:
                continue  # reported when it was read
            failures = expression.wrong_names(template, resource.scope, ctx.cardinalities)
            for failure in {failure.message: failure for failure in failures}.values():
                if failure.code != "bad-reference":  # those are reported where they are read
                    ctx.refuse(failure, text)
