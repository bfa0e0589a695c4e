"""Who can reach each server, and what it may reach, before a plan and after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from reconciler.common.text import Text, msg
from reconciler.render.documents.json_document import DocumentType
from reconciler.render.plan.address_ranges import grouped
from reconciler.render.report import page_words as words
from reconciler.render.report.markup import Markup, el
from reconciler.render.report.reported import Row

_Lines: TypeAlias = "Sequence[str] | None"


def of_plan(plan: Row | None) -> list[Markup]:
    """The servers, those with the same traffic together. An older document has none."""
    rows = () if plan is None else plan.get("reach", ())
    unchanged = msg("Before and after")
    if plan is not None and plan["type"] == DocumentType.DRIFT:
        unchanged = msg("Now")
    found = [_group(group, unchanged) for group in grouped(rows, _equality)]
    if not found:
        return []
    text = msg("By firewall rules; country and bot blocks set in the console are not included.")
    return [el("p", text, class_="faint"), *found]


def _equality(row: Row) -> object:
    return tuple(None if row[side] is None else tuple(row[side]) for side in ("before", "after"))


def _group(rows: Sequence[Row], unchanged: Text) -> Markup:
    before, after = rows[0]["before"], rows[0]["after"]
    if before == after:
        sides = [_side(unchanged, _lines(after))]
    else:
        sides = [
            _side(msg("Before"), _lines(before, without=after, mark="del")),
            _side(msg("After"), _lines(after, without=before, mark="ins")),
        ]
    return el(
        "div",
        el("h4", words.codes(row["server"] for row in rows)),
        el("div", sides, class_="sides"),
        class_=("reach", None if before == after else "differs"),
    )


def _side(title: Text, body: Markup) -> Markup:
    return el("div", el("h5", title), body)


def _lines(lines: _Lines, *, without: _Lines = None, mark: Literal["ins", "del"] = "ins") -> Markup:
    """The traffic of one side. Lines that are not on the other one are marked, if it is known."""
    if lines is None:
        return el("p", msg("not known: the rules were not read"))
    if not lines:
        return el("p", msg("nothing"))
    return el(
        "ul",
        (
            el(
                "li",
                words.code(line)
                if without is None or line in without
                else el(mark, words.code(line)),
            )
            for line in lines
        ),
    )
