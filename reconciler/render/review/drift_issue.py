"""The issue about drift of a stack: what was changed outside, and what to do about it.

A stack has one issue, which is found by its hidden first line, opened again when there is drift
again, and closed when there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from reconciler.common import suggestions
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

_MARKER = re.compile(
    r"<!-- reconciler-drift: ([a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)?) -->\s*(?:\n|\Z)"
)
_REST_CHARACTERS = 4_000


def issue_title(title: str) -> str:
    """The title of the issue about a stack."""
    return phrase("Drift of {stack}", stack=title)


def stack_of_issue(body: str) -> str | None:
    """The title of the stack that an issue is about; None if it has no marker."""
    found = _MARKER.match(body)
    return None if found is None else found[1].replace(".", "/")


def issue_body(shown: ShownPlan, path: str, run_url: str = "") -> str:
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
    top = [f"{_marker(plan.title)}\n", f"**{plan_text.drift_counts(plan)}**\n\n"]
    if page.left_out:
        missing = "; ".join(page.left_out)
        text = phrase("**This issue is cut, not the drift**: {missing} not shown.", missing=missing)
        top.append(f"{text}\n\n")
    last = phrase("Read {moment}.", moment=format.moment(shown.header.at))
    link = markers.link(phrase("Run"), run_url)
    trailer = markers.volatile(" ".join(filter(None, [link, escape.outside(last)])))
    return "".join([*top, *page.parts, *_what_to_do(plan, path), trailer])


def resolved_body(title: str, at: float, run_url: str = "") -> str:
    """The text of the issue when it is closed, because there is no drift any more."""
    text = phrase("No drift: the account matches the files and the last apply again.")
    last = phrase("Read {moment}.", moment=format.moment(at))
    link = markers.link(phrase("Run"), run_url)
    return f"{_marker(title)}\n{text}\n{markers.volatile(' '.join(filter(None, [link, last])))}"


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
        "\n" + phrase("This issue is closed when there is no drift any more.") + "\n",
    ]


def _marker(title: str) -> str:
    return f"<!-- reconciler-drift: {title.replace('/', '.')} -->"
