"""The JSON plan, format 1.0 (plan-format#the-plan): one object, stable within 1.x;
`schemas/plan.schema.json` describes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.model import serialize
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import Action, Plan
from reconciler.planner.checks.approval import Acceptance
from reconciler.planner.estimate.unmanaged import Unmanaged
from reconciler.render import escape


def plan_document(
    plan: Plan,
    *,
    given: Sequence[Acceptance] = (),
    exit_code: int = 0,
    verbose: bool = False,
    unmanaged: Sequence[Unmanaged] | None = None,
) -> dict[str, Any]:
    """The JSON plan as data: rows of unchanged addresses only with `verbose`, unmanaged objects if
    they are given.
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
    return body


def problems_document(problems: Sequence[Problem], *, exit_code: int) -> dict[str, Any]:
    """What replaces a plan if an error came before it: the same object, with nothing in it but the
    problems.
    """
    return {
        "format_version": serialize.FORMAT_VERSION,
        "stack": None,
        "environment": None,
        "digest": None,
        "summary": {},
        "changes": [],
        "steps": [],
        "drift": [],
        "calls": {"read": None, "write": None, "wait": None},
        "eta_seconds": None,
        "critical": [],
        "cost": {
            "before": None,
            "after": None,
            "currency": "KRW",
            "vat": "excluded",
            "unknown": [],
            "parts": [],
        },
        "outputs": {},
        "unmanaged": {"count": None, "monthly": None},
        "consent": {"needed": [], "given": []},
        "partial": False,
        "problems": [serialize.problem(item) for item in problems],
        "exit_code": exit_code,
    }


def text(document: dict[str, Any]) -> str:
    """The document as it is printed: one indented object with an end of line."""
    return escape.json_text(document, indent=2) + "\n"
