"""The things an account holds: frozen records in the contract's own words, one class a kind.

A record never changes; an operation puts a new one in its place. That makes a copy of a whole world
a handful of dictionary copies. The catalogue (zones, flavors, images, keys, scripts, volume types,
bills) is kept as the plain rows the API prints.
"""

from __future__ import annotations

from dataclasses import dataclass

Row = dict[str, object]
"""One catalogue object as the API prints it; shared between worlds and therefore never changed in
place.
"""

BUSY = frozenset({"building", "pending", "work", "deleting"})
"""Statuses in which an object takes no further operation (contract#statuses)."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An operation under way in the background and what holds when it is done.

    It ends at world time `due`, or, where a switch counts reads instead of seconds, when `reads`
    further reads were answered. `target` is the flavor, image or instance that holds afterwards.
    """

    operation: str
    due: float | None = None
    reads: int | None = None
    status: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """A server (contract#instances). `stopped` is the deletion time of a tombstone; times are unix
    seconds of world time.
    """

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
    pending: Pending | None = None

    @property
    def busy(self) -> bool:
        """Whether an operation on it would be answered as busy."""
        return self.pending is not None or self.status in BUSY


@dataclass(frozen=True, slots=True)
class BlockStorage:
    """A volume (contract#block-storages). `instance_id` is its owner, None when detached."""

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
    pending: Pending | None = None

    @property
    def busy(self) -> bool:
        """Whether an operation on it would be answered as busy."""
        return self.pending is not None or self.status in BUSY

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
    """A security group, also seen as an older firewall (contract#security-groups,
    contract#older-firewall). `content` is kept as sent, unescaped.
    """

    firewall_id: str
    title: str
    content: str | None
    icmp: str
    rules: tuple[Rule, ...] = ()
    visible_from: float = 0.0


@dataclass(frozen=True, slots=True)
class Membership:
    """An instance in a firewall; visible unless it is still being attached."""

    firewall_id: str
    instance_id: str
    pending: Pending | None = None

    @property
    def visible(self) -> bool:
        """Whether the member list shows it."""
        return self.pending is None or self.pending.operation == "detach"
