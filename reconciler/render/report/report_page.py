"""The page of a report: head, overview, one part for each stack, data and script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, msg
from reconciler.locale import language
from reconciler.model import address
from reconciler.model.plan import Action
from reconciler.model.ports.plan_ports import short_id
from reconciler.render import format
from reconciler.render.plan import tally
from reconciler.render.report import (
    cost_tables,
    graph_words,
    report_assets,
    stack_sections,
    step_waves,
)
from reconciler.render.report import page_words as words
from reconciler.render.report.markup import Child, Markup, data_text, el, joined, verbatim
from reconciler.render.report.reported import Report, Row, StackReport
from reconciler.render.report.stack_sections import ReportPart


@dataclass(frozen=True, slots=True)
class StackPage:
    """The part of one stack. `id` is its place in the links."""

    id: str
    stack: StackReport
    parts: Sequence[ReportPart]


def page(report: Report) -> bytes:
    """The whole file. The same report in the same language has the same bytes."""
    pages = [
        StackPage(f"stack-{number}", stack, list(stack_sections.parts(stack, report)))
        for number, stack in enumerate(report.stacks, 1)
    ]
    graphs = [step_waves.graph_of(stack) for stack in report.stacks]
    return document(headline(report), _gist(report), _content(report, pages), graphs).encode()


def document(title: Text, gist: Child, content: Child, graphs: Sequence[Any]) -> str:
    """A whole page with these graphs; None among them is passed over."""
    drawn = [each for each in graphs if each is not None]
    script = report_assets.script() if drawn else ""
    data: dict[str, object] = {"language": language.current(), "graphs": drawn}
    if drawn:
        data["graph_words"] = graph_words.words()
    html = el(
        "html",
        _head(title, script),
        el(
            "body",
            el("a", msg("Skip to the content"), href="#content", class_="skip"),
            el("header", el("h1", title), el("p", gist, class_="gist")),
            el("main", content, id="content"),
            el("footer", el("p", msg("This file is complete: it sends no requests."))),
            verbatim("script", data_text(data), type="application/json", id="report-data"),
            verbatim("script", script) if script else None,
        ),
        lang=language.current(),
    )
    return f"<!DOCTYPE html>\n{html}\n"


def _head(title: str, script: str) -> Markup:
    style = report_assets.style()
    return el(
        "head",
        el("meta", charset="utf-8"),
        el(
            "meta",
            http_equiv="Content-Security-Policy",
            content=report_assets.policy(style, script),
        ),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
        verbatim("style", style),
    )


def headline(report: Report) -> Text:
    """The title of the report."""
    if report.project is not None or len(report.stacks) != 1:
        name = None if report.project is None else report.project["project"]
        if report.of_state:
            return msg("State of {count} stacks", count=len(report.stacks))
        if report.of_drift:
            return msg("Drift of {count} stacks", count=len(report.stacks))
        if name is None:
            return msg("Plan of {count} stacks", count=len(report.stacks))
        return msg("Plan of the project {name}", name=name)
    title = report.stacks[0].title
    if report.of_state:
        return msg("State of {stack}", stack=title)
    return (
        msg("Drift of {stack}", stack=title)
        if report.of_drift
        else msg("Plan of {stack}", stack=title)
    )


def _gist(report: Report) -> Child:
    """The line below the title."""
    found: list[object] = []
    if report.project is None and len(report.stacks) == 1 and report.stacks[0].plan is not None:
        id = report.stacks[0].plan.get("id")
        found += [[msg("plan"), " ", words.code(short_id(id))]] if id else []
    if report.made is not None:
        found.append(msg("made {at}", at=format.moment(report.made.at)))
    if report.simulated:
        found.append(msg("local cloud"))
    if report.project is None and len(report.stacks) == 1 and not report.of_state:
        found += _totals(report.stacks[0])
    return [[" · ", each] if number else each for number, each in enumerate(found)]


def _totals(stack: StackReport) -> Iterator[object]:
    """How much changes, and what it costs: the first thing that a reader asks."""
    if stack.plan is None or not stack.plan["changes"]:
        return
    yield el("strong", _planned(stack.plan))
    cost = stack.plan["cost"]
    if not cost["unknown"] and cost["before"] != cost["after"]:
        difference = format.won(cost["after"] - cost["before"], signed=True)
        yield [difference, " ", msg("a month without VAT")]


def _planned(plan: Row) -> str:
    """How many resources have each action; a rule counts as part of its firewall."""
    rows = ((address.parse(row["address"]), Action(row["action"])) for row in plan["changes"])
    return tally.planned(
        tally.tally_of((where, action) for where, action in rows if where is not None)
    )


# The content
# ------------------------------------------------------------------------------------------------


def _content(report: Report, pages: Sequence[StackPage]) -> Iterator[Markup]:
    if report.project is None and len(pages) == 1:
        yield _parts(pages[0])
        return
    yield el(
        "section",
        el("h2", msg("Overview"), id="overview-title"),
        _overview(report, pages),
        id="overview",
        class_="page",
        aria_labelledby="overview-title",
    )
    back = el("p", el("a", msg("Back to the overview"), href="#overview"))
    for each in pages:
        title = f"{each.id}-title"
        yield el(
            "section",
            el("h2", each.stack.title, id=title),
            back,
            _parts(each),
            id=each.id,
            class_="page",
            aria_labelledby=title,
        )


def _parts(page: StackPage) -> Markup:
    links = [el("li", el("a", part.title, href=f"#{page.id}-{part.name}")) for part in page.parts]
    found = [el("nav", el("ul", links), aria_label=msg("Parts of {stack}", stack=page.stack.title))]
    for part in page.parts:
        id = f"{page.id}-{part.name}"
        heading = el("h3", part.title, id=f"{id}-title")
        found.append(
            el(
                "section",
                heading,
                part.body,
                id=id,
                class_=("part", part.name),
                aria_labelledby=f"{id}-title",
            )
        )
    return joined(found)


def _overview(report: Report, pages: Sequence[StackPage]) -> Iterator[Markup]:
    yield el(
        "ul",
        (
            el("li", el("a", each.stack.title, href=f"#{each.id}"), " ", _line(each.stack))
            for each in pages
        ),
        class_="stacks",
    )
    if report.project is not None:
        yield from _of_project(report.project)
    rows = list(stack_sections.made(report))
    yield el("dl", ([el("dt", name), el("dd", value)] for name, value in rows))


def _line(stack: StackReport) -> Child:
    """What happens to a stack, in one line."""
    found: list[object] = []
    if stack.row is not None:
        found.append(el("strong", words.STATUSES[stack.row["status"]]))
    if stack.plan is not None and stack.plan.get("changes"):
        found.append(_planned(stack.plan))
    return [[", ", each] if number else each for number, each in enumerate(found)]


def _of_project(project: Row) -> Iterator[Markup]:
    needed, given = project["consent"]["needed"], project["consent"]["given"]
    if needed:
        yield el("div", el("h3", msg("Consent that it needs")), stack_sections.consents(needed))
    if given:
        yield el("div", el("h3", msg("Consent already given")), stack_sections.consents(given))
    order = [el("li", words.codes(titles)) for titles in project["order"]]
    if order:
        yield el("div", el("h3", msg("Order")), el("ol", order))
    cost = project["cost"]
    change = cost_tables.change(cost, complete=cost["complete"])
    yield el("div", el("h3", msg("Cost")), el("p", change))
