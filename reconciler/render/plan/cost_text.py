"""The monthly cost of a plan: one phrase for the totals, and object by object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model.address import parse
from reconciler.model.plan import Action, Plan, Price
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.layout import labelled
from reconciler.render.plan.address_ranges import grouped, span, spans
from reconciler.render.run.screen import Line, Style

_CHANGES_COST = frozenset(
    {Action.REPLACE, Action.DELETE, Action.RESIZE, Action.CREATE, Action.FORGET}
)
_NAMED_MAX = 2


def monthly(plan: Plan) -> str:
    """The change of the monthly cost, and the whole. A sum without all prices is `at least`;
    objects whose change is not counted are named.
    """
    cost = plan.cost
    if cost.before is None or cost.after is None:
        return phrase("Cost: unknown.") if cost.unknown else ""
    total = format.won(cost.after)
    if any(part.after is None for part in cost.parts) or (cost.unknown and not cost.parts):
        total = phrase("at least {amount}", amount=total)
    uncounted = _uncounted(plan)
    if cost.after == cost.before:
        return phrase(
            "Cost: no change[, not counting {uncounted}]; {total} a month (without VAT).",
            uncounted=uncounted,
            total=total,
        )
    return phrase(
        "Cost: {change} a month[, not counting {uncounted}]; {total} a month in total "
        "(without VAT).",
        change=format.won(cost.after - cost.before, signed=True),
        uncounted=uncounted,
        total=total,
    )


def _uncounted(plan: Plan) -> str:
    """The objects without a price that are created, deleted or changed: the difference
    lacks them.
    """
    changed = {str(change.address) for change in plan.changes if change.action in _CHANGES_COST}
    found = [address for address in plan.cost.unknown if address in changed]
    names = spans(address for text in found if (address := parse(text)) is not None)
    if len(names) > _NAMED_MAX:
        return format.count(len(found), "resource")
    if len(names) == _NAMED_MAX:
        return phrase("{first} and {second}", first=names[0], second=names[1])
    return "".join(names)


def one(part: Price) -> str:
    """What one object costs a month."""
    if (part.before, part.after) == (None, None):
        return phrase(
            "unknown: the API lists no prices of block storage; set `prices:` in the stack"
        )
    return phrase("{amount} KRW a month without VAT", amount=_change(part))


def lines(parts: Sequence[Price], style: Style) -> Iterable[Line]:
    """What each object costs before and after; equal ones of a resource together."""
    found = [(_name(group), _amounts(group)) for group in grouped(parts, _equality)]
    cells = max((escape.width(name) for name, _ in found), default=0)
    for name, text in found:
        yield from labelled(f"     {escape.pad(name, cells)}  ", [text], style)


def _equality(part: Price) -> object:
    """What the prices of equal objects of a resource have in common."""
    address = parse(part.address)
    return part.address if address is None else (address.resource, part.before, part.after)


def _name(group: Sequence[Price]) -> str:
    addresses = [address for part in group if (address := parse(part.address)) is not None]
    return span(addresses) if addresses else escape.outside(group[0].address)


def _amounts(group: Sequence[Price]) -> str:
    number = len(group) if len(group) > 1 else None
    return phrase("{amount}[, each of {number}]", amount=_change(group[0]), number=number)


def _change(part: Price) -> str:
    if part.before == part.after:
        return _amount(part.after)
    return phrase("{before} -> {after}", before=_amount(part.before), after=_amount(part.after))


def _amount(won: int | None) -> str:
    return phrase("unknown") if won is None else f"{won:,}"
