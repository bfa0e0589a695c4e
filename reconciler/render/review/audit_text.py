"""The audit log, as a table, entry by entry, and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.common.json_codec import Codec
from reconciler.common.text import msg
from reconciler.model import serialize
from reconciler.model.diagnostics import Problem
from reconciler.model.ports.audit_ports import AuditFault, AuditRecord
from reconciler.model.ports.plan_ports import short_id
from reconciler.model.review.audit_entry import AuditApproval, AuditOutcome
from reconciler.render import escape, format, layout
from reconciler.render.documents.json_document import Document, DocumentType, document
from reconciler.render.documents.tables import TableColumn, table_lines
from reconciler.render.format import phrase
from reconciler.render.run.screen import Line, Style, Tone

_OUTCOMES: Mapping[AuditOutcome, str] = {
    AuditOutcome.STARTED: msg("started"),
    AuditOutcome.APPLIED: msg("applied"),
    AuditOutcome.UNCHANGED: msg("unchanged"),
    AuditOutcome.REFUSED: msg("refused"),
    AuditOutcome.FAILED: msg("failed"),
    AuditOutcome.INTERRUPTED: msg("interrupted"),
}
_COMMIT_LETTERS = 12
_CODEC = Codec()


def audit_lines(records: Sequence[AuditRecord], older: int, style: Style) -> Iterable[Line]:
    """A row for each record, the newest last; with `-v` a block for each. `older` is how many are
    not shown.
    """
    if not records and not older:
        yield Line(f" {phrase('The audit log has no entries.')}", Tone.FAINT)
        return
    if older:
        text = phrase("{count} other entries are not shown.", count=older)
        yield Line(f" {text}", Tone.FAINT)
    if style.verbose:
        for record in records:
            yield from _block(record, style)
        return
    if records:
        yield from table_lines(list(_columns(records)), style, ("place", "by", "plan"))


def chain_lines(last: AuditRecord | None, count: int, again: str, style: Style) -> Iterable[Line]:
    """That the chain is whole, and what cannot be seen in it. `again` is the command that checks
    the end of the log later.
    """
    if last is None:
        yield Line(f" {phrase('The audit log has no entries.')}")
        return
    text = phrase("The log is whole: {count} entries, each follows the one before it.", count=count)
    yield Line(f" {text}", Tone.GOOD)
    text = phrase("last entry: {position}, hash {hash}", position=last.position, hash=last.hash)
    yield Line(f" {text}")
    text = phrase(
        "A log does not show that its end was cut off, or that it was written again as a whole. "
        "Note this line elsewhere; this command checks later that the entry is still there:"
    )
    yield from layout.sentence(f" {text}", style, tone=Tone.FAINT)
    yield Line(f"   {escape.outside(again)}", Tone.FAINT)


def audit_document(
    records: Sequence[AuditRecord],
    *,
    location: str,
    fault: AuditFault | None,
    last: AuditRecord | None,
    problems: Sequence[Problem],
    exit_code: int,
) -> Document:
    """The records, and what is wrong with the log."""
    members = {
        "location": location,
        "entries": [_row(record) for record in records],
        "last": None if last is None else {"position": last.position, "hash": last.hash},
        "fault": None if fault is None else _CODEC.encode(fault),
        "problems": [serialize.problem(problem) for problem in problems],
        "exit_code": exit_code,
    }
    return document(DocumentType.AUDIT, members)


def _row(record: AuditRecord) -> dict[str, Any]:
    return {
        "position": record.position,
        "hash": record.hash,
        "previous": record.previous,
        **_CODEC.encode(record.entry),
    }


def _columns(records: Sequence[AuditRecord]) -> Iterator[TableColumn]:
    entries = [record.entry for record in records]
    numbers = [str(record.position) for record in records]
    yield TableColumn("number", phrase("NO"), numbers, right=True)
    yield TableColumn("at", phrase("TIME"), [format.moment(each.at) for each in entries])
    yield TableColumn("stack", phrase("STACK"), [escape.outside(each.title) for each in entries])
    actions = [escape.outside(each.action) for each in entries]
    yield TableColumn("action", phrase("COMMAND"), actions)
    outcomes = [escape.outside(_OUTCOMES[each.outcome]) for each in entries]
    yield TableColumn("outcome", phrase("RESULT"), outcomes)
    yield TableColumn("by", phrase("BY"), [escape.outside(each.actor.name) for each in entries])
    plans = ["" if each.plan.id is None else short_id(each.plan.id) for each in entries]
    yield TableColumn("plan", phrase("PLAN"), plans)
    people = [_people(each.plan.approvals) for each in entries]
    yield TableColumn("approvals", phrase("APPROVED BY"), people, wraps=True)


def _people(approvals: Sequence[AuditApproval]) -> str:
    return escape.outside(", ".join(each.person for each in approvals))


def _block(record: AuditRecord, style: Style) -> Iterator[Line]:
    entry = record.entry
    yield Line()
    title = phrase(
        "{position}  {stack}: {action}, {outcome}",
        position=record.position,
        stack=entry.title,
        action=entry.action,
        outcome=_OUTCOMES[entry.outcome],
    )
    yield Line(f" {title}", Tone.TITLE)
    facts = [
        (phrase("time"), format.moment(entry.at)),
        (phrase("by"), escape.outside(entry.actor.name)),
        (phrase("from"), escape.outside(entry.actor.place)),
    ]
    if entry.plan.id is not None:
        facts.append((phrase("plan"), escape.outside(entry.plan.id)))
    facts += [(phrase("approved by"), _approval(each)) for each in entry.plan.approvals]
    if entry.plan.classes:
        facts.append((phrase("consent"), escape.outside(", ".join(entry.plan.classes))))
    facts.append((phrase("run"), _run(record)))
    source = _source(record)
    facts += [(phrase("source"), source)] if source else []
    facts.append((phrase("hash"), record.hash))
    cells = max(escape.width(name) for name, _ in facts) + 2
    for name, text in facts:
        yield from layout.labelled(f"   {escape.pad(name, cells)}", [text], style)


def _approval(found: AuditApproval) -> str:
    return phrase(
        "{person}, comment {comment}, {moment}",
        person=found.person,
        comment=found.comment,
        moment=format.moment(found.at),
    )


def _run(record: AuditRecord) -> str:
    run = record.entry.run
    return phrase(
        "[{id}, ][exit code {code}, ]{calls}",
        id=run.id,
        code=None if run.exit_code is None else str(run.exit_code),
        calls=format.count(run.calls, "api-call"),
    )


def _source(record: AuditRecord) -> str:
    source = record.entry.source
    commit = None if source.commit is None else source.commit[:_COMMIT_LETTERS]
    if source.pull is None:
        return "" if commit is None else phrase("commit {commit}", commit=commit)
    return phrase("pull request {number}[, commit {commit}]", number=source.pull, commit=commit)
