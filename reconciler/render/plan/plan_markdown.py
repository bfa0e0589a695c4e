"""A plan as Markdown, for a pull request: danger, totals and consent in the open, everything else
in a fold.

All that comes from outside stands in fenced blocks, where nothing is obeyed: no markup, no mention,
no link. Our lines begin with a sign or with spaces, so that none of them can end a fence. What is
too long for a comment is cut, and the cut is told first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.model import exit_codes
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import Consent, Plan
from reconciler.planner.checks.approval import Decision, accept_options
from reconciler.planner.steps.output_changes import OutputChange
from reconciler.render import escape, format, problem_groups, problem_text
from reconciler.render.plan import cost_text, plan_rows, plan_text, totals
from reconciler.render.plan.plan_sections import Section, sections
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.run import screen
from reconciler.render.run.screen import Line, Style

CHARACTERS_MAX = 60_000
"""A comment of GitHub holds 65,536 characters; what a bot adds has to fit too."""

_DANGER_CHARACTERS_MAX = 40_000
_NOTES_CHARACTERS_MAX = 8_000
_WIDTH = 110
_FENCE = "```"


@dataclass(slots=True)
class _Page:
    """The text that grows, and what had to be left out of it."""

    parts: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def length(self) -> int:
        return sum(map(len, self.parts))


def plan_markdown(
    plan: Plan,
    header: PlanHeader,
    decision: Decision | None = None,
    outputs: Sequence[OutputChange] = (),
    *,
    drift: bool = False,
) -> str:
    """The plan as a comment of less than `CHARACTERS_MAX` characters. `drift`: it is what `drift`
    found, and proposes nothing.
    """
    found = sections(plan)
    page = _Page()
    first = _problems(problem_groups.first(plan.problems))
    if first:
        _block(page, "#### Attention", first, _DANGER_CHARACTERS_MAX, "of what stands already")
    for section in found:
        if section.name == "attention":
            title = "" if first else "#### Attention"
            _block(
                page,
                title,
                _rows(section),
                _DANGER_CHARACTERS_MAX,
                f"of {len(section.rows)} dangerous changes",
            )
    stopped = exit_codes.stops(plan.problems)
    if stopped:
        _block(
            page,
            "#### Errors: nothing can be done",
            _problems(problem_groups.rest(plan.problems)),
            _DANGER_CHARACTERS_MAX,
            "of the errors",
        )
    if not drift and not stopped:
        _block(page, "", _totals(plan), _NOTES_CHARACTERS_MAX, "of the totals", language="")
        _consents(page, plan, decision)
    folded = _Page(left_out=page.left_out)
    _fold(
        folded,
        plan,
        [section for section in found if section.name != "attention"],
        outputs,
        room=CHARACTERS_MAX - page.length - 2_500,
    )
    return "".join(
        [*_head(plan, header, found, page.left_out, drift=drift), *page.parts, *folded.parts]
    )


def problems_markdown(found: Sequence[Problem]) -> str:
    """What stands for a plan where there was an error before one."""
    page = _Page()
    lines = _texts(
        line
        for item in found
        for line in problem_text.problem_lines(item, Style(width=_WIDTH), indent=" ")
    )
    _block(
        page,
        f"### No plan: {problem_text.tally(found)}",
        lines,
        _DANGER_CHARACTERS_MAX,
        "of the problems",
    )
    return "".join(page.parts)


def _head(
    plan: Plan,
    header: PlanHeader,
    found: Sequence[Section],
    left_out: Sequence[str],
    *,
    drift: bool,
) -> list[str]:
    title = f"{'Drift' if drift else 'Plan'} of `{_code(plan.title)}`"
    simulated = ", simulated" if header.simulated else ""
    parts = [f"### {title}: {_gist(plan, found, drift=drift)}{simulated}\n\n"]
    if header.provisional is not None:
        parts.append(
            f"**Provisional**: another run works on this stack now.\n\n{_fenced([escape.outside(header.provisional)])}\n"
        )
    if left_out:
        missing = "; ".join(left_out)
        parts.append(
            f"**This comment is cut, not the plan**: {missing} not shown. Read `reconciler plan` before you approve it.\n\n"
        )
    parts.append(
        f"Plan `{header.id or plan_text.plan_id(plan)}`, read {format.moment(header.at)} "
        f"with {format.count(plan.calls.read, 'call')}, state serial {plan.serial}.\n\n"
    )
    return parts


def _gist(plan: Plan, found: Sequence[Section], *, drift: bool) -> str:
    if drift:
        return (
            f"{format.count(len(plan.drift), 'object')} changed outside" if plan.drift else "none"
        )
    if exit_codes.stops(plan.problems):
        return problem_text.tally(plan.problems)
    if plan.is_empty:
        return "no changes"
    dangerous = sum(len(section.rows) for section in found if section.name == "attention")
    return f"`{totals.counts(plan)}`" + (f", **{dangerous} dangerous**" if dangerous else "")


def _code(text: str) -> str:
    """A text for a code span: names of stacks and environments hold no backtick, and what does is
    not obeyed either.
    """
    return escape.outside(text).replace("`", "'")


# Blocks
# ---------------------------------------------------------------------------------------------------------------------------


def _rows(section: Section) -> list[str]:
    """The rows of the screen; their signs at the edge colour the lines."""
    look = Style(width=_WIDTH)
    return [
        line.text[2:] if line.text.startswith("  ") else line.text
        for line in plan_rows.table(section.rows, look)
    ]


def _problems(found: Sequence[Problem]) -> list[str]:
    return _texts(
        line
        for item in problem_groups.together(found)
        for line in problem_text.problem_lines(item, Style(width=_WIDTH), indent=" ")
    )


def _totals(plan: Plan) -> list[str]:
    parts = [*totals.flowing("Totals   ", totals.totals(plan), Style(width=_WIDTH))]
    found = totals.harm(plan)
    parts += totals.flowing("         ", found, Style(width=_WIDTH)) if found else []
    return _texts(parts)


def _texts(lines: Iterable[Line]) -> list[str]:
    return [screen.plain(line, Style()) for line in lines]


def _fenced(lines: Sequence[str], language: str = "") -> str:
    return (
        f"{_FENCE}{language}\n" + "".join(f"{_unfenced(line)}\n" for line in lines) + f"{_FENCE}\n"
    )


def _unfenced(line: str) -> str:
    """A line that cannot end a fence, whatever it says."""
    return line.replace(_FENCE, "`` `")


def _block(
    page: _Page, title: str, lines: Sequence[str], room: int, what: str, *, language: str = "diff"
) -> None:
    """A fenced block under a title; lines that find no room are left out, and that is told."""
    kept, used = 0, 0
    for line in lines:
        used += len(line) + 1
        if used > room:
            break
        kept += 1
    if kept < len(lines):
        page.left_out.append(f"{len(lines) - kept} of {len(lines)} lines {what}")
    text = _fenced(
        [
            *lines[:kept],
            *([f"... {len(lines) - kept} more lines, not shown here"] if kept < len(lines) else []),
        ],
        language,
    )
    page.parts.append((f"{title}\n\n" if title else "") + text + "\n")


def _consents(page: _Page, plan: Plan, decision: Decision | None) -> None:
    still: Sequence[Consent] = plan.consents if decision is None else decision.open
    given: Sequence[Consent] = () if decision is None else decision.given
    for title, consents in (("Needs consent:", still), ("Consent already given:", given)):
        if consents:
            _block(
                page,
                title,
                _wrapped(accept_options(consents)),
                _NOTES_CHARACTERS_MAX,
                "of the consent",
                language="sh",
            )
    if said := totals.held_by(still):
        page.parts.append(f"**{said[0].upper()}{said[1:]}.**\n\n")


def _wrapped(text: str) -> list[str]:
    return escape.wrap(escape.outside(text), _WIDTH)


def _fold(
    page: _Page, plan: Plan, found: Sequence[Section], outputs: Sequence[OutputChange], *, room: int
) -> None:
    blocks = [(section.title, _rows(section), f"of {section.name}") for section in found]
    if outputs:
        blocks.append(
            (
                "Outputs",
                _texts(plan_text.output_lines(outputs, Style(width=_WIDTH))),
                "of the outputs",
            )
        )
    if (rest := problem_groups.rest(plan.problems)) and not exit_codes.stops(plan.problems):
        blocks.append(("Notes", _problems(rest), "of the notes"))
    if plan.cost.parts:
        blocks.append(
            (
                cost_text.TITLE,
                [
                    line.text.strip()
                    for line in cost_text.lines(plan.cost.parts, Style(width=_WIDTH))
                ],
                "of the costs",
            )
        )
    if plan.steps:
        blocks.append(
            ("Order", _texts(totals.waves("", plan.steps, Style(width=_WIDTH))), "of the order")
        )
    if not blocks:
        return
    named = ", ".join(title.split("   ")[0].lower() for title, _, _ in blocks)
    inside = _Page(left_out=page.left_out)
    for number, (title, lines, what) in enumerate(blocks):
        share = (room - inside.length) // (len(blocks) - number)
        name, _, more = title.partition("   ")
        _block(inside, f"**{name.capitalize()}**{f': {more}' if more else ''}", lines, share, what)
    inside.parts += [f"{said[0].upper()}{said[1:]}.\n\n" for said in plan_text.asides(plan)]
    page.parts += ["<details>\n", f"<summary>{named}</summary>\n\n", *inside.parts, "</details>\n"]
