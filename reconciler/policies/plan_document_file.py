"""JSON plans that policies are tried with: from a file of `plan --format json`, or written by hand
with the members that matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reconciler.common import paths
from reconciler.common.text import msg
from reconciler.config import schema
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.plan import Action
from reconciler.model.resource import title_of

PLAN_BYTES_MAX = 16 * 1024 * 1024

_PLAN: Mapping[str, Any] = {
    "format_version": "1.0",
    "type": "plan",
    "stack": "shop",
    "environment": None,
    "digest": None,
    "summary": {action.value: 0 for action in Action},
    "changes": [],
    "steps": [],
    "drift": [],
    "calls": {"read": 0, "write": 0, "wait": 0},
    "eta_seconds": 0,
    "cost": {"before": 0, "after": 0, "currency": "KRW", "vat": "excluded", "unknown": []},
    "reach": [],
    "outputs": {},
    "unmanaged": {"count": 0, "monthly": 0},
    "consent": {"needed": [], "given": []},
    "partial": False,
    "problems": [],
    "exit_code": 0,
}
_CHANGE: Mapping[str, Any] = {"action": "update", "reason": "", "place": None}
_FIELD: Mapping[str, Any] = {
    "before": None,
    "after": None,
    "cause": "you",
    "known_after_apply": False,
    "waits_for": [],
    "place": None,
}
_IMPACT: Mapping[str, Any] = {
    "classes": [],
    "downtime_seconds": None,
    "data_loss": [],
    "address_change": False,
    "exposure_seconds": None,
    "opens": [],
    "closes": [],
    "reversible": True,
    "blocked_by": None,
}
_PROBLEM: Mapping[str, Any] = {
    "severity": "warning",
    "message": "",
    "address": None,
    "place": None,
    "hint": None,
}


_HINT = msg("give a JSON plan, as the command plan prints it")


def read(file: Path) -> Mapping[str, Any]:
    """The JSON plan of a file. Raises `Abort` if it is none."""
    found = parsed(file)
    wrong = first_mistake(found)
    if wrong is not None:
        message = msg("{file} is not a JSON plan: {path}", file=file, path=wrong)
        raise Abort(error("plan-unreadable", message, hint=_HINT))
    document: Mapping[str, Any] = found
    return document


def parsed(file: Path) -> Any:
    """The JSON of a file. Raises `Abort` if it is none."""
    try:
        data = paths.read_ordinary(file, PLAN_BYTES_MAX + 1)
    except OSError as failure:
        reason = failure.strerror or str(failure)
        message = msg("{file} cannot be read: {reason}", file=file, reason=reason)
        raise Abort(error("file-missing", message)) from failure
    if len(data) > PLAN_BYTES_MAX:
        message = msg("{file} is larger than 16 MiB", file=file)
        raise Abort(error("file-too-large", message))
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as failure:
        message = msg("{file} is not JSON", file=file)
        raise Abort(error("plan-unreadable", message, hint=_HINT)) from failure


def first_mistake(found: Any) -> str | None:
    """Where a document is not a JSON plan, or None."""
    return schema.first_mistake(found, "plan")


def title(plan: Mapping[str, Any]) -> str:
    """The title of the stack and environment of a JSON plan."""
    return title_of(str(plan["stack"]), plan["environment"])


def completed(given: Any) -> dict[str, Any]:
    """A JSON plan with these members, and those of a plan that does nothing for the others."""
    found = {**_PLAN, **_listed(given)}
    for name in ("summary", "cost", "calls", "unmanaged", "consent"):
        if isinstance(found[name], Mapping):
            found[name] = {**_PLAN[name], **found[name]}
    for name in ("changes", "drift"):
        found[name] = _each(found[name], _change)
    found["problems"] = _each(found["problems"], lambda problem: {**_PROBLEM, **problem})
    return found


def _change(given: Mapping[str, Any]) -> Mapping[str, Any]:
    impact = given.get("impact", {})
    return {
        **_CHANGE,
        **given,
        "fields": _each(given.get("fields", []), lambda field: {**_FIELD, **field}),
        "impact": {**_IMPACT, **impact} if isinstance(impact, Mapping) else impact,
    }


def _each(given: Any, filled: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Any:
    """The list with its mappings completed; anything else as it is."""
    if not isinstance(given, list):
        return given
    return [filled(item) if isinstance(item, Mapping) else item for item in given]


def _listed(value: Any) -> Any:
    """The value with lists, as JSON has them."""
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple) else value
