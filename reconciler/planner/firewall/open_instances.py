"""New instances that the whole internet reaches, because they have no firewall or one that allows
everything; and new firewalls without a rule for outgoing traffic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.common import reachability
from reconciler.common.text import first_few, msg
from reconciler.model.diagnostics import Problem, notice, warning
from reconciler.model.plan import Action, Step
from reconciler.planner.firewall import firewall_state
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.resources import firewall as firewall_kind
from reconciler.resources import instance as instance_kind

_FIREWALLS_NAMED_MAX = 4


def check(builder: PlanBuilder, steps: Sequence[Step]) -> Iterator[Problem]:
    """A warning for each new instance that the whole internet reaches on every management and
    database port, and one notice for all new firewalls without a rule for outgoing traffic.
    """
    created = [
        step
        for step in steps
        if step.operation == instance_kind.CREATE
        # a successor is as open as the instance that it replaces
        and builder.changes[step.address].action is Action.CREATE
    ]
    if created:
        yield from _open_to_all(builder, steps, created)
    yield from _without_out_rule(builder)
    yield from _emptied(builder)


def _open_to_all(
    builder: PlanBuilder, steps: Sequence[Step], created: Sequence[Step]
) -> Iterator[Problem]:
    after = firewall_state.current(builder.assessment)
    for step in steps:
        after.apply_step(step)
    for step in created:
        instance = str(step.address)
        reach, firewall = after.of_instance(instance), after.member.get(instance)
        ports = frozenset(reachability.MANAGEMENT_PORTS)
        if reach is None or reachability.public_ports(reach) != ports:
            continue
        place = builder.changes[step.address].place
        if firewall is None:
            yield warning(
                "open-to-all",
                msg("no firewall: the whole internet reaches every port"),
                place=place,
                address=instance,
                hint=msg("give it a firewall with `firewall: NAME`"),
            )
        else:
            yield warning(
                "open-to-all",
                msg(
                    "{firewall} lets the whole internet reach every management and database port",
                    firewall=builder.assessment.name_of(firewall) or firewall,
                ),
                place=place,
                address=instance,
                hint=msg("name the ports and address ranges that its users need"),
            )


def _emptied(builder: PlanBuilder) -> Iterator[Problem]:
    """The written rules that stand for no rule, of the firewalls that the plan changes: an empty
    list may be a mistake, and has no row.
    """
    changed = {
        address.owner.resource
        for address, change in builder.changes.items()
        if change.action is not Action.NONE
    }
    stack = builder.assessment.stack
    for written in stack.emptied:
        if written.owner in changed and not stack.rules(written):
            yield notice(
                "empty-rule",
                msg("{rule} creates no rule: one of its lists is empty", rule=written),
                address=str(written),
            )


def _without_out_rule(builder: PlanBuilder) -> Iterator[Problem]:
    """What such a firewall means for outgoing traffic is unknown (contract#rule, open)."""
    resources = builder.assessment.stack.resources
    allowing = {
        address.owner
        for address, resource in resources.items()
        if address.rule is not None and resource.attributes.get("direction") == "out"
    }
    found = [
        change
        for address, change in sorted(builder.changes.items(), key=lambda each: each[0].sort_key)
        if address.kind == firewall_kind.NAME
        and address.rule is None
        and change.action is Action.CREATE
        and address not in allowing
    ]
    if not found:
        return
    yield notice(
        "no-out-rule",
        msg(
            "no rule with `direction: out` in {firewalls}; iwinv does not document whether "
            "outgoing traffic is allowed then",
            firewalls=first_few([str(change.address) for change in found], _FIREWALLS_NAMED_MAX),
        ),
        place=found[0].place,
        hint=msg("check it on the first instance, or add a rule with `direction: out`"),
    )
