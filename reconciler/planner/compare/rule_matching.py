"""Rules of one firewall: matched by key and by meaning, never by position
(planning#firewalls-by-meaning), so that only what really differs is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.address import parse
from reconciler.model.plan import Reason, ReasonKind, reason_kind
from reconciler.model.resource import LiveResource, Resource
from reconciler.model.resource_type import ResourceType
from reconciler.model.state import Entry
from reconciler.planner.compare.assessment import Disposition, ManagedObject

MEANING = ("direction", "protocol", "ports", "cidr")
"""What makes two rules the same traffic; the cloud refuses an exact duplicate
(contract#security-groups).
"""


@dataclass(frozen=True, slots=True)
class Matched:
    """The items of one firewall's rules, and the live rules that are not part of the stack,
    by id.
    """

    items: tuple[ManagedObject, ...]
    unmanaged_rules: tuple[LiveResource, ...]


def meaning(attributes: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Direction, protocol, ports and range of a rule, or None if one of them is not known yet."""
    found = tuple(attributes.get(name) for name in MEANING)
    return found if all(isinstance(part, str) for part in found) else None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one firewall: those of the file, of the state, and of the account."""

    desired: Sequence[Resource] = ()
    entries: Sequence[Entry] = ()
    live: Sequence[LiveResource] = ()


def match(
    owner: ManagedObject,
    kind: ResourceType,
    rules: Rules,
    *,
    unsettled: Mapping[str, str],
    sent: Mapping[tuple[Any, ...], str],
    traffic: Callable[[Resource], tuple[Any, ...] | None],
) -> Matched:
    """Pairs the desired rules of a firewall with remembered and live ones. A rule that is missing
    from the complete list is created again (contract#absence).

    Traffic goes before key: a desired rule takes the live rule that allows its traffic already,
    whichever key that had. So no traffic is cut to be opened again, and traffic may change keys in
    a circle although the cloud refuses two equal rules. `traffic` is what a desired rule allows,
    with references filled in as far as they are known. `unsettled` gives the reason why a rule is
    unsettled, by address. `sent` maps the traffic of unsettled creates at addresses that the file
    does not have to the reason why a new rule for it must wait.
    """
    stays = owner.disposition in (Disposition.KEEP, Disposition.BIND)
    is_unsettled = owner.disposition is Disposition.UNSETTLED
    if not stays and not (is_unsettled and owner.live and owner.resource):
        reasons = unsettled if is_unsettled else {}
        new = (_new(each, kind, reasons.get(str(each.address))) for each in rules.desired)
        return Matched(tuple(new), ())
    table = _Table(kind, rules, traffic)
    if owner.resource is None:
        return Matched(tuple(table.kept()), ())
    table.unsettled(rules.desired, unsettled)
    open_ones = [each for each in rules.desired if str(each.address) not in unsettled]
    for take in (table.unchanged, table.same_traffic, table.edited, table.displaced):
        open_ones = [resource for resource in open_ones if not take(resource)]
    for resource in open_ones:
        wanted = traffic(resource)
        if wanted is not None and wanted in sent:
            table.items.append(_unsettled(resource, None, kind, sent[wanted]))
        else:
            table.create(resource)
    desired = {str(resource.address) for resource in rules.desired}
    left = {text: entry for text, entry in table.entries.items() if text not in desired}
    items = (*table.items, *_left_out(table.shifted(left, unsettled), table.free, kind, unsettled))
    return Matched(
        items, tuple(table.free[id] for id in sorted(table.free, key=lambda id: (len(id), id)))
    )


def _new(resource: Resource, kind: ResourceType, unsettled: str | None) -> ManagedObject:
    if unsettled is not None:
        return _unsettled(resource, None, kind, unsettled)
    return ManagedObject(
        resource.address,
        kind,
        Disposition.CREATE,
        resource,
        wanted=resource.attributes,
        reason=Reason.of(ReasonKind.NEW),
    )


def _unsettled(
    resource: Resource, entry: Entry | None, kind: ResourceType, reason: str
) -> ManagedObject:
    return ManagedObject(
        resource.address,
        kind,
        Disposition.UNSETTLED,
        resource,
        entry,
        wanted=resource.attributes,
        reason=reason,
    )


class _Table:
    """Desired rules on one side, live rules that are still free on the other. Each method takes a
    desired rule if it can, and returns whether it did.
    """

    def __init__(
        self,
        kind: ResourceType,
        rules: Rules,
        traffic: Callable[[Resource], tuple[Any, ...] | None],
    ) -> None:
        self.kind, self.traffic = kind, traffic
        self.rows = {row.id: row for row in rules.live}
        self.entries = {entry.address: entry for entry in rules.entries}
        self.free = dict(self.rows)
        self.items: list[ManagedObject] = []
        self._displaced: list[str] | None = None
        self._held: dict[tuple[Any, ...], str] | None = None

    def kept(self) -> Iterator[ManagedObject]:
        """The rules of a firewall that stays although the file does not count."""
        for text, entry in sorted(self.entries.items()):
            address = parse(text)
            if address is not None and entry.id in self.rows:
                yield ManagedObject(
                    address,
                    self.kind,
                    Disposition.KEEP,
                    None,
                    entry,
                    self.rows[entry.id],
                    reason=msg("its firewall is kept"),
                )

    def unsettled(self, desired: Sequence[Resource], reasons: Mapping[str, str]) -> None:
        """Sets aside what is unsettled, with the live rule that it may be about."""
        held: dict[tuple[Any, ...] | None, list[str]] = {}
        for id, row in self.free.items() if reasons else ():
            held.setdefault(meaning(row.attributes), []).append(id)
        for resource in desired:
            text = str(resource.address)
            if text not in reasons:
                continue
            entry = self.entries.get(text)
            self.items.append(_unsettled(resource, entry, self.kind, reasons[text]))
            wanted = self.traffic(resource)
            same = held.get(wanted, []) if wanted is not None else []
            for id in [entry.id] if entry is not None else same:
                self.free.pop(id, None)

    def unchanged(self, resource: Resource) -> bool:
        """Its own live rule allows its traffic, or that traffic is not known yet. In a list, what
        is not known waits: the elements may have shifted, and a known one comes first.
        """
        entry = self.entries.get(str(resource.address))
        if entry is None or entry.id not in self.free:
            return False
        wanted = self.traffic(resource)
        if wanted is None and resource.address.rule != resource.address.rule_key:
            return False
        return wanted in (None, meaning(self.free[entry.id].attributes)) and self._keep(
            resource, entry
        )

    def same_traffic(self, resource: Resource) -> bool:
        """Another live rule does: it is taken over, and only its texts are edited."""
        if self._held is None:
            self._held = {
                found: id
                for id, row in sorted(self.free.items(), reverse=True)
                if (found := meaning(row.attributes)) is not None
            }
        wanted = self.traffic(resource)
        id = self._held.pop(wanted, None) if wanted is not None else None
        return id is not None and self._bind(resource, id, Reason.of(ReasonKind.SAME_TRAFFIC))

    def edited(self, resource: Resource) -> bool:
        """Its own live rule exists and is edited."""
        entry = self.entries.get(str(resource.address))
        return entry is not None and entry.id in self.free and self._keep(resource, entry)

    def displaced(self, resource: Resource) -> bool:
        """Another desired rule has taken its own live rule, and has left one behind."""
        entry = self.entries.get(str(resource.address))
        if entry is None or entry.id not in self.rows:
            return False
        if self._displaced is None:
            taken = {
                str(item.address)
                for item in self.items
                if reason_kind(item.reason) is ReasonKind.SAME_TRAFFIC
            }
            self._displaced = sorted(
                e.id for text, e in self.entries.items() if text in taken and e.id in self.free
            )
        return bool(self._displaced) and self._bind(
            resource, self._displaced.pop(0), msg("another rule has taken over its traffic")
        )

    def create(self, resource: Resource) -> None:
        """There is no live rule for it. If there was one, somebody has removed it."""
        entry = self.entries.get(str(resource.address))
        removed = entry is not None and entry.id not in self.rows
        reason = msg("removed outside") if removed else Reason.of(ReasonKind.NEW)
        known = entry if removed else None
        self.items.append(
            ManagedObject(
                resource.address,
                self.kind,
                Disposition.CREATE,
                resource,
                known,
                wanted=resource.attributes,
                reason=reason,
            )
        )

    def shifted(self, left: Mapping[str, Entry], unsettled: Collection[str]) -> dict[str, Entry]:
        """The entries of addresses that the file no longer has. If another rule has taken the live
        rule of one, as when the first element of a list is removed, it gets one that was left
        behind.
        """
        behind = sorted(
            (entry for text, entry in self.entries.items() if text not in left),
            key=lambda entry: entry.address,
        )
        spare = [entry for entry in behind if entry.id in self.free]
        found = dict(left)
        for text in sorted(left.keys() - unsettled):
            if left[text].id in self.rows and left[text].id not in self.free and spare:
                found[text] = replace(spare.pop(0), address=text)
        return found

    def _keep(self, resource: Resource, entry: Entry) -> bool:
        self.items.append(
            ManagedObject(
                resource.address,
                self.kind,
                Disposition.KEEP,
                resource,
                entry,
                self.free.pop(entry.id),
                resource.attributes,
            )
        )
        return True

    def _bind(self, resource: Resource, id: str, reason: str) -> bool:
        row = self.free.pop(id)
        self.items.append(
            ManagedObject(
                resource.address,
                self.kind,
                Disposition.BIND,
                resource,
                None,
                row,
                resource.attributes,
                reason=reason,
            )
        )
        return True


def _left_out(
    entries: Mapping[str, Entry],
    free: dict[str, LiveResource],
    kind: ResourceType,
    unsettled: Mapping[str, str],
) -> list[ManagedObject]:
    items = []
    for text in sorted(entries):
        entry, address = entries[text], parse(text)
        if address is None:
            continue
        row = free.pop(entry.id, None)
        if text in unsettled:
            items.append(
                ManagedObject(
                    address, kind, Disposition.UNSETTLED, None, entry, row, reason=unsettled[text]
                )
            )
        elif row is None:
            items.append(
                ManagedObject(
                    address, kind, Disposition.GONE, None, entry, reason=msg("no longer there")
                )
            )
        else:
            items.append(
                ManagedObject(
                    address,
                    kind,
                    Disposition.DELETE,
                    None,
                    entry,
                    row,
                    reason=msg("left out of the file"),
                )
            )
    return items
