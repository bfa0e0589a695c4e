"""Rows of a plan: one change an address, made from what a planner found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reconciler.common import timing
from reconciler.common.text import msg
from reconciler.model.owners import entry_with
from reconciler.model.plan import Action, Cause, Change, Consent, FieldChange, Impact, RiskClass
from reconciler.model.resource import EMPTY, Link, LiveResource, Unknown, Value
from reconciler.model.resource_type import operation_of
from reconciler.planner.compare import fingerprint as fingerprints
from reconciler.planner.compare.assessment import (
    ACCEPTED_AS_GONE,
    Disposition,
    ManagedObject,
    link_text,
)
from reconciler.planner.compare.field_diff import Compared
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.resources import firewall as firewall_kind
from reconciler.resources import rule as rule_kind

FOLLOWS = "moves with its instance"
"""Why a volume moves or is detached where its server is replaced or goes."""


def change(
    builder: PlanBuilder,
    item: ManagedObject,
    action: Action,
    reason: str,
    fields: tuple[FieldChange, ...] = (),
    *,
    impact: Impact | None = None,
    compared: Compared | None = None,
) -> None:
    """Adds the row of an address, its drift and its notices; an address that stays as it is only
    counts.
    """
    place = item.resource.place if item.resource is not None else None
    if compared is not None:
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
        fields,
        _with_word(builder, item, action, impact or Impact()),
        place,
    )


def _with_word(builder: PlanBuilder, item: ManagedObject, action: Action, impact: Impact) -> Impact:
    """The impact of a create with the consent that it stands on: a successor of what is gone, a
    twin of what may be ours (consent#classes).
    """
    if action is not Action.CREATE:
        return impact
    impact = (
        replace(impact, exposure_seconds=_open_at_birth(builder, item))
        if item.kind.membership is not None
        else impact
    )
    address = str(item.address)
    said = [RiskClass.GONE] if item.reason == ACCEPTED_AS_GONE else []
    said += (
        [RiskClass.DUPLICATE] if builder.assessment.options.accepts("duplicate", address) else []
    )
    return (
        replace(impact, consents=(*impact.consents, *(Consent(risk, address) for risk in said)))
        if said
        else impact
    )


def _open_at_birth(builder: PlanBuilder, item: ManagedObject) -> int | None:
    """The seconds from a server's birth to its firewall, which only a running server gets: shown,
    and asked of nobody (consent#exposure).

    Until a list is looked at again, and the attaching itself.
    """
    if not isinstance(item.wanted.get(item.kind.membership or ""), Link):
        return None
    return (
        round(timing.POLL_SECONDS)
        + operation_of(builder.assessment.kinds, firewall_kind.ATTACH).seconds[1]
    )


def rule_made(builder: PlanBuilder, item: ManagedObject, wanted: Mapping[str, Value]) -> None:
    """The row of a rule that is to be made; one that stood there before was removed by somebody
    outside, which is drift.
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
    change(builder, item, Action.CREATE, item.reason, rows)


def traffic_of(a: Mapping[str, Any]) -> str:
    """What a rule lets through, and its title."""
    return f"{a.get('direction')} {a.get('protocol')}/{a.get('ports')} {a.get('cidr')} ({a.get('title')})"


def taken_over(builder: PlanBuilder, owner: ManagedObject, item: ManagedObject) -> Action:
    """What becomes of a rule that is as the file asks: bound with its firewall, or under another
    key than before.

    Of one that somebody added outside, and the file has by now, only the state has to learn.
    """
    if item.disposition is not Disposition.BIND or item.live is None:
        return Action.NONE
    known = (
        owner.disposition is Disposition.BIND
        or entry_with(builder.assessment.state, item.kind.name, item.live.id) is not None
    )
    return Action.IMPORT if known else Action.NONE


def report(item: ManagedObject, wanted: Mapping[str, Value]) -> tuple[FieldChange, ...]:
    """The fields of an object that is to be made, as changes from nothing."""
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
    """What the second look before a destructive write must find again: the object as the plan was
    made from it, and shown.
    """
    return EMPTY if live is None else fingerprints.of(live, builder.assessment.account)


def shown_fields(
    builder: PlanBuilder, live: LiveResource | None, names: Iterable[str]
) -> Mapping[str, Any]:
    """What must still be found before a write that replaces a few values: the identity of the
    object, and the values that the plan shows and the write replaces.
    """
    kept = {"kind", "id", "nonce", "made", *names}
    return {name: value for name, value in fingerprint(builder, live).items() if name in kept}
