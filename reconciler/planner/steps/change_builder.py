"""The changes of a plan: one for each address, made from what a planner found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reconciler.common import timing
from reconciler.common.text import msg
from reconciler.model.owners import entry_with
from reconciler.model.plan import (
    Action,
    Cause,
    Change,
    Consent,
    FieldChange,
    Impact,
    ReasonKind,
    RiskClass,
    reason_kind,
)
from reconciler.model.resource import EMPTY, Link, LiveResource, Unknown, Value
from reconciler.model.resource_type import operation_of
from reconciler.planner.compare import fingerprint as fingerprints
from reconciler.planner.compare.assessment import (
    Disposition,
    ManagedObject,
    link_text,
)
from reconciler.planner.compare.field_diff import Compared
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.resources import firewall as firewall_kind
from reconciler.resources import rule as rule_kind

_NOTHING_COMPARED, _NO_IMPACT = Compared(), Impact()


def change(
    builder: PlanBuilder,
    item: ManagedObject,
    action: Action,
    reason: str,
    compared: Compared = _NOTHING_COMPARED,
    impact: Impact = _NO_IMPACT,
) -> None:
    """Adds the change of an address, its drift and its notices. An address that stays as it is only
    counts.
    """
    place = item.resource.place if item.resource is not None else None
    builder.problems += compared.notices
    if compared.drift:
        builder.drift.append(
            Change(item.address, Action.NONE, "changed outside", compared.drift, place=place)
        )
    if action is Action.NONE:
        builder.unchanged += 1
    builder.changes[item.address] = Change(
        item.address,
        action,
        reason,
        compared.changes,
        _with_consents(builder, item, action, impact),
        place,
    )


def _with_consents(
    builder: PlanBuilder, item: ManagedObject, action: Action, impact: Impact
) -> Impact:
    """The impact of a create with the consents that it depends on: that an object is gone, and that
    a similar one is not part of the stack (consent#classes).
    """
    if action is not Action.CREATE:
        return impact
    impact = (
        replace(impact, exposure_seconds=_unprotected_seconds(builder, item))
        if item.kind.membership is not None
        else impact
    )
    address = str(item.address)
    gone = reason_kind(item.reason) is ReasonKind.ACCEPTED_AS_GONE
    risks = [RiskClass.GONE] if gone else []
    risks += (
        [RiskClass.DUPLICATE] if builder.assessment.options.accepts("duplicate", address) else []
    )
    return (
        replace(impact, consents=(*impact.consents, *(Consent(risk, address) for risk in risks)))
        if risks
        else impact
    )


def _unprotected_seconds(builder: PlanBuilder, item: ManagedObject) -> int | None:
    """The seconds from the creation of an instance to its firewall: until a list is read again, and
    the attachment itself. They are shown and need no consent (consent#exposure).
    """
    if not isinstance(item.wanted.get(item.kind.membership or ""), Link):
        return None
    return (
        round(timing.POLL_SECONDS)
        + operation_of(builder.assessment.kinds, firewall_kind.ATTACH).seconds[1]
    )


def rule_made(builder: PlanBuilder, item: ManagedObject, wanted: Mapping[str, Value]) -> None:
    """The change of a rule that is created. If there was one before, somebody has removed it, which
    is drift.
    """
    rows = report(item, wanted)
    if item.entry is not None:
        before = item.entry.applied
        rows = tuple(
            replace(row, cause=Cause.OUTSIDE if before.get(row.path) == row.after else Cause.BOTH)
            for row in rows
        )
        left = FieldChange(rule_kind.SINGULAR, traffic_of(before), None, Cause.OUTSIDE)
        builder.drift.append(
            Change(
                item.address,
                Action.NONE,
                item.reason,
                (left,),
                place=item.resource.place if item.resource else None,
            )
        )
    change(builder, item, Action.CREATE, item.reason, Compared(rows))


def traffic_of(rule: Mapping[str, Any]) -> str:
    """What a rule allows, and its title."""
    names = ("direction", "protocol", "ports", "cidr", "title")
    direction, protocol, ports, cidr, title = map(rule.get, names)
    return f"{direction} {protocol}/{ports} {cidr} ({title})"


def taken_over(builder: PlanBuilder, owner: ManagedObject, item: ManagedObject) -> Action:
    """The action for a rule that matches the file: it is bound with its firewall, or has another
    key than before. One that somebody added outside, and that is in the file now, changes only the
    state.
    """
    if item.disposition is not Disposition.BIND or item.live is None:
        return Action.NONE
    known = (
        owner.disposition is Disposition.BIND
        or entry_with(builder.assessment.state, item.kind.name, item.live.id) is not None
    )
    return Action.IMPORT if known else Action.NONE


def report(item: ManagedObject, wanted: Mapping[str, Value]) -> tuple[FieldChange, ...]:
    """The fields of an object that is created, as changes from nothing."""
    places = item.resource.places if item.resource is not None else {}
    found = []
    for name in sorted(wanted):
        value = wanted[name]
        unknown = isinstance(value, Unknown)
        found.append(
            FieldChange(
                name,
                None,
                link_text(value),
                Cause.YOU,
                known_after_apply=unknown,
                place=places.get(name),
            )
        )
    return tuple(found)


def replace_reason(item: ManagedObject, *, delete_first: bool, why: str = "") -> str:
    """Why an object is replaced, and in which order; `why` says why the old one goes first."""
    if not delete_first:
        return msg("{reason}; create first, delete the old one last", reason=item.reason)
    if why:
        return msg("{reason}; delete first: {why}", reason=item.reason, why=why)
    return msg("{reason}; delete first", reason=item.reason)


def fingerprint(builder: PlanBuilder, live: LiveResource | None) -> Mapping[str, Any]:
    """What the precondition of a destructive write must find again: the object that the plan was
    made from.
    """
    return EMPTY if live is None else fingerprints.of(live, builder.assessment.account)


def shown_fields(
    builder: PlanBuilder, live: LiveResource | None, names: Iterable[str]
) -> Mapping[str, Any]:
    """What the precondition of a write that replaces a few values must find again: the identity of
    the object, and the values that the plan shows and the write replaces.
    """
    kept = {"kind", "id", "nonce", "made", *names}
    return {name: value for name, value in fingerprint(builder, live).items() if name in kept}
