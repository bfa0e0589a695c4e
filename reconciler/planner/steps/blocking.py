"""Holding back: what is blocked is not done, nor what depends on it; an address is done whole or
not at all.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.plan import Action, Step
from reconciler.planner.steps.plan_builder import PlanBuilder, dropped


def held_by(builder: PlanBuilder, address: Address, by: Address) -> None:
    """Holds back what would be done to an address, because another one is unsettled. An address
    that stays as it is is left alone.
    """
    row = builder.changes.get(address)
    if row is None or row.action in (Action.NONE, Action.DECIDE):
        return
    reason, impact = (
        msg("held back by {address}", address=by),
        replace(row.impact, blocked_by=str(by), consents=()),
    )
    builder.changes[address] = replace(row, action=Action.BLOCKED, reason=reason, impact=impact)
    builder.blocked[address] = reason


def hold(
    builder: PlanBuilder, steps: tuple[Step, ...]
) -> tuple[tuple[Step, ...], frozenset[Address]]:
    """The steps that remain without the blocked addresses and all that depends on them, and the
    addresses held back.

    The changes of what depends on a blocked address become blocked as well, each with what holds it
    back.
    """
    roots = {**builder.waiting_for_blocked(), **builder.blocked}
    while True:
        keys, remaining = dropped(steps, roots)
        more = {
            step.address: keys[step.key]
            for step in steps
            if step.key in keys and step.address not in roots
        }
        if not more:
            break
        roots.update(more)
    for address, by in roots.items():
        held = builder.changes.get(address)
        if held is None or held.action in (Action.BLOCKED, Action.DECIDE):
            continue
        impact = replace(held.impact, blocked_by=by, consents=())
        builder.changes[address] = replace(
            held,
            action=Action.BLOCKED,
            reason=msg("held back by {address}", address=by),
            impact=impact,
        )
    kept = {step.key for step in remaining}
    return tuple(
        replace(step, after=tuple(k for k in step.after if k in kept)) for step in remaining
    ), frozenset(roots)
