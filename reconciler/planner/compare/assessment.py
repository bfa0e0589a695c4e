"""What planning knows of each address: the configuration, the state and the live object side by
side, and what becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from enum import Enum
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model import marker
from reconciler.model.address import Address, titled
from reconciler.model.diagnostics import Problem
from reconciler.model.kinds import Kinds
from reconciler.model.owners import Elsewhere
from reconciler.model.resource import EMPTY, Account, Link, LiveResource, Resource, Stack, Value
from reconciler.model.resource_type import Edit, ResourceType
from reconciler.model.state import Deposed, Entry, State


class Disposition(Enum):
    """What becomes of an address as a whole. `UNSETTLED` needs a decision; `GONE` was deleted by an
    earlier run.
    """

    CREATE = "create"
    BIND = "bind"
    KEEP = "keep"
    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"
    GONE = "gone"
    UNSETTLED = "unsettled"


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the command line adds to the file: all of it is part of the plan's input.

    `accept` are (class, address or None); `replace` and `unprotect` are address texts. `pinned` are
    the ids a saved plan's lookups gave, address to field to text to id. `unsettled` gives by
    address the reason why an open intent there could not be settled; `unproved` are ids that an
    earlier run deleted and whose absence is not proved yet. `only` and `without` are the patterns
    of `--only` and `--except`. `first_passwords`: somebody keeps those of new instances. `running`
    is the name of a run that is at work now, whose open intents do not count as unsettled. `undo`
    is the serial of the kept state that the plan goes back to. `unmanaged`: objects that are not
    the stack's are to be listed with their price. `elsewhere` is what other states of the same
    place hold.
    """

    destroy: bool = False
    accept: tuple[tuple[str, str | None], ...] = ()
    replace: frozenset[str] = frozenset()
    unprotect: frozenset[str] = frozenset()
    pinned: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    unsettled: Mapping[str, str] = field(default_factory=dict)
    unproved: frozenset[str] = frozenset()
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    first_passwords: bool = False
    running: str | None = None
    undo: int | None = None
    unmanaged: bool = False
    elsewhere: Elsewhere = field(default_factory=dict)

    @property
    def command(self) -> str:
        """The command to run again. After a destroy it is not `apply`, which would create
        everything again.
        """
        return "reconciler destroy" if self.destroy else "reconciler apply"

    def accepts(self, risk: str, address: str) -> bool:
        """Whether a class that only counts by address was accepted for it (`gone`, `duplicate`,
        `lockout`, `shared`).
        """
        return (risk, address) in self.accept

    def of_stack(self, title: str) -> PlanOptions:
        """The options for one stack of several: consent for objects of other stacks is left out."""
        parts = [(risk, *titled(address or "")) for risk, address in self.accept]
        own = [(risk, address or None) for risk, of, address in parts if of in (None, title)]
        return replace(self, accept=tuple(own))


@dataclass(frozen=True, slots=True)
class ManagedObject:
    """One address of the stack or the state.

    `wanted` are the file's attributes with lookups answered, links and deferred values kept;
    `lookups` the answers, field to text to id. `reason` is why it has its disposition, `protect`
    what it is protected from.
    """

    address: Address
    kind: ResourceType
    disposition: Disposition
    resource: Resource | None = None
    entry: Entry | None = None
    live: LiveResource | None = None
    wanted: Mapping[str, Value] = EMPTY
    lookups: Mapping[str, Mapping[str, str]] = EMPTY
    reason: str = ""
    protect: tuple[str, ...] = ()

    @property
    def live_id(self) -> str:
        """The id of its object, for a step on it. Raises AssertionError if it has none: a step
        needs an object.
        """
        if self.live is None:
            raise AssertionError(f"{self.address} has no object that a step could change")
        return self.live.id

    @property
    def runs(self) -> bool:
        """Whether its object exists and is not known to be off."""
        return self.live is not None and self.live.attributes.get("power") != "off"

    @property
    def id(self) -> str | None:
        """The id that the address has now and keeps, None if it will have another or has none."""
        if (
            self.disposition in (Disposition.KEEP, Disposition.BIND, Disposition.DELETE)
            and self.live is not None
        ):
            return self.live.id
        return None


