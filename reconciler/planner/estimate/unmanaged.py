"""Objects of the account that no entry of the state names: what they are, and what they cost a
month (planning#unmanaged-objects).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.common.dataclass import dataclass
from reconciler.model.owners import sent_nonces
from reconciler.model.resource import EMPTY, Account, LiveResource, Prices
from reconciler.model.state import State, StateChange
from reconciler.resources import all_kinds


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """One object that is not this stack's. `monthly` is KRW without VAT, None if unknown; `marked`
    is the text before its marker.
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
    """The objects, by kind, then name and id. `prices` are those of block storage in the stack: KRW
    per GB and month, by type.

    `records` is what the plan records by itself: what it binds is this stack's.
    """
    ours = (
        set()
        if state is None
        else {entry.id for entry in state.entries.values()} | set(state.deposed)
    )
    ours |= {effect.put.id for effect in records if effect.put is not None}
    sent = frozenset() if state is None else sent_nonces(state)
    known, sections = Prices.known(account.catalogue, prices), all_kinds().sections
    rows = (live for kind in sections for live in account.objects.get(kind, EMPTY).values())
    found = [_of(live, known) for live in rows if live.id not in ours and live.nonce not in sent]
    return tuple(
        sorted(found, key=lambda each: (sections.index(each.kind), each.name or "", each.id))
    )


def monthly(found: Iterable[Unmanaged], account: Account) -> int | None:
    """What the objects cost a month together, as far as each is known: KRW without VAT. None if no
    prices of instances were read.
    """
    return None if account.catalogue.flavors is None else sum(each.monthly or 0 for each in found)


def unpriced(found: Iterable[Unmanaged]) -> int:
    """How many of the objects cost something that is unknown."""
    return sum(1 for each in found if each.monthly is None and all_kinds()[each.kind].billed)


def _of(live: LiveResource, prices: Prices) -> Unmanaged:
    kind, name = all_kinds()[live.kind], live.attributes.get("name")
    return Unmanaged(
        live.kind,
        live.id,
        name if isinstance(name, str) else None,
        kind.describe(live.attributes),
        None if kind.price is None else kind.price(live.attributes, prices),
        live.marked if live.nonce else None,
    )
