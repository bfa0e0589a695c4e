"""What a stack costs in money, before a plan and after it (SPEC 4, cost)."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.address import Address
from reconciler.core.changes import Cost
from reconciler.core.survey import Fate, Item, Survey


def cost(seen: Survey, held: frozenset[Address]) -> Cost:
    """KRW a month of the stack's servers and volumes, before and after, VAT excluded; None where the catalogue was not read.

    What is held back costs afterwards what it costs now.
    """
    flavors = seen.account.catalogue.flavors
    if flavors is None:
        return Cost()
    prices = {str(row["id"]): row.get("price_month") for row in flavors}
    before, after, unknown = 0, 0, set()
    for address, item in seen.items.items():
        now, then = _monthly(seen, item, prices, live=True), _monthly(seen, item, prices, live=address in held)
        if now is None or then is None:
            unknown.add(str(address))
        before, after = before + (now or 0), after + (then or 0)
    return Cost(before, after, tuple(sorted(unknown)))


def _monthly(seen: Survey, item: Item, prices: Mapping[str, object], *, live: bool) -> int | None:
    if item.kind.name not in ("instances", "block_storages"):
        return 0
    if live and item.live is None:
        return 0
    if not live and item.fate in (Fate.DELETE, Fate.FORGET, Fate.GONE):
        return 0
    current = item.live.attributes if item.live is not None else {}
    attributes = current if live else {**current, **item.wanted}
    if item.kind.name == "instances":
        price = prices.get(str(attributes.get("flavor")))
        return int(price) if isinstance(price, int | float) else None
    each, size = seen.stack.prices.get(str(attributes.get("type"))), attributes.get("size")
    return each * size if isinstance(each, int) and isinstance(size, int) else None
