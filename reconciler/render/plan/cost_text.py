"""What a plan costs a month: in one phrase for the totals, and object by object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model.address import Address, parse
from reconciler.model.plan import Action, Plan, Price
from reconciler.render import escape, format
from reconciler.render.plan import plan_rows
from reconciler.render.plan.address_ranges import span, spans
from reconciler.render.run.screen import Line, Style

TITLE = "COST   KRW a month before and after, without VAT"

_COMES_OR_GOES = frozenset(
    {Action.REPLACE, Action.DELETE, Action.RESIZE, Action.CREATE, Action.FORGET}
)
_NAMED_MAX = 2
_UNKNOWN = "unknown: the API lists no prices of block storage; set `prices:` in the stack"


def phrase(plan: Plan) -> str:
    """What it costs a month more or less, and in all. A sum that lacks a price is `at least`; what
    comes or goes uncounted is named.
    """
    cost = plan.cost
    if cost.before is None or cost.after is None:
        return "cost unknown" if cost.unknown else ""
    uncounted = _uncounted(plan)
    named = f", {_some(uncounted)} not counted" if uncounted else ""
    least = (
        "at least "
        if any(part.after is None for part in cost.parts) or (cost.unknown and not cost.parts)
        else ""
    )
    if cost.after == cost.before:
        return f"{least}{format.won(cost.after)} a month{named or ', as before'}, without VAT"
    return f"{format.won(cost.after - cost.before, signed=True)} a month{named} ({least}{format.won(cost.after)} in all) without VAT"


def _uncounted(plan: Plan) -> list[str]:
    """What has no price and comes, goes or becomes another: the difference lacks it."""
    changed = {str(change.address) for change in plan.changes if change.action in _COMES_OR_GOES}
    return [address for address in plan.cost.unknown if address in changed]


def _some(addresses: Sequence[str]) -> str:
    names = spans(found for address in addresses if (found := parse(address)) is not None)
    return (
        " and ".join(names) if len(names) <= _NAMED_MAX else format.count(len(addresses), "object")
    )


def one(part: Price) -> str:
    """What one object costs a month."""
    return (
        f"{_change(part)} KRW a month without VAT"
        if (part.before, part.after) != (None, None)
        else _UNKNOWN
    )


# Object by object
# -------------------------------------------------------------------------------------------------------------------


def lines(parts: Sequence[Price], look: Style) -> Iterable[Line]:
    """What each object costs before and after; equal ones of a resource together."""
    found = [(_named(group), _said(group)) for group in _alike(parts)]
    name = max((escape.width(text) for text, _ in found), default=0)
    for text, said in found:
        room = 120 if look.width is None else look.width
        for number, line in enumerate(plan_rows.flow([said], max(room - name - 7, 20))):
            yield Line(f"     {escape.pad(text if number == 0 else '', name)}  {line}".rstrip())


def _alike(parts: Sequence[Price]) -> Iterable[list[tuple[Price, Address | None]]]:
    groups: dict[object, list[tuple[Price, Address | None]]] = {}
    for part in parts:
        address = parse(part.address)
        key = part.address if address is None else (address.resource, part.before, part.after)
        groups.setdefault(key, []).append((part, address))
    return groups.values()


def _named(group: Sequence[tuple[Price, Address | None]]) -> str:
    addresses = [address for _, address in group if address is not None]
    return span(addresses) if addresses else escape.outside(group[0][0].address)


def _said(group: Sequence[tuple[Price, Address | None]]) -> str:
    said = _change(group[0][0])
    return f"{said}, each of {len(group)}" if len(group) > 1 else said


def _change(part: Price) -> str:
    if part.before == part.after:
        return _amount(part.after)
    return f"{_amount(part.before)} -> {_amount(part.after)}"


def _amount(won: int | None) -> str:
    return "unknown" if won is None else f"{won:,}"
