"""A plan on a screen: danger first, one line per object, totals last (planning#order-of-changes).
It shows the plan and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.common import json_text
from reconciler.common.dataclass import dataclass
from reconciler.model import exit_codes, serialize
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import Action, Plan
from reconciler.model.ports.plan_ports import short_id
from reconciler.planner.checks.approval import Decision
from reconciler.planner.steps.outputs import OutputChange
from reconciler.render import format, problem_groups, problem_text
from reconciler.render.format import phrase
from reconciler.render.layout import sentence
from reconciler.render.plan import plan_blocks, totals
from reconciler.render.plan.plan_blocks import Block
from reconciler.render.plan.tally import tally
from reconciler.render.run.screen import Line, Style, Tone


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """What the screen says besides the plan: the end of the access key, the folder of the state,
    and `at`, the unix seconds of the reading.

    `saved` is the file of a saved plan, and `id` the id of a plan that can be saved; without one,
    four characters are shown instead.
    `command` applies the plan if consent is added; None if the run itself asks.
    """

    key_suffix: str
    state: str
    at: float
    simulated: bool = False
    provisional: str | None = None
    saved: str | None = None
    id: str | None = None
    command: str | None = None


def plan_lines(
    plan: Plan,
    header: PlanHeader,
    style: Style,
    decision: Decision | None = None,
    outputs: Sequence[OutputChange] = (),
) -> Iterable[Line]:
    """The whole screen of a plan. `decision` is the consent that was given and that is open, if it
    is known; `outputs` are those that will change.
    """
    yield from _title(title(plan, header), header, style)
    if plan.is_empty and not plan.drift and not plan.problems and not outputs:
        yield from sentence(_no_changes(plan), style, tone=Tone.GOOD)
        yield from _details(plan, header, style)
        return
    blocks = plan_blocks.blocks(plan, outputs, verbose=style.verbose)
    with_cost = style.verbose or header.saved is not None
    yield from block_lines((each for each in blocks if with_cost or each.name != "cost"), style)
    yield Line()
    if exit_codes.stops(plan.problems):
        found = problem_text.tally(plan.problems)
        yield Line(phrase("No plan, and nothing is sent: {tally}.", tally=found), Tone.DANGER)
    elif plan.is_empty:
        text = _no_changes(plan, outputs_change=bool(outputs))
        yield from sentence(text, style, tone=Tone.GOOD)
    else:
        yield from totals.lines(plan, style, decision, header.command)
    yield from _details(plan, header, style)


def drift_lines(plan: Plan, header: PlanHeader, style: Style) -> Iterable[Line]:
    """The whole screen of `drift`."""
    stack, where = _stack(plan), where_of(header)
    text = phrase("Drift of {stack}, {where}", stack=stack, where=where)
    yield from _title(text, header, style)
    blocks = plan_blocks.blocks(plan, verbose=style.verbose)
    yield from block_lines((each for each in blocks if each.name != "cost"), style)
    if plan.drift or not plan.problems:
        yield Line()
        yield from sentence(drift_counts(plan), style, tone=Tone.CARE if plan.drift else Tone.GOOD)
    yield from _details(plan, header, style)


def drift_counts(plan: Plan) -> str:
    """How many resources were changed outside."""
    if not plan.drift:
        return phrase("No drift: nothing that the stack manages was changed outside.")
    number = len({change.address.owner for change in plan.drift})
    resources = format.count(number, "resource")
    if all(change.address.rule is None for change in plan.drift):
        return phrase("Drift: {resources} changed outside.", resources=resources)
    return phrase(
        "Drift: {resources} changed outside. A rule counts as part of its firewall.",
        resources=resources,
    )


def attention_lines(found: Sequence[Problem], style: Style) -> Iterable[Line]:
    """The problems that stand above everything else, under their title."""
    first = problem_groups.first(found)
    return block_lines([plan_blocks.attention(first)] if first else [], style)


def plan_id(plan: Plan) -> str:
    """Four characters for a plan that cannot be saved: equal changes and steps have equal ones."""
    parts = [plan.title, serialize.changes_exactly(plan), serialize.steps_exactly(plan)]
    return json_text.checksum(parts)[:4]


def title(plan: Plan, header: PlanHeader) -> str:
    """The first line: what it is a plan of, for which account, and where the state is."""
    stack, where = _stack(plan), where_of(header)
    if header.saved is not None:
        return phrase(
            "Saved plan {file} for {stack}, {where}, made {moment}",
            file=header.saved,
            stack=stack,
            where=where,
            moment=format.moment(header.at),
        )
    if plan.destroy:
        return phrase("Plan to destroy {stack}, {where}", stack=stack, where=where)
    if plan.partial and not _is_undo(plan):
        return phrase(
            "Plan for a part of {stack} (--only or --except), {where}", stack=stack, where=where
        )
    return phrase("Plan for {stack}, {where}", stack=stack, where=where)


def details(plan: Plan, header: PlanHeader) -> str:
    """What identifies a plan: its four characters, when the account was read, and the state."""
    return phrase(
        "Plan {id}, read {moment} with {calls}, state serial {serial}.",
        id=plan_id(plan) if header.id is None else short_id(header.id),
        moment=format.moment(header.at),
        calls=format.count(plan.calls.read, "api-call"),
        serial=plan.serial,
    )


def _title(text: str, header: PlanHeader, style: Style) -> Iterable[Line]:
    yield from sentence(text, style, tone=Tone.TITLE)
    if header.provisional is not None:
        provisional = phrase("Provisional: {reason}", reason=header.provisional)
        yield from sentence(provisional, style, tone=Tone.CARE)


def _details(plan: Plan, header: PlanHeader, style: Style) -> Iterable[Line]:
    if style.verbose:
        yield Line()
        yield from sentence(details(plan, header), style, tone=Tone.FAINT)


def _stack(plan: Plan) -> str:
    if plan.environment is None:
        return phrase("stack {stack}", stack=plan.stack)
    return phrase(
        "stack {stack}, environment {environment}", stack=plan.stack, environment=plan.environment
    )


def where_of(header: PlanHeader) -> str:
    """The account and the place of the state."""
    if header.simulated:
        return phrase(
            "on the local cloud (simulated)[, state in {folder}]", folder=header.state or None
        )
    if not header.key_suffix:
        return phrase("on iwinv[, state in {folder}]", folder=header.state or None)
    return phrase(
        "account of key ..{suffix}[, state in {folder}]",
        suffix=header.key_suffix,
        folder=header.state or None,
    )


def block_lines(blocks: Iterable[Block], style: Style) -> Iterable[Line]:
    """The lines of blocks, each under its title after an empty line."""
    title = ""
    for block in blocks:
        if (block.title and block.title != title) or block.note:
            yield Line()
            text = block.title
            if block.note:
                text = phrase("{title}: {note}", title=block.title, note=block.note)
            yield from sentence(text, style, tone=Tone.TITLE)
        title = block.title
        yield from block.lines(style)


def _no_changes(plan: Plan, *, outputs_change: bool = False) -> str:
    outputs = phrase("except to outputs") if outputs_change else ""
    reason = _reason_for_no_changes(plan)
    return phrase("No changes[ {outputs}]. {reason}", outputs=outputs, reason=reason)


def _reason_for_no_changes(plan: Plan) -> str:
    if plan.destroy:
        return phrase("There is nothing to destroy.")
    if plan.partial and not _is_undo(plan):
        return phrase("The chosen part matches the configuration.")
    number = tally(plan).number(Action.NONE)
    target = phrase("the restored state") if _is_undo(plan) else phrase("the configuration")
    if number == 1:
        return phrase("1 resource matches {target}.", target=target)
    return phrase("{number} resources match {target}.", number=number, target=target)


def _is_undo(plan: Plan) -> bool:
    return any(problem.code == "undo" for problem in plan.problems)
