"""The world: everything the cloud knows, and what happens in it as time passes.

It holds records (replaced, never changed), so `copy` is cheap and a copy never moves. Time comes in
as a number; the world only sees to it that it never runs backwards. Nothing here knows of HTTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from reconciler.simulator.charges import daily_price, due_days, monthly_bill
from reconciler.simulator.clock import DAY, month_start, next_month
from reconciler.simulator.records import (
    BlockStorage,
    Firewall,
    Instance,
    Membership,
    Pending,
    Row,
    Rule,
)

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIXES = {
    "instance": "INSTANCE-",
    "block_storage": "BLOCKSTORAGE-",
    "firewall": "FIREWALL-",
    "bill": "BILL-",
}
PUBLIC_NETWORKS = ("203.0.113.", "198.51.100.", "192.0.2.")
FIRST_RULE_ID = 910_001


Key = tuple[str, str | tuple[str, str]]
"""What can have something pending: its kind and its id (for a membership, both ids)."""


class World:
    """One account. The dictionaries keep the order of creation, which is the order of every list."""

    def __init__(self, *, seed: int = 0, time: float = 0.0) -> None:
        self.seed = seed
        self.time = time
        self.serial = 0
        """How many ids were given out; with the seed it decides every id, address and password."""
        self.rule_serial = 0
        self.zones: dict[str, Row] = {}
        self.flavors: dict[str, Row] = {}
        self.images: dict[str, Row] = {}
        self.ssh_keys: dict[str, Row] = {}
        self.user_scripts: dict[str, Row] = {}
        self.storage_types: dict[str, Row] = {}
        self.bills: dict[str, Row] = {}
        self.storage_prices: dict[str, int] = {}
        """KRW per GB and month, by type. The contract has none: these are invented and may be
        edited.
        """
        self.instances: dict[str, Instance] = {}
        self.block_storages: dict[str, BlockStorage] = {}
        self.firewalls: dict[str, Firewall] = {}
        self.memberships: dict[tuple[str, str], Membership] = {}
        self.gone: dict[str, Instance] = {}
        """Deleted instances, for tombstones."""
        self.charged = 0
        """KRW of this month that is settled: days of objects that are gone, or charged before a
        resize.
        """
        self.month_end = 0.0
        self.working: dict[Key, None] = {}
        """Keys of the objects with something pending, in the order in which it began."""

    def copy(self) -> World:
        """An independent world with the same content."""
        other = World.__new__(World)
        for name, value in vars(self).items():
            setattr(other, name, value.copy() if isinstance(value, dict) else value)
        return other

    # Reading
    # -----------------------------------------------------------------------------------------------------------------

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

    def volumes_of(self, instance_id: str) -> list[str]:
        """Ids of the volumes attached to an instance."""
        return [key for key, each in self.block_storages.items() if each.instance_id == instance_id]

    def volumes_by_instance(self) -> dict[str | None, list[str]]:
        """Ids of volumes by owner, made in one pass; detached ones stand under None."""
        owned: dict[str | None, list[str]] = {}
        for key, each in self.block_storages.items():
            owned.setdefault(each.instance_id, []).append(key)
        return owned

    def slots_used(self, instance_id: str) -> int:
        """Volumes that count against an instance's connection limit."""
        return sum(
            1 for each in self.block_storages.values() if each.owner_or_target == instance_id
        )

    def find(self, instance_name: str) -> Instance:
        """The one instance of that name; for tests and stories."""
        found = [each for each in self.instances.values() if each.name == instance_name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} instances are named {instance_name}")
        return found[0]

    # Making
    # ------------------------------------------------------------------------------------------------------------------

    def new_id(self, kind: str) -> str:
        """The next id of a kind: prefix and 22 base-62 characters, decided by seed and count
        (contract#values).
        """
        self.serial += 1
        return PREFIXES[kind] + self._token(f"{kind}:{self.serial}")

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
        number = int.from_bytes(
            hashlib.blake2b(f"{self.seed}:{text}".encode(), digest_size=17).digest(), "big"
        )
        letters = []
        for _ in range(22):
            number, digit = divmod(number, 62)
            letters.append(ALPHABET[digit])
        return "".join(letters)

    def put_instance(self, instance: Instance) -> None:
        """Add or replace."""
        self.instances[instance.instance_id] = instance
        self._note("instance", instance.instance_id, instance.pending)

    def put_volume(self, volume: BlockStorage) -> None:
        """Add or replace."""
        self.block_storages[volume.block_storage_id] = volume
        self._note("block_storage", volume.block_storage_id, volume.pending)

    def put_firewall(self, firewall: Firewall) -> None:
        """Add or replace, rules included."""
        self.firewalls[firewall.firewall_id] = firewall

    def put_membership(self, membership: Membership) -> None:
        """Add or replace."""
        key = (membership.firewall_id, membership.instance_id)
        self.memberships[key] = membership
        self._note("membership", key, membership.pending)

    def put_rules(self, firewall_id: str, rules: Iterable[Rule]) -> None:
        """Replace the rules of a firewall."""
        self.firewalls[firewall_id] = replace(self.firewalls[firewall_id], rules=tuple(rules))

    def _note(self, kind: str, key: str | tuple[str, str], pending: Pending | None) -> None:
        if pending is None:
            self.working.pop((kind, key), None)
        else:
            self.working[(kind, key)] = None

    # Removing
    # ----------------------------------------------------------------------------------------------------------------

    def remove_instance(self, instance_id: str, now: float) -> None:
        """An instance goes: memberships vanish, volumes stay detached or, where its delete says so,
        go too (contract#instances).
        """
        instance = self.instances.pop(instance_id)
        volumes_too = instance.pending is not None and instance.pending.target == "delete"
        self.working.pop(("instance", instance_id), None)
        self.charged += due_days(instance.charged_until, now) * self.daily_price(instance)
        self.gone[instance_id] = replace(instance, status="deleting", stopped=now, pending=None)
        for key in [key for key in self.memberships if key[1] == instance_id]:
            self.remove_membership(*key)
        for volume in [
            each for each in self.block_storages.values() if each.owner_or_target == instance_id
        ]:
            if volumes_too:
                self.remove_volume(volume.block_storage_id, now)
            elif volume.pending is not None and volume.pending.operation == "delete":
                self.put_volume(replace(volume, instance_id=None))
            else:
                self.put_volume(replace(volume, instance_id=None, status="active", pending=None))

    def remove_volume(self, block_storage_id: str, now: float) -> None:
        """A volume goes, its days charged."""
        volume = self.block_storages.pop(block_storage_id)
        self.working.pop(("block_storage", block_storage_id), None)
        self.charged += due_days(volume.charged_until, now) * self.daily_price(volume)

    def remove_firewall(self, firewall_id: str) -> None:
        """A firewall goes with its rules and memberships."""
        del self.firewalls[firewall_id]
        for key in [key for key in self.memberships if key[0] == firewall_id]:
            self.remove_membership(*key)

    def remove_membership(self, firewall_id: str, instance_id: str) -> None:
        """An instance leaves a firewall."""
        self.memberships.pop((firewall_id, instance_id), None)
        self.working.pop(("membership", (firewall_id, instance_id)), None)

    # Time
    # --------------------------------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Let time come to `now`: what is due is done in the order in which it was due, and months
        are closed.
        """
        now = max(now, self.time)
        while (due := self.next_due()) is not None and due <= now:
            self._close_months(due)
            self.time = max(self.time, due)
            for key in [key for key in self.working if _due(self._pending(key)) == due]:
                self._finish(key, due)
        self._close_months(now)
        self.time = now

    def next_due(self) -> float | None:
        """The next moment at which something finishes by itself, or None."""
        moments = [
            moment for key in self.working if (moment := _due(self._pending(key))) is not None
        ]
        return min(moments, default=None)

    def note_read(self, kind: str, key: str | tuple[str, str]) -> None:
        """A read showed this object: where reads are counted instead of seconds, one is used up."""
        if (kind, key) not in self.working:
            return
        pending = self._pending((kind, key))
        if pending is None or pending.reads is None:
            return
        if pending.reads > 1:
            self._set_pending((kind, key), replace(pending, reads=pending.reads - 1))
        else:
            self._finish((kind, key), self.time)

    def _record(self, key: Key) -> Instance | BlockStorage | Membership | None:
        kind, name = key
        if kind == "instance":
            return self.instances.get(str(name))
        if kind == "block_storage":
            return self.block_storages.get(str(name))
        return self.memberships.get(name) if isinstance(name, tuple) else None

    def _pending(self, key: Key) -> Pending | None:
        record = self._record(key)
        return None if record is None else record.pending

    def _set_pending(self, key: Key, pending: Pending) -> None:
        record = self._record(key)
        if isinstance(record, Instance):
            self.instances[record.instance_id] = replace(record, pending=pending)
        elif isinstance(record, BlockStorage):
            self.block_storages[record.block_storage_id] = replace(record, pending=pending)
        elif record is not None:
            self.memberships[(record.firewall_id, record.instance_id)] = replace(
                record, pending=pending
            )

    def _finish(self, key: Key, now: float) -> None:
        record = self._record(key)
        self.working.pop(key, None)
        if isinstance(record, Instance):
            self._finish_instance(record, now)
        elif isinstance(record, BlockStorage):
            self._finish_volume(record, now)
        elif record is not None:
            self._finish_membership(record)

    def _finish_instance(self, instance: Instance, now: float) -> None:
        pending = instance.pending
        assert pending is not None
        if pending.operation == "delete":
            self.remove_instance(instance.instance_id, now)
            return
        done = replace(instance, status=pending.status, pending=None)
        if pending.operation == "rebuild":
            done = replace(done, image_id=pending.target)
        if pending.operation == "resize":
            days = due_days(instance.charged_until, now)
            self.charged += days * self.daily_price(instance)
            done = replace(
                done, flavor_id=pending.target, charged_until=instance.charged_until + days * DAY
            )
        self.put_instance(done)

    def _finish_volume(self, volume: BlockStorage, now: float) -> None:
        pending = volume.pending
        assert pending is not None
        if pending.operation == "delete":
            self.remove_volume(volume.block_storage_id, now)
            return
        owner = {"attach": pending.target, "detach": None}.get(
            pending.operation, volume.instance_id
        )
        self.put_volume(replace(volume, status=pending.status, instance_id=owner, pending=None))

    def _finish_membership(self, membership: Membership) -> None:
        assert membership.pending is not None
        if membership.pending.operation == "detach":
            self.remove_membership(membership.firewall_id, membership.instance_id)
        else:
            self.put_membership(replace(membership, pending=None))

    # Money
    # -------------------------------------------------------------------------------------------------------------------

    def daily_price(self, thing: Instance | BlockStorage) -> int:
        """KRW a day without VAT: the flavor's own daily price; a powered-off server and a detached
        volume cost the same.
        """
        if isinstance(thing, BlockStorage):
            return round(thing.size * self.storage_prices.get(thing.type, 0) / 30)
        return daily_price(self.flavors.get(thing.flavor_id))

    def month_to_date(self) -> int:
        """What this month has cost so far: every begun day of every object (contract#bill,
        contract#prices).
        """
        things: list[Instance | BlockStorage] = [
            *self.instances.values(),
            *self.block_storages.values(),
        ]
        return self.charged + sum(
            due_days(each.charged_until, self.time) * self.daily_price(each) for each in things
        )

    def _close_months(self, now: float) -> None:
        if self.month_end == 0.0:
            self._charge_from(month_start(now))
            self.month_end = next_month(now)
        while now >= self.month_end:
            self._close_month(self.month_end)
            self.month_end = next_month(self.month_end)

    def _charge_from(self, moment: float) -> None:
        """A world seen for the first time: what was before this month is on bills of the past."""
        for instance in list(self.instances.values()):
            self.instances[instance.instance_id] = replace(
                instance, charged_until=max(instance.charged_until, moment)
            )
        for volume in list(self.block_storages.values()):
            self.block_storages[volume.block_storage_id] = replace(
                volume, charged_until=max(volume.charged_until, moment)
            )

    def _close_month(self, end: float) -> None:
        for instance in list(self.instances.values()):
            days = due_days(instance.charged_until, end - 1)
            self.charged += days * self.daily_price(instance)
            self.instances[instance.instance_id] = replace(
                instance, charged_until=instance.charged_until + days * DAY
            )
        for volume in list(self.block_storages.values()):
            days = due_days(volume.charged_until, end - 1)
            self.charged += days * self.daily_price(volume)
            self.block_storages[volume.block_storage_id] = replace(
                volume, charged_until=volume.charged_until + days * DAY
            )
        if self.charged:
            bill = monthly_bill(self.new_id("bill"), end, self.charged)
            self.bills = {str(bill["bill_id"]): bill, **self.bills}
        self.charged = 0


def _due(pending: Pending | None) -> float | None:
    return None if pending is None else pending.due
