"""What is attached to an instance that is deleted: block storages of the stack, which are detached
first, and others, for which the instance stays (planning#steps).
"""

from __future__ import annotations

from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error
from reconciler.model.plan import Action, Impact
from reconciler.model.resource import LiveResource
from reconciler.planner.compare.assessment import Disposition, ManagedObject
from reconciler.planner.steps.change_builder import change
from reconciler.planner.steps.plan_builder import PlanBuilder


def block_storages_on(builder: PlanBuilder, instance_id: str) -> dict[Address, ManagedObject]:
    """The stack's block storages that are attached to an instance now, by address."""
    return dict(builder.index.attached.get(instance_id, {}))


def no_foreign_block_storages(builder: PlanBuilder, item: ManagedObject) -> bool:
    """Whether every block storage on an instance belongs to the stack. Otherwise the change of the
    instance is blocked.
    """
    if item.live is None:
        return True
    foreign = foreign_block_storages(builder, item.live)
    unsettled = [
        str(a)
        for a, block_storage in block_storages_on(builder, item.live.id).items()
        if block_storage.disposition is Disposition.UNSETTLED
    ]
    if unsettled:
        builder.blocked[item.address] = msg("{address} on it is unsettled", address=unsettled[0])
        change(
            builder,
            item,
            Action.BLOCKED,
            builder.blocked[item.address],
            impact=Impact(blocked_by=unsettled[0]),
        )
        return False
    if not foreign:
        return True
    builder.blocked[item.address] = msg(
        "block storage that this stack does not own is attached to it"
    )
    builder.problems.append(foreign_block_storage(item.address, item.live.id, foreign))
    change(builder, item, Action.BLOCKED, builder.blocked[item.address])
    return False


def foreign_block_storages(builder: PlanBuilder, instance: LiveResource) -> list[str]:
    """Ids of the block storages on an instance that this stack does not own, by the list of block
    storages and by the row of the instance.
    """
    there = set(builder.index.listed_on.get(instance.id, ()))
    shown = instance.attributes.get("volumes")
    there |= {str(id) for id in shown} if isinstance(shown, tuple) else set()
    ours = {
        block_storage.live.id
        for block_storage in block_storages_on(builder, instance.id).values()
        if block_storage.live is not None
    }
    return sorted(there - ours - set(builder.assessment.state.deposed))


def foreign_block_storage(address: Address, instance_id: str, foreign: list[str]) -> Problem:
    """The error for an instance that stays, because block storage is attached to it that the stack
    does not own.
    """
    return error(
        "foreign-volume",
        msg(
            "{address} ({id}) is not removed: {attached} is attached to it and does not belong to "
            "this stack",
            address=address,
            id=instance_id,
            attached=", ".join(foreign),
        ),
        address=str(address),
        hint=msg("detach it in the console, or import it into the stack"),
    )
