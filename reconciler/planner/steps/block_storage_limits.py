"""Slots: how many volumes a server holds while a plan is done, and when that is too many
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

VOLUMES_PER_SERVER = 3
"""Where the server does not say its own number (contract#limits); whether it is meant for each type
is open.
"""


@dataclass(frozen=True, slots=True)
class BlockStorageLimits:
    """Of one server: `limit` and whether the server said it itself, how many volumes are `there`
    now, how many of ours `leave` it without a successor, how many are `replaced` on it, and which
    come (`arriving`, successors included, by address).
    """

    limit: int
    sure: bool
    there: int
    leaving: int
    replaced: int
    arriving: tuple[Address, ...]

    @property
    def room_for_both(self) -> bool:
        """Whether old and new of every replacement fit side by side; what leaves goes first."""
        return self.there - self.leaving + len(self.arriving) <= self.limit

    @property
    def beyond(self) -> tuple[Address, ...]:
        """The arriving volumes for which there is no room even at the end, the last by address."""
        over = self.there - self.leaving - self.replaced + len(self.arriving) - self.limit
        return self.arriving[-over:] if over > 0 else ()


def of(draft: PlanBuilder, server: Address) -> BlockStorageLimits | None:
    """The slots of a server of this stack; None where it is none, or is in doubt."""
    item = draft.assessment.items.get(server)
    if item is None or item.resource is None or item.disposition is Disposition.UNSETTLED:
        return None
    stays = item.live if item.disposition in (Disposition.KEEP, Disposition.BIND) else None
    arriving = tuple(
        volume.address
        for volume in draft.index.meant_for.get(server, ())
        if _arrives(volume, stays.id if stays else None)
    )
    if stays is None:
        return BlockStorageLimits(
            VOLUMES_PER_SERVER, sure=False, there=0, leaving=0, replaced=0, arriving=arriving
        )
    limit = stays.attributes.get("volume_limit")
    ours = draft.index.volumes.get(stays.id, {}).values()
    there = set(draft.index.rows.get(stays.id, ())) | {
        volume.live.id for volume in ours if volume.live is not None
    }
    return BlockStorageLimits(
        limit if isinstance(limit, int) else VOLUMES_PER_SERVER,
        sure=isinstance(limit, int),
        there=len(there),
        leaving=sum(_leaves(volume, server) for volume in ours),
        replaced=sum(volume.disposition is Disposition.REPLACE for volume in ours),
        arriving=arriving,
    )


def _arrives(volume: ManagedObject, server_id: str | None) -> bool:
    if volume.disposition in (Disposition.CREATE, Disposition.REPLACE):
        return True
    there = volume.live is not None and volume.live.attributes.get("instance") == server_id
    return volume.disposition in (Disposition.KEEP, Disposition.BIND) and not there


def _leaves(volume: ManagedObject, server: Address) -> bool:
    if volume.disposition is Disposition.DELETE:
        return True
    wanted = volume.wanted.get("instance")
    elsewhere = "instance" in volume.wanted and not (
        isinstance(wanted, Link) and wanted.address == server
    )
    return volume.disposition in (Disposition.KEEP, Disposition.BIND) and elsewhere


def check(draft: PlanBuilder) -> Iterator[Problem]:
    """An error for each volume that its server has no slot for; a warning where the number is only
    the usual one.
    """
    for server in sorted(draft.index.meant_for, key=lambda address: address.sort_key):
        found = of(draft, server)
        for address in found.beyond if found is not None else ():
            if found is None:
                continue
            volume = draft.assessment.items[address]
            place = (
                volume.resource.places.get("instance", volume.resource.place)
                if volume.resource is not None
                else None
            )
            tell = error if found.sure else warning
            message = msg(
                "{instance} supports at most {limit} block storages; {address} would exceed the limit",
                instance=server,
                limit=found.limit,
                address=address,
            )
            yield tell(
                "limit",
                message,
                place=place,
                address=str(address),
                hint="attach it to another instance, or detach one from this one",
            )
