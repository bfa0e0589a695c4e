"""The words of a report for the fixed names of JSON documents, and values as it shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.common.text import Text, msg
from reconciler.model.plan import Action
from reconciler.render import format
from reconciler.render.report.markup import Markup, el
from reconciler.render.report.reported import Row

ACTIONS: Mapping[str, Text] = {
    "decide": msg("decide"),
    "blocked": msg("blocked"),
    "replace": msg("replace"),
    "delete": msg("delete"),
    "rebuild": msg("rebuild"),
    "resize": msg("resize"),
    "power": msg("switch"),
    "detach": msg("detach"),
    "attach": msg("attach"),
    "update": msg("change"),
    "create": msg("create"),
    "import": msg("import"),
    "move": msg("rename"),
    "forget": msg("forget"),
    "none": msg("unchanged"),
}
CAUSES: Mapping[str, Text] = {
    "you": msg("the file"),
    "outside": msg("changed outside"),
    "both": msg("both"),
}
SEVERITIES: Mapping[str, Text] = {
    "error": msg("error"),
    "warning": msg("warning"),
    "notice": msg("notice"),
}
STATUSES: Mapping[str, Text] = {
    "changed": msg("changes"),
    "unchanged": msg("no changes"),
    "waiting": msg("waiting"),
    "failed": msg("failed"),
}

_TONES: Mapping[str, frozenset[str]] = {
    "danger": frozenset({"decide", "blocked", "replace", "delete", "rebuild"}),
    "care": frozenset({"resize", "power", "detach"}),
    "good": frozenset({"create", "import"}),
}


def tone(change: Row) -> str:
    """`danger`, `care`, `good` or `plain`: how a change looks."""
    action = change.get("action", Action.UPDATE.value)
    found = next((name for name, actions in _TONES.items() if action in actions), "plain")
    return "care" if change["impact"]["classes"] and found != "danger" else found


def sign(action: str) -> str:
    """The sign of an action, as the screen has it."""
    return format.SYMBOLS[Action(action)].strip() or "="


def code(value: object) -> Markup:
    """A name or an address."""
    return el("code", value)


def codes(values: Any) -> list[Markup | str]:
    """Names or addresses, with commas between them."""
    found: list[Markup | str] = []
    for number, value in enumerate(values):
        found += [", "] if number else []
        found.append(code(value))
    return found


def value(found: Any) -> Markup:
    """A value, whole: a text as it is, everything else as JSON spells it."""
    if found is None:
        return el("span", msg("none"), class_="faint")
    if isinstance(found, str) and found:
        return el("code", found, class_="value")
    return el("code", json.dumps(found, ensure_ascii=False), class_="value")


def place(found: Row | None) -> Markup | None:
    """A place in a stack file."""
    if found is None:
        return None
    return el("span", f"{found['file']}:{found['line']}", class_="place")


def won(amount: int | None) -> str:
    """KRW, or that it is not known."""
    return msg("not known") if amount is None else format.won(amount)
