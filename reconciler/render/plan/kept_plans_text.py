"""The plans that a store keeps, as a table and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model import serialize
from reconciler.model.ports.plan_ports import KEPT_DAYS, short_id
from reconciler.planner.saved_plan import ListedPlan
from reconciler.render import escape, format
from reconciler.render.documents.json_document import Document, DocumentType, document
from reconciler.render.documents.tables import TableColumn, table_lines
from reconciler.render.format import phrase
from reconciler.render.plan.tally import planned, tally
from reconciler.render.run.screen import Line, Style, Tone


def plans_lines(plans: Sequence[ListedPlan], more: int, title: str, style: Style) -> Iterable[Line]:
    """A row for each plan, and how many older ones there are."""
    if not plans:
        text = phrase("No saved plans of {stack}. `plan --save` keeps one.", stack=title)
        yield Line(f" {text}", Tone.FAINT)
        return
    yield from table_lines(
        [
            TableColumn("id", phrase("PLAN"), [short_id(each.kept.id) for each in plans]),
            TableColumn("made", phrase("MADE"), [format.moment(each.kept.at) for each in plans]),
            TableColumn("by", phrase("BY"), [_by(each) for each in plans]),
            TableColumn("state", phrase("STATUS"), [_status(each) for each in plans]),
            TableColumn(
                "changes", phrase("CHANGES"), [_changes(each) for each in plans], wraps=True
            ),
        ],
        style,
        left_out=("by",),
    )
    if more:
        text = phrase("{more} older plans are not shown.", more=more)
        yield Line(f" {text}", Tone.FAINT)
    yield Line()
    text = phrase("Plans are kept for {days} days.", days=KEPT_DAYS)
    yield Line(f" {text}", Tone.FAINT)


def plans_document(plans: Sequence[ListedPlan], *, stack: str, environment: str | None) -> Document:
    """Every plan with its full id. What cannot be read of a damaged one is null."""
    rows = [
        {
            "id": each.kept.id,
            "made": each.kept.at,
            "by": None if each.saved is None else each.saved.made.by,
            "serial": None if each.saved is None else each.saved.plan.serial,
            "summary": None if each.saved is None else serialize.summary(each.saved.plan),
            "status": _word(each),
            "reason": each.damage or each.stale,
        }
        for each in plans
    ]
    members = {"stack": stack, "environment": environment, "plans": rows}
    return document(DocumentType.PLANS, members)


def _word(plan: ListedPlan) -> str:
    if plan.saved is None:
        return "damaged"
    return "current" if plan.stale is None else "stale"


def _by(plan: ListedPlan) -> str:
    return "" if plan.saved is None else escape.outside(plan.saved.made.by)


def _status(plan: ListedPlan) -> str:
    if plan.saved is None:
        return phrase("damaged: {reason}", reason=plan.damage)
    if plan.stale is None:
        return phrase("current")
    return phrase("stale: {reason}", reason=plan.stale)


def _changes(plan: ListedPlan) -> str:
    return "" if plan.saved is None else planned(tally(plan.saved.plan))
