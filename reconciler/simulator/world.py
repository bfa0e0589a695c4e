"""The world: everything the cloud knows, and what happens in it as time passes.

It holds records, which are replaced and never changed, so `copy` is cheap and a copy never changes.
Time comes in as a number and never runs backwards. What differs from kind to kind is asked of the
`Kind` in the registry. Nothing here knows of HTTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.simulator.clock import DAY, month_start, next_month, print_date
from reconciler.simulator.kinds.records import (
    BlockStorage,
    Firewall,
    Instance,
    Membership,
    PendingWork,
    Row,
    Rule,
)
from reconciler.simulator.kinds.registry import KINDS

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PUBLIC_NETWORKS = ("203.0.113.", "198.51.100.", "192.0.2.")
FIRST_RULE_ID = 910_001


# A kind and the id of one of its objects (for a membership, both ids).
Key = tuple[str, str | tuple[str, str]]


class World:
    """One account: a table for each kind. Tables keep the order of creation, which is the order of
    every list.
    """

    zones: dict[str, Row]
    flavors: dict[str, Row]
    images: dict[str, Row]
    ssh_keys: dict[str, Row]
    user_scripts: dict[str, Row]
    storage_types: dict[str, Row]
    bills: dict[str, Row]
    instances: dict[str, Instance]
    block_storages: dict[str, BlockStorage]
    firewalls: dict[str, Firewall]
    memberships: dict[tuple[str, str], Membership]

    def __init__(self, *, seed: int = 0, time: float = 0.0) -> None:
        for kind in KINDS:
            self.table(kind)
        self.seed = seed
        self.time = time
        # how many ids were given out; with the seed it decides every id, address and password
        self.serial = 0
        self.rule_serial = 0
        # KRW per GB and month, by type: the contract has none, so these are invented
        self.storage_prices: dict[str, int] = {}
        # deleted instances, for tombstones
        self.gone: dict[str, Instance] = {}
        # KRW of this month that is settled: days of objects that are gone, or before a resize
        self.charged = 0
        self.month_end = 0.0
        # what is pending on which object, in the order in which it began
        self.working: dict[Key, PendingWork] = {}

    def copy(self) -> World:
        """An independent world with the same content."""
        other = World.__new__(World)
        for name, value in vars(self).items():
            setattr(other, name, value.copy() if isinstance(value, dict) else value)
        return other

    # Reading
    # ----------------------------------------------------------------------------------------------

    def table(self, kind: str) -> dict[Any, Any]:
        """The objects of a kind by id."""
        table: dict[Any, Any] = vars(self).setdefault(KINDS[kind].section, {})
        return table

    def key_of(self, kind: str, name: str) -> str:
        """The id of the object that has this id or, alone, this name. Raises LookupError."""
        table, label = self.table(kind), KINDS[kind].label
        return find_key(kind, name, {key: member(each, label) for key, each in table.items()})

    def find(self, name: str) -> Instance:
        """The instance with this id or, alone, this name. Raises LookupError."""
        return self.instances[self.key_of("instance", name)]

    def members(self, firewall_id: str) -> list[str]:
        """Ids of the instances in a firewall, in the order of attachment."""
        return [
            each.instance_id
            for each in self.memberships.values()
            if each.firewall_id == firewall_id and each.visible
        ]

    def firewalls_of(self, instance_id: str) -> list[str]:
        """Ids of the firewalls an instance is in or is being put into."""
        return [
            each.firewall_id
            for each in self.memberships.values()
            if each.instance_id == instance_id
        ]

    def block_storages_by_instance(self) -> dict[str | None, list[str]]:
        """Ids of block storages by owner, made in one pass; detached ones stand under None."""
        owned: dict[str | None, list[str]] = {}
        for key, each in self.block_storages.items():
            owned.setdefault(each.instance_id, []).append(key)
        return owned

    def slots_used(self, instance_id: str) -> int:
        """Block storages that count against an instance's connection limit."""
        return sum(each.owner_or_target == instance_id for each in self.block_storages.values())

    # Creating
    # ----------------------------------------------------------------------------------------------

    def new_id(self, kind: str) -> str:
        """The next id of a kind: prefix and 22 base-62 characters, decided by seed and count
        (contract#values).
        """
        self.serial += 1
        return KINDS[kind].prefix + self._token(f"{kind}:{self.serial}")

    def new_password(self, instance_id: str) -> str:
        """The first password of an instance; plainly not a real one."""
        return "example-" + self._token(f"password:{instance_id}")[:12]

    def new_rule_id(self) -> int:
        """Rule ids are plain rising integers."""
        self.rule_serial += 1
        return FIRST_RULE_ID + self.rule_serial - 1

    def new_addresses(self) -> tuple[str, str]:
        """A public and a private address nobody has had; documentation ranges first, then the
        benchmarking range.
        """
        number = self.serial - 1
        if number < 245 * len(PUBLIC_NETWORKS):
            public = PUBLIC_NETWORKS[number // 245] + str(10 + number % 245)
        else:
            public = f"198.{18 + number // 65_536 % 2}.{number // 256 % 256}.{number % 256}"
        return public, f"10.200.{number // 250 % 256}.{2 + number % 250}"

    def _token(self, text: str) -> str:
        digest = hashlib.blake2b(f"{self.seed}:{text}".encode(), digest_size=17).digest()
        number = int.from_bytes(digest, "big")
        return "".join(ALPHABET[number // 62**place % 62] for place in range(22))

    def put(self, record: Any) -> None:
        """Add a record, or replace the one with its id."""
        key = getattr(record, KINDS[record.kind].key)
        self.table(record.kind)[key] = record
        pending = getattr(record, "pending", None)
        if pending is None:
            self.working.pop((record.kind, key), None)
        else:
            self.working[(record.kind, key)] = pending

    def put_rules(self, firewall_id: str, rules: Iterable[Rule]) -> None:
        """Replace the rules of a firewall."""
        self.put(replace(self.firewalls[firewall_id], rules=tuple(rules)))

    def remove(self, kind: str, key: str | tuple[str, str], now: float | None = None) -> None:
        """Delete an object, its days charged, with what goes when it goes."""
        now = self.time if now is None else now
        record = self.table(kind).pop(key)
        self.working.pop((kind, key), None)
        if KINDS[kind].daily_price is not None:
            self.settled(record, now)
        KINDS[kind].removed(self, record, now)

    # Time
    # ----------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Let time come to `now`: what is due is done in the order in which it was due, and months
        are closed.
        """
        now = max(now, self.time)
        while (due := self.next_due()) is not None and due <= now:
            self._close_months(due)
            self.time = max(self.time, due)
            for key in [key for key, each in self.working.items() if each.due == due]:
                self._finish(key, due)
        self._close_months(now)
        self.time = now

    def next_due(self) -> float | None:
        """The next moment at which something finishes by itself, or None."""
        moments = [each.due for each in self.working.values() if each.due is not None]
        return min(moments, default=None)

    def note_read(self, kind: str, key: str) -> None:
        """A read showed this object: if reads are counted instead of seconds, one is used up."""
        pending = self.working.get((kind, key))
        if pending is None or pending.reads is None:
            return
        if pending.reads > 1:
            fewer = replace(pending, reads=pending.reads - 1)
            self.put(replace(self.table(kind)[key], pending=fewer))
        else:
            self._finish((kind, key), self.time)

    def _finish(self, key: Key, now: float) -> None:
        kind, name = key
        done = KINDS[kind].finished(self, self.table(kind)[name], now)
        if done is None:
            self.remove(kind, name, now)
        else:
            self.put(done)

    # Money
    # ----------------------------------------------------------------------------------------------

    def daily_price(self, record: Any) -> int:
        """KRW a day without VAT. A stopped instance and a detached block storage cost the same."""
        price = KINDS[record.kind].daily_price
        return 0 if price is None else price(self, record)

    def settled(self, record: Any, now: float) -> Any:
        """The record after the days that have begun were charged."""
        days = due_days(record.charged_until, now)
        self.charged += days * self.daily_price(record)
        return replace(record, charged_until=record.charged_until + days * DAY)

    def month_to_date(self) -> int:
        """What this month has cost so far: every begun day of every object (contract#bill,
        contract#prices).
        """
        return self.charged + sum(
            due_days(each.charged_until, self.time) * self.daily_price(each)
            for table in self._priced()
            for each in table.values()
        )

    def _priced(self) -> Iterator[dict[Any, Any]]:
        """The tables of the kinds that cost something."""
        return (self.table(name) for name, kind in KINDS.items() if kind.daily_price is not None)

    def _close_months(self, now: float) -> None:
        if self.month_end == 0.0:
            self._charge_from(month_start(now))
            self.month_end = next_month(now)
        while now >= self.month_end:
            self._close_month(self.month_end)
            self.month_end = next_month(self.month_end)

    def _charge_from(self, moment: float) -> None:
        """A world seen for the first time: what was before this month is on earlier bills."""
        for table in self._priced():
            for key, each in table.items():
                table[key] = replace(each, charged_until=max(each.charged_until, moment))

    def _close_month(self, end: float) -> None:
        for table in self._priced():
            for key, each in table.items():
                table[key] = self.settled(each, end - 1)
        if self.charged:
            bill = monthly_bill(self.new_id("bill"), end, self.charged)
            self.bills = {str(bill["bill_id"]): bill, **self.bills}
        self.charged = 0


def member(each: Any, name: str) -> Any:
    """A member of a record, or of a row of the catalog; None when a row does not have it."""
    return each.get(name) if isinstance(each, dict) else getattr(each, name)


def find_key(kind: str, name: str, names: Mapping[str, str | None]) -> str:
    """The key that is this name or, alone, has it. Raises LookupError, with a text for people."""
    if name in names:
        return name
    found = [key for key, each in names.items() if each == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise LookupError(
            f"{len(found)} of kind {kind} are named {name}: {', '.join(found)}; use an id"
        )
    known = sorted({each or key for key, each in names.items()})
    raise LookupError(f"no {kind} {name}; there are {', '.join(known[:20]) or 'none'}")


def due_days(charged_until: float, now: float) -> int:
    """Days begun and not charged yet; an object that existed for a moment has begun one."""
    return 0 if now < charged_until else int((now - charged_until) // DAY) + 1


def monthly_bill(bill_id: str, end: float, price: int) -> Row:
    """The regular bill of the month that ended at this moment; not paid yet."""
    start = month_start(end - 1)
    vat = price // 10
    year, month, _ = print_date(start).split("-")
    return {
        "bill_id": bill_id,
        "usage_start": print_date(start),
        "usage_end": print_date(end - 1),
        "bill_date": print_date(end),
        "type": "regular",
        "payment_status": "unpaid",
        "name": f"{year}년 {int(month)}월 정기 청구",
        "price": price,
        "vat": vat,
        "payment_price": price + vat,
        "currency": "KRW",
        "date_paid": "",
    }
