"""Who hangs on whom, found once for a plan: volumes by server, servers by id, rules by firewall."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.common.dataclass import dataclass
from reconciler.model.address import Address
from reconciler.model.resource import EMPTY, Link
from reconciler.planner.compare.assessment import Assessment, ManagedObject


@dataclass(frozen=True, slots=True)
class Index:
    """Looked up, never searched: a plan of thousands of objects asks this for each of them.

    `instances` maps the id of a live server of ours to its address. `block_storages` maps a server's id to
    our volumes on it, `rows` to the ids of all volumes that the list shows on it. `meant_for` maps
    a server's address to our volumes that the file puts on it. `rules` maps a firewall's address to
    the addresses of its rules. `several` maps an address without index to all objects under it.
    """

    instances: Mapping[str, Address]
    block_storages: Mapping[str, Mapping[Address, ManagedObject]]
    rows: Mapping[str, frozenset[str]]
    meant_for: Mapping[Address, tuple[ManagedObject, ...]]
    rules: Mapping[Address, tuple[Address, ...]]
    several: Mapping[Address, tuple[Address, ...]]


def of(assessment: Assessment) -> Index:
    """The index of a survey, made in one pass over its items and one over the list of volumes."""
    instances: dict[str, Address] = {}
    block_storages: dict[str, dict[Address, ManagedObject]] = {}
    meant: dict[Address, list[ManagedObject]] = {}
    rules: dict[Address, list[Address]] = {}
    several: dict[Address, list[Address]] = {}
    for address, item in assessment.items.items():
        if address.rule is not None:
            rules.setdefault(address.owner, []).append(address)
            continue
        if address.index is not None:
            several.setdefault(address.resource, []).append(address)
        if item.kind.name == "instances" and item.live is not None:
            instances[item.live.id] = address
        elif item.kind.name == "block_storages":
            if item.live is not None and item.live.attributes.get("instance") is not None:
                block_storages.setdefault(str(item.live.attributes["instance"]), {})[address] = item
            wanted = item.wanted.get("instance")
            if isinstance(wanted, Link):
                meant.setdefault(wanted.address, []).append(item)
    rows: dict[str, set[str]] = {}
    for row in assessment.account.objects.get("block_storages", EMPTY).values():
        if row.attributes.get("instance") is not None:
            rows.setdefault(str(row.attributes["instance"]), set()).add(row.id)
    return Index(
        instances,
        block_storages,
        {id: frozenset(found) for id, found in rows.items()},
        {address: tuple(items) for address, items in meant.items()},
        {address: tuple(found) for address, found in rules.items()},
        {address: tuple(found) for address, found in several.items()},
    )
