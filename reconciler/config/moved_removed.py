"""`moved` and `removed` in a stack file: former addresses of objects, and objects that were removed
on purpose (stack-files#moved-and-removed).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import replace

from reconciler.common.text import msg
from reconciler.config.build_context import BuildContext
from reconciler.config.document import Node, Scalar, Sequence, Table
from reconciler.config.document import table as entries_of
from reconciler.model import address as addresses
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place
from reconciler.model.resource import Move, Removal, Resource
from reconciler.resources import all_kinds


def moved(
    ctx: BuildContext,
    node: Node | None,
    resources: Mapping[Address, Resource],
    removals: Iterable[Removal],
) -> tuple[Move, ...]:
    """The moves of the section, sorted, so that their order in the file does not matter. Mistakes
    are reported.
    """
    found: dict[Address, Move] = {}
    whole = {address.resource for address in resources}
    for entry in _entries(node):
        source, target = _address(ctx, entry, "from"), _address(ctx, entry, "to")
        if source is None or target is None:
            continue
        move = Move(source, target, entry.place)
        if _is_possible(ctx, move) and _is_gone(ctx, source, target, resources, whole, entry.place):
            before = found.setdefault(source, move)
            if before.target != target:
                message = msg(
                    "`{source}` moves to `{target}` ({place}) and to `{other_target}`",
                    source=source,
                    target=before.target,
                    place=before.place,
                    other_target=target,
                )
                ctx.report(
                    "bad-combination", message, entry.place, hint=msg("keep one of the two lines")
                )
    _check_cycles(ctx, found)
    retired = _retired(ctx, found, resources, {removal.address for removal in removals})
    return tuple(
        replace(found[source], retired=source in retired)
        for source in sorted(found, key=lambda address: address.sort_key)
    )


def removed(
    ctx: BuildContext, node: Node | None, resources: Mapping[Address, Resource]
) -> tuple[Removal, ...]:
    """The removals of the section, sorted."""
    found: dict[Address, Removal] = {}
    whole = {address.resource for address in resources}
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
        elif _is_gone(ctx, source, None, resources, whole, entry.place):
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
    target: Address | None,
    resources: Collection[Address],
    whole: Collection[Address],
    place: Place | None,
) -> bool:
    """Whether the file no longer contains the object of an entry. `whole` are the resources without
    their indices.
    """
    still = source in resources
    if (
        not still
        and source.index is None
        and source.rule is None
        and (target is None or target.index is None)
    ):
        still = source in whole
    if still:
        message = (
            msg("`{source}` is removed, but the file still contains it", source=source)
            if target is None
            else msg("`{source}` moves, but the file still contains it", source=source)
        )
        ctx.report(
            "bad-combination",
            message,
            place,
            hint=msg("remove one of the two"),
        )
    return not still


def _check_cycles(ctx: BuildContext, moves: Mapping[Address, Move]) -> None:
    seen: set[Address] = set()
    for start in sorted(moves, key=lambda address: address.sort_key):
        chain: dict[Address, None] = {}
        at = start
        while at in moves and at not in seen:
            seen.add(at)
            chain[at] = None
            at = moves[at].target
        if at in chain:
            cycle = list(chain)[list(chain).index(at) :]
            first = cycle.index(min(cycle, key=lambda address: address.sort_key))
            path, start = (*cycle[first:], *cycle[:first]), cycle[first]
            shown = " -> ".join(map(str, (*path, start)))
            hint = msg("names cannot be swapped in one step; use `state mv` with a temporary name")
            ctx.report(
                "cycle", msg("cycle of moves: {cycle}", cycle=shown), moves[start].place, hint=hint
            )


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
