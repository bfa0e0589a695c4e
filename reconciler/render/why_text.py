"""Why an address changes, as lines and as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from reconciler.model import serialize
from reconciler.model.diagnostics import Place
from reconciler.model.plan import Action, Cause, Step
from reconciler.render import escape, format, problem_text
from reconciler.render.explain_change import FieldReason, StepReason, Why
from reconciler.render.plan import change_text, cost_text, plan_rows
from reconciler.render.plan.change_text import RowContext
from reconciler.render.plan.plan_sections import named, power_cuts
from reconciler.render.run.screen import Line, Style, Tone

_STEPS_LISTED_MAX = 8


def why_lines(found: Why, look: Style) -> Iterable[Line]:
    """The chain from the file to the steps, one link a line."""
    change = (
        None
        if found.change is None
        else named(found.change, found.former_pins or {}, found.pins or {})
    )
    fields = {} if change is None else {field.path: field for field in change.fields}
    title = escape.outside(found.address)
    if change is None or (change.action is Action.NONE and not found.steps):
        yield Line(f" {title}    no change: it matches the configuration", Tone.GOOD)
    else:
        cut = power_cuts([each.step for each in found.steps]).get(found.address, "")
        beside = RowContext(
            {each.field.path: each.left for each in found.fields if each.was_left}, cut
        )
        said = "   ".join(part for part in change_text.what(change, beside) if part)
        yield from _wrapped(f" {format.SYMBOLS[change.action]}  {title}  ", said, look, Tone.TITLE)
    for each in found.fields:
        yield from _field(replace(each, field=fields.get(each.field.path, each.field)), look)
    for name, texts in sorted((found.pins or {}).items()):
        for text, id in sorted(texts.items()):
            asked = escape.outside(text.partition(":")[2].replace(":", " "))
            if asked != id:
                yield from _wrapped(
                    "  pinned     ",
                    f"{escape.outside(name)} {asked} is {escape.outside(id)} until the file asks for another",
                    look,
                )
    if found.price is not None:
        yield from _wrapped("  costs      ", cost_text.one(found.price), look)
    for consent, means in found.consents:
        yield from _wrapped(
            "  consent    ",
            f"{consent.risk.value}={escape.outside(consent.address)}: {means}",
            look,
            Tone.CARE,
        )
    for number, step in enumerate(found.steps, start=1):
        yield from _step(number, step, look)
    for problem in found.problems:
        yield from problem_text.problem_lines(problem, look, indent="  ")


def _field(each: FieldReason, look: Style) -> Iterable[Line]:
    place = f"{_where(each.place)}  " if each.place is not None else ""
    yield from _wrapped(
        "  the file   " if each.field.cause is not Cause.OUTSIDE else "  outside    ",
        f"{place}{change_text.edit(each.field)}",
        look,
    )
    if each.was_left:
        who = (
            "somebody changed it outside"
            if each.field.cause is not Cause.YOU
            else "it is not as it was left"
        )
        yield from _wrapped(
            "  who        ",
            f"the last apply left {format.value(each.left)}; {who}: {format.value(each.field.before)}",
            look,
        )
    if each.rule:
        yield from _wrapped("  the rule   ", each.rule, look)


def _step(number: int, each: StepReason, look: Style) -> Iterable[Line]:
    step = each.step
    yield from _wrapped(
        f"  step {number:<6}",
        f"{format.step_deed(step)}{_target(step)}, {format.count(step.calls, 'call')}",
        look,
        Tone.TITLE,
    )
    if step.fallback is not None:
        ways = ", ".join(format.deed(operation) for operation in step.fallback.operations)
        yield from _wrapped(
            "    or else  ",
            f"where the cloud answers {' or '.join(step.fallback.refusals)}: {ways}",
            look,
        )
        if step.fallback.restore is not None:
            yield from _wrapped(
                "    always   ",
                f"{format.deed(step.fallback.restore)}, even if one between fails",
                look,
            )
    if step.fingerprint:
        yield from _wrapped(
            "    looks    ",
            "at the object once more before it is sent; one that is not as planned is skipped",
            look,
        )
    if each.after:
        yield from _wrapped("    after    ", _named(each.after), look)
    if each.after_accepted:
        why = f"once the cloud has accepted {_named(each.after_accepted)}: only then it is known whether the account may create instances in the zone"
        yield from _wrapped("    after    ", why, look)
    if each.before:
        yield from _wrapped("    before   ", _named(each.before), look)
    if each.pioneer_of:
        why = f"{_named(each.pioneer_of)}: the first in its zone goes alone until the cloud has accepted it"
        yield from _wrapped("    before   ", why, look)


def _target(step: Step) -> str:
    return "" if step.target is None else f" {escape.outside(step.target)}"


def _named(steps: Sequence[Step]) -> str:
    names = [
        f"{format.step_deed(step)} {escape.outside(step.address)}"
        for step in steps[:_STEPS_LISTED_MAX]
    ]
    return ", ".join(
        [*names, *([f"and {len(steps) - len(names)} more"] if len(steps) > len(names) else [])]
    )


def _where(place: Place) -> str:
    return escape.outside(f"{place.file.rpartition('/')[2]}:{place.line}")


def _wrapped(label: str, text: str, look: Style, tone: Tone = Tone.PLAIN) -> Iterable[Line]:
    width = 120 if look.width is None else look.width
    for number, part in enumerate(plan_rows.flow([text], max(width - len(label), 20))):
        yield Line(f"{label if number == 0 else ' ' * len(label)}{part}", tone)


def why_document(found: Why) -> dict[str, Any]:
    """The same as data: the row of the JSON plan with the rule of each field, and the steps with
    what waits for them.
    """
    body: dict[str, Any] = {
        "format_version": serialize.FORMAT_VERSION,
        "address": str(found.address),
        "change": None,
    }
    if found.change is not None:
        body["change"] = serialize.change_row(found.change)
    body["fields"] = [
        {
            "path": each.field.path,
            "place": None
            if each.place is None
            else {"file": each.place.file, "line": each.place.line},
            "left": serialize.shown(each.left) if each.was_left else None,
            "rule": each.rule or None,
        }
        for each in found.fields
    ]
    body["cost"] = (
        None if found.price is None else {"before": found.price.before, "after": found.price.after}
    )
    body["steps"] = [
        {
            "key": each.step.key,
            "operation": each.step.operation,
            "calls": each.step.calls,
            "after": list(each.step.after),
            "after_accepted": list(each.step.after_accepted),
            "before": [step.key for step in (*each.before, *each.pioneer_of)],
            "fallback": None if each.step.fallback is None else list(each.step.fallback.operations),
        }
        for each in found.steps
    ]
    body["consents"] = [
        {**serialize.consent(item), "means": means} for item, means in found.consents
    ]
    body["problems"] = [serialize.problem(item) for item in found.problems]
    return body
