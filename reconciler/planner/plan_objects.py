"""Changes and steps of every object. Dispositions that are planned alike for all kinds are planned
here, the others by the planner of the kind.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import error
from reconciler.model.plan import Action, Impact, Step
from reconciler.model.resource_type import WAIT
from reconciler.model.state import Phase
from reconciler.planner.checks import feasibility
from reconciler.planner.compare import unsettled
from reconciler.planner.compare.assessment import Disposition, ManagedObject
from reconciler.planner.kinds import (
    plan_block_storages,
    plan_deposed,
    plan_firewalls,
    plan_instances,
    plan_plain,
)
from reconciler.planner.steps.blocking import held_by
from reconciler.planner.steps.change_builder import change
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.resources import block_storage, firewall, instance

_PLANNERS = {
    instance.NAME: plan_instances.plan,
    block_storage.NAME: plan_block_storages.plan,
    firewall.NAME: plan_firewalls.plan,
}
"""The planners of kinds that need one; the others are planned by their table alone."""


def plan_objects(builder: PlanBuilder) -> None:
    """Plans every object, kind by kind in the order of the tables, and rules with their firewall.
    The planner of a kind may use the steps of the kinds before it.
    """
    by_kind: dict[str, list[ManagedObject]] = {}
    parts: dict[Address, list[ManagedObject]] = {}
    for item in builder.assessment.items.values():
        if item.kind.owner is None:
            by_kind.setdefault(item.kind.name, []).append(item)
        else:
            parts.setdefault(item.address.owner, []).append(item)
    for name in builder.assessment.kinds.sections:
        for item in by_kind.get(name, ()):
            _plan(builder, item)
            if builder.assessment.kinds.owned_by(name) is not None:
                _plan_parts(builder, item, parts.get(item.address, []))
    for old, live in builder.assessment.deposed():
        address = parse(old.address)
        if live is None:
            plan_deposed.report_missing(builder, old)
        elif address is not None:
            plan_deposed.delete(builder, address, old, live)


def _plan(builder: PlanBuilder, item: ManagedObject) -> None:
    if _plan_common(builder, item):
        plan_block_storages.leave(builder, item)
        return
    _PLANNERS.get(item.kind.name, plan_plain.plan)(builder, item)
    _wait_for_ready(builder, item)
    _check(builder, item)


def _plan_parts(builder: PlanBuilder, owner: ManagedObject, items: list[ManagedObject]) -> None:
    mine = [item for item in items if not _plan_common(builder, item)]
    plan_firewalls.plan_rules(builder, owner, mine)
    for item in mine:
        _check(builder, item)
        if owner.disposition is Disposition.UNSETTLED:
            held_by(builder, item.address, owner.address)


def _plan_common(builder: PlanBuilder, item: ManagedObject) -> bool:
    """Plans an object whose disposition is planned alike for every kind. Returns whether it was
    planned.
    """
    text = str(item.address)
    if item.disposition is Disposition.UNSETTLED:
        builder.problems.append(unsettled.problem_of(item, builder.assessment.options))
        builder.blocked[item.address] = item.reason
        change(builder, item, Action.DECIDE, item.reason)
        return True
    if item.disposition is Disposition.FORGET:
        change(builder, item, Action.FORGET, item.reason)
        return True
    if item.disposition is Disposition.GONE:
        return True
    if (
        item.disposition is Disposition.KEEP
        and item.resource is None
        and item.address.rule is not None
    ):
        change(builder, item, Action.NONE, item.reason)  # reported with its firewall
        return True
    if item.disposition is Disposition.KEEP and item.resource is None:
        message = msg("{address} is kept: {reason}", address=text, reason=item.reason)
        hint = msg("remove the protection in the file, or --unprotect {address}", address=text)
        builder.problems.append(error("protected", message, address=text, hint=hint))
        change(builder, item, Action.BLOCKED, item.reason, impact=Impact(blocked_by=text))
        return True
    return False


def _wait_for_ready(builder: PlanBuilder, item: ManagedObject) -> None:
    """Waits for an object that is not ready before anything is done to it (safety#incomplete)."""
    if (
        item.live is None
        or item.live.ready
        or item.live.failed
        or item.disposition not in (Disposition.KEEP, Disposition.BIND)
    ):
        return
    mine = builder.keys_of(item.address)
    works = any(
        intent.target == item.live.id for intent, _ in builder.assessment.state.open.values()
    )
    if not mine and not works and (item.entry is None or item.entry.phase is Phase.READY):
        return
    operation = item.kind.operation_name(WAIT)
    step = Step(
        f"{operation} {item.address}",
        item.address,
        operation,
        target=item.live.id,
        instances=(item.live.id,),
        calls=0,
    )
    key = builder.add(step, provides=[("object", item.address)])
    builder.before(key, *mine)
    row = builder.changes.get(item.address)
    if row is not None and row.action is Action.NONE:
        action, what = (Action.UPDATE, "changed") if works else (Action.CREATE, "created")
        builder.changes[item.address] = replace(
            row,
            action=action,
            reason=msg("not ready yet: an earlier run {what} it; continuing", what=what),
        )


def _check(builder: PlanBuilder, item: ManagedObject) -> None:
    if item.resource is None:
        return
    row = builder.changes.get(item.address)
    edited = frozenset(c.path for c in row.fields) if row is not None else frozenset()
    builder.problems += feasibility.check(
        builder.assessment, item, builder.resolver.wanted(item), edited
    )
