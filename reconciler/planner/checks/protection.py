"""Objects that `protect` keeps from a change: they are left as they are, with what depends on them
(stack-files#lifecycle).
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.common.suggestions import pasted
from reconciler.common.text import joined, msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import error
from reconciler.model.plan import Action
from reconciler.model.resource_type import creates, operation_of
from reconciler.planner.compare.assessment import Disposition
from reconciler.planner.steps.plan_builder import PlanBuilder


def block(builder: PlanBuilder) -> None:
    """Blocks each address whose steps would do what it is protected from."""
    for address, actions in _actions(builder).items():
        change, item = builder.changes[address], builder.assessment.items[address]
        risks = joined(msg(" and "), sorted(actions.intersection(item.protect)))
        if not risks or address in builder.blocked:
            continue
        builder.blocked[address] = msg("protected from {risks}", risks=risks)
        message = msg(
            "{address} is protected from {risks}, so it is left unchanged",
            address=address,
            risks=risks,
        )
        hint = msg(
            "--unprotect {address} lifts it for this run; `protect: false` and an apply lift it "
            "for later runs",
            address=pasted(address),
        )
        builder.problems.append(
            error("protected", message, place=change.place, address=str(address), hint=hint)
        )
        impact = replace(change.impact, blocked_by=str(address), consents=())
        builder.changes[address] = replace(change, action=Action.BLOCKED, impact=impact)


def _actions(builder: PlanBuilder) -> dict[Address, set[str]]:
    """What the steps of each protected address would do to it, in the words of `protect`. All steps
    of a replacement count as `replace`.
    """
    found: dict[Address, set[str]] = {}
    kinds = builder.assessment.kinds
    for step in builder.steps.values():
        item = builder.assessment.items.get(step.address)
        if item is None or not item.protect:
            continue
        action = None if step.deposed else operation_of(kinds, step.operation).protected_as
        if item.disposition is Disposition.REPLACE:
            action = "replace" if creates(step.operation) else None
        if action is not None:
            found.setdefault(step.address, set()).add(action)
    return found
