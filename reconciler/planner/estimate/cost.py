"""What servers and volumes cost a month, before a plan and after it, VAT excluded (planning#cost);
and what goes on costing unseen.

Servers are priced by the catalogue, volumes by `prices:` of the stack, since the API does not tell
(contract#prices). A server that is off and a volume on no server are billed like others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, notice
from reconciler.model.plan import Action, Change, Cost, Price, Step
from reconciler.model.resource import EMPTY, Catalogue, LiveResource
from reconciler.model.resource_type import deletes
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject
from reconciler.planner.steps.change_builder import FOLLOWS

_NAMED_MAX = 4


@dataclass(frozen=True, slots=True)
class Prices:
    """What one of each kind costs a month: servers by flavor, volumes by type for each GB. None
    where the catalogue was not read.
    """

    flavors: Mapping[str, Any] | None
    block_storages: Mapping[str, int]

    @classmethod
    def known(cls, catalogue: Catalogue, block_storages: Mapping[str, int]) -> Prices:
        """The prices of servers as the catalogue gives them, of volumes as the stack does."""
        rows = catalogue.flavors
        return cls(
            None if rows is None else {str(row["id"]): row.get("price_month") for row in rows},
            block_storages,
        )

    def of(self, kind: str, attributes: Mapping[str, Any]) -> int | None:
        """KRW a month of an object, None where nobody can say; 0 for what is never billed."""
        if kind == "instances":
            price = (self.flavors or EMPTY).get(str(attributes.get("flavor")))
            return int(price) if isinstance(price, int | float) else None
        if kind == "block_storages":
            each, size = (
                self.block_storages.get(str(attributes.get("type"))),
                attributes.get("size"),
            )
            return each * size if isinstance(each, int) and isinstance(size, int) else None
        return 0


def prices(seen: Assessment) -> Prices:
    """The prices that are known."""
    return Prices.known(seen.account.catalogue, seen.stack.prices)


def cost(seen: Assessment, held: frozenset[Address], steps: Sequence[Step] = ()) -> Cost:
    """KRW a month of the stack's servers and volumes, before and after; None where the catalogue
    was not read.

    What is held back costs afterwards what it costs now, and so does an old object of an earlier
    replacement until a step deletes it.
    """
    known = prices(seen)
    if known.flavors is None:
        return Cost()
    found = [*_of_items(seen, held, known), *_of_deposed(seen, steps, known)]
    before, after = sum(part.before or 0 for part in found), sum(part.after or 0 for part in found)
    unknown = sorted({part.address for part in found if part.before is None or part.after is None})
    return Cost(before, after, tuple(unknown), tuple(found))


def left_as_it_is(cost: Cost) -> Cost:
    """The cost where nothing is done."""
    parts = tuple(replace(part, after=part.before) for part in cost.parts if part.before != 0)
    unknown = tuple(part.address for part in parts if part.before is None)
    return Cost(cost.before, cost.before, unknown, parts)


def _of_items(seen: Assessment, held: frozenset[Address], known: Prices) -> Iterator[Price]:
    for address, item in seen.items.items():
        if not item.kind.billed:
            continue
        current = EMPTY if item.live is None else item.live.attributes
        now = 0 if item.live is None else known.of(item.kind.name, current)
        goes = item.disposition in (Disposition.DELETE, Disposition.FORGET, Disposition.GONE)
        then = (
            now
            if address in held
            else 0
            if goes
            else known.of(item.kind.name, {**current, **item.wanted})
        )
        if now != 0 or then != 0:
            yield Price(str(address), now, then)


def _of_deposed(seen: Assessment, steps: Sequence[Step], known: Prices) -> Iterator[Price]:
    deleted = {step.target for step in steps if deletes(step.operation)}
    for old, live in seen.deposed():
        if live is not None and seen.kinds[old.kind].billed:
            now = known.of(old.kind, live.attributes)
            yield Price(f"{old.address} ({old.id})", now, 0 if old.id in deleted else now)


def traps(seen: Assessment, changes: Mapping[Address, Change]) -> Iterator[Problem]:
    """What goes on costing money although nothing in the plan's rows says so: volumes that a
    deleted server leaves, what is forgotten.
    """
    left, forgotten = [], []
    for address in sorted(changes, key=lambda each: each.sort_key):
        change = changes[address]
        item = seen.items.get(address)
        if item is None or item.live is None or not item.kind.billed:
            continue
        if change.action is Action.FORGET:
            forgotten.append(item)
        elif change.action is Action.DETACH and _stays_alone(change):
            left.append(item)
    known = prices(seen)
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


def _stays_alone(change: Change) -> bool:
    """Whether a volume stays alone because its server goes; where the file alone asks for it, the
    row itself says so.
    """
    detached = any(field.path == "instance" and field.after is None for field in change.fields)
    return detached and change.reason == FOLLOWS


def _named(items: Sequence[ManagedObject]) -> str:
    texts = [str(item.address) for item in items]
    more = len(texts) - _NAMED_MAX
    return ", ".join(texts) if more <= 0 else f"{', '.join(texts[:_NAMED_MAX])} and {more} more"


def _monthly(items: Sequence[ManagedObject], known: Prices) -> str:
    found = [known.of(item.kind.name, _attributes(item.live)) for item in items]
    total = sum(price for price in found if price is not None)
    if not total:
        return ""
    return f" ({'at least ' if None in found else ''}{total:,} KRW a month)"


def _attributes(live: LiveResource | None) -> Mapping[str, Any]:
    return EMPTY if live is None else live.attributes
