"""The issue about the drift of a stack, and the pull request with it.

The first line of an issue says which stack of which project it is about, the second one which
drift it has shown. They are for finding an issue again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconciler.common import json_text
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import serialize
from reconciler.model.plan import Plan
from reconciler.model.ports.forge_ports import COMMENT_CHARACTERS_MAX
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.plan import plan_blocks
from reconciler.render.plan.plan_markdown import STYLE, Page, texts
from reconciler.render.review import markers

TITLE_CHARACTERS_MAX = 200

_ROWS_CHARACTERS_MAX = 40_000
_TAIL_CHARACTERS = 2_000
_HEAD = re.compile(
    r"<!-- reconciler-drift: (\S+) (\S+) -->[ \t]*\r?\n<!-- drift: ([0-9a-f]{16}|none) -->"
    r"[ \t]*(?:\r?\n|\Z)"
)


@dataclass(frozen=True, slots=True)
class DriftHead:
    """The hidden lines of an issue. `drift` is a short digest of the drift that it shows, None if
    it says that the drift is gone.
    """

    project: str
    title: str
    drift: str | None = None

    @property
    def text(self) -> str:
        """The lines."""
        return (
            f"<!-- reconciler-drift: {self.project} {self.title} -->\n"
            f"<!-- drift: {self.drift or 'none'} -->\n"
        )


def head_of(body: str) -> DriftHead | None:
    """The hidden lines of an issue; None if it has none."""
    found = _HEAD.match(body)
    if found is None:
        return None
    return DriftHead(found[1], found[2], None if found[3] == "none" else found[3])


def issue_title(title: str) -> str:
    """The title of the issue about a stack."""
    return _cut(phrase("Drift of {stack}", stack=title))


def digest_of(plan: Plan) -> str:
    """A short digest of the drift of a plan, the same for the same drift."""
    rows = [
        [
            str(change.address),
            [
                [field.path, serialize.shown(field.before), serialize.shown(field.after)]
                for field in change.fields
            ],
        ]
        for change in plan.drift
    ]
    return json_text.checksum(rows)[:16]


def issue_body(plan: Plan, head: DriftHead, commands: Sequence[str], run_url: str | None) -> str:
    """The text of the issue: what was changed outside, and what to do. `commands` show the drift,
    absorb it and revert it.
    """
    number = len({change.address.owner for change in plan.drift})
    resources = format.count(number, "resource")
    page = Page()
    text = phrase(
        "{resources} of {stack} changed outside of reconciler.",
        resources=resources,
        stack=f"`{_code(head.title)}`",
    )
    page.parts.append(f"{text}\n\n")
    page.add("", _rows(plan), _ROWS_CHARACTERS_MAX, phrase("the drift"))
    show, absorb, revert = map(_code, commands)
    page.parts += [
        "\n",
        f"- {phrase('See it')}: `{show}`\n",
        f"- {phrase('Keep it, by writing it into the files')}: `{absorb}`\n",
        f"- {phrase('Revert it, by an apply')}: `{revert}`\n",
        "\n",
        phrase(
            "This text is written again when the drift changes, and the issue is closed when it is "
            "gone. If you close it, it stays closed as long as the drift is the same."
        ),
        "\n",
    ]
    return head.text + "".join(page.parts) + _run_line(run_url)


def gone_body(head: DriftHead, why: str, previous: str, run_url: str | None) -> str:
    """The text of an issue that is closed. What it showed stays, as far as there is room."""
    found = _HEAD.match(previous)
    before = previous[found.end() :] if found is not None else previous
    before = markers.lasting(before)
    room = COMMENT_CHARACTERS_MAX - _TAIL_CHARACTERS
    if len(before) > room:
        before = ""
    start = f"{head.text}**{escape.outside(why)}**\n\n"
    return start + (f"{before}\n" if before else "") + _run_line(run_url)


def is_gone() -> str:
    """Why an issue is closed: the account matches the files again."""
    return msg("The drift is gone: nothing that the stack manages is changed outside.")


def is_removed() -> str:
    """Why an issue is closed: the project does not list the stack."""
    return msg("The project does not list this stack any more.")


def is_proposed() -> str:
    """Why an issue is closed: a pull request has the drift."""
    return msg("A pull request has the drift now.")


def is_doubled() -> str:
    """Why an issue is closed: there is an older one about the same stack."""
    return msg("There is an older issue about this stack.")


def pull_title(title: str) -> str:
    """The title of the pull request with the drift of a stack."""
    return _cut(phrase("Absorb drift of {stack}", stack=title))


def pull_body(title: str) -> str:
    """The text of the pull request."""
    text = phrase(
        "Somebody changed objects of {stack} outside of reconciler. This pull request writes "
        "that into the files. Merge it to keep the changes; close it to have an issue instead.",
        stack=f"`{_code(title)}`",
    )
    return f"{text}\n"


def pull_gone_body(title: str) -> str:
    """The text of a pull request whose drift is gone."""
    text = phrase(
        "The drift of {stack} is gone, so there is nothing to keep.", stack=f"`{_code(title)}`"
    )
    return f"{text}\n"


def _rows(plan: Plan) -> list[str]:
    """The rows of what was changed outside, and what needs attention."""
    found = plan_blocks.blocks(plan)
    shown = [each for each in found if each.name in ("attention", "drift", "left")]
    return [text for each in shown for text in texts(each.lines(STYLE))]


def _run_line(url: str | None) -> str:
    if url is None:
        return ""
    text = phrase("Last look: {url}", url=url)
    return markers.volatile(text)


def _code(text: str) -> str:
    return escape.outside(text).replace("`", "'")


def _cut(text: str) -> str:
    if len(text) <= TITLE_CHARACTERS_MAX:
        return text
    return text[: TITLE_CHARACTERS_MAX - 3] + "..."
