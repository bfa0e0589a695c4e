"""Changes and steps of a kind that needs no planning of its own: create, update, replace and
delete, as its table says.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model.plan import Action, Consent, Impact, RiskClass
from reconciler.model.resource import Link, Value
from reconciler.model.resource_type import DELETE, Edit
from reconciler.planner.compare import field_diff
from reconciler.planner.compare.assessment import Disposition, ManagedObject
from reconciler.planner.compare.field_diff import Compared
from reconciler.planner.steps.change_builder import change, replace_reason, report
from reconciler.planner.steps.plan_builder import Node, PlanBuilder
from reconciler.planner.steps.step_builder import (
    create_step,
    delete_step,
    is_being_deleted,
    is_delete_first,
    update_step,
)


def plan(builder: PlanBuilder, item: ManagedObject) -> None:
    """Adds the change and the steps of one object."""
    if item.disposition is Disposition.CREATE:
        wanted = builder.resolver.wanted(item)
        _create(builder, item, wanted)
        change(builder, item, Action.CREATE, item.reason, Compared(report(item, wanted)))
    elif item.disposition is Disposition.REPLACE:
        _replace(builder, item)
    elif item.disposition is Disposition.DELETE:
        delete(builder, item)
    else:
        _keep(builder, item)


def _create(
    builder: PlanBuilder,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    *,
    deposes: bool = False,
    after: tuple[str, ...] = (),
) -> str:
    step = create_step(builder, item, wanted, deposes=deposes)
    provides = [("object", item.address)]
    return builder.add(step, provides=provides, needs=_linked(wanted), after=after)


def _linked(wanted: Mapping[str, Value]) -> list[Node]:
    """The objects that the values refer to, which must exist before."""
    return [("object", value.address) for value in wanted.values() if isinstance(value, Link)]


def _keep(builder: PlanBuilder, item: ManagedObject) -> None:
    wanted = builder.resolver.wanted(item)
    compared = field_diff.compare(builder.assessment, item, wanted)
    action = Action.IMPORT if item.disposition is Disposition.BIND else Action.NONE
    if Edit.IN_PLACE in compared.edits(item):
        changed = {
            each.path: wanted[each.path]
            for each in compared.changes
            if item.kind.fields[each.path].edit is Edit.IN_PLACE
        }
        step = update_step(builder, item, changed)
        builder.add(step, provides=[("object", item.address)], needs=_linked(changed))
        action = Action.UPDATE
    change(builder, item, action, item.reason, compared)


def _replace(builder: PlanBuilder, item: ManagedObject) -> None:
    wanted = builder.resolver.wanted(item)
    compared = field_diff.compare(builder.assessment, item, wanted)
    delete_first = is_delete_first(item)
    step = delete_step(builder, item, deposed=not delete_first)
    removed = [("removed", item.address)]
    if delete_first:
        deleted = builder.add(step, provides=removed)
        _create(builder, item, wanted, after=(deleted,))
    else:
        created = _create(builder, item, wanted, deposes=True)
        builder.add(step, provides=removed, after=(created,))
    loses_data = item.kind.operations[DELETE].loses_disk
    risk = RiskClass.DATA_LOSS if loses_data else RiskClass.DELETE
    consents = () if is_being_deleted(item) else (Consent(risk, str(item.address)),)
    reason = replace_reason(item, delete_first=delete_first)
    impact = Impact(consents=consents)
    change(builder, item, Action.REPLACE, reason, compared, impact)


def delete(builder: PlanBuilder, item: ManagedObject) -> None:
    """Adds the change and the step of an object that is deleted."""
    if item.live is None:
        return
    step = delete_step(builder, item)
    builder.add(step, provides=[("removed", item.address), ("left", item.address)])
    impact = Impact(consents=(Consent(RiskClass.DELETE, str(item.address)),))
    change(builder, item, Action.DELETE, item.reason, impact=impact)
