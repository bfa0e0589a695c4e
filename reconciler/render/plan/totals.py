"""What stands below the rows of a plan: what is left alone, the order, the totals in calls, time,
money and harm, and the consent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.model.address import Address
from reconciler.model.plan import Action, Change, Consent, Plan, RiskClass, Step
from reconciler.planner.checks.approval import Decision
from reconciler.render import escape, format
from reconciler.render.plan import cost_text, plan_rows
from reconciler.render.plan.address_ranges import spans
from reconciler.render.run.screen import Line, Style, Tone

_WAVES_MAX = 12
_PATH_MAX = 4
_PATH_SECONDS_MIN = 30
_CONSENTS_LISTED_MAX = 5
_CELLS_OF_NO_SCREEN = 140
"""Where nobody looks through a screen (a pipe, a log), long lines still end somewhere."""


def lines(plan: Plan, look: Style, decision: Decision | None) -> Iterable[Line]:
    """All that stands below the rows of a plan with changes."""
    yield from _left(plan, look)
    if plan.steps:
        yield from waves(" Order    ", plan.steps, look)
    path = longest(plan)
    if path:
        yield from flowing(" Longest  ", [path], look)
    yield from flowing(" Totals   ", totals(plan), look)
    found = harm(plan)
    if found:
        yield from flowing("          ", found, look, tone=Tone.CARE)
    yield from _consent(plan, decision, look)


def flowing(
    label: str, parts: Sequence[str], look: Style, *, tone: Tone = Tone.PLAIN, gap: int = 4
) -> Iterable[Line]:
    """A labelled line of parts that goes on below its first part where the screen is too narrow."""
    width = _CELLS_OF_NO_SCREEN if look.width is None else look.width
    texts = plan_rows.flow(parts, max(width - len(label), 20), gap=" " * gap)
    for number, text in enumerate(texts):
        yield Line(f"{label if number == 0 else ' ' * len(label)}{text}", tone)


def _left(plan: Plan, look: Style) -> Iterable[Line]:
    parts = [f"{plan.unchanged} unchanged"] if plan.unchanged else []
    count, monthly = plan.unmanaged
    if count:
        least = "at least " if plan.unpriced else ""
        price = "" if monthly is None else f"{least}{format.won(monthly)} a month, "
        parts.append(
            f"{count} not in this stack ({price}--unmanaged lists {'it' if count == 1 else 'them'})"
        )
    if plan.partial:
        parts.append("narrowed by --only or --except: the rest of the stack is not checked")
    if parts:
        yield from flowing(" ", parts, look, tone=Tone.FAINT)


# The order
# ------------------------------------------------------------------------------------------------------------------------


def waves(label: str, steps: Sequence[Step], look: Style) -> Iterable[Line]:
    """The order in one line where it fits, else each wave on a line of its own."""
    texts = order(steps)
    width = _CELLS_OF_NO_SCREEN if look.width is None else look.width
    if escape.width(label) + sum(escape.width(text) + 3 for text in texts) - 3 <= width:
        yield from flowing(label, texts, look, gap=3)
        return
    for number, text in enumerate(texts):
        first, *rest = flowing(
            label if number == 0 else " " * len(label), [text], replace(look, width=width - 2)
        )
        yield first
        yield from (Line(f"{' ' * (len(label) + 2)}{line.text.strip()}") for line in rest)


def order(steps: Sequence[Step]) -> list[str]:
    """The steps in waves: `1 create db, create web   2 attach web`; equal numbers go side by side.

    What waits only until the cloud has accepted another step says so: `2 create web[1..3] (once
    web[0] is accepted)`.
    """
    by_key = {step.key: step for step in steps}
    level: dict[str, int] = {}
    waves: dict[int, list[Step]] = {}
    for step in steps:
        level[step.key] = 1 + max((level.get(key, 0) for key in step.after), default=0)
        waves.setdefault(level[step.key], []).append(step)
    texts = [f"{number} {_wave(waves[number], by_key)}" for number in sorted(waves)[:_WAVES_MAX]]
    rest = len(waves) - len(texts)
    return [*texts, f"and {rest} more"] if rest > 0 else texts


def _wave(steps: Sequence[Step], by_key: Mapping[str, Step]) -> str:
    names: dict[tuple[str, str], list[Address]] = {}
    for step in steps:
        zone_canaries = [by_key[key].address for key in step.after_accepted if key in by_key]
        once = f" (once {' '.join(spans(zone_canaries))} is accepted)" if zone_canaries else ""
        names.setdefault((format.step_deed(step), once), []).append(step.address)
    return ", ".join(f"{verb} {some(spans(found))}{once}" for (verb, once), found in names.items())


def some(names: Sequence[str], between: str = " ", *, most: int = 4) -> str:
    """The first few names, and how many more there are."""
    shown = (
        names if len(names) <= most else [*names[: most - 1], f"and {len(names) - most + 1} more"]
    )
    return between.join(shown)


# Calls, time, money
# ---------------------------------------------------------------------------------------------------------------


def counts(plan: Plan) -> str:
    """The changes by symbol: `+2 ~1 !1`."""
    counted = Counter(
        format.SYMBOLS[change.action] for change in plan.changes if change.action is not Action.NONE
    )
    symbols = dict.fromkeys(symbol for symbol in format.SYMBOLS.values() if symbol != " ")
    return " ".join(f"{symbol}{counted[symbol]}" for symbol in reversed(symbols) if counted[symbol])


def totals(plan: Plan) -> list[str]:
    """Changes by symbol, calls, time, money."""
    calls = format.count(plan.calls.write, "call")
    parts = [
        counts(plan),
        calls + (f" + about {format.count(plan.calls.wait, 'wait')}" if plan.calls.wait else ""),
    ]
    parts += [f"about {format.duration(plan.eta_seconds)}"] if plan.eta_seconds is not None else []
    return [part for part in [*parts, cost_text.phrase(plan)] if part]


def longest(plan: Plan) -> str:
    """The critical path: the steps that decide how long it takes; nothing where it is short, or all
    that is done.
    """
    by_key = {step.key: step for step in plan.steps}
    path = [by_key[key] for key in plan.critical if key in by_key]
    if len(path) == len(plan.steps) or (plan.eta_seconds or 0) < _PATH_SECONDS_MIN:
        return ""
    return some(
        [f"{format.step_deed(step)} {spans([step.address])[0]}" for step in path],
        ", ",
        most=_PATH_MAX,
    )


# Harm
# -----------------------------------------------------------------------------------------------------------------------------


def harm(plan: Plan) -> list[str]:
    """The totals of impact, worst first: what is lost, down, exposed, renumbered, and what cannot
    be undone.
    """
    done = [
        change for change in plan.changes if change.action not in (Action.DECIDE, Action.BLOCKED)
    ]
    losses = [loss for change in done for loss in change.impact.data_loss]
    lost = [
        f"the {'disk' if loss.disk == 'root' else 'data'} of {format.short(loss.address)}"
        for loss in losses
    ]
    sizes = [loss.gb for loss in losses]
    total = (
        f"{'at least ' if None in sizes else ''}{sum(size or 0 for size in sizes):,} GB"
        if any(sizes)
        else ""
    )
    told = (
        (f"lost{f' ({total})' if total else ''}:", lost),
        ("down:", [_down(change) for change in done if change.impact.downtime_seconds is not None]),
        ("without firewall:", _exposed(done)),
        ("other addresses:", [_short(change) for change in done if change.impact.address_change]),
        ("cannot be undone:", [_short(change) for change in done if not change.impact.reversible]),
    )
    return [
        f"{word} {some([escape.outside(name) for name in dict.fromkeys(names)], ', ', most=6)}"
        for word, names in told
        if names
    ]


def _short(change: Change) -> str:
    return format.short(str(change.address))


def _down(change: Change) -> str:
    low, high = change.impact.downtime_seconds or (0, None)
    return f"{_short(change)} {'until it is started' if high is None else format.span(low, high)}"


def _exposed(done: Iterable[Change]) -> list[str]:
    found = []
    for change in done:
        seconds = change.impact.exposure_seconds
        if any(
            field.path == "firewall" and field.after is None and field.before is not None
            for field in change.fields
        ):
            found.append(f"{_short(change)} for good")
        elif seconds is not None and change.action is not Action.CREATE:
            found.append(f"{_short(change)} {format.duration(seconds)}")
    return found


# Consent
# --------------------------------------------------------------------------------------------------------------------------


def _consent(plan: Plan, decision: Decision | None, look: Style) -> Iterable[Line]:
    still = plan.consents if decision is None else decision.open
    given = () if decision is None else decision.given
    if still:
        yield from flowing(" Consent  ", consents(still), look, tone=Tone.CARE, gap=3)
    if said := held_by(still):
        yield from flowing("          ", [said], look, tone=Tone.CARE)
    if given:
        yield from flowing(
            "          " if still else " Consent  ",
            ["already given:", *consents(given)],
            look,
            gap=3,
        )


def held_by(still: Sequence[Consent]) -> str:
    """What holds the whole plan, its harmless part too, until it is accepted by name; else nothing."""
    found = sorted(
        {item.risk.value for item in still if item.risk in (RiskClass.LOCKOUT, RiskClass.DUPLICATE)}
    )
    return (
        f"nothing is sent, the rest neither, before {' and '.join(found)} is accepted by name or the file avoids it"
        if found
        else ""
    )


def consents(found: Sequence[Consent]) -> list[str]:
    """Each consent as `--accept` takes it; many of one class as a number, since each has its own
    line above.
    """
    counted: Mapping[object, int] = Counter(item.risk for item in found)
    many = [
        f"{risk.value} of {counted[risk]} objects"
        for risk in dict.fromkeys(c.risk for c in found)
        if counted[risk] > _CONSENTS_LISTED_MAX
    ]
    few = [
        f"{c.risk.value}={escape.outside(c.address)}"
        for c in found
        if counted[c.risk] <= _CONSENTS_LISTED_MAX
    ]
    return [*many, *few]
