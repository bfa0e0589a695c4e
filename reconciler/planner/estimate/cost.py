"""What the objects of a stack cost a month before and after a plan, without VAT (planning#cost),
and what continues to cost money although no row says so.

Instances are priced by the catalog, block storage by `prices:` of the stack, since the API has no
prices for it (contract#prices). Instances that are off and detached block storage are billed too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.common.text import first_few, msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, notice
from reconciler.model.plan import Action, Change, Cost, Price, ReasonKind, Step, reason_kind
from reconciler.model.resource import EMPTY, Prices
from reconciler.model.resource_type import deletes
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject

_NAMED_MAX = 4


def prices(assessment: Assessment) -> Prices:
    """The prices that are known."""
    return Prices.known(assessment.account.catalogue, assessment.stack.prices)


def cost(assessment: Assessment, held: frozenset[Address], steps: Sequence[Step] = ()) -> Cost:
    """KRW a month of the stack's objects, before and after; None if the catalog was not read.

    What is held back costs the same before and after, and so does a deposed object until a step
    deletes it.
    """
    known = prices(assessment)
    if known.flavors is None:
        return Cost()
    found = [*_of_items(assessment, held, known), *_of_deposed(assessment, steps, known)]
    before, after = sum(part.before or 0 for part in found), sum(part.after or 0 for part in found)
    unknown = sorted({part.address for part in found if part.before is None or part.after is None})
    return Cost(before, after, tuple(unknown), tuple(found))


def left_as_it_is(cost: Cost) -> Cost:
    """The cost if nothing is done."""
    parts = tuple(replace(part, after=part.before) for part in cost.parts if part.before != 0)
    unknown = tuple(part.address for part in parts if part.before is None)
    return Cost(cost.before, cost.before, unknown, parts)


def _of_items(assessment: Assessment, held: frozenset[Address], known: Prices) -> Iterator[Price]:
    for address, item in assessment.items.items():
        price = item.kind.price
        if price is None:
            continue
        current = EMPTY if item.live is None else item.live.attributes
        now = 0 if item.live is None else price(current, known)
        then = price({**current, **item.wanted}, known)
        if address in held:
            then = now
        elif item.disposition in (Disposition.DELETE, Disposition.FORGET, Disposition.GONE):
            then = 0
        if now != 0 or then != 0:
            yield Price(str(address), now, then)


def _of_deposed(assessment: Assessment, steps: Sequence[Step], known: Prices) -> Iterator[Price]:
    deleted = {step.target for step in steps if deletes(step.operation)}
    for old, live in assessment.deposed():
        price = assessment.kinds[old.kind].price
        if live is not None and price is not None:
            now = price(live.attributes, known)
            yield Price(f"{old.address} ({old.id})", now, 0 if old.id in deleted else now)


def traps(assessment: Assessment, changes: Mapping[Address, Change]) -> Iterator[Problem]:
    """A notice for what continues to cost money although no row of the plan says so: block storage
    that a deleted instance leaves, and what is forgotten.
    """
    left, forgotten = [], []
    for address in sorted(changes, key=lambda each: each.sort_key):
        change = changes[address]
        item = assessment.items.get(address)
        if item is None or item.live is None or not item.kind.billed:
            continue
        if change.action is Action.FORGET:
            forgotten.append(item)
        elif change.action is Action.DETACH and _stays_alone(change, item.kind.attachment):
            left.append(item)
    known = prices(assessment)
    if left:
        yield notice(
            "billed",
            msg(
                "{names} will be detached and still billed{price}",
                names=_named(left),
                price=_monthly(left, known),
            ),
        )
    if forgotten:
        yield notice(
            "billed",
            msg(
                "{names} will belong to no stack and still be billed{price}",
                names=_named(forgotten),
                price=_monthly(forgotten, known),
            ),
        )


def _stays_alone(change: Change, attachment: str | None) -> bool:
    """Whether an object is detached only because the one that it is attached to is deleted: nothing
    else in its row says so.
    """
    detached = any(field.path == attachment and field.after is None for field in change.fields)
    return detached and reason_kind(change.reason) is ReasonKind.FOLLOWS_INSTANCE


def _named(items: Sequence[ManagedObject]) -> str:
    return first_few([str(item.address) for item in items], _NAMED_MAX)


def _monthly(items: Sequence[ManagedObject], known: Prices) -> str:
    found = [
        item.kind.price(item.live.attributes if item.live is not None else EMPTY, known)
        for item in items
        if item.kind.price is not None
    ]
    total = sum(price for price in found if price is not None)
    if not total:
        return ""
    return f" ({'at least ' if None in found else ''}{total:,} KRW a month)"
