"""Rules of one firewall: matched by key and by meaning, never by position
(planning#firewalls-by-meaning), so that only what really differs is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model.address import parse
from reconciler.model.resource import EMPTY, LiveResource, Resource
from reconciler.model.resource_type import ResourceType
from reconciler.model.state import Entry
from reconciler.planner.compare.assessment import Disposition, ManagedObject

MEANING = ("direction", "protocol", "ports", "cidr")
"""What makes two rules the same traffic; the cloud refuses an exact duplicate of it
(contract#security-groups).
"""


@dataclass(frozen=True, slots=True)
class Matched:
    """The items of one firewall's rules, and the live rules that nothing of ours accounts for, by
    id.
    """

    items: tuple[ManagedObject, ...]
    unmanaged_rules: tuple[LiveResource, ...]


def meaning(attributes: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Direction, protocol, ports and range of a rule, or None where one of them is not known yet."""
    found = tuple(attributes.get(name) for name in MEANING)
    return found if all(isinstance(part, str) for part in found) else None


def match(
    *,
    owner: ManagedObject,
    kind: ResourceType,
    desired: Sequence[Resource],
    entries: Sequence[Entry],
    live: Sequence[LiveResource],
    unsettled: Mapping[str, str],
    sent: Mapping[tuple[Any, ...], str] = EMPTY,  # type: ignore[assignment]
    traffic: Callable[[Resource], tuple[Any, ...] | None] = lambda resource: meaning(
        resource.attributes
    ),
) -> Matched:
    """Pairs desired rules with remembered and live ones. A rule that is gone from the complete list
    is made anew (contract#absence).

    Meaning goes before key: a wish takes the live rule that lets its traffic through already,
    whoever had it. So no traffic is cut to be opened again, and traffic may change keys in a circle
    although the cloud refuses two equal rules. `traffic` gives the meaning of a wish, references
    filled in as far as they are known. `unsettled` says by address why a rule is in doubt. `sent`
    gives the traffic of creates in doubt at addresses that the file has not, and why a new rule for
    it has to wait.
    """
    if owner.disposition not in (Disposition.KEEP, Disposition.BIND, Disposition.UNSETTLED) or (
        owner.disposition is Disposition.UNSETTLED and None in (owner.live, owner.resource)
    ):
        reasons = unsettled if owner.disposition is Disposition.UNSETTLED else {}
        return Matched(
            tuple(_new(resource, kind, reasons.get(str(resource.address))) for resource in desired),
            (),
        )
    table = _Table(
        kind, {row.id: row for row in live}, {entry.address: entry for entry in entries}, traffic
    )
    if owner.resource is None:
        return Matched(tuple(table.kept()), ())
    table.unsettled(desired, unsettled)
    desired_values = [resource for resource in desired if str(resource.address) not in unsettled]
    for take in (table.unchanged, table.same_traffic, table.edited, table.displaced):
        desired_values = [resource for resource in desired_values if not take(resource)]
    for resource in desired_values:
        desired_value = traffic(resource)
        if desired_value is not None and desired_value in sent:
            table.items.append(_doubt(resource, None, kind, sent[desired_value]))
        else:
            table.make(resource)
    asked = {str(resource.address) for resource in desired}
    left = {text: entry for text, entry in table.entries.items() if text not in asked}
    items = (*table.items, *_left_out(left, table.free, kind, unsettled))
    return Matched(
        items, tuple(table.free[id] for id in sorted(table.free, key=lambda id: (len(id), id)))
    )


def _new(resource: Resource, kind: ResourceType, doubt: str | None) -> ManagedObject:
    if doubt is not None:
        return _doubt(resource, None, kind, doubt)
    return ManagedObject(
        resource.address,
        kind,
        Disposition.CREATE,
        resource,
        wanted=resource.attributes,
        reason="new",
    )


def _doubt(
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
    """Wishes on one side, live rules that nobody has yet on the other; each method takes a wish if
    it can, and says whether it did.
    """

    def __init__(
        self,
        kind: ResourceType,
        rows: Mapping[str, LiveResource],
        entries: Mapping[str, Entry],
        traffic: Callable[[Resource], tuple[Any, ...] | None],
    ) -> None:
        self.kind, self.rows, self.entries, self.traffic = kind, rows, entries, traffic
        self.free = dict(rows)
        self.items: list[ManagedObject] = []
        self._displaced: list[str] | None = None
        self._held: dict[tuple[Any, ...], str] | None = None

    def kept(self) -> Iterator[ManagedObject]:
        """The rules of a firewall that stays although the file is not looked at."""
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
                    reason="its firewall is kept",
                )

    def unsettled(self, desired: Sequence[Resource], reasons: Mapping[str, str]) -> None:
        """Sets aside what is in doubt, with the live rule that it may be about."""
        held: dict[tuple[Any, ...] | None, list[str]] = {}
        for id, row in self.free.items() if reasons else ():
            held.setdefault(meaning(row.attributes), []).append(id)
        for resource in desired:
            text = str(resource.address)
            if text not in reasons:
                continue
            entry = self.entries.get(text)
            self.items.append(_doubt(resource, entry, self.kind, reasons[text]))
            desired_value = self.traffic(resource)
            same = held.get(desired_value, []) if desired_value is not None else []
            for id in [entry.id] if entry is not None else same:
                self.free.pop(id, None)

    def unchanged(self, resource: Resource) -> bool:
        """Its own live rule lets its traffic through, or it is not known yet which traffic that is."""
        entry = self.entries.get(str(resource.address))
        if entry is None or entry.id not in self.free:
            return False
        desired_value = self.traffic(resource)
        return desired_value in (None, meaning(self.free[entry.id].attributes)) and self._keep(
            resource, entry
        )

    def same_traffic(self, resource: Resource) -> bool:
        """Another live rule does: it is taken over, and only its texts are edited."""
        if self._held is None:
            self._held = {
                found: id
                for id, row in sorted(self.free.items())
                if (found := meaning(row.attributes)) is not None
            }
        desired_value = self.traffic(resource)
        id = self._held.pop(desired_value, None) if desired_value is not None else None
        return id is not None and self._bind(resource, id, "same traffic")

    def edited(self, resource: Resource) -> bool:
        """Its own live rule is there and becomes what is asked."""
        entry = self.entries.get(str(resource.address))
        return entry is not None and entry.id in self.free and self._keep(resource, entry)

    def displaced(self, resource: Resource) -> bool:
        """Its own live rule went to another wish, which has left one behind."""
        entry = self.entries.get(str(resource.address))
        if entry is None or entry.id not in self.rows:
            return False
        if self._displaced is None:
            taken = {str(item.address) for item in self.items if item.reason == "same traffic"}
            self._displaced = sorted(
                e.id for text, e in self.entries.items() if text in taken and e.id in self.free
            )
        return bool(self._displaced) and self._bind(
            resource, self._displaced.pop(0), "another rule has taken over its traffic"
        )

    def make(self, resource: Resource) -> None:
        """There is no live rule for it. One that was there has been removed by somebody."""
        entry = self.entries.get(str(resource.address))
        removed = entry is not None and entry.id not in self.rows
        reason = "removed outside" if removed else "new"
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
                    address, kind, Disposition.GONE, None, entry, reason="no longer there"
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
                    reason="left out of the file",
                )
            )
    return items
