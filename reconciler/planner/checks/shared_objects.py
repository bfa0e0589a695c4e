"""Objects that belong to another stack as well: held back until `--accept shared=ADDRESS` states
that both own them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.model import owners
from reconciler.model.address import Address, parse
from reconciler.model.owners import Sharer
from reconciler.model.plan import Action, Change, Consent, Impact, Reason, ReasonKind, RiskClass
from reconciler.model.resource import LiveResource
from reconciler.model.state import StateChange
from reconciler.planner.compare.assessment import Disposition
from reconciler.planner.steps.plan_builder import PlanBuilder

_TOUCHED = (Disposition.BIND, Disposition.KEEP, Disposition.REPLACE, Disposition.DELETE)
"""Dispositions of objects that a plan owns, changes or deletes; what is forgotten is released."""


def find(builder: PlanBuilder) -> Iterator[tuple[Address, LiveResource, Sharer]]:
    """Each object of the stack, old ones of replacements included, that another stack owns, and to
    which nobody has agreed before.

    In a plan without steps, an object whose marker names this stack does not have the states of a
    distant place read: the plan that changes something reads them.
    """
    assessment = builder.assessment
    state, elsewhere = assessment.state, assessment.options.elsewhere
    is_brief = not builder.steps and not owners.is_at_hand(elsewhere)
    touched = [
        (item.address, item.live, item.entry)
        for item in assessment.items.values()
        if item.disposition in _TOUCHED and item.address.rule is None
    ]
    touched += [
        (address, live, None)
        for old, live in assessment.deposed()
        if (address := parse(old.address)) is not None
    ]
    for address, live, entry in touched:
        if live is None:
            continue
        is_ours = (
            is_brief and entry is not None and owners.sharer_of(state, live, {}, entry) is None
        )
        sharer = None if is_ours else owners.sharer_of(state, live, elsewhere, entry)
        if sharer is not None and not owners.agreed_before(state, live, sharer):
            yield address, live, sharer


def hold(builder: PlanBuilder) -> None:
    """Marks what is shared without consent as blocked, a firewall with its rules, and shows the
    consent of the rest.
    """
    for address, live, sharer in find(builder):
        row = builder.changes.get(address) or Change(address, Action.NONE, "")
        if builder.assessment.options.accepts(RiskClass.SHARED.value, str(address)):
            consents = (*row.impact.consents, Consent(RiskClass.SHARED, str(address)))
            builder.changes[address] = replace(row, impact=replace(row.impact, consents=consents))
            continue
        is_tracked = owners.owner_of(builder.assessment.state, live) is not None
        builder.problems.append(
            owners.shared(str(address), live, sharer, place=row.place, is_tracked=is_tracked)
        )
        builder.unchanged -= row.action is Action.NONE and address in builder.changes
        reason = Reason.of(ReasonKind.SHARED, stack=sharer.title)
        for part in (address, *builder.index.rules.get(address, ())):
            builder.blocked.setdefault(part, reason)
        builder.changes[address] = replace(
            row, action=Action.BLOCKED, reason=reason, impact=Impact(blocked_by=str(address))
        )


def agreed(builder: PlanBuilder, held: frozenset[Address]) -> Iterator[StateChange]:
    """The consents that the plan records, so that later plans need no new one."""
    for address, live, sharer in find(builder):
        if address not in held:
            yield owners.agreement(live, sharer)
