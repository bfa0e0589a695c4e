"""One line an object: a change as symbol, address, what happens, where the file asks for it, and who caused it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.changes import Action, Change, FieldChange, Impact
from reconciler.ui import safe, words
from reconciler.ui.screen import Line, Look, Tone

_ADDRESS_CELLS_MAX = 40
_WHAT_CELLS_MIN = 24
_PART = "   "
_DANGEROUS = frozenset({Action.DECIDE, Action.BLOCKED, Action.REPLACE, Action.DELETE, Action.REBUILD, Action.RESIZE, Action.DETACH})


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one line, all safe text."""

    symbol: str
    address: str
    what: tuple[str, ...]
    place: str = ""
    cause: str = ""
    tone: Tone = Tone.PLAIN


def is_dangerous(change: Change) -> bool:
    """Whether a change stands on top of the screen: it needs consent or a decision, or takes something away."""
    return bool(change.impact.consents) or change.action in _DANGEROUS


def row(change: Change, *, extra: str = "") -> Row:
    """The line of a change; `extra` is added to what it says."""
    said = _what(change)
    parts = ["" if extra and said == change.reason else said, *_impact(change.impact), extra]
    return Row(
        symbol=words.SYMBOLS[change.action],
        address=safe.outside(change.address),
        what=tuple(part for part in parts if part),
        place=words.place(change),
        cause=words.cause(change),
        tone=_tone(change),
    )


def drift_row(change: Change) -> Row:
    """The line of a difference that somebody else made, with the ways out."""
    differences = ", ".join(edit(field) for field in change.fields) or safe.outside(change.reason)
    return Row("~", safe.outside(change.address), (differences,), words.place(change), "outside", Tone.CARE)


def table(rows: Sequence[Row], look: Look) -> Iterable[Line]:
    """The rows as aligned lines; what does not fit goes on in the next line, and nothing is cut."""
    if not rows:
        return
    address = min(max(safe.width(item.address) for item in rows), _ADDRESS_CELLS_MAX)
    place = max(safe.width(item.place) for item in rows)
    what = _what_width(rows, look, used=5 + address + 2 + place + 2 + 7 + 2)
    for item in rows:
        yield from _lines(item, address=address, what=what, place=place)


def _what_width(rows: Sequence[Row], look: Look, *, used: int) -> int:
    longest = max(safe.width(_PART.join(item.what)) for item in rows)
    limit = 90 if look.width is None else max(look.width - used, _WHAT_CELLS_MIN)
    return min(longest, limit)


def _lines(item: Row, *, address: int, what: int, place: int) -> Iterable[Line]:
    texts = flow(item.what, max(what, 1))
    head = f"  {item.symbol}  "
    first = safe.pad(item.address, address)
    if safe.width(item.address) > address:
        yield Line(f"{head}{item.address}", item.tone)
        head, first = "     ", " " * address
    for number, text in enumerate(texts):
        left = f"{head}{first}" if number == 0 else " " * (5 + address)
        right = f"  {safe.pad(item.place, place)}  {item.cause}" if number == 0 else ""
        yield Line(f"{left}  {safe.pad(text, what)}{right}".rstrip(), item.tone)


