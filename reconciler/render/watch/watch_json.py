"""A pass over stacks as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.model import exit_codes, serialize
from reconciler.model.watching import Passed
from reconciler.render.documents import json_document as documents
from reconciler.render.documents.json_document import Document, DocumentType


def document(passes: Iterable[Passed], project: str, at: float) -> Document:
    """`{project, at, stacks, exit_code}`; times are unix seconds."""
    found = list(passes)
    members = {
        "project": project,
        "at": round(at, 3),
        "stacks": [_stack(each) for each in found],
        "exit_code": exit_codes.worst(each.exit_code for each in found),
    }
    return documents.document(DocumentType.WATCH, members)


def _stack(passed: Passed) -> dict[str, Any]:
    stack, _, environment = passed.title.partition("/")
    decision = passed.decision
    return {
        "stack": stack,
        "environment": environment or None,
        "health": passed.health.value,
        "reason": decision.reason,
        "drift": [
            {
                "address": address,
                "reverted": address in passed.reverted,
                "left": decision.left.get(address),
            }
            for address in passed.drifted
        ],
        "branch": passed.branch,
        "last_complete_reading": decision.memory.read_at,
        "calls": passed.calls,
        "monthly": passed.monthly,
        "problems": [serialize.problem(each) for each in passed.problems],
    }
