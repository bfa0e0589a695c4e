"""The objects of an account: frozen records with the contract's members, one class for each kind.

A record never changes; an operation puts a new one in its place. Copying a whole world is therefore
copying a handful of dictionaries. The catalog (zones, flavors, images, keys, scripts, block storage
types, bills) is kept as the plain rows that the API prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

# One object of the catalog as the API prints it; worlds share it, so it is never changed in
# place.
Row = dict[str, object]

# Statuses in which an object takes no further operation (contract#statuses).
BUSY = frozenset({"building", "pending", "work", "deleting"})


@dataclass(frozen=True, slots=True)
class PendingWork:
    """An operation under way in the background and what holds when it is done.

    It ends at world time `due` or, if a switch counts reads instead of seconds, after `reads`
    further reads. `target` is the flavor, image or instance that holds afterwards.
    """

    operation: str
    due: float | None = None
    reads: int | None = None
    status: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance (contract#instances). `stopped` is the deletion time of a tombstone; times are
    unix seconds of world time.
    """

    kind: ClassVar[str] = "instance"
    instance_id: str
    name: str
    description: str | None
    status: str
    zone_id: str
    flavor_id: str
    image_id: str
    created: float
    public_address: str
    private_address: str
    public_attached: bool = True
    username: str = "root"
    ssh_key_ids: tuple[str, ...] = ()
    user_script_id: str | None = None
    block_storage_limit: int = 3
    ip_limit: int = 3
    visible_from: float = 0.0
    charged_until: float = 0.0
    stopped: float | None = None
    pending: PendingWork | None = None


@dataclass(frozen=True, slots=True)
class BlockStorage:
    """A block storage (contract#block-storages). `instance_id` is its owner, None when detached."""

    kind: ClassVar[str] = "block_storage"
    block_storage_id: str
    name: str | None
    description: str | None
    type: str
    size: int
    status: str
    zone_id: str
    instance_id: str | None
    created: float
    visible_from: float = 0.0
    charged_until: float = 0.0
    pending: PendingWork | None = None

    @property
    def owner_or_target(self) -> str | None:
        """The instance whose slot it takes: its owner, or the one it is being attached to."""
        if self.pending is not None and self.pending.operation == "attach":
            return self.pending.target
        return self.instance_id


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a firewall (contract#security-groups)."""

    rule_id: int
    bound: str
    protocol: str
    port: str
    ip: str
    title: str
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Firewall:
    """A firewall, which the API shows as a security group and in an older form
    (contract#security-groups, contract#older-firewall). `content` is kept as sent, unescaped.
    """

    kind: ClassVar[str] = "firewall"
    firewall_id: str
    title: str
    content: str | None
    icmp: str
    rules: tuple[Rule, ...] = ()
    visible_from: float = 0.0


@dataclass(frozen=True, slots=True)
class Membership:
    """An instance in a firewall; visible unless it is still being attached."""

    kind: ClassVar[str] = "membership"
    firewall_id: str
    instance_id: str
    pending: PendingWork | None = None

    @property
    def ids(self) -> tuple[str, str]:
        """Its key: both ids."""
        return self.firewall_id, self.instance_id

    @property
    def visible(self) -> bool:
        """Whether the member list shows it."""
        return self.pending is None or self.pending.operation == "detach"


def is_busy(record: Instance | BlockStorage) -> bool:
    """Whether an operation on it would be answered as busy."""
    return record.pending is not None or record.status in BUSY