def flow(parts: Sequence[str], cells: int, *, gap: str = _PART) -> list[str]:
    """The parts side by side as long as they fit: broken between parts first, then at double spaces, at single ones only if need be."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}{gap}{part}" if lines else part
        if safe.width(joined) <= cells:
            lines[-1:] = [joined]
        elif "  " in part:
            lines += flow(part.split("  "), cells, gap="  ")
        else:
            lines += safe.wrap(part, cells)
    return lines or [""]


def _tone(change: Change) -> Tone:
    if change.action is Action.DELETE or change.impact.data_loss:
        return Tone.DANGER
    if is_dangerous(change):
        return Tone.CARE
    return Tone.GOOD if change.action is Action.CREATE else Tone.PLAIN


def _what(change: Change) -> str:
    if change.action in (Action.DECIDE, Action.BLOCKED):
        return _held_back(change)
    reason = safe.outside(change.reason)
    if change.action is Action.CREATE:
        return made("rules" if change.address.rule else change.address.kind, {field.path: field for field in change.fields}) or reason
    if change.action is Action.DELETE:
        return "deleted" + (f" ({reason})" if reason not in ("", "destroy") else "")
    if change.action in (Action.FORGET, Action.MOVE):
        return reason
    edits = ", ".join(edit(field) for field in change.fields)
    if change.action is Action.REPLACE:
        return f"replaced: {edits or reason}"
    if change.action is Action.IMPORT:
        return f"bound{f' ({reason})' if reason else ''}{f', then {edits}' if edits else ''}"
    return edits or reason


def _held_back(change: Change) -> str:
    why = change.impact.blocked_by or change.reason
    edits = ", ".join(edit(field) for field in change.fields)
    verb = "decide" if change.action is Action.DECIDE else "blocked"
    return f"{verb}: {safe.outside(why)}" + (f"   ({edits})" if edits else "")


def edit(field: FieldChange) -> str:
    """One field: `flavor std_2.4-g1 -> std_4.8-g1`."""
    before = words.value(field.before)
    if field.known_after_apply:
        after = f"known after apply of {safe.outside(_source(field.after))}"
        return f"{safe.outside(field.path)} {after}" if field.before is None else f"{safe.outside(field.path)} {before} -> {after}"
    return f"{safe.outside(field.path)} {before} -> {words.value(field.after)}"


def _source(after: Any) -> str:
    from reconciler.core.plain import sources

    return ", ".join(sources(after)) or "another object"


def made(kind: str, fields: Mapping[str, FieldChange]) -> str:
    """What a new object is, as a person would say it: its kind's own words first, the rest as `name value`."""
    said = _MADE.get(kind, _plainly)
    return said(fields)


def _new(fields: Mapping[str, FieldChange], name: str) -> str | None:
    field = fields.get(name)
    if field is None:
        return None
    if field.known_after_apply:
        return f"(known after apply of {safe.outside(_source(field.after))})"
    return None if field.after is None else words.value(field.after)


def _instance(fields: Mapping[str, FieldChange]) -> str:
    first = [_new(fields, name) for name in ("flavor", "image", "zone")]
    return "  ".join([*(part for part in first if part), *_rest(fields, {"flavor", "image", "zone"})])


def _storage(fields: Mapping[str, FieldChange]) -> str:
    size, of, on = (_new(fields, name) for name in ("size", "type", "instance"))
    parts = [f"{size} GB" if size else None, of, f"on {words.short(on)}" if on else None]
    return "  ".join([*(part for part in parts if part), *_rest(fields, {"size", "type", "instance"})])


def _rule(fields: Mapping[str, FieldChange]) -> str:
    direction, protocol, ports, cidr = (_new(fields, name) for name in ("direction", "protocol", "ports", "cidr"))
    word = "to" if direction == "out" else "from"
    return f"{direction or 'in'} {protocol or 'tcp'}/{ports or '?'} {word} {cidr or '?'}"


def _firewall(fields: Mapping[str, FieldChange]) -> str:
    icmp = _new(fields, "icmp")
    parts = [] if icmp is None else [f"ping {'allowed' if icmp == 'true' else 'not allowed'}"]
    return "  ".join([*parts, *_rest(fields, {"icmp"})])


def _plainly(fields: Mapping[str, FieldChange]) -> str:
    return "  ".join(_rest(fields, set()))


def _rest(fields: Mapping[str, FieldChange], said: set[str]) -> list[str]:
    found = ((name, _new(fields, name)) for name in sorted(fields) if name not in said)
    return [f"{safe.outside(name)} {text}" for name, text in found if text is not None]


_MADE: Mapping[str, Callable[[Mapping[str, FieldChange]], str]] = {
    "instances": _instance,
    "block_storages": _storage,
    "rules": _rule,
    "firewalls": _firewall,
}


def _impact(impact: Impact) -> Iterable[str]:
    if impact.downtime_seconds is not None:
        yield f"down {words.span(*impact.downtime_seconds)}"
    for loss in impact.data_loss:
        size = "" if loss.gb is None else f" ({loss.gb} GB)"
        yield f"{'its disk' if loss.disk == 'root' else 'the data on it'}{size} is lost"
    if impact.address_change:
        yield "its addresses change"
    if impact.exposure_seconds is not None:
        yield f"without its firewall for {words.duration(impact.exposure_seconds)}"
    for verb, texts in (("opens", impact.opens), ("closes", impact.closes)):
        if texts:
            yield f"{verb} {', '.join(safe.outside(text) for text in texts)}"
