"""Objects of the account that stand in no entry of the state: what they are, and what they cost a
month (planning#unmanaged-objects).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model.owners import sent_nonces
from reconciler.model.resource import EMPTY, Account, LiveResource
from reconciler.model.state import State, StateChange
from reconciler.resources import all_kinds


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """One object that is not this stack's. `monthly` is KRW without VAT, None where unknown;
    `marked` the text before a marker of ours.
    """

    kind: str
    id: str
    name: str | None
    what: str
    monthly: int | None
    marked: str | None = None


def unmanaged(
    account: Account,
    state: State | None,
    prices: Mapping[str, int],
    records: Iterable[StateChange] = (),
) -> tuple[Unmanaged, ...]:
    """The objects, by kind, then name and id. `prices` are those of volumes in the stack: KRW per
    GB and month, by type.

    `records` is what the plan writes into the state by itself: what it binds is this stack's.
    """
    ours = (
        set()
        if state is None
        else {entry.id for entry in state.entries.values()} | set(state.deposed)
    )
    ours |= {effect.put.id for effect in records if effect.put is not None}
    sent = frozenset() if state is None else sent_nonces(state)
    flavors = {str(row["id"]): row.get("price_month") for row in account.catalogue.flavors or ()}
    sections = all_kinds().sections
    rows = (live for kind in sections for live in account.objects.get(kind, EMPTY).values())
    found = [
        _of(live, flavors, prices)
        for live in rows
        if live.id not in ours and live.nonce not in sent
    ]
    return tuple(
        sorted(found, key=lambda each: (sections.index(each.kind), each.name or "", each.id))
    )


def monthly(found: Iterable[Unmanaged], account: Account) -> int | None:
    """What the objects cost a month together, as far as each is known: KRW without VAT. None where
    no prices of servers were read.
    """
    return None if account.catalogue.flavors is None else sum(each.monthly or 0 for each in found)


def unpriced(found: Iterable[Unmanaged]) -> int:
    """How many of the objects cost something that is not known."""
    return sum(1 for each in found if each.monthly is None and each.kind != "firewalls")


def _of(live: LiveResource, flavors: Mapping[str, Any], prices: Mapping[str, int]) -> Unmanaged:
    attributes = live.attributes
    name = attributes.get("name")
    what, monthly = "", None
    if live.kind == "instances":
        what = " ".join(
            str(attributes[part]) for part in ("flavor", "zone", "status") if attributes.get(part)
        )
        price = flavors.get(str(attributes.get("flavor")))
        monthly = int(price) if isinstance(price, int | float) else None
    elif live.kind == "block_storages":
        size, of = attributes.get("size"), attributes.get("type")
        what = f"{size} GB {of}" + (
            f" on {attributes['instance']}" if attributes.get("instance") else ", detached"
        )
        each = prices.get(str(of))
        monthly = each * size if isinstance(each, int) and isinstance(size, int) else None
    return Unmanaged(
        live.kind,
        live.id,
        name if isinstance(name, str) else None,
        what,
        monthly,
        live.marked if live.nonce else None,
    )
