"""The plans of several stacks on a screen: what needs attention, then the stacks that change, then
one line for each stack, and the totals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import LiteralString

from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, Severity
from reconciler.model.plan import Action, Plan
from reconciler.render import escape, format, problem_groups, problem_text
from reconciler.render.format import phrase
from reconciler.render.layout import labelled, sentence
from reconciler.render.plan import consent_text, plan_blocks, plan_text, totals
from reconciler.render.plan.tally import CountedActions, planned, tally
from reconciler.render.project import project_consent, shown_project
from reconciler.render.project.shown_project import (
    ShownPlan,
    ShownProject,
    ShownStack,
    ShownStatus,
)
from reconciler.render.run.screen import Line, Style, Tone

MARGIN = "  "

_GIST_CELLS_MIN = 20
"""On a narrower screen, what happens to a stack is on a line of its own."""

NOTHING = msg("No stack: no file of a stack changed.")

_TONES: Mapping[ShownStatus, Tone] = {
    ShownStatus.CHANGED: Tone.PLAIN,
    ShownStatus.UNCHANGED: Tone.FAINT,
    ShownStatus.WAITING: Tone.CARE,
    ShownStatus.FAILED: Tone.DANGER,
}

_SIGNS: Mapping[ShownStatus, str] = {
    ShownStatus.CHANGED: "~",
    ShownStatus.UNCHANGED: " ",
    ShownStatus.WAITING: ">",
    ShownStatus.FAILED: "x",
}
"""The sign of a stack, so that the eye finds it without color."""


def project_lines(project: ShownProject, style: Style) -> Iterable[Line]:
    """The whole screen of `plan` and `drift` of several stacks."""
    if not project.stacks:
        yield from sentence(NOTHING, style, tone=Tone.GOOD)
        return
    yield from sentence(title(project), style, tone=Tone.TITLE)
    yield from attention_lines(project, style)
    shared = shown_project.common(project.stacks)
    for each in project.of(ShownStatus.FAILED):
        yield Line()
        yield from _failed_lines(each, style)
    for each in project.stacks:
        if each.shown is not None and each.status is not ShownStatus.FAILED:
            yield from _stack_lines(each, each.shown, shared, style)
    yield from _shared_lines(shared, len(project.stacks), style)
    yield from _remark_lines(project, style)
    yield Line()
    yield from table_lines(project, style)
    yield Line()
    yield from totals_lines(project, style)


def title(project: ShownProject) -> str:
    """The first line: what it is a plan of, and for which account."""
    header, number = project.header, len(project.stacks)
    where = "" if header is None else plan_text.where_of(replace(header, state=""))
    stacks = format.count(number, "stack")
    return phrase(
        "Drift of {stacks}[ of project {name}][, {where}]"
        if project.drift
        else "Plan for {stacks}[ of project {name}][, {where}]",
        stacks=stacks,
        name=project.name,
        where=where,
    )


def headline(project: ShownProject) -> str:
    """The title of a comment: what it is a plan of, and its result in a few words."""
    header, number = project.header, len(project.stacks)
    changed = len(project.of(ShownStatus.CHANGED))
    failed = len(project.of(ShownStatus.FAILED))
    gist = phrase(
        "{changed} of {stacks} with drift[, **{failed} failed**]"
        if project.drift
        else "{changed} of {stacks} with changes[, {waiting} waiting][, **{consent} need consent**]"
        "[, **{failed} failed**]",
        changed=changed,
        stacks=format.count(number, "stack"),
        waiting=len(project.of(ShownStatus.WAITING)) or None,
        consent=sum(bool(each.open_consents) for each in project.stacks) or None,
        failed=failed or None,
    )
    is_simulated = header is not None and header.simulated
    return phrase(
        "Drift[ of project `{name}`]: {gist}[ ({simulated})]"
        if project.drift
        else "Plan[ for project `{name}`]: {gist}[ ({simulated})]",
        name=project.name,
        gist=gist,
        simulated=phrase("simulated") if is_simulated else "",
    )


def attention_lines(project: ShownProject, style: Style) -> Iterable[Line]:
    """What does harm while it lasts, and the dangerous changes, of all stacks, above everything
    else.
    """
    inner = narrowed(style, 2)
    found = [(each, list(attention_of(each, inner))) for each in project.stacks]
    found = [(each, lines) for each, lines in found if lines]
    if not found:
        return
    yield Line()
    yield Line(phrase("Needs your attention"), Tone.TITLE)
    for each, lines in found:
        yield Line(f"{MARGIN}{escape.outside(each.title)}", Tone.TITLE)
        yield from _indented(lines)


# One stack
# ------------------------------------------------------------------------------------------------


def attention_of(each: ShownStack, style: Style) -> Iterable[Line]:
    """What is shown above everything else of one stack: conditions that do harm, then dangerous
    changes. Nothing of a stack that failed, which is shown as a whole.
    """
    if each.shown is None or each.status is ShownStatus.FAILED:
        return
    for block in plan_blocks.blocks(each.shown.plan, each.shown.outputs, verbose=style.verbose):
        if block.name == "attention":
            yield from block.lines(style)


def narrowed(style: Style, cells: int) -> Style:
    """The style for lines that are indented by so many cells."""
    return replace(style, width=None if style.width is None else style.width - cells)


def _failed_lines(each: ShownStack, style: Style) -> Iterable[Line]:
    """Why there is no plan of a stack, under its title."""
    tally = problem_text.tally(each.every_problem)
    yield Line(phrase("{stack}: no plan, {tally}", stack=each.title, tally=tally), Tone.DANGER)
    yield from failure_lines(each, style, indent=MARGIN)


def failure_lines(each: ShownStack, style: Style, *, indent: str) -> Iterable[Line]:
    """Why there is no plan of a stack."""
    found = problem_groups.first(each.every_problem) + problem_groups.rest(each.every_problem)
    for item in problem_groups.together(_loud(found, style), errors=True):
        yield from problem_text.problem_lines(item, style, indent=indent)


def _loud(found: Sequence[Problem], style: Style) -> list[Problem]:
    """The problems without the notices, which are shown with `-v`."""
    return [
        problem for problem in found if style.verbose or problem.severity is not Severity.NOTICE
    ]


def _stack_lines(
    each: ShownStack, shown: ShownPlan, shared: Mapping[Problem, object], style: Style
) -> Iterable[Line]:
    """The rows of a plan, without what is shown once for all stacks. Nothing for a plan that has
    only that.
    """
    plan = replace(shown.plan, problems=_own(_loud(shown.plan.problems, style), shared))
    inner = narrowed(style, len(MARGIN))
    left_out = ("attention", "asides") if style.verbose else ("attention", "asides", "cost")
    found = [
        block
        for block in plan_blocks.blocks(plan, shown.outputs, verbose=style.verbose)
        if block.name not in left_out
    ]
    effects = list(_effects(plan, inner)) if each.status is ShownStatus.CHANGED else []
    if not found and not effects:
        return
    yield Line()
    gist = "" if plan.is_empty else stack_gist(each, drift=False)
    yield from sentence(
        phrase("{stack}[: {gist}]", stack=each.title, gist=gist), style, tone=Tone.TITLE
    )
    after = format.first_of(each.after, ", ")
    if after:
        text = phrase("Provisional until {titles} is applied; planned again then.", titles=after)
        yield from _indented(sentence(text, inner, tone=Tone.CARE))
    if shown.header.provisional is not None:
        text = phrase("Provisional: {reason}", reason=shown.header.provisional)
        yield from _indented(sentence(text, inner, tone=Tone.CARE))
    lines = list(plan_text.block_lines(found, inner))
    yield from _indented(lines[1:] if lines and not lines[0].text else lines)
    yield from _indented(effects)


def _effects(plan: Plan, style: Style) -> Iterable[Line]:
    """The money and the harm of one plan."""
    from reconciler.render.plan import cost_text, harm_text

    found = cost_text.monthly(plan) if plan.cost.before != plan.cost.after else ""
    if found:
        yield from sentence(found, style)
    for text in harm_text.harm(plan):
        yield from sentence(text, style, tone=Tone.CARE)


def _own(problems: Sequence[Problem], shared: Mapping[Problem, object]) -> tuple[Problem, ...]:
    """The problems that are not shown for several stacks together."""
    known = {(each.severity, each.code, str(each.message)) for each in shared}
    return tuple(
        problem
        for problem in problems
        if problem.address is not None
        or (problem.severity, problem.code, str(problem.message)) not in known
    )


def _indented(lines: Iterable[Line]) -> Iterable[Line]:
    for line in lines:
        yield Line(f"{MARGIN}{line.text}" if line.text else "", line.tone)


def _shared_lines(
    shared: Mapping[Problem, Sequence[str]], number: int, style: Style
) -> Iterable[Line]:
    """What several stacks share, each once, with the number of stacks."""
    loud = {problem: shared[problem] for problem in _loud(list(shared), style)}
    if not loud:
        return
    yield Line()
    yield Line(phrase("Notes on several stacks"), Tone.TITLE)
    for problem, titles in loud.items():
        which = phrase("all {number}", number=number) if len(titles) == number else ""
        names = which or format.first_of(titles, ", ")
        yield from labelled(MARGIN, [phrase("{names}:", names=names)], style, tone=Tone.FAINT)
        yield from problem_text.problem_lines(problem, style, indent=MARGIN * 2)


def _remark_lines(project: ShownProject, style: Style) -> Iterable[Line]:
    """What is true of the rows of several stacks, once, and how many notices are not shown."""
    texts = list(dict.fromkeys(text for plan in project.plans for text in plan_blocks.asides(plan)))
    every = [problem for each in project.stacks for problem in each.every_problem]
    quiet = len(every) - len(_loud(every, style))
    if quiet:
        notices = format.count(quiet, "notice")
        texts.append(phrase("Not shown: {notices} (`-v` shows them).", notices=notices))
    if texts:
        yield Line()
    for text in texts:
        yield from sentence(text, style, tone=Tone.FAINT)


# All stacks
# ------------------------------------------------------------------------------------------------


def table_lines(project: ShownProject, style: Style) -> Iterable[Line]:
    """One line for each stack, numbered by level: sign, title, and what happens to it. Those that
    do not change are last.
    """
    levels = {
        title: number for number, titles in enumerate(project.order, start=1) for title in titles
    }
    heading = phrase("Stacks")
    if len(project.order) > 1 and not project.drift:
        heading = phrase("Stacks (those with the same number are applied at the same time)")
    else:
        levels = {}
    yield from sentence(heading, style, tone=Tone.TITLE)
    cells = max((escape.width(escape.outside(each.title)) for each in project.stacks), default=0)
    digits = len(str(max(levels.values(), default=0)))
    quiet = (ShownStatus.UNCHANGED,)
    rows = sorted(
        project.stacks, key=lambda each: (each.status in quiet, levels.get(each.title, 0))
    )
    for each in rows:
        number = f"{levels.get(each.title, ''):>{digits}}  " if levels else ""
        name = escape.pad(escape.outside(each.title), cells)
        risks = sorted({item.risk.value for item in each.open_consents})
        sign = "!" if risks else _SIGNS[each.status]
        label = f"{MARGIN}{number}{sign}  {name}  "
        gist = phrase(
            "{gist}[; needs consent: {risks}][; planned again after {titles}]",
            gist=stack_gist(each, drift=project.drift),
            risks=", ".join(risks),
            titles=format.first_of(each.after, ", ") if each.plan is not None else "",
        )
        tone = Tone.CARE if risks else _TONES[each.status]
        if style.width is not None and escape.width(label) + _GIST_CELLS_MIN > style.width:
            yield Line(label.rstrip(), tone)
            label = MARGIN * 4
        yield from labelled(label, [gist], style, tone=tone)


def stack_gist(each: ShownStack, *, drift: bool) -> str:
    """What happens to a stack, in a few words."""
    if each.status is ShownStatus.FAILED:
        return phrase("no plan: {tally}", tally=problem_text.tally(each.every_problem))
    if each.status is ShownStatus.WAITING:
        titles = format.first_of(each.after, ", ")
        return phrase("waits: planned when {titles} is applied", titles=titles)
    assert each.plan is not None
    if drift:
        number = len({change.address.owner for change in each.plan.drift})
        if not number:
            return phrase("no drift")
        resources = format.count(number, "resource")
        return phrase("{resources} changed outside", resources=resources)
    found = tally(each.plan)
    if each.plan.is_empty:
        resources = format.count(found.number(Action.NONE), "resource")
        if each.status is ShownStatus.CHANGED:
            return phrase("only outputs change")
        return phrase("no changes, {resources}", resources=resources)
    return short_counts(found)


def short_counts(found: CountedActions) -> str:
    """What is done with how many resources, such as `2 to create, 1 to delete`: no zeros."""
    texts = [
        phrase(template, number=found.number(action))
        for action, template in _COUNTED.items()
        if found.number(action)
    ]
    return ", ".join(texts)


_COUNTED: Mapping[Action, LiteralString] = {
    Action.CREATE: "{number} to create",
    Action.UPDATE: "{number} to change",
    Action.REPLACE: "{number} to replace",
    Action.DELETE: "{number} to delete",
    Action.IMPORT: "{number} to import",
    Action.MOVE: "{number} to rename",
    Action.FORGET: "{number} to forget",
    Action.DECIDE: "{number} to decide",
    Action.BLOCKED: "{number} blocked",
}


def totals_lines(project: ShownProject, style: Style) -> Iterable[Line]:
    """The figures of all stacks together, and the consent that they need."""
    failed = project.of(ShownStatus.FAILED)
    tone = Tone.DANGER if failed else Tone.TITLE
    yield from sentence(stacks_gist(project), style, tone=tone)
    plans = project.plans
    if project.drift:
        return
    found = shown_project.counts(plans)
    if project.of(ShownStatus.CHANGED):
        rules = phrase("A rule counts as part of its firewall.") if found.with_rules else ""
        text = phrase(
            "Plan: {counts}; {unchanged} unchanged.[ {rules}]",
            counts=planned(found),
            unchanged=found.number(Action.NONE),
            rules=rules,
        )
        yield from sentence(text, style, tone=Tone.TITLE)
    budget, eta = shown_project.calls(project), shown_project.eta_seconds(project)
    for text in (totals.effort(budget, eta), cost_line(project)):
        if text:
            yield from sentence(text, style)
    waiting = project.of(ShownStatus.WAITING)
    if waiting:
        text = phrase(
            "Not counted: {titles}.", titles=format.first_of([each.title for each in waiting], ", ")
        )
        yield from sentence(text, style, tone=Tone.CARE)
    yield from _consent_lines(project, style)


def stacks_gist(project: ShownProject) -> str:
    """How many stacks change, wait, failed, and do not change."""
    numbers = {status.value: len(project.of(status)) for status in ShownStatus}
    stacks = format.count(len(project.stacks), "stack")
    if project.drift:
        return phrase(
            "{stacks}: [{failed} failed, ]{changed} with drift, {unchanged} without.",
            stacks=stacks,
            failed=numbers["failed"] or None,
            changed=numbers["changed"],
            unchanged=numbers["unchanged"],
        )
    return phrase(
        "{stacks}: [{failed} failed, ][{waiting} waiting, ]{changed} with changes, "
        "{unchanged} unchanged.",
        stacks=stacks,
        failed=numbers["failed"] or None,
        waiting=numbers["waiting"] or None,
        changed=numbers["changed"],
        unchanged=numbers["unchanged"],
    )


def cost_line(project: ShownProject) -> str:
    """The change of the monthly cost of all stacks, and the whole."""
    found = shown_project.cost(project.plans)
    if found.before is None or found.after is None:
        return ""
    total = format.won(found.after)
    if found.unknown or project.of(ShownStatus.WAITING, ShownStatus.FAILED):
        total = phrase("at least {amount}", amount=total)
    if found.after == found.before:
        return phrase("Cost: no change; {total} a month (without VAT).", total=total)
    return phrase(
        "Cost: {change} a month; {total} a month in total (without VAT).",
        change=format.won(found.after - found.before, signed=True),
        total=total,
    )


def _consent_lines(project: ShownProject, style: Style) -> Iterable[Line]:
    needed = list(shown_project.consents(project))
    if needed:
        texts = ", ".join(project_consent.needed_texts(needed))
        yield from sentence(phrase("Needs consent: {texts}.", texts=texts), style, tone=Tone.CARE)
    if project.command is None or not project.of(ShownStatus.CHANGED):
        return
    yield Line()
    yield Line(phrase("To apply these plans:"), Tone.TITLE)
    options = [project_consent.accept_options(needed)] if needed else []
    command = " ".join([escape.outside(project.command), *options])
    yield from consent_text.pasted(command, style)
