"""The plans of several stacks as one comment of a pull request: danger, errors, one line for each
stack, totals and consent are visible; the changes of each stack are folded.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.plan import consent_text, plan_blocks
from reconciler.render.plan.plan_blocks import Block
from reconciler.render.plan.plan_markdown import CHARACTERS_MAX, STYLE, Page, texts
from reconciler.render.project import project_consent, project_text, shown_project
from reconciler.render.project.shown_project import ShownProject, ShownStack, ShownStatus
from reconciler.render.run.screen import Line

_DANGER_CHARACTERS_MAX = 30_000
_TABLE_CHARACTERS_MAX = 10_000
_NOTES_CHARACTERS_MAX = 4_000
_HEAD_CHARACTERS_MAX = 2_500
_NAMED_MAX, _TITLE_CELLS_MAX = 8, 100
_NOT_FOLDED = ("attention", "errors", "asides")
"""The blocks of a plan that are shown above, or not at all."""


def project_markdown(project: ShownProject) -> str:
    """The plans as a comment of less than `CHARACTERS_MAX` characters."""
    if not project.stacks:
        return f"### {escape.outside(project_text.NOTHING)}\n"
    page = Page()
    _dangers(page, project)
    _table(page, project)
    _totals(page, project)
    folded = Page(left_out=page.left_out)
    _folds(folded, project, room=CHARACTERS_MAX - page.length - _HEAD_CHARACTERS_MAX)
    return "".join([*_head(project, page.left_out), *page.parts, *folded.parts])


def _head(project: ShownProject, left_out: Sequence[str]) -> Iterable[str]:
    yield f"### {project_text.headline(project)}\n\n"
    if project.environment is not None:
        name = escape.outside(project.environment).replace("`", "'")
        yield phrase("Environment `{name}` of each stack.", name=name) + "\n\n"
    if left_out:
        missing = format.first_of(left_out, "; ", most=_NAMED_MAX)
        yield (
            phrase(
                "**This comment is cut, not the plan**: {missing} not shown. Read `reconciler "
                "plan` before you approve it.",
                missing=missing,
            )
            + "\n\n"
        )


def _dangers(page: Page, project: ShownProject) -> None:
    """What needs attention and what failed, stack by stack."""
    found = [(each, _open_lines(each)) for each in project.stacks]
    found = [(each, lines) for each, lines in found if lines]
    for number, (each, lines) in enumerate(found):
        room = (_DANGER_CHARACTERS_MAX - page.length) // (len(found) - number)
        page.add(f"#### {_name(each)}", texts(lines), room, _name(each))


def _open_lines(each: ShownStack) -> list[Line]:
    if each.status is ShownStatus.FAILED:
        return list(project_text.failure_lines(each, STYLE, indent=plan_blocks.MARGIN))
    return list(project_text.attention_of(each, STYLE))


def _table(page: Page, project: ShownProject) -> None:
    lines = _uncolored(project_text.table_lines(project, STYLE))
    page.add("", lines, _TABLE_CHARACTERS_MAX, phrase("the stacks"), language="")


def _totals(page: Page, project: ShownProject) -> None:
    lines = _uncolored(project_text.totals_lines(replace(project, command=None), STYLE))
    page.add("", lines, _NOTES_CHARACTERS_MAX, phrase("the totals"), language="")
    if project.command is None or not project.of(ShownStatus.CHANGED):
        return
    needed = list(shown_project.consents(project))
    options = [project_consent.accept_options(needed)] if needed else []
    command = " ".join([escape.outside(project.command), *options])
    lines = [line.text.removeprefix("  ") for line in consent_text.pasted(command, STYLE)]
    title, name = phrase("To apply these plans:"), phrase("the command")
    page.add(title, lines, _NOTES_CHARACTERS_MAX, name, language="sh")


def _uncolored(lines: Iterable[Line]) -> list[str]:
    """The lines without the margin of the screen, for a block in which no sign colors a line."""
    return [line.text.removeprefix(project_text.MARGIN) for line in lines]


def _folds(page: Page, project: ShownProject, *, room: int) -> None:
    """The changes of each stack, folded, each with its share of the room."""
    found = [(each, _folded_blocks(each)) for each in project.stacks]
    found = [(each, blocks) for each, blocks in found if blocks]
    for number, (each, blocks) in enumerate(found):
        share = (room - page.length) // (len(found) - number)
        inside = Page(left_out=page.left_out)
        gist = project_text.stack_gist(each, drift=project.drift)
        summary = f"<summary>{html.escape(f'{escape.outside(each.title)}: {gist}')}</summary>\n\n"
        left = share - len(summary) - 100 * (len(blocks) + 1)
        for position, block in enumerate(blocks):
            title = f"**{block.title}**{f': {block.note}' if block.note else ''}"
            rest = (left - inside.length) // (len(blocks) - position)
            name = f"{_name(each)} ({block.title.lower()})"
            inside.add(title, texts(block.lines(STYLE)), rest, name)
        page.parts += ["<details>\n", summary, *inside.parts, "</details>\n"]


def _folded_blocks(each: ShownStack) -> list[Block]:
    if each.shown is None or each.status is ShownStatus.FAILED:
        return []
    blocks = plan_blocks.blocks(each.shown.plan, each.shown.outputs)
    found = [block for block in blocks if block.name not in _NOT_FOLDED]
    return found if any(block.name != "cost" for block in found) else []


def _name(each: ShownStack) -> str:
    """The title of a stack in a heading: letters, digits, `-` and `/` only, if it was checked."""
    return f"`{escape.cut(escape.outside(each.title), _TITLE_CELLS_MAX).replace('`', chr(39))}`"
