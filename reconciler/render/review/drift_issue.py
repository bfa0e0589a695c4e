"""The issue about drift of a stack: what was changed outside, and what to do about it.

A stack has one issue, which is found by its hidden lines, opened again when there is drift again,
and closed when there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from reconciler.common import json_text, suggestions
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import serialize
from reconciler.model.plan import Plan
from reconciler.model.ports.forge_ports import COMMENT_CHARACTERS_MAX
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.plan import plan_blocks, plan_text
from reconciler.render.plan.plan_markdown import STYLE, Page, fenced, texts
from reconciler.render.project.shown_project import ShownPlan
from reconciler.render.review import markers

LABEL: Final = "reconciler-drift"
"""The label of these issues."""

_HEAD = re.compile(
    r"<!-- reconciler-drift: (\S+) (\S+) -->[ \t]*\r?\n<!-- drift: ([0-9a-f]{16}|none) -->"
    r"[ \t]*(?:\r?\n|\Z)"
)
_REST_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class DriftHead:
    """The hidden lines of an issue: which stack of which project it is about, and which drift it
    shows. `drift` is a short digest of that, None if it says that there is none.
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


def issue_title(title: str) -> str:
    """The title of the issue about a stack."""
    return phrase("Drift of {stack}", stack=title)


def issue_body(shown: ShownPlan, head: DriftHead, path: str, run_url: str = "") -> str:
    """The text of the issue. `shown` has the drift, `path` the file or folder of the
    stack, as commands at the root of the repository name it.
    """
    plan, page = shown.plan, Page()
    room = COMMENT_CHARACTERS_MAX - _REST_CHARACTERS
    only_drift = replace(plan, changes=(), steps=())  # as `drift` shows it
    found = [each for each in plan_blocks.blocks(only_drift) if each.name == "left"]
    for number, block in enumerate(found):
        share = (room - page.length) // (len(found) - number)
        lines = texts(block.lines(STYLE))
        page.add(f"#### {block.title}", lines, share, block.title.lower())
    top = [head.text, f"**{plan_text.drift_counts(plan)}**\n\n"]
    if page.left_out:
        missing = "; ".join(page.left_out)
        text = phrase("**This issue is cut, not the drift**: {missing} not shown.", missing=missing)
        top.append(f"{text}\n\n")
    trailer = _trailer(shown.header.at, run_url)
    return "".join([*top, *page.parts, *_what_to_do(plan, path), trailer])


def closed_body(head: DriftHead, why: str, previous: str, at: float, run_url: str = "") -> str:
    """The text of an issue that is closed, and why. What it showed stays, if there is room."""
    found = _HEAD.match(previous)
    before = markers.lasting(previous if found is None else previous[found.end() :])
    if len(before) > COMMENT_CHARACTERS_MAX - _REST_CHARACTERS:
        before = ""
    shown = f"{before}\n" if before else ""
    return f"{head.text}**{escape.outside(why)}**\n\n{shown}{_trailer(at, run_url)}"


def is_gone() -> str:
    """Why an issue is closed: there is no drift any more."""
    return msg("No drift: the account matches the files and the last apply again.")


def is_removed() -> str:
    """Why an issue is closed: the project does not list the stack."""
    return msg("The project does not list this stack any more.")


def is_proposed() -> str:
    """Why an issue is closed: a pull request has the drift."""
    return msg("A pull request has the drift now.")


def is_doubled() -> str:
    """Why an issue is closed: there is an older one about the same stack."""
    return msg("There is an older issue about this stack.")


def _what_to_do(plan: Plan, path: str) -> Sequence[str]:
    where = ["--stack", path, *(["--env", plan.environment] if plan.environment else [])]
    options = " ".join(suggestions.pasted(escape.outside(each)) for each in where)
    keep = " ".join(["reconciler", "absorb", "--all", options])
    look = " ".join(["reconciler", "plan", options])
    return [
        f"#### {phrase('What to do')}\n\n",
        phrase("To keep the changes, write them into the files and open a pull request:") + "\n\n",
        fenced([keep], "sh"),
        "\n" + phrase("To see what the next apply reverts:") + "\n\n",
        fenced([look], "sh"),
        "\n"
        + phrase(
            "This issue is closed when there is no drift any more. If you close it, it stays "
            "closed as long as the drift is the same. Its text is written again: keep notes in "
            "comments."
        )
        + "\n",
    ]


def _trailer(at: float, run_url: str) -> str:
    last = phrase("Read {moment}.", moment=format.moment(at))
    link = markers.link(phrase("Run"), run_url)
    return markers.volatile(" ".join(filter(None, [link, escape.outside(last)])))
