"""What is attached to what, found once for a plan: block storages by instance, instances by id,
rules by firewall.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.common.dataclass import dataclass
from reconciler.model.address import Address
from reconciler.model.resource import EMPTY, Link
from reconciler.planner.compare.assessment import Assessment, ManagedObject


@dataclass(frozen=True, slots=True)
class Index:
    """Looked up instead of searched, because a plan of thousands of objects asks for each of them.

    `instances` maps the id of a live instance of the stack to its address. `attached` maps the id
    of an instance to the stack's block storages on it, `listed_on` to the ids of all block storages
    that the account lists on it. `wanted_on` maps the address of an instance to the block storages
    that the file attaches to it. `rules` maps the address of a firewall to those of its rules.
    `indexed` maps an address without index to all objects under it.
    """

    instances: Mapping[str, Address]
    attached: Mapping[str, Mapping[Address, ManagedObject]]
    listed_on: Mapping[str, frozenset[str]]
    wanted_on: Mapping[Address, tuple[ManagedObject, ...]]
    rules: Mapping[Address, tuple[Address, ...]]
    indexed: Mapping[Address, tuple[Address, ...]]


def of(assessment: Assessment) -> Index:
    """The index, made in one pass over the items and one over the list of block storages."""
    instances: dict[str, Address] = {}
    attached: dict[str, dict[Address, ManagedObject]] = {}
    wanted_on: dict[Address, list[ManagedObject]] = {}
    rules: dict[Address, list[Address]] = {}
    indexed: dict[Address, list[Address]] = {}
    for address, item in assessment.items.items():
        if address.rule is not None:
            rules.setdefault(address.owner, []).append(address)
            continue
        if address.index is not None:
            indexed.setdefault(address.resource, []).append(address)
        if item.live is not None and item.kind.membership is not None:
            instances[item.live.id] = address
        if item.kind.attachment is None:
            continue
        owner = item.live.attributes.get(item.kind.attachment) if item.live is not None else None
        if owner is not None:
            attached.setdefault(str(owner), {})[address] = item
        wanted = item.wanted.get(item.kind.attachment)
        if isinstance(wanted, Link):
            wanted_on.setdefault(wanted.address, []).append(item)
    listed_on: dict[str, set[str]] = {}
    for kind in assessment.kinds.values():
        rows = assessment.account.objects.get(kind.name, EMPTY) if kind.attachment else EMPTY
        for id, row in rows.items():
            owner = row.attributes.get(kind.attachment)
            if owner is not None:
                listed_on.setdefault(str(owner), set()).add(id)
    return Index(
        instances,
        attached,
        {id: frozenset(found) for id, found in listed_on.items()},
        {address: tuple(items) for address, items in wanted_on.items()},
        {address: tuple(found) for address, found in rules.items()},
        {address: tuple(found) for address, found in indexed.items()},
    )
