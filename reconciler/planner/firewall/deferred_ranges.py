"""Rules whose range is known only after apply: what they may open is not seen in the plan, so
nobody can have consented to it.

Where the value turns out to open a management or database port to the whole internet on a server
that exists, the step that would write it fails (stack-files#unknown-until-apply: a value is checked
as the plan would have; consent#exposure). Here each such step learns which servers those are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.model.plan import RiskClass, Step
from reconciler.model.resource import Deferred, Unknown
from reconciler.model.resource_type import acts_on
from reconciler.planner.compare.assessment import Assessment
from reconciler.planner.firewall import firewall_state, reachability
from reconciler.planner.steps.plan_builder import PlanBuilder

_EVERYWHERE = "0.0.0.0/0"


def mark(draft: PlanBuilder, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, those with such a rule with the servers that they must not open to all."""
    if not any(_may_open(step) for step in steps):
        return tuple(steps)
    after = firewall_state.standing(draft.assessment)
    made = {str(step.address) for step in steps if step.operation == "instance.create"}
    for step in steps:
        after.do(step)
    found = []
    for step in steps:
        firewall, _ = after.touched(step)
        if firewall is None or not _may_open(step):
            found.append(step)
            continue
        there = [
            draft.assessment.name_of(instance) or instance
            for instance in after.members(firewall)
            if instance not in made
        ]
        found.append(
            replace(
                step,
                not_to_all=tuple(
                    sorted(name for name in there if not _accepted(draft.assessment, name))
                ),
            )
        )
    return tuple(found)


def _may_open(step: Step) -> bool:
    """Whether a rule of the step would open a port that needs consent, if its range turned out to
    be everything.
    """
    return any(
        reachability.public_ports(reachability.of_rules([{**rule, "cidr": _EVERYWHERE}], False))
        for rule in _awaited(step)
    )


def _awaited(step: Step) -> Iterator[Mapping[str, Any]]:
    rules = step.inputs.get("rules") if acts_on(step.operation, "firewall") else (step.inputs,)
    if not (acts_on(step.operation, "rule", "firewall") and isinstance(rules, tuple | list)):
        return
    for rule in rules:
        if isinstance(rule, Mapping) and isinstance(rule.get("cidr"), Unknown | Deferred):
            # What an edit leaves as it is may be any port: then the last word is that of the moment
            # at which it is filled in.
            yield {"direction": "in", "protocol": "tcp", "ports": "1-65535", **rule}


def _accepted(assessment: Assessment, address: str) -> bool:
    risk = RiskClass.EXPOSURE.value
    said = {
        *assessment.options.accept,
        *(
            (name, at or None)
            for name, _, at in (text.partition("=") for text in assessment.stack.accept)
        ),
    }
    return (risk, None) in said or (risk, address) in said
