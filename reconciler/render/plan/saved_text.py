"""A saved plan for a screen: the plan that its document describes, and the consent it carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Place, Problem, Severity
from reconciler.model.plan import (
    Action,
    CallBudget,
    Cause,
    Change,
    Consent,
    Cost,
    DataLoss,
    Fallback,
    FieldChange,
    Impact,
    Plan,
    Price,
    RiskClass,
    Step,
)
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Decision, GivenConsent
from reconciler.planner.saved_plan import SavedPlan, Unreadable
from reconciler.render.plan import plan_text


def plan_of(saved: SavedPlan) -> Plan:
    """The plan as it was shown when it was saved. Raises `Unreadable` if the document is not a JSON
    plan.
    """
    try:
        return _plan(saved, saved.document)
    except (LookupError, TypeError, ValueError, AttributeError) as failure:
        raise Unreadable(msg("its document is not a JSON plan")) from failure


def id_of(saved: SavedPlan, plan: Plan) -> str:
    """The four characters that the plan had on the screen when it was saved."""
    return plan_text.id_of(plan.title, list(saved.changes), list(saved.steps))


def decision_of(saved: SavedPlan, plan: Plan) -> Decision:
    """Which consent the saved plan carries, and which it still needs."""
    return approval.decide(
        plan, GivenConsent(accept=saved.acceptances, terminal=True, allow_empty=True), tracked=()
    )


def _plan(saved: SavedPlan, document: Mapping[str, Any]) -> Plan:
    calls, cost, unmanaged = document["calls"], document["cost"], document["unmanaged"]
    needed = [
        Consent(RiskClass(row["class"]), row["address"]) for row in document["consent"]["needed"]
    ]
    return Plan(
        stack=saved.stack,
        environment=saved.environment,
        digest=saved.digest,
        lineage=saved.lineage,
        serial=saved.serial,
        changes=tuple(_change(row, Action(row["action"]), needed) for row in document["changes"]),
        steps=tuple(_step(row) for row in document["steps"]),
        drift=tuple(_change(row, Action.UPDATE, []) for row in document["drift"]),
        problems=tuple(_problem(row) for row in document["problems"]),
        lookups=saved.lookups,
        calls=CallBudget(read=calls["read"], write=calls["write"], wait=calls["wait"]),
        eta_seconds=document["eta_seconds"],
        critical=tuple(document.get("critical", ())),
        cost=Cost(
            cost["before"],
            cost["after"],
            tuple(cost["unknown"]),
            tuple(map(_price, cost.get("parts", ()))),
        ),
        unmanaged=(unmanaged["count"], unmanaged["monthly"]),
        unpriced=unmanaged.get("unpriced", 0),
        unchanged=document["summary"][Action.NONE.value],
        partial=document["partial"],
        destroy=bool(saved.options.get("destroy")),
    )


def _price(row: Mapping[str, Any]) -> Price:
    return Price(row["address"], row["before"], row["after"])


def _address(text: str) -> Address:
    found = parse(text)
    if found is None:
        raise ValueError(f"{text!r} is not an address")
    return found


def _change(row: Mapping[str, Any], action: Action, needed: list[Consent]) -> Change:
    """A change; its consents are those needed that name it, as the classes alone do not say for
    which address.
    """
    impact, place = row["impact"], row["place"]
    seconds = impact["downtime_seconds"]
    classes = set(impact["classes"])
    return Change(
        address=_address(row["address"]),
        action=action,
        reason=row["reason"],
        fields=tuple(_field(field) for field in row["fields"]),
        impact=Impact(
            consents=tuple(item for item in needed if item.risk.value in classes),
            downtime_seconds=None if seconds is None else (seconds[0], seconds[1]),
            data_loss=tuple(
                DataLoss(loss["address"], loss["disk"], loss["gb"]) for loss in impact["data_loss"]
            ),
            address_change=impact["address_change"],
            exposure_seconds=impact["exposure_seconds"],
            opens=tuple(impact["opens"]),
            closes=tuple(impact["closes"]),
            reversible=impact["reversible"],
            blocked_by=impact["blocked_by"],
        ),
        place=None if place is None else Place(place["file"], place["line"], 1),
    )


def _field(row: Mapping[str, Any]) -> FieldChange:
    unknown = row["known_after_apply"]
    after = ", ".join(row["waits_for"]) if unknown else row["after"]
    place = row.get("place")
    where = None if place is None else Place(place["file"], place["line"], 1)
    return FieldChange(
        row["path"],
        row["before"],
        after,
        Cause(row["cause"]),
        known_after_apply=unknown,
        place=where,
    )


def _step(row: Mapping[str, Any]) -> Step:
    return Step(
        row["key"],
        _address(row["address"]),
        row["operation"],
        after=tuple(row["after"]),
        after_accepted=tuple(row.get("after_accepted", ())),
        fallback=Fallback((), tuple(row["fallback"])) if row.get("fallback") else None,
        deposed=row.get("deposed", False),
        calls=row["calls"],
    )


def _problem(row: Mapping[str, Any]) -> Problem:
    place = row["place"]
    where = None if place is None else Place(place["file"], place["line"], place["column"])
    try:
        return Problem(
            Severity(row["severity"]),
            row["code"],
            row["message"],
            where,
            row["address"],
            row["hint"],
        )
    except AssertionError as failure:
        raise ValueError(str(failure)) from failure
