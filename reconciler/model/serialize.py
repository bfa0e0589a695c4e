"""Plans as plain data: what the JSON plan shows, and what a saved plan is compared by.

`shown` is for readers (a link is its address, an unknown value is null); `exact` tells every value
apart, so that two plans are equal exactly where their data are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model.diagnostics import Place, Problem
from reconciler.model.plan import Action, Change, Consent, DataLoss, FieldChange, Impact, Plan, Step
from reconciler.model.resource import Deferred, Link, Lookup, NoValue, Unknown

FORMAT_VERSION = "1.0"


def shown(value: Any) -> Any:
    """A value as a reader of JSON wants it."""
    if isinstance(value, (Link, Lookup)):
        return str(value)
    if isinstance(value, (Unknown, NoValue)):
        return None
    if isinstance(value, Deferred):
        return value.text
    if isinstance(value, Mapping):
        return {str(key): shown(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (tuple, list)):
        return [shown(item) for item in value]
    return value


def exact(value: Any) -> Any:
    """A value such that different values have different data."""
    if isinstance(value, Link):
        return {"$link": str(value)}
    if isinstance(value, Lookup):
        return {"$lookup": [value.catalogue, value.key]}
    if isinstance(value, Unknown):
        return {"$unknown": sorted(str(ref) for ref in value.source)}
    if isinstance(value, Deferred):
        return {"$deferred": value.text, "$of": sorted(str(ref) for ref in value.references)}
    if isinstance(value, Mapping):
        return {str(key): exact(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (tuple, list)):
        return [exact(item) for item in value]
    return value


def document(plan: Plan) -> dict[str, Any]:
    """The JSON plan of plan-format#the-plan without what only the caller knows: consent given and
    the exit code.
    """
    summary = {action.value: 0 for action in Action}
    for change in plan.changes:
        summary[change.action.value] += 1
    summary[Action.NONE.value] = plan.unchanged
    count, monthly = plan.unmanaged
    return {
        "format_version": FORMAT_VERSION,
        "stack": plan.stack,
        "environment": plan.environment,
        "digest": plan.digest,
        "summary": summary,
        "changes": [change_row(item) for item in plan.changes],
        "steps": [*map(_moved, plan.moves), *map(_step, plan.steps)],
        "drift": [_drift(change) for change in plan.drift],
        "calls": {"read": plan.calls.read, "write": plan.calls.write, "wait": plan.calls.wait},
        "eta_seconds": plan.eta_seconds,
        "critical": list(plan.critical),
        "cost": {
            "before": plan.cost.before,
            "after": plan.cost.after,
            "currency": "KRW",
            "vat": "excluded",
            "unknown": list(plan.cost.unknown),
            "parts": [
                {"address": part.address, "before": part.before, "after": part.after}
                for part in plan.cost.parts
            ],
        },
        "outputs": {name: output(value) for name, value in sorted(plan.outputs.items())},
        "unmanaged": {"count": count, "monthly": monthly, "unpriced": plan.unpriced},
        "consent": {"needed": [consent(item) for item in plan.consents], "given": []},
        "partial": plan.partial,
        "problems": [problem(item) for item in plan.problems],
        "exit_code": 0,
    }


def output(value: Any) -> dict[str, Any]:
    """One output: its value and whether it is known."""
    if isinstance(value, (Unknown, Deferred, NoValue)):
        return {"value": None, "known": False}
    return {"value": shown(value), "known": True}


def problem(item: Problem) -> dict[str, Any]:
    """A problem, as every JSON format shows it."""
    place = item.place
    where = (
        None if place is None else {"file": place.file, "line": place.line, "column": place.column}
    )
    return {
        "severity": item.severity.value,
        "code": item.code,
        "message": item.message,
        "address": item.address,
        "place": where,
        "hint": item.hint,
    }


def consent(item: Consent) -> dict[str, Any]:
    """A consent, as `consent.needed` and `consent.given` list it."""
    return {"class": item.risk.value, "address": item.address}


def steps_exactly(plan: Plan) -> list[dict[str, Any]]:
    """The steps with everything that apply would act on, for comparison."""
    return [_exact_step(step) for step in plan.steps]


def changes_exactly(plan: Plan) -> list[dict[str, Any]]:
    """The changes without places and prices: what is done, to what, from what to what, and what it
    needs.
    """
    return [
        {
            "address": str(change.address),
            "action": change.action.value,
            "fields": [
                {
                    "path": field.path,
                    "before": exact(field.before),
                    "after": exact(field.after),
                    "known_after_apply": field.known_after_apply,
                }
                for field in change.fields
            ],
            "consents": [consent(item) for item in change.impact.consents],
            "blocked_by": change.impact.blocked_by,
        }
        for change in plan.changes
        if change.action is not Action.NONE
    ]


def change_row(item: Change) -> dict[str, Any]:
    """One change, as a row of the JSON plan."""
    body = _drift(item)
    return {"address": body.pop("address"), "action": item.action.value, **body}


def _drift(change: Change) -> dict[str, Any]:
    return {
        "address": str(change.address),
        "reason": change.reason,
        "place": place(change.place),
        "fields": [_field(field) for field in change.fields],
        "impact": _impact(change.impact),
    }


def place(place: Place | None) -> dict[str, Any] | None:
    """A place in a file, as every JSON format shows it."""
    return None if place is None else {"file": place.file, "line": place.line}


def _field(field: FieldChange) -> dict[str, Any]:
    return {
        "path": field.path,
        "before": shown(field.before),
        "after": None if field.known_after_apply else shown(field.after),
        "cause": field.cause.value,
        "known_after_apply": field.known_after_apply,
        "waits_for": sources(field.after) if field.known_after_apply else [],
        "place": place(field.place),
    }


def sources(after: Any) -> list[str]:
    """The addresses that a value known after apply waits for."""
    if isinstance(after, Unknown):
        return sorted({str(ref.address) for ref in after.source})
    return [] if after is None else [str(shown(after))]


def _impact(impact: Impact) -> dict[str, Any]:
    return {
        "classes": sorted({item.risk.value for item in impact.consents}),
        "downtime_seconds": None
        if impact.downtime_seconds is None
        else list(impact.downtime_seconds),
        "data_loss": [_data_loss(loss) for loss in impact.data_loss],
        "address_change": impact.address_change,
        "exposure_seconds": impact.exposure_seconds,
        "opens": list(impact.opens),
        "closes": list(impact.closes),
        "reversible": impact.reversible,
        "blocked_by": impact.blocked_by,
    }


def _data_loss(loss: DataLoss) -> dict[str, Any]:
    return {"address": loss.address, "disk": loss.disk, "gb": loss.gb}


def _step(step: Step) -> dict[str, Any]:
    return {
        "key": step.key,
        "address": str(step.address),
        "operation": step.operation,
        "after": list(step.after),
        "after_accepted": list(step.after_accepted),
        "fallback": None if step.fallback is None else list(step.fallback.operations),
        "deposed": step.deposed,
        "calls": step.calls,
    }


def _moved(pair: tuple[str, str]) -> dict[str, Any]:
    """A move of the state is a step that sends nothing: it is done before all others."""
    return {
        "key": f"state.move {pair[0]}",
        "address": pair[0],
        "operation": "state.move",
        "after": [],
        "after_accepted": [],
        "fallback": None,
        "deposed": False,
        "calls": 0,
    }


def _exact_step(step: Step) -> dict[str, Any]:
    second = step.fallback
    return {
        **_step(step),
        "target": step.target,
        "inputs": exact(step.inputs),
        "regardless_of": list(step.regardless_of),
        "servers": list(step.instances),
        "fallback": None
        if second is None
        else [list(second.refusals), list(second.operations), second.restore],
        "fingerprint": exact(step.fingerprint),
        "deposes": step.deposes,
        "applies": exact(step.applies),
    }
