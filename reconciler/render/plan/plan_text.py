"""A plan on a screen: danger first, one line per object, totals last (planning#order-of-changes).
It shows the plan and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.common import json_text
from reconciler.common.dataclass import dataclass
from reconciler.model import exit_codes, serialize
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import Plan
from reconciler.planner.checks.approval import Decision
from reconciler.planner.steps.outputs import OutputChange
from reconciler.render import escape, format, problem_groups, problem_text
from reconciler.render.format import phrase
from reconciler.render.layout import labelled
from reconciler.render.plan import plan_blocks, totals
from reconciler.render.plan.plan_blocks import Block
from reconciler.render.run.screen import Line, Style, Tone


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """What the first line says besides the plan: the end of the access key, the folder of the
    state, and `at`, the unix seconds of the reading.

    `saved` is the file of a saved plan, and `id` its four characters, computed if they are None.
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
    style: Style,
    decision: Decision | None = None,
    outputs: Sequence[OutputChange] = (),
) -> Iterable[Line]:
    """The whole screen of a plan. `decision` is the consent that was given and that is open, if it
    is known; `outputs` are those that will change.
    """
    head = _head(plan, header)
    if plan.is_empty and not plan.drift and not plan.problems and not outputs:
        parts = [_no_changes(plan), *head]
        if style.width is None:
            yield Line(f" {'    '.join(parts)}", Tone.GOOD)
        else:
            yield from labelled(" ", parts, style, tone=Tone.GOOD)
        return
    id = phrase("plan {id}", id=header.id or plan_id(plan))
    yield from _title([*head, id], header, style)
    blocks = plan_blocks.blocks(plan, outputs, verbose=style.verbose)
    with_cost = style.verbose or header.saved is not None
    yield from _block_lines((each for each in blocks if with_cost or each.name != "cost"), style)
    yield Line()
    if exit_codes.stops(plan.problems):
        tally = problem_text.tally(plan.problems)
        yield Line(" " + phrase("No plan, and nothing is sent: {tally}.", tally=tally), Tone.DANGER)
    elif plan.is_empty:
        yield Line(f" {_no_changes(plan, outputs_change=bool(outputs))}", Tone.GOOD)
    else:
        yield from totals.lines(plan, style, decision)


def drift_lines(plan: Plan, header: PlanHeader, style: Style) -> Iterable[Line]:
    """The whole screen of `drift`."""
    yield from _title(_head(plan, header), header, style)
    blocks = plan_blocks.blocks(plan, verbose=style.verbose)
    yield from _block_lines((each for each in blocks if each.name != "cost"), style)
    if plan.drift:
        yield Line()
        objects = format.count(len(plan.drift), "object")
        yield Line(" " + phrase("{objects} changed outside.", objects=objects), Tone.CARE)
    elif not plan.problems:
        yield Line()
        yield Line(
            " " + phrase("No drift: nothing that the stack manages was changed outside."), Tone.GOOD
        )


def attention_lines(found: Sequence[Problem], style: Style) -> Iterable[Line]:
    """The problems that stand above everything else, under their title."""
    first = problem_groups.first(found)
    return _block_lines([plan_blocks.attention(first)] if first else [], style)


def plan_id(plan: Plan) -> str:
    """Four characters that identify a plan on a screen: equal changes and steps have equal ones."""
    parts = [plan.title, serialize.changes_exactly(plan), serialize.steps_exactly(plan)]
    return json_text.checksum(parts)[:4]


def _title(parts: Sequence[str], header: PlanHeader, style: Style) -> Iterable[Line]:
    yield from labelled(" ", parts, style, tone=Tone.TITLE)
    if header.provisional is not None:
        yield Line(" " + phrase("Provisional: {reason}", reason=header.provisional), Tone.CARE)


def _head(plan: Plan, header: PlanHeader) -> list[str]:
    parts = [
        escape.outside(plan.title),
        phrase("simulated") if header.simulated else "",
        phrase("[saved in {file}]", file=header.saved),
        phrase("[key ..{suffix}]", suffix=header.key_suffix),
        phrase("state {folder} (serial {serial})", folder=header.state, serial=plan.serial),
        phrase("read {calls}", calls=format.count(plan.calls.read, "call")),
        format.moment(header.at),
    ]
    return [part for part in parts if part]


def _block_lines(blocks: Iterable[Block], style: Style) -> Iterable[Line]:
    title = ""
    for block in blocks:
        if (block.title and block.title != title) or block.note:
            yield Line()
            note = f"   {block.note}" if block.note else ""
            yield from labelled(" ", [f"{block.title.upper()}{note}"], style, tone=Tone.TITLE)
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
        return phrase("Narrowed by --only or --except: the rest of the stack is not checked.")
    target = phrase("the restored state") if _is_undo(plan) else phrase("the configuration")
    if plan.unchanged == 1:
        return phrase("1 object matches {target}.", target=target)
    return phrase("{number} objects match {target}.", number=plan.unchanged, target=target)


def _is_undo(plan: Plan) -> bool:
    return any(problem.code == "undo" for problem in plan.problems)
