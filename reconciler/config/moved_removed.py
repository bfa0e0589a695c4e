"""`moved` and `removed` in a stack file: former addresses of objects, and objects that were removed
on purpose (stack-files#moved-and-removed).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import replace

from reconciler.common.suggestions import hint_for, nearest
from reconciler.common.text import msg
from reconciler.config.build_context import BuildContext
from reconciler.config.document import Node, Scalar, Sequence, Table
from reconciler.config.document import table as entries_of
from reconciler.model import address as addresses
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place
from reconciler.model.resource import EMPTY, Move, Removal, Resource
from reconciler.resources import all_kinds

Components = Mapping[str, Collection[tuple[str, str]]]
"""The kinds and keys of the resources of each included component, without its name."""

_COMPONENT = re.compile(r"components\.(?P<name>[a-z][a-z0-9_]*)")


def moved(
    ctx: BuildContext,
    node: Node | None,
    resources: Mapping[Address, Resource],
    removals: Iterable[Removal],
    components: Components = EMPTY,
) -> tuple[Move, ...]:
    """The moves of the section, sorted, so that their order in the file does not matter. Mistakes
    are reported. A line of a component stands for one line of each of its resources.
    """
    found: dict[Address, Move] = {}
    for entry in _entries(node):
        if _of_component(entry) is not None:
            continue
        source, target = _address(ctx, entry, "from"), _address(ctx, entry, "to")
        if source is not None and target is not None:
            _add(ctx, found, Move(source, target, entry.place))
    for move in _component_moves(ctx, node, components):
        found.setdefault(move.source, move)
    whole = {address.resource for address in resources}
    for move in found.values():
        _check_filled(ctx, move, found, resources, whole)
    _check_targets(ctx, found, {*resources, *whole})
    retired = _retired(ctx, found, resources, {removal.address for removal in removals})
    return tuple(
        replace(found[source], retired=source in retired)
        for source in sorted(found, key=lambda address: address.sort_key)
    )


def _add(ctx: BuildContext, found: dict[Address, Move], move: Move) -> None:
    """Adds a line that is possible and does not contradict another one."""
    if not _is_possible(ctx, move):
        return
    before = found.setdefault(move.source, move)
    if before.target != move.target:
        message = msg(
            "`{source}` moves to `{target}` ({place}) and to `{other_target}`",
            source=move.source,
            target=before.target,
            place=before.place,
            other_target=move.target,
        )
        hint = msg("keep one of the two lines")
        ctx.report("bad-combination", message, move.place, hint=hint)


def _of_component(entry: Table) -> tuple[Scalar, Scalar] | None:
    """The two ends of a line if one of them is a component."""
    ends = [entries_of(entry).get(key) for key in ("from", "to")]
    source, target = ends
    if (
        isinstance(source, Scalar)
        and isinstance(target, Scalar)
        and any(end.text.startswith("components.") for end in (source, target))
    ):
        return source, target
    return None


def _component_moves(
    ctx: BuildContext, node: Node | None, components: Components
) -> Iterator[Move]:
    """The lines of components, for each resource of those that a line is about, also through other
    lines.
    """
    lines: dict[str, tuple[str, Place | None]] = {}
    for entry in _entries(node):
        ends = _of_component(entry)
        if ends is None:
            continue
        names = [_COMPONENT.fullmatch(end.text) for end in ends]
        if None in names:
            wrong = next(end for end, name in zip(ends, names, strict=True) if name is None)
            ctx.report(
                "bad-reference",
                msg("`{address}` is not the name of a component", address=wrong.text[:60]),
                wrong.place,
                hint=msg(
                    "write components.NAME on both sides, or the address of one resource on both"
                ),
            )
            continue
        source, target = (end.text.removeprefix("components.") for end in ends)
        if source == target:
            message = msg("`{source}` moves to itself", source=ends[0].text)
            ctx.report("bad-combination", message, entry.place, hint=msg("remove the line"))
        elif lines.setdefault(source, (target, entry.place))[0] != target:
            other, place = lines[source]
            message = msg(
                "`{source}` moves to `{target}` ({place}) and to `{other_target}`",
                source=ends[0].text,
                target=f"components.{other}",
                place=place,
                other_target=ends[1].text,
            )
            hint = msg("keep one of the two lines")
            ctx.report("bad-combination", message, entry.place, hint=hint)
    for source, (target, place) in lines.items():
        is_retired = target not in components and target not in lines
        if is_retired and nearest(target, components) is not None:
            message = msg("the stack has no component `{name}`", name=target)
            spelled = hint_for(target, components)
            ctx.report("missing-reference", message, place, hint=spelled)
        if source in components and not any(other == source for other, _ in lines.values()):
            message = msg(
                "`{source}` moves, but the file still contains it", source=f"components.{source}"
            )
            hint = msg("remove one of the two")
            ctx.report("bad-combination", message, place, hint=hint)
            continue
        for kind, key in sorted(_keys_behind(source, lines, components)):
            yield Move(Address(kind, f"{source}_{key}"), Address(kind, f"{target}_{key}"), place)


def _keys_behind(
    name: str, lines: Mapping[str, tuple[str, Place | None]], components: Components
) -> set[tuple[str, str]]:
    """The resources of the components that a chain of lines goes through."""
    found: set[tuple[str, str]] = set()
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        found.update(components.get(name, ()))
        name = lines.get(name, (name, None))[0]
    return found


def removed(
    ctx: BuildContext,
    node: Node | None,
    resources: Mapping[Address, Resource],
    moves: Node | None = None,
) -> tuple[Removal, ...]:
    """The removals of the section, sorted. `moves` is the section with the moves: an object can be
    removed whose address another one takes.
    """
    found: dict[Address, Removal] = {}
    filled = {
        address
        for entry in _entries(moves)
        if isinstance(target := entries_of(entry).get("to"), Scalar)
        and (address := addresses.parse(target.text)) is not None
    }
    for entry in _entries(node):
        source, keep = _address(ctx, entry, "from"), entry.get("keep")
        if source is None or not isinstance(keep, Scalar) or not isinstance(keep.value, bool):
            continue  # the schema reports a wrong `keep`
        if source.rule is not None and keep.value:
            hint = msg(
                "remove {firewall} as a whole, or write `lifecycle: {{ignore: [rules]}}` on it",
                firewall=source.owner,
            )
            ctx.report(
                "bad-combination",
                msg("a single rule cannot be kept: the rules of a firewall are one set"),
                entry.place,
                hint=hint,
            )
        elif _is_gone(ctx, source, resources, filled, entry.place):
            found[source] = Removal(source, keep.value, entry.place)
    return tuple(found[source] for source in sorted(found, key=lambda address: address.sort_key))


def _entries(node: Node | None) -> Iterator[Table]:
    if isinstance(node, Sequence):
        yield from (item for item in node.items if isinstance(item, Table))


def _address(ctx: BuildContext, entry: Table, key: str) -> Address | None:
    node = entries_of(entry).get(key)
    if not isinstance(node, Scalar):
        return None
    found = addresses.parse(node.text)
    if found is None or found.existing or not all_kinds().has(found):
        hint = msg(
            "write an address of this stack: instances.web, instances.web[0], "
            'instances.web["seoul"], firewalls.web.rules.https'
        )
        ctx.report(
            "bad-reference",
            msg("`{address}` is not a valid address for the state", address=node.text[:60]),
            node.place,
            hint=hint,
        )
        return None
    return found


def _is_possible(ctx: BuildContext, move: Move) -> bool:
    source, target = move.source, move.target
    hint: str | None = None
    if source == target:
        message = msg("`{source}` moves to itself", source=source)
        hint = msg("remove the line")
    elif source.kind != target.kind:
        message = msg(
            "`{source}` cannot become `{target}`: their kinds differ", source=source, target=target
        )
    elif (source.rule is None) != (target.rule is None):
        message = msg(
            "`{source}` cannot become `{target}`: only one of them is a rule",
            source=source,
            target=target,
        )
    elif source.rule is not None and source.owner != target.owner:
        message = msg("`{source}` cannot move to another firewall", source=source)
        hint = msg("a rule moves with its firewall; in another firewall, create it as a new rule")
    else:
        return True
    ctx.report("bad-combination", message, move.place, hint=hint)
    return False


def _is_gone(
    ctx: BuildContext,
    source: Address,
    resources: Collection[Address],
    filled: Collection[Address],
    place: Place | None,
) -> bool:
    """Whether the file no longer contains the object of an entry of `removed`, or a moved one takes
    its address.
    """
    whole = {address.resource for address in resources}
    still = source in resources or (source.rule is None and source in whole)
    if still and source not in filled:
        ctx.report(
            "bad-combination",
            msg("`{source}` is removed, but the file still contains it", source=source),
            place,
            hint=msg("remove one of the two"),
        )
        return False
    return True


def _check_filled(
    ctx: BuildContext,
    move: Move,
    moves: Mapping[Address, Move],
    resources: Collection[Address],
    whole: Collection[Address],
) -> None:
    """Reports an object that moves away from an address that the file still defines, and to which
    no other object moves. With an index only the plan can tell: a `count` may have grown since.
    """
    source, target = move.source, move.target
    still = source in resources or (
        source.index is None and source.rule is None and target.index is None and source in whole
    )
    if still and source.index is None and not any(m.target == source for m in moves.values()):
        ctx.report(
            "bad-combination",
            msg("`{source}` moves, but the file still contains it", source=source),
            move.place,
            hint=msg("remove one of the two"),
        )


def _check_targets(
    ctx: BuildContext, moves: Mapping[Address, Move], defined: Collection[Address]
) -> None:
    """Reports two objects of the file that move to one address. Of other sources one may have moved
    long ago, which the state shows.
    """
    first: dict[Address, Move] = {}
    for move in moves.values():
        if move.source not in defined or move.target not in defined:
            continue
        other = first.setdefault(move.target, move)
        if other is not move:
            message = msg(
                "`{other}` ({place}) and `{source}` both move to `{target}`",
                other=other.source,
                place=other.place,
                source=move.source,
                target=move.target,
            )
            hint = msg("keep one of the two lines")
            ctx.report("bad-combination", message, move.place, hint=hint)


def _retired(
    ctx: BuildContext,
    moves: Mapping[Address, Move],
    resources: Mapping[Address, Resource],
    removals: Set[Address],
) -> frozenset[Address]:
    """The sources of moves to addresses that the file does not define: old entries whose target was
    removed later, or typing errors.

    The state shows which of the two it is. A typing error would end in a delete
    (`planner.compare.moves`).
    """
    names = {*ctx.cardinalities.known, *ctx.cardinalities.left_out}
    found: set[Address] = set()
    for move in moves.values():
        target = move.target
        defined = (target.kind, target.name) in names and (
            target.rule is None or target in resources
        )
        onward = target in moves or target.resource in moves
        if (
            not defined
            and not onward
            and removals.isdisjoint((target, target.owner, target.resource))
        ):
            found.add(move.source)
    return frozenset(found)
