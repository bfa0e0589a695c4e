"""A plan as Markdown, for a pull request: danger, totals and consent are visible, everything else
is folded.

All text from outside is in fenced blocks, where no markup, mention or link takes effect. Our
lines begin with a sign or with spaces, so that none of them can end a fence. What is too long for a
comment is cut, and the comment says so first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.model import exit_codes
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import Plan
from reconciler.planner.checks.approval import Decision
from reconciler.planner.steps.outputs import OutputChange
from reconciler.render import escape, format, problem_text
from reconciler.render.format import phrase
from reconciler.render.plan import consent_text, plan_blocks, plan_text, totals
from reconciler.render.plan.plan_blocks import Block
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.plan.tally import planned, tally
from reconciler.render.run import screen
from reconciler.render.run.screen import Line, Style

CHARACTERS_MAX = 60_000
"""A comment of GitHub holds 65,536 characters; what a bot adds must fit too."""

_DANGER_CHARACTERS_MAX = 40_000
_NOTES_CHARACTERS_MAX = 8_000
STYLE = Style(width=110)
_FENCE = "```"


@dataclass(slots=True)
class Page:
    """The text that grows, and what was left out of it."""

    parts: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def length(self) -> int:
        return sum(map(len, self.parts))

    def add(
        self, title: str, lines: Sequence[str], room: int, name: str, *, language: str = "diff"
    ) -> None:
        """A fenced block under a title. Lines without room are left out, and the block says so."""
        kept, used = 0, 0
        for line in lines:
            used += len(line) + 1
            if used > room:
                break
            kept += 1
        missing = len(lines) - kept
        shown = list(lines[:kept])
        if missing:
            self.left_out.append(
                phrase(
                    "{missing} of {number} lines of {name}",
                    missing=missing,
                    number=len(lines),
                    name=name,
                )
            )
            shown.append(phrase("... {number} more lines, not shown here", number=missing))
        self.parts.append((f"{title}\n\n" if title else "") + fenced(shown, language) + "\n")


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
    blocks = list(plan_blocks.blocks(plan, outputs))
    page = Page()
    add_dangers(page, blocks)
    if not (drift or plan.is_empty or exit_codes.stops(plan.problems)):
        add_totals(page, plan, header)
        _consent(page, plan, header, decision)
    folded = Page(left_out=page.left_out)
    add_fold(folded, plan, blocks, room=CHARACTERS_MAX - page.length - 2_500)
    details = escape.outside(plan_text.details(plan, header))
    dangerous = sum(block.dangerous for block in blocks)
    head = _head(plan, header, gist(plan, dangerous, drift=drift), page.left_out, drift=drift)
    return "".join([*head, *page.parts, *folded.parts, f"\n{details}\n"])


def problems_markdown(found: Sequence[Problem]) -> str:
    """What replaces a plan if an error came before it."""
    page = Page()
    lines = [
        line
        for item in found
        for line in problem_text.problem_lines(item, STYLE, indent=plan_blocks.MARGIN)
    ]
    title = phrase("No plan: {tally}", tally=problem_text.tally(found))
    page.add(f"### {title}", texts(lines), _DANGER_CHARACTERS_MAX, phrase("the problems"))
    return "".join(page.parts)


def _head(
    plan: Plan, header: PlanHeader, gist: str, left_out: Sequence[str], *, drift: bool
) -> Iterable[str]:
    stack = escape.outside(plan.title).replace("`", "'")
    title = phrase(
        "Drift of `{stack}`: {gist}[ ({simulated})]"
        if drift
        else "Plan for `{stack}`: {gist}[ ({simulated})]",
        stack=stack,
        gist=gist,
        simulated=phrase("simulated") if header.simulated else "",
    )
    yield f"### {title}\n\n"
    if header.provisional is not None:
        yield phrase("**Provisional**: another run works on this stack now.") + "\n\n"
        yield fenced([escape.outside(header.provisional)]) + "\n"
    if left_out:
        yield cut_notice(left_out) + "\n\n"


def cut_notice(left_out: Sequence[str]) -> str:
    """That a comment does not show everything, and what is missing."""
    return phrase(
        "**This comment is cut, not the plan**: {missing} not shown. Read `reconciler plan` before "
        "you approve it.",
        missing="; ".join(left_out),
    )


def gist(plan: Plan, dangerous: int, *, drift: bool = False) -> str:
    """The result in a few words, for the title."""
    if drift:
        number = len({change.address.owner for change in plan.drift})
        resources = format.count(number, "resource")
        return (
            phrase("{resources} changed outside", resources=resources) if number else phrase("none")
        )
    if exit_codes.stops(plan.problems):
        return problem_text.tally(plan.problems)
    if plan.is_empty:
        return phrase("no changes")
    return phrase(
        "{counts}[, **{number} dangerous**]",
        counts=planned(tally(plan)),
        number=dangerous or None,
    )


# Blocks
# ------------------------------------------------------------------------------------------------


def _heading(block: Block) -> str:
    if block.name == "errors":
        return phrase("Errors: nothing can be done")
    return block.title


def _name(block: Block) -> str:
    """A block as a line names it that says what is missing."""
    if block.dangerous:
        return phrase("{number} dangerous changes", number=block.dangerous)
    return block.title.lower()


def texts(lines: Iterable[Line]) -> list[str]:
    """The lines without the margin of the screen; a sign at the edge colours a line."""
    return [_text(screen.plain(line, Style())) for line in lines]


def _text(line: str) -> str:
    inner = line.removeprefix(plan_blocks.MARGIN)
    is_row = inner[:1] == " " or inner[1:3] == "  "
    return inner if is_row else f" {inner}"


def fenced(lines: Sequence[str], language: str = "") -> str:
    """The lines in a fence, which none of them can end."""
    inner = "".join(line.replace(_FENCE, "`` `") + "\n" for line in lines)
    return f"{_FENCE}{language}\n{inner}{_FENCE}\n"


def add_dangers(page: Page, blocks: Sequence[Block], *, room: int = _DANGER_CHARACTERS_MAX) -> None:
    """What needs attention, and errors, each block with its share of the room."""
    found = [block for block in blocks if block.name in ("attention", "errors")]
    end, title = page.length + room, ""
    for number, block in enumerate(found):
        heading = "" if block.title == title else f"#### {_heading(block)}"
        share = (end - page.length) // (len(found) - number)
        page.add(heading, texts(block.lines(STYLE)), share, _name(block))
        title = block.title


def add_totals(page: Page, plan: Plan, header: PlanHeader) -> None:
    """What the plan does in figures."""
    title = plan_text.title(plan, header)
    lines = [*escape.wrap(title, STYLE.width or 0), ""]
    lines += [line.text for line in (*totals.totals(plan, STYLE), *totals.left_alone(plan, STYLE))]
    page.add("", lines, _NOTES_CHARACTERS_MAX, phrase("the totals"), language="")


def _consent(page: Page, plan: Plan, header: PlanHeader, decision: Decision | None) -> None:
    needed, given = consent_text.open_and_given(plan, decision)
    if given:
        options = [consent_text.options(given)]
        name = phrase("the consent")
        title = phrase("Consent already given:")
        page.add(title, options, _NOTES_CHARACTERS_MAX, name, language="sh")
    if stop := consent_text.held_by(needed):
        page.parts.append(f"**{stop}**\n\n")
    if plan.is_empty:
        return
    if header.command is not None:
        title, text = consent_text.command_title(needed), header.command
        text = consent_text.whole_command(text, plan, decision)
    else:
        title, text = phrase("Needs consent:"), consent_text.options(needed)
    if text:
        lines = [line.text.removeprefix("  ") for line in consent_text.pasted(text, STYLE)]
        page.add(title, lines, _NOTES_CHARACTERS_MAX, phrase("the command"), language="sh")


def add_fold(page: Page, plan: Plan, blocks: Sequence[Block], *, room: int) -> None:
    """Everything else, folded, each block with its share of the room."""
    folded = [block for block in blocks if block.name not in ("attention", "errors", "asides")]
    parts = [(block.title, block.note, texts(block.lines(STYLE)), _name(block)) for block in folded]
    if plan.steps:
        order = phrase("Order of the steps")
        lines = [line.text for line in totals.waves(" ", plan.steps, STYLE)]
        parts.append((order, "", lines, order.lower()))
    if not parts:
        return
    inside = Page(left_out=page.left_out)
    for number, (title, note, lines, name) in enumerate(parts):
        share = (room - inside.length) // (len(parts) - number)
        inside.add(f"**{title}**{f': {note}' if note else ''}", lines, share, name)
    inside.parts += [f"{text}\n\n" for text in plan_blocks.asides(plan)]
    summary = ", ".join(title.lower() for title, _, _, _ in parts)
    page.parts += [
        "<details>\n",
        f"<summary>{summary}</summary>\n\n",
        *inside.parts,
        "</details>\n",
    ]
