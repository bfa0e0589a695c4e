"""A plan on a screen: what is dangerous first, one line an object, totals last
(planning#order-of-rows). It shows; it decides nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes, serialize
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import Action, Plan
from reconciler.model.resource import NoValue, Unknown
from reconciler.planner.checks.approval import Decision
from reconciler.planner.steps.output_changes import OutputChange
from reconciler.render import escape, format, problem_groups, problem_text
from reconciler.render.plan import cost_text, plan_rows, plan_sections, totals
from reconciler.render.plan.totals import flowing
from reconciler.render.run.screen import Line, Style, Tone

_BY_THE_RULES = msg(
    "based on firewall rules only; country and bot blocks set in the console are not visible"
)


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """What the first line tells besides the plan: the end of the access key, where the state lies,
    unix seconds of the reading.

    `saved` is the file in which the plan lies, where it is shown from there, and `id` its four
    characters, then kept in the file.
    """

    key_suffix: str
    state: str
    at: float
    simulated: bool = False
    provisional: str | None = None
    saved: str | None = None
    id: str | None = None


def plan_lines(
    plan: Plan,
    header: PlanHeader,
    look: Style,
    decision: Decision | None = None,
    outputs: Sequence[OutputChange] = (),
) -> Iterable[Line]:
    """The whole screen of a plan. `decision` tells what consent was given and is open, where it is
    known; `outputs` which will change.
    """
    head = _head(plan, header)
    if plan.is_empty and not plan.drift and not plan.problems and not outputs:
        parts = [f"No changes. {_as_written(plan)}", *head]
        yield from (
            [Line(f" {'    '.join(parts)}", Tone.GOOD)]
            if look.width is None
            else flowing(" ", parts, look, tone=Tone.GOOD)
        )
        return
    yield from flowing(
        " ", [*head, f"plan {header.id or plan_id(plan)}"], look, tone=Tone.TITLE, gap=4
    )
    if header.provisional is not None:
        yield Line(f" Provisional: {escape.outside(header.provisional)}", Tone.CARE)
    yield from _sections(plan, look)
    yield from _outputs(outputs, look)
    yield from _notes(plan, look)
    if look.verbose or header.saved is not None:
        yield from _money(plan, look)
    yield Line()
    if exit_codes.stops(plan.problems):
        yield Line(
            f" No plan, and nothing is sent: {problem_text.tally(plan.problems)}.", Tone.DANGER
        )
        return
    if plan.is_empty:
        what = "No changes but to the outputs." if outputs else "No changes."
        yield Line(f" {what} {_as_written(plan)}", Tone.GOOD)
        return
    yield from totals.lines(plan, look, decision)


def drift_lines(plan: Plan, header: PlanHeader, look: Style) -> Iterable[Line]:
    """The whole screen of `drift`."""
    yield from flowing(" ", _head(plan, header), look, tone=Tone.TITLE, gap=4)
    if header.provisional is not None:
        yield Line(f" Provisional: {escape.outside(header.provisional)}", Tone.CARE)
    yield from _sections(plan, look)
    yield from _notes(plan, look)
    if plan.drift:
        yield Line()
        yield Line(f" {format.count(len(plan.drift), 'object')} changed outside.", Tone.CARE)
    elif not plan.problems:
        yield Line()
        yield Line(" No drift: nothing that the stack manages was changed outside.", Tone.GOOD)


def plan_id(plan: Plan) -> str:
    """Four characters by which two screens can be told apart: the same changes and steps give the
    same.
    """
    return id_of(plan.title, serialize.changes_exactly(plan), serialize.steps_exactly(plan))


def id_of(*parts: object) -> str:
    """Four characters for the parts of a plan."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:4]


def _head(plan: Plan, header: PlanHeader) -> list[str]:
    parts = [
        escape.outside(plan.title),
        "simulated" if header.simulated else "",
        f"saved in {escape.outside(header.saved)}" if header.saved is not None else "",
        f"key ..{escape.outside(header.key_suffix)}" if header.key_suffix else "",
        f"state {escape.outside(header.state)} (serial {plan.serial})",
        f"read {format.count(plan.calls.read, 'call')}",
        format.moment(header.at),
    ]
    return [part for part in parts if part]


