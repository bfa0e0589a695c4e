"""JSON plans for tests of policies."""

from __future__ import annotations

from typing import Any


def change(address: str, action: str = "create", **impact: Any) -> dict[str, Any]:
    """A change of a plan, with the members of its impact that matter."""
    return {
        "address": address,
        "action": action,
        "reason": "new",
        "place": {"file": "stack.yaml", "line": 3},
        "fields": [],
        "impact": {
            "classes": [],
            "downtime_seconds": None,
            "data_loss": [],
            "address_change": False,
            "exposure_seconds": None,
            "opens": [],
            "closes": [],
            "reversible": True,
            "blocked_by": None,
            **impact,
        },
    }


def field(path: str, before: Any, after: Any, **more: Any) -> dict[str, Any]:
    """A field of a change."""
    known = {"cause": "you", "known_after_apply": False, "waits_for": [], "place": None}
    return {"path": path, "before": before, "after": after, **known, **more}


def plan(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A JSON plan of these changes."""
    return {
        "format_version": "1.0",
        "type": "plan",
        "stack": "shop",
        "environment": "prod",
        "summary": {},
        "changes": list(changes),
        "steps": [],
        "drift": [],
        "cost": {"before": 100_000, "after": 200_000, "unknown": [], "parts": []},
        "consent": {"needed": [], "given": []},
        "problems": [],
        **more,
    }
