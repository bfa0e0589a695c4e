"""Rules whose range is known only after apply: the plan does not show what they may open, so nobody
can have consented to it.

If the value turns out to open a management or database port to the whole internet on an existing
instance, the step that would write it fails (stack-files#unknown-until-apply: a value is checked as
the plan would have; consent#exposure). Here each such step learns which instances those are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.common import reachability
from reconciler.model.plan import RiskClass, Step
from reconciler.model.resource import Deferred, Unknown
from reconciler.model.resource_type import acts_on
from reconciler.planner.compare.assessment import Assessment
from reconciler.planner.firewall import firewall_state
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.resources import (
    firewall as firewall_kind,
)
from reconciler.resources import (
    instance as instance_kind,
)
from reconciler.resources import (
    rule as rule_kind,
)


def mark(builder: PlanBuilder, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, those with such a rule with the instances that they must not open to all."""
    if not any(_may_open(step) for step in steps):
        return tuple(steps)
    assessment = builder.assessment
    after = firewall_state.current(assessment)
    created = {str(step.address) for step in steps if step.operation == instance_kind.CREATE}
    for step in steps:
        after.apply_step(step)
    found = []
    for step in steps:
        firewall, _ = after.touched(step)
        if firewall is not None and _may_open(step):
            existing = set(after.members(firewall)) - created
            names = (assessment.name_of(instance) or instance for instance in existing)
            closed = sorted(name for name in names if not _is_accepted(assessment, name))
            step = replace(step, not_to_all=tuple(closed))
        found.append(step)
    return tuple(found)


def _may_open(step: Step) -> bool:
    """Whether a rule of the step would open a port that needs consent, if its range turned out to
    be everything.
    """
    return any(
        reachability.public_ports(reachability.of_rule({**rule, "cidr": "0.0.0.0/0"}))
        for rule in _deferred(step)
    )


def _deferred(step: Step) -> Iterator[Mapping[str, Any]]:
    """The rules of a step whose range is not known yet."""
    rules: Any = ()
    if acts_on(step.operation, firewall_kind.SINGULAR):
        rules = step.inputs.get(rule_kind.NAME)
    elif acts_on(step.operation, rule_kind.SINGULAR):
        rules = (step.inputs,)
    for rule in rules if isinstance(rules, tuple | list) else ():
        if isinstance(rule, Mapping) and isinstance(rule.get("cidr"), Unknown | Deferred):
            # An edit may leave any port as it is: that is decided when the range is filled in.
            yield {"direction": "in", "protocol": "tcp", "ports": "1-65535", **rule}


def _is_accepted(assessment: Assessment, address: str) -> bool:
    risk, parts = (
        RiskClass.EXPOSURE.value,
        (text.partition("=") for text in assessment.stack.accept),
    )
    accepted = {*assessment.options.accept, *((name, at or None) for name, _, at in parts)}
    return (risk, None) in accepted or (risk, address) in accepted