def _as_written(plan: Plan) -> str:
    if plan.destroy:
        return "There is nothing to destroy."
    if any(problem.code == "undo" for problem in plan.problems):
        return _matching(plan.unchanged, "the restored state")
    if plan.partial:
        return "Narrowed by --only or --except: the rest of the stack is not checked."
    return _matching(plan.unchanged, "the configuration")


def _matching(count: int, what: str) -> str:
    verb = "matches" if count == 1 else "match"
    return f"{format.count(count, 'object')} {verb} {what}."


def _sections(plan: Plan, look: Style) -> Iterable[Line]:
    first = list(first_lines(plan.problems, look))
    yield from first
    for section in plan_sections.sections(plan, verbose=look.verbose):
        if not first or section.name != "attention":
            yield Line()
            yield from flowing(" ", [section.title], look, tone=Tone.TITLE)
        yield from plan_rows.table(section.rows, look)
    for said in asides(plan):
        yield from flowing("     ", [f"({said})"], look, tone=Tone.FAINT)


def first_lines(found: Sequence[Problem], look: Style) -> Iterable[Line]:
    """What is said before everything else, under its title."""
    said = problem_groups.together(problem_groups.first(found))
    if said:
        yield Line()
        yield Line(" ATTENTION", Tone.TITLE)
        for item in said:
            yield from problem_text.problem_lines(item, look, indent="  ")


def asides(plan: Plan) -> Iterable[str]:
    """What is true of several rows and said once below them."""
    exposed = [
        each.impact.exposure_seconds
        for each in plan.changes
        if each.action is Action.CREATE and each.impact.exposure_seconds
    ]
    if exposed:
        duration = format.duration(max(exposed))
        yield msg(
            "new instances run without their firewall for about {duration} after creation",
            duration=duration,
        )
    if any(change.impact.opens or change.impact.closes for change in plan.changes):
        yield _BY_THE_RULES


def _outputs(changes: Sequence[OutputChange], look: Style) -> Iterable[Line]:
    if changes:
        yield Line()
        yield Line(" OUTPUTS", Tone.TITLE)
        yield from output_lines(changes, look)


def output_lines(changes: Sequence[OutputChange], look: Style) -> Iterable[Line]:
    """One row an output that will have another value."""
    name = max(escape.width(escape.outside(change.name)) for change in changes)
    for change in changes:
        after = _after(change.after)
        symbol, said = (
            ("+", after)
            if change.before is None
            else ("~", f"{format.value(change.before)} -> {after}")
        )
        yield from flowing(
            f"  {symbol}  {escape.pad(escape.outside(change.name), name)}  ", [said], look
        )


def _after(value: Any) -> str:
    if isinstance(value, Unknown):
        return _awaited(value)
    return (
        f"null ({escape.outside(value.reason)})"
        if isinstance(value, NoValue)
        else format.value(value)
    )


def _money(plan: Plan, look: Style) -> Iterable[Line]:
    """What each object costs: for whoever looks closer, on the screen with `-v` or at a saved plan."""
    if plan.cost.parts:
        yield Line()
        yield Line(f" {cost_text.TITLE}", Tone.TITLE)
        yield from cost_text.lines(plan.cost.parts, look)


def _awaited(value: Unknown) -> str:
    names = [format.short(address) for address in serialize.sources(value)]
    return f"known after apply of {escape.outside(totals.some(names, ', '))}"


def _notes(plan: Plan, look: Style) -> Iterable[Line]:
    rest = problem_groups.rest(plan.problems)
    if rest:
        yield Line()
        yield Line(" ERRORS" if exit_codes.stops(plan.problems) else " NOTES", Tone.TITLE)
        for item in problem_groups.together(rest):
            yield from problem_text.problem_lines(item, look, indent="  ")
