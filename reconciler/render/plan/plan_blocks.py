"""The parts of a shown plan, once for the screen and for Markdown: titles, and lines without what
surrounds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

from reconciler.common.dataclass import dataclass
from reconciler.model import exit_codes, serialize
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import Action, Plan
from reconciler.model.resource import NoValue, Unknown
from reconciler.planner.steps.outputs import OutputChange
from reconciler.render import escape, format, problem_groups, problem_text
from reconciler.render.format import phrase
from reconciler.render.layout import labelled
from reconciler.render.plan import cost_text, plan_rows, plan_sections
from reconciler.render.plan.plan_sections import Section
from reconciler.render.run.screen import Line, Style, Tone

MARGIN = "  "
"""What lines of problems and rows begin with."""


@dataclass(frozen=True, slots=True)
class Block:
    """One part of a plan. `note` follows the title; two blocks of one name that follow each other
    have one title. `dangerous` is the number of dangerous changes in it.
    """

    name: Literal[
        "attention", "changes", "drift", "left", "asides", "outputs", "notes", "errors", "cost"
    ]
    title: str
    lines: Callable[[Style], Iterable[Line]]
    note: str = ""
    dangerous: int = 0


def blocks(
    plan: Plan, outputs: Sequence[OutputChange] = (), *, verbose: bool = False
) -> Iterator[Block]:
    """The parts that have lines, in reading order."""
    first = problem_groups.first(plan.problems)
    if first:
        yield attention(first)
    sections = plan_sections.sections(plan, verbose=verbose)
    yield from (_of_section(section) for section in sections if section.name != "left")
    if asides(plan):
        yield Block("asides", "", partial(_aside_lines, asides(plan)))
    yield from (_of_section(section) for section in sections if section.name == "left")
    if outputs:
        yield Block("outputs", phrase("Outputs"), partial(_output_lines, outputs))
    rest = partial(_problem_lines, problem_groups.rest(plan.problems))
    if problem_groups.rest(plan.problems):
        if exit_codes.stops(plan.problems):
            yield Block("errors", phrase("Errors"), rest)
        else:
            yield Block("notes", phrase("Notes"), rest)
    if plan.cost.parts:
        yield Block(
            "cost",
            phrase("Cost"),
            partial(cost_text.lines, plan.cost.parts),
            phrase("KRW a month before and after, without VAT"),
        )


def _of_section(section: Section) -> Block:
    return Block(
        section.name,
        section.title,
        partial(plan_rows.table, section.rows),
        section.note,
        dangerous=sum(row.dangerous for row in section.rows),
    )


def attention(found: Sequence[Problem]) -> Block:
    """The problems that stand above everything else."""
    return Block("attention", phrase("Needs your attention"), partial(_problem_lines, found))


def _problem_lines(found: Sequence[Problem], style: Style) -> Iterable[Line]:
    for item in problem_groups.together(found):
        yield from problem_text.problem_lines(item, style, indent=MARGIN)


# Remarks on several rows
# ------------------------------------------------------------------------------------------------


def asides(plan: Plan) -> list[str]:
    """Remarks that are true of several rows, once below them."""
    found = []
    exposed = [
        change.impact.exposure_seconds
        for change in plan.changes
        if change.action is Action.CREATE and change.impact.exposure_seconds
    ]
    if exposed:
        found.append(
            phrase(
                "New instances run without their firewall for about {duration} after creation.",
                duration=format.duration(max(exposed)),
            )
        )
    if any(
        change.impact.opens or change.impact.closes
        for change in plan.changes
        if not plan_sections.without_firewall(change)
    ):
        found.append(
            phrase(
                "Opens and closes are computed from firewall rules; country and bot blocks set in "
                "the console are not included."
            )
        )
    return found


def _aside_lines(texts: Sequence[str], style: Style) -> Iterable[Line]:
    for text in texts:
        yield from labelled("     ", [text], style, tone=Tone.FAINT)


# Outputs
# ------------------------------------------------------------------------------------------------


def _output_lines(changes: Sequence[OutputChange], style: Style) -> Iterable[Line]:
    """One row for each output that gets another value."""
    cells = max(escape.width(escape.outside(change.name)) for change in changes)
    for change in changes:
        after, action = _after(change.after), Action.CREATE
        if change.before is not None:
            action = Action.UPDATE
            after = phrase("{before} -> {after}", before=format.value(change.before), after=after)
        name = escape.pad(escape.outside(change.name), cells)
        yield from labelled(f"  {format.SYMBOLS[action]}  {name}  ", [after], style)


def _after(value: Any) -> str:
    if isinstance(value, Unknown):
        names = [format.short(address) for address in serialize.sources(value)]
        return phrase("known after apply of {names}", names=format.first_of(names, ", "))
    if isinstance(value, NoValue):
        return phrase("null ({reason})", reason=value.reason)
    return format.value(value)
