"""The JSON plan, format 1.0 (plan-format#the-plan): one object, stable within 1.x;
`schemas/plan.schema.json` describes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.model import serialize
from reconciler.model.plan import Action, Plan
from reconciler.planner.checks.approval import Acceptance
from reconciler.planner.estimate.unmanaged import Unmanaged
from reconciler.render import escape
from reconciler.render.documents.json_document import Document, DocumentType, document


def plan_document(
    plan: Plan,
    *,
    given: Sequence[Acceptance] = (),
    exit_code: int = 0,
    verbose: bool = False,
    unmanaged: Sequence[Unmanaged] | None = None,
    type: DocumentType = DocumentType.PLAN,
) -> Document:
    """The JSON plan as data: rows of unchanged addresses only with `verbose`, unmanaged objects if
    they are given. `type` is `plan` or `drift`.
    """
    body = serialize.document(plan)
    if not verbose:
        body["changes"] = [row for row in body["changes"] if row["action"] != Action.NONE.value]
    body["consent"]["given"] = [
        {"class": each.risk.value, "address": each.address} for each in given
    ]
    body["exit_code"] = exit_code
    if unmanaged is not None:
        body["unmanaged"]["objects"] = [
            {
                "kind": each.kind,
                "id": each.id,
                "name": each.name,
                "monthly": each.monthly,
                "marked": each.marked,
            }
            for each in unmanaged
        ]
    return document(type, body)


def with_id(plan: Document, id: str | None) -> Document:
    """The JSON plan with the id that it is saved by; None if it cannot be saved."""
    return Document({**plan, "id": id})


def text(plan: Document) -> str:
    """The document as it is printed: one indented object with an end of line."""
    return escape.json_text(plan, indent=2) + "\n"
