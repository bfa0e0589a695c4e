"""Small words and numbers that several views share: symbols, values, durations, money, times in
KST.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from reconciler.model.plan import Action, Change, Step
from reconciler.model.resource import Deferred, Link, Lookup, Unknown
from reconciler.render import escape

SYMBOLS: Mapping[Action, str] = {
    Action.DECIDE: "?",
    Action.BLOCKED: "?",
    Action.REPLACE: "±",
    Action.DELETE: "-",
    Action.REBUILD: "!",
    Action.RESIZE: "!",
    Action.POWER: "!",
    Action.DETACH: "<",
    Action.ATTACH: ">",
    Action.UPDATE: "~",
    Action.CREATE: "+",
    Action.IMPORT: "=",
    Action.MOVE: "=",
    Action.FORGET: "x",
    Action.NONE: " ",
}
KST = timezone(timedelta(hours=9), "KST")
_VALUE_CELLS_MAX = 60
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class UserText(str):
    """A text that is shown without quotes, spaces or not: the user's own words for something."""

    __slots__ = ()


def value(item: Any) -> str:
    """A value as a person reads it, safe and short: `none`, `on`, text in quotes only where it has
    spaces.
    """
    if item is None:
        return "none"
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, Unknown):
        return f"({item})"
    if isinstance(item, (Link, Lookup, UserText)):
        return escape.outside(item)
    if isinstance(item, Deferred):
        return escape.outside(item.text)
    if isinstance(item, (tuple, list)):
        return escape.cut(f"[{', '.join(value(part) for part in item)}]", _VALUE_CELLS_MAX)
    if isinstance(item, Mapping):
        return escape.cut(
            "{"
            + ", ".join(f"{escape.outside(key)}: {value(part)}" for key, part in item.items())
            + "}",
            _VALUE_CELLS_MAX,
        )
    text = escape.outside(item)
    plain = text != "" and " " not in text and text != "none"
    return escape.cut(text if plain else f'"{text}"', _VALUE_CELLS_MAX)


def duration(seconds: float) -> str:
    """Seconds as `0.4 s`, `45 s`, `1 min 50 s`, `2 h 5 min`."""
    if 0.05 <= seconds < 9.95 and not float(seconds).is_integer():
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def span(low: int, high: int) -> str:
    """A range of seconds as `1-6 min`, `20-90 s` or `30 s to 5 min`."""
    if low == high:
        return duration(low)
    if high < 120:
        return f"{low}-{high} s"
    minutes = -(-high // 60)
    return f"{low // 60}-{minutes} min" if low >= 60 else f"{low} s to {minutes} min"


def won(amount: int, *, signed: bool = False) -> str:
    """KRW with separators."""
    return f"{amount:+,} KRW" if signed else f"{amount:,} KRW"


def moment(unix_seconds: float) -> str:
    """A time as `23 Nov 14:01 KST`."""
    at = datetime.fromtimestamp(unix_seconds, KST)
    return f"{at.day} {_MONTHS[at.month - 1]} {at:%H:%M} KST"


def count(number: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def deed(operation: str, *, old: bool = False) -> str:
    """An operation as people say it: `create block storage`, `wait for instance`."""
    noun, _, verb = operation.partition(".")
    said = {"wait": "wait for"}.get(verb, verb.replace("_", " "))
    return escape.outside(f"{said} {'old ' if old else ''}{noun.replace('_', ' ')}")


def step_deed(step: Step) -> str:
    """What a step does; at an object that a replacement leaves behind it says so: `delete old
    instance`.
    """
    return deed(step.operation, old=step.deposed)


def short(address: str) -> str:
    """An address without its kind, where the line says what is meant: `web[0]`."""
    existing = "existing." if address.startswith("existing.") else ""
    return (
        existing + address.removeprefix("existing.").partition(".")[2]
        if "." in address
        else address
    )


def place(change: Change) -> str:
    """`stack.yaml:31`, or nothing: the line of the changed field, of the object where it is new,
    goes, or several fields change.

    The folder is the stack's, which the user has just named.
    """
    found = change.place
    fields = {field.place for field in change.fields if field.place is not None}
    if change.action is not Action.CREATE and len(fields) == 1:
        found = fields.pop()
    return "" if found is None else escape.outside(f"{found.file.rpartition('/')[2]}:{found.line}")


def cause(change: Change) -> str:
    """`you`, `outside` or `both`, over all fields; an object the file adds or leaves out is yours."""
    causes = {field.cause.value for field in change.fields}
    if not causes:
        return "" if change.action in (Action.NONE, Action.DECIDE) else "you"
    return causes.pop() if len(causes) == 1 else "both"
