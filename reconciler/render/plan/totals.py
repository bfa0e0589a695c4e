"""The lines below the rows of a plan: what is left alone, the order of steps, the totals of
changes, calls, time, money and harm, and the consent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import LiteralString

from reconciler import resources
from reconciler.model.address import Address
from reconciler.model.plan import Action, Change, Consent, Plan, RiskClass, Step
from reconciler.model.resource_type import Edit, Field
from reconciler.planner.checks.approval import Decision
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.layout import WIDTH_OF_PIPES, labelled
from reconciler.render.plan import change_text, cost_text
from reconciler.render.plan.address_ranges import spans
from reconciler.render.run.screen import Line, Style, Tone

_WAVES_MAX = 12
_PATH_MAX = 4
_PATH_SECONDS_MIN = 30
_CONSENTS_LISTED_MAX = 5
_LABEL_CELLS = 10


def lines(plan: Plan, style: Style, decision: Decision | None) -> Iterable[Line]:
    """All lines below the rows of a plan with changes."""
    yield from _left(plan, style)
    if plan.steps:
        yield from waves(_label(phrase("Order")), plan.steps, style)
    path = longest(plan)
    if path:
        yield from labelled(_label(phrase("Longest")), [path], style)
    yield from totals(plan, style)
    yield from _consent(plan, decision, style)


def _label(text: str) -> str:
    return " " + escape.pad(text, _LABEL_CELLS - 1)


def _left(plan: Plan, style: Style) -> Iterable[Line]:
    """What the plan leaves alone."""
    parts = [phrase("{number} unchanged", number=plan.unchanged)] if plan.unchanged else []
    count, monthly = plan.unmanaged
    if count:
        price = "" if monthly is None else format.won(monthly)
        if plan.unpriced:
            price = phrase("[at least {amount}]", amount=price)
        parts.append(
            phrase(
                "{number} not in this stack ([{price} a month, ]--unmanaged lists it)"
                if count == 1
                else "{number} not in this stack ([{price} a month, ]--unmanaged lists them)",
                number=count,
                price=price,
            )
        )
    if plan.partial:
        parts.append(phrase("narrowed by --only or --except: the rest of the stack is not checked"))
    if parts:
        yield from labelled(" ", parts, style, tone=Tone.FAINT)


# The order
# ------------------------------------------------------------------------------------------------


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
    names: dict[tuple[str, str], list[Address]] = {}
    for step in steps:
        canaries = " ".join(
            spans(by_key[key].address for key in step.after_accepted if key in by_key)
        )
        names.setdefault((format.step(step), canaries), []).append(step.address)
    return ", ".join(
        phrase(
            "{step} {names}[ (once {canaries} is accepted)]",
            step=step,
            names=format.first_of(spans(found)),
            canaries=canaries,
        )
        for (step, canaries), found in names.items()
    )


def longest(plan: Plan) -> str:
    """The critical path: the steps that decide how long the plan takes. Nothing if that is short,
    or if it is all that is done.
    """
    by_key = {step.key: step for step in plan.steps}
    path = [by_key[key] for key in plan.critical if key in by_key]
    if len(path) == len(plan.steps) or (plan.eta_seconds or 0) < _PATH_SECONDS_MIN:
        return ""
    names = [f"{format.step(step)} {spans([step.address])[0]}" for step in path]
    return format.first_of(names, ", ", most=_PATH_MAX)


# Totals
# ------------------------------------------------------------------------------------------------


def totals(plan: Plan, style: Style) -> Iterable[Line]:
    """Changes, calls, time and money; then the harm."""
    parts = [counts(plan), _effort(plan), cost_text.monthly(plan)]
    yield from labelled(_label(phrase("Totals")), [part for part in parts if part], style)
    found = harm(plan)
    if found:
        yield from labelled(_label(""), found, style, tone=Tone.CARE)


def _effort(plan: Plan) -> str:
    """The calls and the time that the plan takes; the calls of waits are an estimate."""
    time = None if plan.eta_seconds is None else format.duration(plan.eta_seconds)
    calls = format.count(plan.calls.write + plan.calls.wait, "api-call")
    if plan.calls.wait:
        return phrase("about {calls}[, about {time}]", calls=calls, time=time)
    return phrase("{calls}[, about {time}]", calls=calls, time=time)


def counts(plan: Plan) -> str:
    """The changes by action: `6 to create (12 with rules), 1 to update`."""
    owners, rules = Counter[Action](), Counter[Action]()
    for change in plan.changes:
        counted = owners if change.address.rule is None else rules
        counted[change.action] += 1
    found = []
    for action, template in _COUNTED.items():
        number, more = owners[action], rules[action]
        if number:
            with_rules = number + more if more else None
            count = phrase(template, number=number)
            found.append(phrase("{count}[ ({number} with rules)]", count=count, number=with_rules))
        elif more:
            kind = next(kind for kind in resources.all_kinds().values() if kind.owner is not None)
            found.append(phrase(template, number=format.objects(more, kind)))
    return ", ".join(found)


_COUNTED: Mapping[Action, LiteralString] = {
    Action.CREATE: "{number} to create",
    Action.UPDATE: "{number} to update",
    Action.IMPORT: "{number} to bind",
    Action.MOVE: "{number} to rename",
    Action.FORGET: "{number} to forget",
    Action.ATTACH: "{number} to attach",
    Action.DETACH: "{number} to detach",
    Action.POWER: "{number} to start or stop",
    Action.RESIZE: "{number} to resize",
    Action.REBUILD: "{number} to rebuild",
    Action.REPLACE: "{number} to replace",
    Action.DELETE: "{number} to delete",
    Action.DECIDE: "{number} to decide",
    Action.BLOCKED: "{number} blocked",
}


def harm(plan: Plan) -> list[str]:
    """The totals of impact, worst first: what is lost, down, exposed, renumbered, and what cannot
    be undone.
    """
    done = [
        change for change in plan.changes if change.action not in (Action.DECIDE, Action.BLOCKED)
    ]
    return [
        *_lost(done),
        *_listed("down: {names}", map(_down, done)),
        *_listed("without firewall: {names}", map(_exposed, done)),
        *_listed(
            "other addresses: {names}",
            (_short(change) if change.impact.address_change else "" for change in done),
        ),
        *_listed(
            "cannot be undone: {names}",
            ("" if change.impact.reversible else _short(change) for change in done),
        ),
    ]


def _listed(template: LiteralString, names: Iterable[str], **fields: str) -> list[str]:
    found = [name for name in dict.fromkeys(names) if name]
    if not found:
        return []
    return [phrase(template, names=format.first_of(found, ", ", most=6), **fields)]


def _lost(done: Sequence[Change]) -> list[str]:
    losses = [loss for change in done for loss in change.impact.data_loss]
    names = [change_text.disk_of(loss, format.short(loss.owner)) for loss in losses]
    total = sum(loss.gb or 0 for loss in losses)
    return _listed(
        "lost[ ({total} GB)]: {names}"
        if all(loss.gb is not None for loss in losses)
        else "lost[ (at least {total} GB)]: {names}",
        names,
        total=f"{total:,}" if total else "",
    )


def _short(change: Change) -> str:
    return format.short(str(change.address))


def _down(change: Change) -> str:
    if change.impact.downtime_seconds is None:
        return ""
    low, high = change.impact.downtime_seconds
    if high is None:
        return phrase("{name} until it is started", name=_short(change))
    return phrase("{name} {duration}", name=_short(change), duration=format.span(low, high))


def _exposed(change: Change) -> str:
    """How long a change leaves an instance without its firewall; nothing if it does not."""
    seconds = change.impact.exposure_seconds
    fields = resources.all_kinds().of(change.address).fields
    if any(
        field.after is None and field.before is not None and _is_membership(fields, field.path)
        for field in change.fields
    ):
        return phrase("{name} permanently", name=_short(change))
    if seconds is None or change.action is Action.CREATE:
        return ""
    return phrase("{name} {duration}", name=_short(change), duration=format.duration(seconds))


def _is_membership(fields: Mapping[str, Field], path: str) -> bool:
    return path in fields and fields[path].edit is Edit.MEMBER


# Consent
# ------------------------------------------------------------------------------------------------


def _consent(plan: Plan, decision: Decision | None, style: Style) -> Iterable[Line]:
    needed = plan.consents if decision is None else decision.open
    given = () if decision is None else decision.given
    label = _label(phrase("Consent"))
    if needed:
        yield from labelled(label, consents(needed), style, tone=Tone.CARE, gap="   ")
        label = _label("")
    if stop := held_by(needed):
        yield from labelled(label, [stop], style, tone=Tone.CARE)
    if given:
        yield from labelled(label, [phrase("already given:"), *consents(given)], style, gap="   ")


def held_by(needed: Sequence[Consent]) -> str:
    """That nothing of the plan is done, the harmless part included, before a class is accepted by
    name; else nothing.
    """
    found = sorted(
        {
            item.risk.value
            for item in needed
            if item.risk in (RiskClass.LOCKOUT, RiskClass.DUPLICATE)
        }
    )
    if not found:
        return ""
    return phrase(
        "nothing is sent until {classes} is accepted by name or the file avoids it",
        classes=phrase(" and ").join(found),
    )


def consents(found: Sequence[Consent]) -> list[str]:
    """Each consent as `--accept` takes it; many of one class as a number, since each has a line of
    its own above.
    """
    counted = Counter(item.risk for item in found)
    many = [
        phrase("{risk} of {number} objects", risk=risk.value, number=number)
        for risk, number in counted.items()
        if number > _CONSENTS_LISTED_MAX
    ]
    few = [
        escape.outside(f"{item.risk.value}={item.address}")
        for item in found
        if counted[item.risk] <= _CONSENTS_LISTED_MAX
    ]
    return [*many, *few]
