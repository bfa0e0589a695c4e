"""Plans as plain data: what the JSON plan shows, and what two plans are compared by.

`shown` is for readers (a link is its address, an unknown value is null). `CODEC` writes every
value, so that it can be read again. `changes_exactly` and `steps_exactly` are equal only if an
apply would do the same.
"""

from __future__ import annotations

from typing import Any

from reconciler.common.json_codec import Codec, DecodeError, Form
from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Place, Problem
from reconciler.model.plan import (
    Action,
    Change,
    Consent,
    DataLoss,
    FieldChange,
    GateReport,
    Impact,
    Plan,
    Reason,
    ReasonKind,
    Step,
    TrafficChange,
)
from reconciler.model.resource import Deferred, Link, Lookup, NoValue, Unknown
from reconciler.model.state import Entry, Freeze, StateChange


def _read_address(text: Any) -> Address:
    found = parse(text) if isinstance(text, str) else None
    if found is None:
        raise DecodeError("{place} is not an address")
    return found


def _write_reason(reason: Reason) -> dict[str, Any]:
    return {"kind": reason.kind.value, "text": str(reason)}


def _read_reason(found: Any) -> str | Reason:
    """A reason without a kind is written as plain text."""
    if isinstance(found, str):
        return found
    members = found if isinstance(found, dict) and found.keys() == {"kind", "text"} else {}
    kinds = {kind.value: kind for kind in ReasonKind}
    text, kind = members.get("text"), kinds.get(str(members.get("kind")))
    if not isinstance(text, str) or kind is None:
        raise DecodeError("{place} is not a reason")
    return Reason.worded(kind, msg("{text}", text=text))


VALUES = {
    "link": Link,
    "lookup": Lookup,
    "unknown": Unknown,
    "deferred": Deferred,
    "no_value": NoValue,
}
"""The classes that attributes of a plan may have, by their tags in JSON."""

_FORMS = {
    Address: Form(str, _read_address),
    Link: Form(str, lambda text: Link(_read_address(text))),
    Reason: Form(_write_reason),
    str | Reason: Form(str, _read_reason),
}

CODEC = Codec(
    values=VALUES,
    forms=_FORMS,
    sparse=(Change, DataLoss, FieldChange, Impact, TrafficChange, Step, StateChange, Entry),
    without=("scope", "gates", "asked"),
    strict=True,
)
"""Plans as they are kept. The names that a deferred value may use are left out: apply makes the
plan again from the stack files.
"""

_COMPARED = Codec(
    values=VALUES,
    forms=_FORMS,
    without=(
        *("place", "scope", "deferred", "reason", "cause", "stated"),
        *("downtime_seconds", "data_loss", "address_change", "exposure_seconds"),
        *("opens", "closes", "reversible"),
    ),
)

_CONTENT = Codec(
    values=VALUES,
    forms=_FORMS,
    without=(
        *("place", "scope", "deferred", "reason", "cause", "stated"),
        *("downtime_seconds", "exposure_seconds"),
    ),
)
"""As `_COMPARED`, with what people consent to: lost data, opened and closed traffic."""


_SHOWN = Codec(
    forms={
        Address: Form(str),
        Link: Form(str),
        Lookup: Form(str),
        Unknown: Form(lambda value: None),
        NoValue: Form(lambda value: None),
        Deferred: Form(lambda value: value.text),
        TrafficChange: Form(str),
        DataLoss: Form(lambda loss: {"address": loss.owner, "disk": loss.disk, "gb": loss.gb}),
    }
)


def shown(value: Any) -> Any:
    """A value as a reader of JSON wants it."""
    return _SHOWN.encode(value)


def document(plan: Plan) -> dict[str, Any]:
    """The members of the JSON plan (plan-format#the-plan) without what only the caller knows:
    consent given and the exit code.
    """
    count, monthly = plan.unmanaged
    return {
        **_members(plan, "stack", "environment", "digest"),
        "summary": summary(plan),
        "changes": [change_row(item) for item in plan.changes],
        "steps": [*map(_moved, plan.moves), *map(_step, plan.steps)],
        "drift": [_drift(change) for change in plan.drift],
        **_members(plan, "calls", "eta_seconds", "critical"),
        "cost": {
            **_members(plan.cost, "before", "after"),
            "currency": "KRW",
            "vat": "excluded",
            **_members(plan.cost, "unknown", "parts"),
        },
        "reach": [_members(each, "server", "before", "after") for each in plan.reach],
        "outputs": {name: output(value) for name, value in sorted(plan.outputs.items())},
        "unmanaged": {"count": count, "monthly": monthly, "unpriced": plan.unpriced},
        "consent": {"needed": [consent(item) for item in plan.consents], "given": []},
        **_gates(plan.gates),
        "partial": plan.partial,
        "problems": [problem(item) for item in plan.problems],
        "exit_code": 0,
    }


