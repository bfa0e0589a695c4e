"""What `recover` found, as JSON."""

from __future__ import annotations

from typing import Any

from reconciler.model import serialize
from reconciler.recovery.manual import Binding, Case, Recovered
from reconciler.render.documents import json_document as documents
from reconciler.render.documents.json_document import Document, DocumentType


def document(found: Recovered, *, stack: str, environment: str | None) -> Document:
    """`{stack, environment, settled, open, bound, problems, exit_code}`; times are unix seconds."""
    members = {
        "stack": stack,
        "environment": environment,
        "settled": [
            {
                "address": one.address,
                "operation": one.operation,
                "done": one.done,
                "by": "person" if one.by_person else "evidence",
            }
            for one in found.settled
        ],
        "open": [_open(one) for one in found.cases],
        "bound": [_bound(one) for one in found.bound],
        "problems": [serialize.problem(one) for one in found.problems],
        "exit_code": found.exit_code,
    }
    return documents.document(DocumentType.RECOVERY, members)


def _open(one: Case) -> dict[str, Any]:
    return {
        "address": one.intent.address,
        "operation": one.intent.operation,
        "target": one.intent.target,
        "sent": one.intent.signed,
        "reason": one.reason,
        "until": one.until,
        "asked": {
            row.name: serialize.shown(row.asked) for row in one.rows if row.asked is not None
        },
        "candidates": [
            {"id": id, **{row.name: serialize.shown(row.shown[place]) for row in one.rows}}
            for place, id in enumerate(one.candidates)
        ],
    }


def _bound(one: Binding) -> dict[str, Any]:
    return {"address": str(one.address), "kind": one.live.kind, "id": one.live.id}
