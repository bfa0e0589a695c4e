"""How many block storages an instance has while a plan is applied, and when that is too many
(contract#limits, LIMIT_EXCEEDED).
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error, warning
from reconciler.model.resource import Link
from reconciler.planner.compare.assessment import Disposition, ManagedObject
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.resources import block_storage as storage_kind

BLOCK_STORAGES_PER_INSTANCE = 3
"""If the instance does not return its own number (contract#limits). Whether it applies to each type
is unknown.
"""


@dataclass(frozen=True, slots=True)
class BlockStorageLimits:
    """Of one instance: its `limit` and whether it returned that itself, how many block storages are
    `there` now, how many of the stack leave it without a successor (`leaving`), how many are
    `replaced` on it, and which come (`arriving`, successors included, by address).
    """

    limit: int
    sure: bool
    there: int
    leaving: int
    replaced: int
    arriving: tuple[Address, ...]

    @property
    def room_for_both(self) -> bool:
        """Whether old and new of every replacement fit at the same time; what leaves is detached
        first.
        """
        return self.there - self.leaving + len(self.arriving) <= self.limit

    @property
    def beyond(self) -> tuple[Address, ...]:
        """The arriving block storages for which there is no room even at the end, the last by
        address.
        """
        over = self.there - self.leaving - self.replaced + len(self.arriving) - self.limit
        return self.arriving[-over:] if over > 0 else ()


def of(builder: PlanBuilder, instance: Address) -> BlockStorageLimits | None:
    """The limits of an instance of this stack; None if it is not one, or is unsettled."""
    item = builder.assessment.items.get(instance)
    if item is None or item.resource is None or item.disposition is Disposition.UNSETTLED:
        return None
    stays = item.live if item.disposition in (Disposition.KEEP, Disposition.BIND) else None
    arriving = tuple(
        block_storage.address
        for block_storage in builder.index.wanted_on.get(instance, ())
        if _arrives(block_storage, stays.id if stays else None)
    )
    if stays is None:
        return BlockStorageLimits(
            BLOCK_STORAGES_PER_INSTANCE,
            sure=False,
            there=0,
            leaving=0,
            replaced=0,
            arriving=arriving,
        )
    limit = stays.attributes.get("volume_limit")
    ours = builder.index.attached.get(stays.id, {}).values()
    there = set(builder.index.listed_on.get(stays.id, ())) | {
        block_storage.live.id for block_storage in ours if block_storage.live is not None
    }
    return BlockStorageLimits(
        limit if isinstance(limit, int) else BLOCK_STORAGES_PER_INSTANCE,
        sure=isinstance(limit, int),
        there=len(there),
        leaving=sum(_leaves(block_storage, instance) for block_storage in ours),
        replaced=sum(block_storage.disposition is Disposition.REPLACE for block_storage in ours),
        arriving=arriving,
    )


def _arrives(block_storage: ManagedObject, instance_id: str | None) -> bool:
    if block_storage.disposition in (Disposition.CREATE, Disposition.REPLACE):
        return True
    there = (
        block_storage.live is not None
        and block_storage.live.attributes.get(storage_kind.INSTANCE) == instance_id
    )
    return block_storage.disposition in (Disposition.KEEP, Disposition.BIND) and not there


def _leaves(block_storage: ManagedObject, instance: Address) -> bool:
    if block_storage.disposition is Disposition.DELETE:
        return True
    wanted = block_storage.wanted.get(storage_kind.INSTANCE)
    elsewhere = storage_kind.INSTANCE in block_storage.wanted and not (
        isinstance(wanted, Link) and wanted.address == instance
    )
    return block_storage.disposition in (Disposition.KEEP, Disposition.BIND) and elsewhere


def check(builder: PlanBuilder) -> Iterator[Problem]:
    """An error for each block storage beyond the limit of its instance; a warning if the limit is
    only the usual one.
    """
    for instance in sorted(builder.index.wanted_on, key=lambda address: address.sort_key):
        found = of(builder, instance)
        for address in found.beyond if found is not None else ():
            if found is None:
                continue
            block_storage = builder.assessment.items[address]
            place = (
                block_storage.resource.places.get(
                    storage_kind.INSTANCE, block_storage.resource.place
                )
                if block_storage.resource is not None
                else None
            )
            report = error if found.sure else warning
            message = msg(
                "{instance} supports at most {limit} block storages; {address} would exceed the "
                "limit",
                instance=instance,
                limit=found.limit,
                address=address,
            )
            yield report(
                "limit",
                message,
                place=place,
                address=str(address),
                hint=msg("attach it to another instance, or detach one from this one"),
            )
