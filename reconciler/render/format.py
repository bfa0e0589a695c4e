"""Short texts that several views share: symbols, values, durations, money, times in KST, counts.

Every text for people is a template: `phrase` fills it with safe values, and is where a catalog can
translate it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, LiteralString

from reconciler.common.text import msg
from reconciler.locale import language
from reconciler.model.diagnostics import Place
from reconciler.model.plan import Action, Change, Step
from reconciler.model.resource import Deferred, Link, Lookup, Unknown
from reconciler.model.resource_type import WAIT, ResourceType
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

_COUNTED: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "bill": ("{number} bill", "{number} bills"),
    "api-call": ("{number} API call", "{number} API calls"),
    "call": ("{number} call", "{number} calls"),
    "candidate": ("{number} candidate", "{number} candidates"),
    "change": ("{number} change", "{number} changes"),
    "error": ("{number} error", "{number} errors"),
    "first password": ("{number} first password", "{number} first passwords"),
    "notice": ("{number} notice", "{number} notices"),
    "object": ("{number} object", "{number} objects"),
    "check": ("{number} status check", "{number} status checks"),
    "resource": ("{number} resource", "{number} resources"),
    "stack": ("{number} stack", "{number} stacks"),
    "warning": ("{number} warning", "{number} warnings"),
}
"""What is counted, for one and for several."""


class ConsoleName(str):
    """A name that is shown without quotes even if it has spaces."""

    __slots__ = ()


_OPTIONAL = re.compile(r"\[([^][]*)\]")
_FIELD = re.compile(r"\{(\w+)\}")


def phrase(template: LiteralString, /, **fields: object) -> str:
    """The text of a template, its values made safe for a screen. A part in square brackets is left
    out if one of its fields is empty or None: `off[ {reason}] until it is started`.
    """
    safe = {name: "" if found is None else escape.outside(found) for name, found in fields.items()}

    def kept(part: re.Match[str]) -> str:
        return part[1] if all(safe[name] for name in _FIELD.findall(part[1])) else ""

    if language.current() == "en":
        return msg(_OPTIONAL.sub(kept, template), **safe)
    return language.filled(_OPTIONAL.sub(kept, language.template(template)), safe)


def value(item: Any) -> str:
    """A value as a person reads it, safe and short: `none`, `on`, text in quotes only if it has
    spaces.
    """
    if item is None:
        return phrase("none")
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, Unknown):
        return f"({escape.outside(item)})"
    if isinstance(item, (Link, Lookup, ConsoleName)):
        return escape.outside(item)
    if isinstance(item, Deferred):
        return escape.outside(item.text)
    if isinstance(item, (tuple, list)):
        return escape.cut(f"[{', '.join(map(value, item))}]", _VALUE_CELLS_MAX)
    if isinstance(item, Mapping):
        pairs = ", ".join(f"{escape.outside(key)}: {value(part)}" for key, part in item.items())
        return escape.cut(f"{{{pairs}}}", _VALUE_CELLS_MAX)
    text = escape.outside(item)
    plain = text != "" and " " not in text and text != "none"
    return escape.cut(text if plain else f'"{text}"', _VALUE_CELLS_MAX)


def duration(seconds: float) -> str:
    """Seconds as `0.4 s`, `45 s`, `1 min 50 s`, `2 h 5 min`."""
    if 0.05 <= seconds < 9.95 and not float(seconds).is_integer():
        return phrase("{seconds} s", seconds=f"{seconds:.1f}")
    whole = round(seconds)
    if whole < 60:
        return phrase("{seconds} s", seconds=whole)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return phrase("{minutes} min[ {seconds} s]", minutes=minutes, seconds=rest or None)
    hours, minutes = divmod(minutes, 60)
    return phrase("{hours} h[ {minutes} min]", hours=hours, minutes=minutes or None)


def span(low: int, high: int) -> str:
    """A range of seconds as `1-6 min`, `20-90 s` or `30 s to 5 min`."""
    if low == high:
        return duration(low)
    if high < 120:
        return phrase("{low}-{high} s", low=low, high=high)
    minutes = -(-high // 60)
    if low >= 60:
        return phrase("{low}-{high} min", low=low // 60, high=minutes)
    return phrase("{low} s to {high} min", low=low, high=minutes)


def won(amount: int, *, signed: bool = False) -> str:
    """KRW with separators."""
    if language.current() != "en":
        from babel.numbers import format_decimal  # late: English does without

        pattern = "+#,##0;-#,##0" if signed else None
        found = format_decimal(amount, format=pattern, locale=language.current())
        return phrase("{amount} KRW", amount=found)
    return phrase("{amount} KRW", amount=f"{amount:+,}" if signed else f"{amount:,}")


def moment(unix_seconds: float) -> str:
    """A time as `23 Nov 14:01 KST`."""
    at = datetime.fromtimestamp(unix_seconds, KST)
    if language.current() != "en":
        from babel.dates import format_skeleton  # late: English does without

        day = format_skeleton("MMMd", at, locale=language.current())
        return f"{day} {at:%H:%M} KST"
    month = phrase(_MONTHS[at.month - 1])
    return phrase("{day} {month} {time} KST", day=at.day, month=month, time=f"{at:%H:%M}")


def age(seconds: int | None) -> str:
    """An age in its largest unit: `40 s`, `12 min`, `5 h`, `3 d`; nothing if it is unknown."""
    if seconds is None:
        return ""
    if seconds < 60:
        return phrase("{seconds} s", seconds=seconds)
    if seconds < 3600:
        return phrase("{minutes} min", minutes=seconds // 60)
    if seconds < 86_400:
        return phrase("{hours} h", hours=seconds // 3600)
    return phrase("{days} d", days=seconds // 86_400)


def cloud_time(text: Any) -> int | None:
    """A time of the API in unix seconds; None if the text is not one."""
    try:
        at = datetime.strptime(f"{text} +0900", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
    return int(at.timestamp())


def count(number: int, noun: str) -> str:
    """`1 call`, `2 calls`. Raises KeyError for a noun without an entry in `_COUNTED`."""
    one, several = _COUNTED[noun]
    return phrase(one if number == 1 else several, number=number)


def objects(number: int, kind: ResourceType) -> str:
    """`1 block storage`, `2 block storages`."""
    noun = language.translated(kind.noun if number == 1 else kind.nouns)
    return phrase("{number} {noun}", number=number, noun=noun)


def first_of(names: Sequence[str], between: str = " ", *, most: int = 4) -> str:
    """The first few names, and how many more there are."""
    if len(names) <= most:
        return between.join(names)
    return between.join(
        [*names[: most - 1], phrase("and {number} more", number=len(names) - most + 1)]
    )


def operation(name: str, *, old: bool = False) -> str:
    """An operation as people name it: `create block storage`, `wait for instance`."""
    noun, _, verb = (part.replace("_", " ") for part in name.partition("."))
    noun, verb = language.template(noun), verb if verb == WAIT else language.template(verb)
    if verb == WAIT:
        return phrase("wait for {noun}", noun=noun)
    return phrase("{verb}[ {old}] {noun}", verb=verb, old=phrase("old") if old else None, noun=noun)


def step(item: Step) -> str:
    """What a step does; for an object that a replacement leaves behind, `delete old instance`."""
    return operation(item.operation, old=item.deposed)


def part_of(item: Step) -> str:
    """The title or id of a rule without an address, which a step of its firewall deletes; nothing
    if the address says what the step is about.
    """
    kind = item.fingerprint.get("kind", item.address.kind)
    if item.address.rule is not None or kind == item.address.kind:
        return ""
    return escape.outside(item.fingerprint.get("title") or item.target)


def short(address: str) -> str:
    """An address without its kind, in a line that makes the kind clear: `web[0]`."""
    existing = "existing." if address.startswith("existing.") else ""
    own = address.removeprefix("existing.").partition(".")[2]
    return existing + own if "." in address else address


def pinned_name(text: str) -> str:
    """What a pin's text (`os:ubuntu:22.04`, `any:deploy`) is called in the file."""
    return text.partition(":")[2].replace(":", " ")


def line_of(place: Place) -> str:
    """`stack.yaml:31`: the folder is the stack's, which the user has just named."""
    return escape.outside(f"{place.file.rpartition('/')[2]}:{place.line}")


def place(change: Change) -> str:
    """The line of the changed field, or that of the object if it is new, is deleted, or has several
    changes; nothing if there is none.
    """
    found = change.place
    fields = {field.place for field in change.fields if field.place is not None}
    if change.action is not Action.CREATE and len(fields) == 1:
        found = fields.pop()
    return "" if found is None else line_of(found)