@dataclass(frozen=True, slots=True)
class Assessment:
    """All objects by address, and the problems that block planning.

    `existing` are objects that the stack refers to and does not own. `unmanaged_rules` are the live
    rules that are not part of the stack, by firewall id. `names` maps the ids of both to their
    addresses.
    """

    stack: Stack
    state: State
    account: Account
    kinds: Kinds
    options: PlanOptions
    items: Mapping[Address, ManagedObject]
    existing: Mapping[Address, LiveResource]
    unmanaged_rules: Mapping[str, tuple[LiveResource, ...]]
    problems: tuple[Problem, ...]
    names: Mapping[str, str]
    _groups: dict[str, list[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        firewalls: dict[str, list[str]] = {}
        for firewall, members in self.account.members.items():
            for instance in members:
                firewalls.setdefault(instance, []).append(firewall)
        for item in self.items.values():
            wanted = item.wanted.get(item.kind.membership or "")
            if (
                item.live is not None
                and len(found := firewalls.get(item.live.id, [])) > 1
                and isinstance(wanted, Link)
            ):
                found.sort(key=lambda firewall: firewall != self.id_of(wanted.address))
        object.__setattr__(self, "_groups", firewalls)

    def name_of(self, id: str | None) -> str | None:
        """The address of an id of the stack or of an object that it refers to, otherwise the id
        itself.
        """
        return None if id is None else self.names.get(id, id)

    def id_of(self, address: Address) -> str | None:
        """The id an address has and keeps in this plan, or None."""
        if address.existing:
            found = self.existing.get(address)
            return None if found is None else found.id
        item = self.items.get(address)
        return None if item is None else item.id

    def firewall_of(self, instance_id: str) -> str | None:
        """The id of the firewall that an instance has, as far as members were read; of several, the
        one that the file wants.
        """
        return next(iter(self._groups.get(instance_id, ())), None)

    def firewall_to_leave(self, instance_id: str) -> str | None:
        """The same, but of several one that the file does not want."""
        return next(reversed(self._groups.get(instance_id, [])), None)

    def deposed(self) -> Iterator[tuple[Deposed, LiveResource | None]]:
        """The deposed objects, by id, with what is live of them."""
        for id in sorted(self.state.deposed):
            old = self.state.deposed[id]
            yield old, self.account.find(old.kind, id)


def link_text(value: Value) -> Any:
    """A value as it is compared and kept: a link by its address."""
    return str(value.address) if isinstance(value, Link) else value


DESCRIPTION = "description"
"""The field that contains the marker, and the text of the owner if nobody wrote one
(stack-files#marker).
"""


def owner_text(assessment: Assessment, item: ManagedObject) -> str:
    """The text before the marker if the user wrote none."""
    key = str(item.address).removeprefix(f"{item.address.kind}.")
    stack = assessment.stack
    return marker.owner_text(stack.name, stack.environment, key)[: marker.USER_LIMIT]


def renewed_text(assessment: Assessment, item: ManagedObject) -> str | None:
    """The text that replaces the one that names another stack or environment, None if there is
    nothing to replace.

    The object is surely ours, because it carries the marker in the state. A text that the user
    wrote is never replaced, nor one that the API cannot change: that of block storages.
    """
    live, entry, field = item.live, item.entry, item.kind.fields.get(DESCRIPTION)
    if (
        item.disposition is not Disposition.KEEP
        or item.resource is None
        or live is None
        or entry is None
        or field is None
        or field.edit is not Edit.IN_PLACE
    ):
        return None
    written = item.wanted.get(DESCRIPTION) or entry.applied.get(DESCRIPTION)
    if written or DESCRIPTION in item.resource.lifecycle.ignore:
        return None
    parts = marker.owner_parts(live.marked)
    stack = assessment.stack
    if (
        live.nonce is None
        or live.nonce != entry.nonce
        or parts is None
        or parts[:2] == (stack.name, stack.environment)
    ):
        return None
    return owner_text(assessment, item)
