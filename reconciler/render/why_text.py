"""Why an address changes, as lines and as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from reconciler.model import serialize
from reconciler.model.plan import Action, Cause, Step
from reconciler.render import escape, format, problem_text
from reconciler.render.documents.json_document import Document, DocumentType, document
from reconciler.render.explain_change import FieldReason, StepReason, Why
from reconciler.render.format import phrase
from reconciler.render.layout import labelled
from reconciler.render.plan import change_text, cost_text
from reconciler.render.plan.change_text import PowerCut, RowContext
from reconciler.render.plan.plan_sections import named, power_cuts
from reconciler.render.run.screen import Line, Style, Tone

_STEPS_LISTED_MAX = 8
_LABEL_CELLS = 13


def why_lines(found: Why, style: Style) -> Iterable[Line]:
    """The chain from the file to the steps, one link per line."""
    change = found.change and named(found.change, found.former_pins or {}, found.pins or {})
    fields = {} if change is None else {field.path: field for field in change.fields}
    if change is None or (change.action is Action.NONE and not found.steps):
        text = phrase("{address}    no change: it matches the configuration", address=found.address)
        yield Line(f" {text}", Tone.GOOD)
    else:
        cuts = power_cuts([each.step for each in found.steps])
        left = {each.field.path: each.left for each in found.fields if each.was_left}
        context = RowContext(left, cuts.get(found.address, PowerCut.NONE))
        label = f" {format.SYMBOLS[change.action]}  {escape.outside(found.address)}  "
        yield from labelled(label, [change_text.line(change, context)], style, tone=Tone.TITLE)
    for each in found.fields:
        yield from _field(replace(each, field=fields.get(each.field.path, each.field)), style)
    for field, pins in sorted((found.pins or {}).items()):
        for text, id in sorted(pins.items()):
            if format.pinned_name(text) != id:
                pinned = phrase(
                    "{field} {name} is {id} until the file asks for another",
                    field=field,
                    name=format.pinned_name(text),
                    id=id,
                )
                yield from _fact(phrase("pinned"), pinned, style)
    if found.price is not None:
        yield from _fact(phrase("costs"), cost_text.one(found.price), style)
    for consent, meaning in found.consents:
        text = phrase(
            "{risk}={address}: {meaning}",
            risk=consent.risk.value,
            address=consent.address,
            meaning=meaning,
        )
        yield from _fact(phrase("consent"), text, style, tone=Tone.CARE)
    for number, step in enumerate(found.steps, start=1):
        yield from _step(number, step, style)
    for problem in found.problems:
        yield from problem_text.problem_lines(problem, style, indent="  ")


def _fact(
    label: str, text: str, style: Style, *, tone: Tone = Tone.PLAIN, indent: str = "  "
) -> Iterable[Line]:
    return labelled(escape.pad(f"{indent}{label}", _LABEL_CELLS), [text], style, tone=tone)


def _field(each: FieldReason, style: Style) -> Iterable[Line]:
    place = None if each.place is None else format.line_of(each.place)
    edit = phrase("[{place}  ]{edit}", place=place, edit=change_text.edit(each.field))
    by_file = each.field.cause is not Cause.OUTSIDE
    yield from _fact(phrase("the file") if by_file else phrase("outside"), edit, style)
    if each.was_left:
        text = phrase(
            "the last apply left {left}; it is not as it was left: {now}"
            if each.field.cause is Cause.YOU
            else "the last apply left {left}; somebody changed it outside: {now}",
            left=format.value(each.left),
            now=format.value(each.field.before),
        )
        yield from _fact(phrase("who"), text, style)
    if each.rule:
        yield from _fact(phrase("the rule"), escape.outside(each.rule), style)


def _step(number: int, each: StepReason, style: Style) -> Iterable[Line]:
    step = each.step
    text = phrase(
        "{step}[ {target}], {calls}",
        step=format.step(step),
        target=step.target,
        calls=format.count(step.calls, "call"),
    )
    yield from _fact(phrase("step {number}", number=number), text, style, tone=Tone.TITLE)
    for label, detail in _details(each):
        yield from _fact(label, detail, style, indent="    ")


def _details(each: StepReason) -> Iterable[tuple[str, str]]:
    """What else is true of a step, each with its label."""
    fallback = each.step.fallback
    if fallback is not None:
        yield (
            phrase("or else"),
            phrase(
                "if the cloud answers {refusals}: {operations}",
                refusals=phrase(" or ").join(fallback.refusals),
                operations=", ".join(map(format.operation, fallback.operations)),
            ),
        )
        if fallback.restore is not None:
            restore = format.operation(fallback.restore)
            yield (
                phrase("always"),
                phrase("{operation}, even if one between fails", operation=restore),
            )
    if each.step.fingerprint:
        yield (
            phrase("check"),
            phrase(
                "the object is read again before the step is sent; if it changed, it is skipped"
            ),
        )
    if each.after:
        yield phrase("after"), _named(each.after)
    if each.after_accepted:
        yield (
            phrase("after"),
            phrase(
                "once the cloud has accepted {steps}: only then is it known whether the account "
                "may create instances in the zone",
                steps=_named(each.after_accepted),
            ),
        )
    if each.before:
        yield phrase("before"), _named(each.before)
    if each.canary_of:
        yield (
            phrase("before"),
            phrase(
                "{steps}: the first in its zone runs alone until the cloud has accepted it",
                steps=_named(each.canary_of),
            ),
        )


def _named(steps: Sequence[Step]) -> str:
    names = [
        phrase(
            "{step} {address}[ ({part})]",
            step=format.step(step),
            address=escape.outside(step.address),
            part=format.part_of(step),
        )
        for step in steps
    ]
    return format.first_of(names, ", ", most=_STEPS_LISTED_MAX)


def why_document(found: Why) -> Document:
    """The same as data: the row of the JSON plan with the rule of each field, and the steps with
    those that wait for them.
    """
    members: dict[str, Any] = {
        "address": str(found.address),
        "change": None if found.change is None else serialize.change_row(found.change),
        "fields": [
            {
                "path": each.field.path,
                "place": serialize.place(each.place),
                "left": serialize.shown(each.left) if each.was_left else None,
                "rule": each.rule or None,
            }
            for each in found.fields
        ],
        "cost": None
        if found.price is None
        else {"before": found.price.before, "after": found.price.after},
        "steps": [
            {
                "key": each.step.key,
                "operation": each.step.operation,
                "calls": each.step.calls,
                "after": list(each.step.after),
                "after_accepted": list(each.step.after_accepted),
                "before": [step.key for step in (*each.before, *each.canary_of)],
                "fallback": None
                if each.step.fallback is None
                else list(each.step.fallback.operations),
            }
            for each in found.steps
        ],
        "consents": [
            {**serialize.consent(item), "means": meaning} for item, meaning in found.consents
        ],
        "problems": [serialize.problem(item) for item in found.problems],
    }
    return document(DocumentType.EXPLANATION, members)
