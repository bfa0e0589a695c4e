"""Who can reach each server, and what it may reach, before a plan and after it."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
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
    """The traffic of one side. What is not on the other one is marked, if that is known."""
    if lines is None:
        return el("p", msg("not known: the rules were not read"))
    if not lines:
        return el("p", msg("nothing"))
    if without is None:
        return el("ul", (el("li", words.code(line)) for line in lines))
    other = {part for line in without for part in _parts(line)}
    return el("ul", (el("li", _marked(line, other, mark)) for line in lines))


def _marked(line: str, other: Set[_Part], mark: Literal["ins", "del"]) -> Markup:
    """A line with those of its ports marked that the other side does not have for every address of
    the line: how ports are put together on a line depends on the other rules.
    """
    parts = _parts(line)
    new = [port for port in _ports(line) if any(p[0] == port and p not in other for p in parts)]
    if not new:
        return words.code(line)
    if len(new) == len(_ports(line)):
        return el(mark, words.code(line))
    found: list[Markup | str] = []
    for number, port in enumerate(_ports(line)):
        found += [_COMMA] if number else []
        found.append(el(mark, port) if port in new else port)
    return el("code", found, line[len(_COMMA.join(_ports(line))) :])


_Part: TypeAlias = tuple[str, str]
"""Ports, and what follows them on a line: the direction and an address. Empty without one."""

_COMMA = ", "
_DIRECTION = re.compile(r" (from|to) ")


def _ports(line: str) -> list[str]:
    return _DIRECTION.split(line, maxsplit=1)[0].split(_COMMA)


def _parts(line: str) -> list[_Part]:
    """Each port of a line with each of its addresses."""
    ports, *rest = _DIRECTION.split(line, maxsplit=1)
    addresses = [f"{rest[0]} {each}" for each in rest[1].split(_COMMA)] if rest else [""]
    return [(port, address) for port in ports.split(_COMMA) for address in addresses]
