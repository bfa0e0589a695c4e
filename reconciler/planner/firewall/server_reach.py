"""Who can reach each instance of a stack, and what it may reach, before a plan and after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.common import reachability
from reconciler.model.address import Address
from reconciler.model.plan import Action, Plan, ServerReach, Step
from reconciler.planner.compare.assessment import Assessment
from reconciler.planner.firewall import firewall_state
from reconciler.planner.firewall.firewall_state import FirewallState
from reconciler.resources import instance as instance_kind


def of_steps(assessment: Assessment, steps: Iterable[Step]) -> tuple[ServerReach, ...]:
    """What rules allow for each instance that is there before or after the steps, by address."""
    live = {
        item.address: item.live.id
        for item in assessment.items.values()
        if item.kind.name == instance_kind.NAME and item.live is not None
    }
    state = firewall_state.current(assessment)
    before = _lines_of(state, live)
    after = dict(live)
    for step in steps:
        state.apply_step(step)
        if step.operation == instance_kind.CREATE:
            after[step.address] = str(step.address)
        elif step.operation == instance_kind.DELETE and after.get(step.address) == step.target:
            del after[step.address]
    later = _lines_of(state, after)
    return tuple(
        ServerReach(address, before.get(address, ()), later.get(address, ()))
        for address in sorted({**live, **after}, key=lambda each: each.sort_key)
    )


def left_as_it_is(plan: Plan) -> tuple[ServerReach, ...]:
    """What a plan found before it, if nothing of it is done."""
    planned = {change.address for change in plan.changes if change.action is Action.CREATE}
    return tuple(
        ServerReach(each.server, each.before, each.before)
        for each in plan.reach
        if each.server not in planned
    )


def _lines_of(
    state: FirewallState, instances: Mapping[Address, str]
) -> dict[Address, tuple[str, ...] | None]:
    """The traffic of each instance as lines, None if it was not read. Those of one firewall are
    made once.
    """
    by_firewall: dict[str | None, tuple[str, ...] | None] = {}
    found: dict[Address, tuple[str, ...] | None] = {}
    for address, instance in instances.items():
        if instance not in state.member:
            found[address] = None
            continue
        firewall = state.member[instance]
        if firewall not in by_firewall:
            reach = state.of_instance(instance)
            by_firewall[firewall] = None if reach is None else reachability.lines(reach)
        found[address] = by_firewall[firewall]
    return found
