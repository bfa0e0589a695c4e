"""The objects of a stack, or of the whole account, as rows of a list: what each is, where, since
when, what it costs and whose it is (commands#ls).
"""

from __future__ import annotations

import fnmatch
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.config.expand import default_name
from reconciler.model import marker
from reconciler.model.address import Address, parse
from reconciler.model.owners import Elsewhere, sent_nonces
from reconciler.model.ports import RefreshScope
from reconciler.model.resource import (
    EMPTY,
    Account,
    LiveResource,
    Prices,
    Resource,
    Stack,
    title_of,
)
from reconciler.model.state import State
from reconciler.resources import all_kinds

PLANNED, MISSING, LIVE, DEPOSED = "planned", "missing", "live", "deposed"
"""What an address has: nothing yet; an object in the state that the account does not show; a live
object; a live object that a replacement has superseded.
"""

SHOWN = (
    *("name", "status", "power", "flavor", "size", "type"),
    *("zone", "public_ip", "private_ip", "made"),
)
"""The attributes that a list shows; `made` is the text of the cloud."""


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One row. `address` and `id` are None if the object has none. `made` is when reconciler
    created it, in unix seconds, `monthly` KRW without VAT, 0 for what costs nothing; both are None
    if unknown. `owner` is the title of a stack, None if no stack owns the object.
    """

    kind: str
    address: str | None
    id: str | None
    condition: str
    values: Mapping[str, Any]
    made: int | None = None
    monthly: int | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """Patterns with `*` and `?`, in any case; an empty one fits everything. `address` fits an
    address of a stack, or an address of the network.
    """

    name: str = ""
    address: str = ""
    zone: str = ""

    def fit(self, row: ListedObject) -> bool:
        """Whether a row is wanted."""
        addresses = (row.address, row.values.get("public_ip"), row.values.get("private_ip"))
        return (
            _fits(self.name, row.values.get("name"))
            and _fits(self.zone, row.values.get("zone"))
            and (not self.address or any(_fits(self.address, each) for each in addresses))
        )


def scope_of_stack(stack: Stack | None, state: State | None) -> RefreshScope:
    """The lists to read for a stack: one for each of its kinds, and the flavors for prices."""
    sections = all_kinds().sections
    kinds = {address.kind for address in (() if stack is None else stack.resources)}
    tracked: dict[str, set[str]] = {}
    for entry in () if state is None else state.entries.values():
        tracked.setdefault(entry.kind, set()).add(entry.id)
    for old in () if state is None else state.deposed.values():
        tracked.setdefault(old.kind, set())
    wanted = frozenset(name for name in sections if name in kinds or name in tracked)
    return RefreshScope(
        kinds=wanted,
        tracked={kind: frozenset(tracked.get(kind, ())) for kind in wanted},
        optional=_prices_of(wanted),
    )


def scope_of_stacks(stacks: Sequence[tuple[Stack | None, State | None]]) -> RefreshScope:
    """The lists to read for several stacks, each of them once."""
    found = [scope_of_stack(stack, state) for stack, state in stacks]
    kinds = frozenset(kind for each in found for kind in each.kinds)
    tracked = {
        kind: frozenset(id for each in found for id in each.tracked.get(kind, ())) for kind in kinds
    }
    return RefreshScope(kinds=kinds, tracked=tracked, optional=_prices_of(kinds))


def scope_of_account() -> RefreshScope:
    """The lists to read for the whole account."""
    kinds = frozenset(all_kinds().sections)
    return RefreshScope(kinds=kinds, optional=_prices_of(kinds))


def of_stack(
    stack: Stack | None, state: State | None, account: Account, *, title: str
) -> tuple[ListedObject, ...]:
    """Every address of the file and of the state that is an object of the account, by address;
    deposed objects last.
    """
    prices = _known(stack, account)
    rows: dict[Address, ListedObject] = {}
    sections = all_kinds().sections
    for text, entry in {} if state is None else state.entries.items():
        address = parse(text)
        if address is None or entry.kind not in sections:
            continue
        live = account.find(entry.kind, entry.id)
        rows[address] = ListedObject(
            entry.kind,
            text,
            entry.id,
            MISSING if live is None else LIVE,
            _picked(entry.applied if live is None else live.attributes),
            entry.made,
            None if live is None else _price(live, prices),
            title,
        )
    for address, resource in {} if stack is None else stack.resources.items():
        if address.kind in sections and address.rule is None and address not in rows:
            assert stack is not None
            rows[address] = _planned(stack, address, resource, prices)
    found = [rows[address] for address in sorted(rows, key=lambda each: each.sort_key)]
    return (*found, *_deposed(state, account, prices, title))


def of_account(
    state: State | None, account: Account, elsewhere: Elsewhere, *, stack: Stack | None = None
) -> tuple[ListedObject, ...]:
    """Every object of the account, by kind, then name and id."""
    prices, sections = _known(stack, account), all_kinds().sections
    owned = _owned(state)
    sent = frozenset() if state is None else sent_nonces(state)
    rows = []
    for kind in sections:
        for live in account.objects.get(kind, EMPTY).values():
            owner, address = owned.get(live.id, (None, None))
            if owner is None:
                owner, address = _other_owner(live, elsewhere)
            if state is not None and live.nonce in sent:
                owner = title_of(state.stack, state.environment)
            rows.append(
                ListedObject(
                    kind,
                    address,
                    live.id,
                    LIVE,
                    _picked(live.attributes),
                    monthly=_price(live, prices),
                    owner=owner,
                )
            )
    return tuple(
        sorted(
            rows,
            key=lambda row: (
                sections.index(row.kind),
                str(row.values.get("name") or ""),
                row.id or "",
            ),
        )
    )


def monthly(rows: Iterable[ListedObject]) -> tuple[int, int]:
    """What the live objects cost a month in KRW without VAT, and how many have an unknown price."""
    live = [row for row in rows if row.condition in (LIVE, DEPOSED)]
    return sum(row.monthly or 0 for row in live), sum(1 for row in live if row.monthly is None)


def _prices_of(kinds: Iterable[str]) -> frozenset[str]:
    billed = any(all_kinds()[kind].billed for kind in kinds)
    return frozenset({"flavors"}) if billed else frozenset()


def _known(stack: Stack | None, account: Account) -> Prices:
    return Prices.known(account.catalogue, EMPTY if stack is None else stack.prices)


def _price(live: LiveResource, prices: Prices) -> int | None:
    price = all_kinds()[live.kind].price
    return 0 if price is None else price(live.attributes, prices)


def _picked(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: attributes[name] for name in SHOWN if attributes.get(name) is not None}


def _planned(stack: Stack, address: Address, resource: Resource, prices: Prices) -> ListedObject:
    price = all_kinds()[address.kind].price
    name = resource.attributes.get("name") or default_name(stack.name, stack.environment, address)
    return ListedObject(
        address.kind,
        str(address),
        None,
        PLANNED,
        {**_picked(resource.attributes), "name": name},
        monthly=0 if price is None else price(resource.attributes, prices),
        owner=stack.title,
    )


def _deposed(
    state: State | None, account: Account, prices: Prices, title: str
) -> Iterator[ListedObject]:
    for id, old in sorted({} if state is None else state.deposed.items()):
        live = account.find(old.kind, id)
        if live is not None:
            yield ListedObject(
                old.kind,
                old.address,
                id,
                DEPOSED,
                _picked(live.attributes),
                monthly=_price(live, prices),
                owner=title,
            )


def _owned(state: State | None) -> dict[str, tuple[str | None, str | None]]:
    if state is None:
        return {}
    title = title_of(state.stack, state.environment)
    found: dict[str, tuple[str | None, str | None]] = {
        old.id: (title, old.address) for old in state.deposed.values()
    }
    return found | {entry.id: (title, entry.address) for entry in state.entries.values()}


def _other_owner(live: LiveResource, elsewhere: Elsewhere) -> tuple[str | None, str | None]:
    """The stack that owns an object by another state or by its marker, and its address there."""
    for title in sorted(elsewhere):
        if live.id in elsewhere[title].addresses:
            return title, elsewhere[title].addresses[live.id]
    named = marker.owner_parts(live.marked) if live.nonce is not None else None
    return (None, None) if named is None else (title_of(*named[:2]), None)


def _fits(pattern: str, text: Any) -> bool:
    if not pattern:
        return True
    plain = unicodedata.normalize("NFC", str(text or "")).casefold()
    return fnmatch.fnmatchcase(plain, unicodedata.normalize("NFC", pattern).casefold())
