"""The lines below the rows of a plan: what it does in figures, time, money and harm; what is left
alone, the order of the steps, and the command that applies it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.model.plan import Action, CallBudget, Plan, Step
from reconciler.planner.checks.approval import Decision
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.layout import WIDTH_OF_PIPES, labelled, sentence
from reconciler.render.plan import consent_text, cost_text
from reconciler.render.plan.address_ranges import spans
from reconciler.render.plan.harm_text import harm
from reconciler.render.plan.tally import planned, tally
from reconciler.render.run.screen import Line, Style, Tone

_WAVES_MAX = 12
_PATH_MAX = 4
_ORDER_SECONDS_MIN = 60
"""The order of the steps of a shorter plan is shown with `-v` only."""


def lines(
    plan: Plan, style: Style, decision: Decision | None, command: str | None = None
) -> Iterable[Line]:
    """All lines below the rows of a plan with changes. `command` applies the plan, without the
    consent that it needs.
    """
    if style.verbose or (plan.eta_seconds or 0) > _ORDER_SECONDS_MIN:
        yield from _order_lines(plan, style)
    yield from totals(plan, style)
    yield from left_alone(plan, style)
    yield from consent_text.lines(plan, decision, style, command)


def left_alone(plan: Plan, style: Style) -> Iterable[Line]:
    """What the plan does not look at: objects that are not in the stack, and the rest of a narrowed
    plan.
    """
    count, monthly = plan.unmanaged
    if not count:
        return
    price = "" if monthly is None else format.won(monthly)
    if plan.unpriced:
        price = phrase("[at least {amount}]", amount=price)
    text = phrase(
        "Not in this stack: {objects}[, {price} a month] (`reconciler plan --unmanaged` lists "
        "them).",
        objects=format.count(count, "object"),
        price=price,
    )
    yield from sentence(text, style, tone=Tone.FAINT)


# The order
# ------------------------------------------------------------------------------------------------


def _order_lines(plan: Plan, style: Style) -> Iterable[Line]:
    if not plan.steps:
        return
    title = phrase("Order of the steps (steps with the same number run at the same time)")
    yield from sentence(title, style, tone=Tone.TITLE)
    yield from waves("  ", plan.steps, style)
    path = longest(plan)
    if path:
        yield from sentence(phrase("Longest: {steps}.", steps=path), style)
    yield Line()


def waves(label: str, steps: Sequence[Step], style: Style) -> Iterable[Line]:
    """The order in one line if it fits, else each wave on a line of its own."""
    texts = order(steps)
    width = WIDTH_OF_PIPES if style.width is None else style.width
    if escape.width(label) + sum(escape.width(text) + 3 for text in texts) - 3 <= width:
        yield from labelled(label, texts, style, gap="   ")
        return
    for text in texts:
        first, *rest = labelled(label, [text], replace(style, width=width - 2))
        yield first
        yield from (Line(f"{' ' * (len(label) + 2)}{line.text.strip()}") for line in rest)
        label = " " * len(label)


def order(steps: Sequence[Step]) -> list[str]:
    """The steps in waves: `1 create db, create web   2 attach web`; those of one number run side by
    side.

    A step that waits only until the cloud has accepted another one says so: `2 create web[1..3]
    (once web[0] is accepted)`.
    """
    by_key = {step.key: step for step in steps}
    level: dict[str, int] = {}
    waves: dict[int, list[Step]] = {}
    for step in steps:
        level[step.key] = 1 + max((level.get(key, 0) for key in step.after), default=0)
        waves.setdefault(level[step.key], []).append(step)
    texts = [f"{number} {_wave(waves[number], by_key)}" for number in sorted(waves)[:_WAVES_MAX]]
    rest = len(waves) - len(texts)
    return [*texts, phrase("and {number} more", number=rest)] if rest > 0 else texts


def _wave(steps: Sequence[Step], by_key: Mapping[str, Step]) -> str:
    together: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        canaries = " ".join(
            spans(by_key[key].address for key in step.after_accepted if key in by_key)
        )
        together.setdefault((format.step(step), canaries), []).append(step)
    return ", ".join(
        phrase(
            "{step} {names}[ (once {canaries} is accepted)]",
            step=step,
            names=format.first_of(_names(found)),
            canaries=canaries,
        )
        for (step, canaries), found in together.items()
    )


def _names(steps: Sequence[Step]) -> list[str]:
    """What steps of one operation are about: `web[0..3]`, `db`, `web.https`."""
    parts = [
        f"{spans([step.address])[0]}.{part}" for step in steps if (part := format.part_of(step))
    ]
    return [*spans(step.address for step in steps if not format.part_of(step)), *parts]


def longest(plan: Plan) -> str:
    """The critical path: the steps that decide how long the plan takes. Nothing if it is all that
    is done.
    """
    by_key = {step.key: step for step in plan.steps}
    path = [by_key[key] for key in plan.critical if key in by_key]
    if len(path) == len(plan.steps):
        return ""
    names = [f"{format.step(step)} {_names([step])[0]}" for step in path]
    return format.first_of(names, ", ", most=_PATH_MAX)


# Totals
# ------------------------------------------------------------------------------------------------


def totals(plan: Plan, style: Style) -> Iterable[Line]:
    """Resources, time and calls, money; then the harm."""
    yield from sentence(counts(plan), style, tone=Tone.TITLE)
    for text in (effort(plan.calls, plan.eta_seconds), cost_text.monthly(plan)):
        if text:
            yield from sentence(text, style)
    for text in harm(plan):
        yield from sentence(text, style, tone=Tone.CARE)


def counts(plan: Plan) -> str:
    """What the plan does with how many resources."""
    found = tally(plan)
    rules = phrase("A rule counts as part of its firewall.") if found.with_rules else ""
    if plan.partial:
        return phrase(
            "Plan: {counts}; the rest of the stack is not checked.[ {rules}]",
            counts=planned(found),
            rules=rules,
        )
    return phrase(
        "Plan: {counts}; {unchanged} unchanged.[ {rules}]",
        counts=planned(found),
        unchanged=found.number(Action.NONE),
        rules=rules,
    )


def effort(budget: CallBudget, eta_seconds: int | None) -> str:
    """The time and the calls that an apply takes; the calls of waits are an estimate."""
    number, waits = budget.write + budget.wait, budget.wait
    if not number:
        return ""
    calls = format.count(number, "api-call")
    if waits:
        calls = phrase(
            "about {calls} ({changes}, about {checks})",
            calls=calls,
            changes=format.count(budget.write, "change"),
            checks=format.count(waits, "check"),
        )
    if eta_seconds is None:
        return phrase("Calls: {calls}.", calls=calls)
    return phrase("Time: about {time}; {calls}.", time=format.duration(eta_seconds), calls=calls)
