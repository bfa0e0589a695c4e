"""What the steps of a plan cost those who use its servers: how long each is down, and which disks
go (planning#steps).

Reckoned from the steps that will be sent, so that a second way, a stop before and a start after are
in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.model.address import Address
from reconciler.model.plan import Action, DataLoss, Step
from reconciler.model.resource_type import Operation, acts_on, verb_of
from reconciler.planner.compare.assessment import Assessment
from reconciler.planner.steps.plan_builder import PlanBuilder

_NOT_DONE = (Action.BLOCKED, Action.DECIDE)


def fill(draft: PlanBuilder, steps: Sequence[Step]) -> None:
    """Puts the downtime and the lost disks of the steps of each address into its change."""
    found: dict[Address, list[Step]] = {}
    for step in steps:
        if acts_on(step.operation, "instance", "block_storage"):
            found.setdefault(step.address, []).append(step)
    operations = draft.assessment.kinds["instances"].operations
    for address, mine in found.items():
        row = draft.changes.get(address)
        if row is None or row.action in _NOT_DONE:
            continue
        lost = tuple(
            loss for step in mine if (loss := data_loss(draft.assessment, step)) is not None
        )
        down = downtime(mine, operations) if _runs(draft.assessment, address) else None
        reversible = row.impact.reversible and not lost and not row.impact.address_change
        draft.changes[address] = replace(
            row,
            impact=replace(
                row.impact, downtime_seconds=down, data_loss=lost, reversible=reversible
            ),
        )


def _runs(assessment: Assessment, address: Address) -> bool:
    item = assessment.items.get(address)
    return item is not None and item.live is not None and item.live.attributes.get("power") != "off"


def downtime(
    steps: Sequence[Step], operations: Mapping[str, Operation]
) -> tuple[int, int | None] | None:
    """Seconds (low, high) for which a running server is down, without a high one where it stays
    off; None where it is not down.

    A resize as it stands may take the second way, by stop and start; a server that is deleted first
    is down until its successor is there.
    """
    # What an earlier replacement left behind, or this one leaves, serves nobody.
    verbs = [verb_of(step.operation) for step in steps if not step.deposed]
    stays_off = "stop" in verbs and "start" not in verbs[verbs.index("stop") :]
    disrupting = {"resize", "rebuild", "reboot", "stop", "start"}
    if "delete" in verbs:
        disrupting = {"delete", "create"} if "create" in verbs else set()
    low = high = 0
    for step in steps:
        verb = verb_of(step.operation)
        if verb not in disrupting or step.deposed:
            continue
        low, high = low + operations[verb].seconds[0], high + operations[verb].seconds[2]
        if verb == "resize" and step.fallback is not None:
            high += operations["stop"].seconds[2] + operations["start"].seconds[2]
    if stays_off:
        return low, None
    return (low, high) if high else None


def data_loss(assessment: Assessment, step: Step) -> DataLoss | None:
    """The disk that a step empties or removes, with its size where that is known."""
    if step.operation == "block_storage.delete":
        live = assessment.account.find("block_storages", step.target or "")
        size = None if live is None else live.attributes.get("size")
        return DataLoss(_whose(assessment, step), "volume", size if isinstance(size, int) else None)
    if step.operation in ("instance.delete", "instance.rebuild"):
        return DataLoss(_whose(assessment, step), "root", _root_disk(assessment, step.target or ""))
    return None


def _whose(assessment: Assessment, step: Step) -> str:
    """The address; with the id where an earlier replacement has left that object behind, since
    today's is another.
    """
    earlier = step.deposed and step.target in assessment.state.deposed
    return f"{step.address} ({step.target})" if earlier else str(step.address)


def _root_disk(assessment: Assessment, id: str) -> int | None:
    """The size of a server's own disk: as its row says it, else as the catalogue says of its
    flavor, where that was read.
    """
    live = assessment.account.find("instances", id)
    if live is None:
        return None
    size = live.attributes.get("disk_gb")
    if size is None:
        flavor = live.attributes.get("flavor")
        size = next(
            (
                row.get("disk_gb")
                for row in assessment.account.catalogue.flavors or ()
                if row["id"] == flavor
            ),
            None,
        )
    return size if isinstance(size, int) else None
