"""What the steps of a plan cost those who use its instances: how long each is down, and which disks
are lost (planning#steps).

Computed from the steps that will be sent, so that a fallback, a stop before and a start after are
counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.model.address import Address
from reconciler.model.plan import Action, DataLoss, Step
from reconciler.model.resource_type import CREATE, DELETE, Operation, kind_of, operation_of, verb_of
from reconciler.planner.compare.assessment import Assessment
from reconciler.planner.steps.plan_builder import PlanBuilder

_NOT_DONE = (Action.BLOCKED, Action.DECIDE)


def fill(builder: PlanBuilder, steps: Sequence[Step]) -> None:
    """Puts the downtime and the lost disks of the steps of each address into its change."""
    found: dict[Address, list[Step]] = {}
    for step in steps:
        if kind_of(builder.assessment.kinds, step.operation).disk is not None:
            found.setdefault(step.address, []).append(step)
    for address, mine in found.items():
        change = builder.changes.get(address)
        if change is None or change.action in _NOT_DONE:
            continue
        lost = tuple(
            loss for step in mine if (loss := data_loss(builder.assessment, step)) is not None
        )
        down = _downtime(builder.assessment, address, mine)
        reversible = change.impact.reversible and not lost and not change.impact.address_change
        impact = replace(
            change.impact, downtime_seconds=down, data_loss=lost, reversible=reversible
        )
        builder.changes[address] = replace(change, impact=impact)


def _downtime(
    assessment: Assessment, address: Address, steps: Sequence[Step]
) -> tuple[int, int | None] | None:
    """The downtime of an object that runs now."""
    item = assessment.items.get(address)
    if item is None or item.live is None or item.kind.power is None:
        return None
    if item.live.attributes.get(item.kind.power) == "off":
        return None
    return downtime(steps, item.kind.operations)


def downtime(
    steps: Sequence[Step], operations: Mapping[str, Operation]
) -> tuple[int, int | None] | None:
    """Seconds (low, high) for which a running instance is down, without a high one if it stays off;
    None if it is not down.

    A resize may take its fallback, by stop and start; an instance that is deleted first is down
    until its successor is there.
    """
    # What an earlier replacement left behind, or this one leaves, serves nobody.
    verbs = [verb_of(step.operation) for step in steps if not step.deposed]
    stays_off = "stop" in verbs and "start" not in verbs[verbs.index("stop") :]
    disrupting = {name for name, operation in operations.items() if operation.disrupts}
    if DELETE in verbs:
        disrupting = {DELETE, CREATE} if CREATE in verbs else set()
    low = high = 0
    for step in steps:
        verb = verb_of(step.operation)
        if verb not in disrupting or step.deposed:
            continue
        low, high = low + operations[verb].seconds[0], high + operations[verb].seconds[2]
        if step.fallback is not None:
            others = {*map(verb_of, step.fallback.operations)} - {verb}
            high += sum(operations[other].seconds[2] for other in others)
    if stays_off:
        return low, None
    return (low, high) if high else None


def data_loss(assessment: Assessment, step: Step) -> DataLoss | None:
    """The disk that a step empties or removes, with its size if that is known."""
    kind = kind_of(assessment.kinds, step.operation)
    if kind.disk is None or not operation_of(assessment.kinds, step.operation).loses_disk:
        return None
    live = assessment.account.find(kind.name, step.target or "")
    size = None if live is None else kind.disk_gb(live.attributes, assessment.account.catalogue)
    earlier = step.deposed and step.target in assessment.state.deposed
    return DataLoss(str(step.address), kind.disk, size, step.target if earlier else None)
