"""Rules of one firewall: matched by key and by meaning, never by position (SPEC 4), so that only what really differs is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.address import parse
from reconciler.core.kind import Kind
from reconciler.core.model import LiveResource, Resource
from reconciler.core.state import Entry
from reconciler.core.survey import Fate, Item

MEANING = ("direction", "protocol", "ports", "cidr")
"""What makes two rules the same traffic; the cloud refuses an exact duplicate of it (contract 17)."""


@dataclass(frozen=True, slots=True)
class Matched:
    """The items of one firewall's rules, and the live rules that nothing of ours accounts for, by id."""

    items: tuple[Item, ...]
    strays: tuple[LiveResource, ...]


def meaning(attributes: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Direction, protocol, ports and range of a rule, or None where one of them is not known yet."""
    found = tuple(attributes.get(name) for name in MEANING)
    return found if all(isinstance(part, str) for part in found) else None


def match(
    *,
    owner: Item,
    kind: Kind,
    desired: Sequence[Resource],
    entries: Sequence[Entry],
    live: Sequence[LiveResource],
    doubtful: Mapping[str, str],
) -> Matched:
    """Pairs desired rules with remembered and live ones. A rule that is gone from the complete list is made anew (contract 22)."""
    by_id = {row.id: row for row in live}
    by_address = {entry.address: entry for entry in entries}
    if owner.fate not in (Fate.KEEP, Fate.BIND, Fate.DOUBT):
        return Matched(tuple(Item(r.address, kind, Fate.CREATE, r, wanted=r.attributes, reason="new") for r in desired), ())
    items: list[Item] = []
    free = dict(by_id)
    open_wishes: list[Resource] = []
    for resource in desired:
        text = str(resource.address)
        entry = by_address.pop(text, None)
        if text in doubtful or owner.fate is Fate.DOUBT:
            reason = doubtful.get(text, "its firewall is in doubt")
            items.append(Item(resource.address, kind, Fate.DOUBT, resource, entry, wanted=resource.attributes, reason=reason))
            if entry is not None:
                free.pop(entry.id, None)
        elif entry is not None and entry.id in free:
            row = free.pop(entry.id)
            items.append(Item(resource.address, kind, Fate.KEEP, resource, entry, row, resource.attributes))
        else:
            open_wishes.append(resource)
    items += _by_meaning(open_wishes, free, kind)
    items += _left_out(by_address, free, kind, doubtful)
    strays = () if owner.resource is None else tuple(free[id] for id in sorted(free, key=lambda id: (len(id), id)))
    return Matched(tuple(items), strays)


def _by_meaning(wishes: Sequence[Resource], free: dict[str, LiveResource], kind: Kind) -> list[Item]:
    """A wish whose traffic a live rule already lets through takes that rule over: a rename is an edit of its title, not a gap."""
    items = []
    held = {meaning(row.attributes): id for id, row in sorted(free.items())}
    for resource in wishes:
        id = held.pop(meaning(resource.attributes), None)
        if id is None:
            items.append(Item(resource.address, kind, Fate.CREATE, resource, wanted=resource.attributes, reason="new"))
        else:
            items.append(Item(resource.address, kind, Fate.BIND, resource, None, free.pop(id), resource.attributes, reason="same traffic"))
    return items


def _left_out(entries: Mapping[str, Entry], free: dict[str, LiveResource], kind: Kind, doubtful: Mapping[str, str]) -> list[Item]:
    items = []
    for text in sorted(entries):
        entry, address = entries[text], parse(text)
        if address is None:
            continue
        row = free.pop(entry.id, None)
        if text in doubtful:
            items.append(Item(address, kind, Fate.DOUBT, None, entry, row, reason=doubtful[text]))
        elif row is None:
            items.append(Item(address, kind, Fate.GONE, None, entry, reason="no longer there"))
        else:
            items.append(Item(address, kind, Fate.DELETE, None, entry, row, reason="left out of the file"))
    return items
