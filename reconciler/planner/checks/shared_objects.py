"""Objects that belong to another stack as well: held back until `--accept shared=ADDRESS` says that
both are to own them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.model import owners
from reconciler.model.address import Address, parse
from reconciler.model.owners import Sharer
from reconciler.model.plan import Action, Change, Consent, Impact, RiskClass
from reconciler.model.resource import LiveResource
from reconciler.model.state import StateChange
from reconciler.planner.compare.assessment import Assessment, Disposition
from reconciler.planner.steps.plan_builder import PlanBuilder

_TOUCHED = (Disposition.BIND, Disposition.KEEP, Disposition.REPLACE, Disposition.DELETE)
"""Fates of objects that a plan owns, changes or deletes; what is forgotten is released."""


def find(seen: Assessment) -> Iterator[tuple[Address, LiveResource, Sharer]]:
    """Each object of the stack, old ones of replacements included, that another stack owns, and to
    which nobody has agreed before.
    """
    touched = [
        (item.address, item.live, item.entry)
        for item in seen.items.values()
        if item.disposition in _TOUCHED and item.address.rule is None
    ]
    touched += [
        (address, live, None)
        for old, live in seen.deposed()
        if (address := parse(old.address)) is not None
    ]
    for address, live, entry in touched:
        if live is None:
            continue
        sharer = owners.sharer_of(seen.state, live, seen.options.elsewhere, entry)
        if sharer is not None and not owners.agreed_before(seen.state, live, sharer):
            yield address, live, sharer


def hold(draft: PlanBuilder) -> None:
    """Marks what is shared without consent as blocked, a firewall with its rules, and shows the
    consent of the rest.
    """
    for address, live, sharer in find(draft.assessment):
        row = draft.changes.get(address) or Change(address, Action.NONE, "")
        if draft.assessment.options.accepts(RiskClass.SHARED.value, str(address)):
            consents = (*row.impact.consents, Consent(RiskClass.SHARED, str(address)))
            draft.changes[address] = replace(row, impact=replace(row.impact, consents=consents))
            continue
        draft.problems.append(owners.shared(str(address), live, sharer, place=row.place))
        draft.unchanged -= row.action is Action.NONE and address in draft.changes
        reason = f"belongs to the stack {sharer.title}"
        for part in (address, *draft.index.rules.get(address, ())):
            draft.blocked.setdefault(part, reason)
        draft.changes[address] = replace(
            row, action=Action.BLOCKED, reason=reason, impact=Impact(blocked_by=str(address))
        )


def agreed(draft: PlanBuilder, held: frozenset[Address]) -> Iterator[StateChange]:
    """The consents that the plan records, so that later plans do not ask again."""
    for address, live, sharer in find(draft.assessment):
        if address not in held:
            yield owners.agreement(live, sharer)
