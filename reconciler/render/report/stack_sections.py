"""The parts of one stack in a report, in reading order: attention first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.diagnostics import Severity
from reconciler.model.exit_codes import OF_GATES, SHOWN_FIRST
from reconciler.render import format
from reconciler.render.plan.plan_sections import SHOWN_IN_ROWS
from reconciler.render.report import (
    change_cards,
    cost_tables,
    graph_list,
    object_tables,
    reach_lists,
    step_waves,
)
from reconciler.render.report import page_words as words
from reconciler.render.report.markup import Child, Markup, el
from reconciler.render.report.reported import Report, Row, StackReport

_ABOVE = SHOWN_FIRST | OF_GATES | SHOWN_IN_ROWS


@dataclass(frozen=True, slots=True)
class ReportPart:
    """A part of a page under a title of its own. `name` is its place in the links."""

    name: str
    title: str
    body: Child


def parts(stack: StackReport, report: Report) -> Iterator[ReportPart]:
    """The parts that have something to show."""
    plan = stack.plan
    for name, title, body in (
        ("attention", msg("Needs your attention"), _attention(stack)),
        ("objects", msg("Objects"), object_tables.of_listing(stack.listing)),
        ("changes", msg("Changes"), _changes(plan)),
        ("drift", msg("Drift"), _drift(plan)),
        ("reach", msg("Who can reach what"), reach_lists.of_plan(plan)),
        ("steps", msg("Steps"), _steps(stack)),
        ("graph", msg("Dependencies"), _graph(stack)),
        ("cost", msg("Cost"), cost_tables.of_plan(plan)),
        ("outputs", msg("Outputs"), _outputs(plan)),
        ("notes", msg("Notes"), [problem(each) for each in _rest(stack)]),
        ("about", msg("About this report"), about(stack, report)),
    ):
        if body:
            yield ReportPart(name, title, body)


# Attention
# ------------------------------------------------------------------------------------------------


def _attention(stack: StackReport) -> list[Markup]:
    plan = stack.plan
    found = [problem(each) for each in stack.problems if _is_first(each)]
    if plan is None:
        if not found and stack.row is not None:
            found.append(el("p", _waiting(stack.row["after"])))
        return found
    found += gates(plan)
    needed, given = plan["consent"]["needed"], plan["consent"]["given"]
    if needed:
        found.append(el("div", el("h4", msg("Consent that it needs")), consents(needed)))
    if given:
        found.append(el("div", el("h4", msg("Consent already given")), consents(given)))
    risky = [row for row in plan["changes"] if words.tone(row) in ("danger", "care")]
    if risky:
        rows = [
            el("li", words.code(row["address"]), " ", words.ACTIONS[row["action"]], _gist(row))
            for row in risky
        ]
        found.append(el("div", el("h4", msg("Changes with a risk")), el("ul", rows)))
    return found


def _waiting(titles: Sequence[str]) -> list[object]:
    return [msg("It is planned when these stacks are applied"), ": ", words.codes(titles)]


def _gist(row: Row) -> Child:
    """What a change does, or why it is not done."""
    effects = list(change_cards.effects_of(row["impact"])) or [row["reason"] or None]
    return [["; " if number else ": ", each] for number, each in enumerate(effects) if each]


def _is_first(row: Row) -> bool:
    return bool(
        row["severity"] == Severity.ERROR.value
        or (row["severity"] != Severity.NOTICE.value and row["code"] in _ABOVE)
    )


def _rest(stack: StackReport) -> Iterable[Row]:
    return (row for row in stack.problems if not _is_first(row))


def gates(plan: Row) -> Iterator[Markup]:
    """A freeze and a window that hold back an apply."""
    frozen, window = plan.get("frozen"), plan.get("window")
    if frozen is not None:
        at = format.moment(frozen["at"])
        text = msg("Frozen since {at} by {by}", at=at, by=frozen["by"])
        passed = [
            el("li", each["reason"], " (", each["by"], ", ", format.moment(each["at"]), ")")
            for each in frozen["overrides"]
        ]
        runs = [el("p", msg("Runs that were let through")), el("ul", passed)] if passed else None
        yield el(
            "div", el("p", text, ": ", frozen["reason"]), runs, class_=("problem", "tone-danger")
        )
    if window is not None:
        text = msg("An apply may not begin before {at}", at=format.moment(window["opens"]))
        yield el("div", el("p", text), class_=("problem", "tone-care"))


def consents(found: Iterable[Row]) -> Markup:
    """Consents by class and address, of several stacks with the title."""
    rows = []
    for each in found:
        where = msg("every address") if each["address"] is None else words.code(each["address"])
        stack = [words.code(each["stack"]), " "] if "stack" in each else None
        rows.append(el("li", stack, el("strong", each["class"]), " ", where))
    return el("ul", rows)


def problem(row: Row) -> Markup:
    """A problem with its place and what to do."""
    tone = {"error": "danger", "warning": "care"}.get(row["severity"], "plain")
    return el(
        "div",
        el(
            "p",
            el("strong", words.SEVERITIES[row["severity"]]),
            " ",
            words.code(row["code"]),
            " ",
            words.code(row["address"]) if row["address"] else None,
            words.place(row["place"]),
        ),
        el("p", row["message"]),
        el("p", row["hint"], class_="hint") if row["hint"] else None,
        class_=("problem", f"tone-{tone}"),
    )


# Changes, steps, cost
# ------------------------------------------------------------------------------------------------


def _changes(plan: Row | None) -> list[Markup]:
    return [] if plan is None else change_cards.cards(plan["changes"])


def _drift(plan: Row | None) -> list[Markup]:
    if plan is None or not plan["drift"]:
        return []
    text = msg("Changed outside since the last apply: before is what it left, after what is there.")
    return [el("p", text, class_="faint"), *change_cards.cards(plan["drift"])]


def _steps(stack: StackReport) -> list[Markup]:
    if stack.plan is None or not stack.plan["steps"]:
        return []
    return [figure(stack), step_waves.steps_list(stack.plan)]


def _graph(stack: StackReport) -> list[Markup]:
    """What the parts of a stack wait for, in a report of its state."""
    if stack.graph is None or not stack.graph["nodes"]:
        return []
    return [figure(stack), graph_list.nodes_list(stack.graph)]


def figure(stack: StackReport) -> Markup:
    """The place of the graph, which a script fills and shows."""
    caption = (
        msg("Each step and the steps that it waits for")
        if stack.graph is None
        else msg("Each part of the stack and the parts that it waits for")
    )
    return el(
        "figure", el("figcaption", caption), class_="graph", data_stack=stack.title, hidden=True
    )


def _outputs(plan: Row | None) -> Markup | None:
    outputs = {} if plan is None else plan["outputs"]
    rows = [
        [
            el("dt", words.code(name)),
            el("dd", words.value(o["value"]) if o["known"] else msg("known after apply")),
        ]
        for name, o in outputs.items()
    ]
    return el("dl", rows) if rows else None


# About
# ------------------------------------------------------------------------------------------------


def about(stack: StackReport, report: Report) -> Markup | None:
    """Which plan this is: its id, when and by whom it was made, and what it is made from."""
    rows = list(_about(stack, report))
    return el("dl", ([el("dt", name), el("dd", value)] for name, value in rows)) if rows else None


def _about(stack: StackReport, report: Report) -> Iterator[tuple[str, Child]]:
    plan, row = stack.plan, stack.row
    if plan is not None and plan.get("id"):
        yield msg("Plan id"), words.code(plan["id"])
    elif plan is not None and "id" in plan:
        yield msg("Plan id"), msg("none: the plan cannot be saved")
    yield from made(report)
    if row is not None:
        yield msg("Path"), words.code(row["path"])
        if row["needs"]:
            yield msg("Needs first"), words.codes(row["needs"])
        if row["after"]:
            yield msg("Provisional until these are applied"), words.codes(row["after"])
    if plan is None:
        return
    if plan["digest"]:
        yield msg("Stack files (SHA-256)"), words.code(plan["digest"])
    calls = plan["calls"]
    yield (
        msg("API calls"),
        msg("{read} read, {write} to send, {wait} while waiting", **calls),
    )
    if plan["eta_seconds"] is not None:
        yield msg("Estimated time"), format.duration(plan["eta_seconds"])
    if plan["partial"]:
        yield msg("Part"), msg("only a part of the stack: --only or --except")
    yield msg("Exit code"), str(plan["exit_code"])


def made(report: Report) -> Iterator[tuple[str, Child]]:
    """When the plan was made, by whom and of which cloud."""
    if report.made is not None:
        yield msg("Made"), format.moment(report.made.at)
        if report.made.by:
            yield msg("Made by"), report.made.by
    if report.simulated:
        yield msg("Account"), msg("a local cloud (--simulate)")