def freeze(found: Freeze | None) -> dict[str, Any] | None:
    """A freeze, as every JSON format shows it."""
    return None if found is None else _members(found, "reason", "by", "at", "overrides")


def _gates(gates: GateReport) -> dict[str, Any]:
    """Only what holds an apply back."""
    found: dict[str, Any] = {}
    if gates.frozen is not None:
        found["frozen"] = freeze(gates.frozen)
    if gates.opens is not None:
        found["window"] = {"opens": int(gates.opens)}
    return found


def summary(plan: Plan) -> dict[str, int]:
    """How many addresses have each action."""
    found = {action.value: 0 for action in Action}
    for change in plan.changes:
        found[change.action.value] += 1
    return {**found, Action.NONE.value: plan.unchanged}


def output(value: Any) -> dict[str, Any]:
    """One output: its value and whether it is known."""
    if isinstance(value, (Unknown, Deferred, NoValue)):
        return {"value": None, "known": False}
    return {"value": shown(value), "known": True}


def problem(item: Problem) -> dict[str, Any]:
    """A problem, as every JSON format shows it."""
    return _members(item, "severity", "code", "message", "address", "place", "hint")


def consent(item: Consent) -> dict[str, Any]:
    """A consent, as `consent.needed` and `consent.given` list it."""
    return {"class": item.risk.value, "address": item.address}


def steps_exactly(plan: Plan) -> list[dict[str, Any]]:
    """The steps with everything that apply would act on, for comparison."""
    return [_COMPARED.encode(step) for step in plan.steps]


def changes_exactly(plan: Plan) -> list[dict[str, Any]]:
    """The changes without places and prices: what is done, to what, from what to what, and what it
    needs.
    """
    return [_COMPARED.encode(change) for change in plan.changes if change.action is not Action.NONE]


def content(plan: Plan) -> dict[str, Any]:
    """What the id of a saved plan stands for: changes, steps in their order, effects on the state,
    and what the touched objects were. Places, reasons, prices and times are not in it.
    """
    changes = [change for change in plan.changes if change.action is not Action.NONE]
    return {
        "changes": _CONTENT.encode(changes),
        "steps": _CONTENT.encode(plan.steps),
        "records": _CONTENT.encode(plan.records),
        "moves": _CONTENT.encode(plan.moves),
        "fingerprints": _CONTENT.encode(plan.fingerprints),
    }


def change_row(item: Change) -> dict[str, Any]:
    """One change, as a row of the JSON plan."""
    return {**_members(item, "address", "action"), **_drift(item)}


def _members(value: object, *names: str) -> dict[str, Any]:
    """Fields that are shown under their own names."""
    return {name: shown(getattr(value, name)) for name in names}


def _drift(change: Change) -> dict[str, Any]:
    return {
        **_members(change, "address", "reason"),
        "place": place(change.place),
        "fields": [_field(field) for field in change.fields],
        "impact": _impact(change.impact),
    }


def place(place: Place | None) -> dict[str, Any] | None:
    """A place in a file, as every JSON format shows it."""
    return None if place is None else _members(place, "file", "line")


def _field(field: FieldChange) -> dict[str, Any]:
    return {
        **_members(field, "path", "before"),
        "after": None if field.known_after_apply else shown(field.after),
        **_members(field, "cause", "known_after_apply"),
        "waits_for": sources(field.after) if field.known_after_apply else [],
        "place": place(field.place),
    }


def sources(after: Any) -> list[str]:
    """The addresses that a value known after apply waits for."""
    if isinstance(after, Unknown):
        return sorted({str(ref.address) for ref in after.source})
    return [] if after is None else [str(shown(after))]


def _impact(impact: Impact) -> dict[str, Any]:
    times = ("downtime_seconds", "data_loss", "address_change", "exposure_seconds")
    return {
        "classes": sorted({item.risk.value for item in impact.consents}),
        **_members(impact, *times, "opens", "closes", "reversible", "blocked_by"),
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        **_members(step, "key", "address", "operation", "after", "after_accepted"),
        "fallback": None if step.fallback is None else list(step.fallback.operations),
        **_members(step, "deposed", "calls"),
    }


def _moved(pair: tuple[str, str]) -> dict[str, Any]:
    """A move of the state is a step that sends nothing: it is done before all others."""
    new, _ = pair
    step = Step(f"state.move {new}", _read_address(new), "state.move", calls=0)
    return _step(step)
