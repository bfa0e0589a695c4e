"""State and outputs as lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler import resources
from reconciler.model.address import Address, parse
from reconciler.model.resource import LiveResource, Resource
from reconciler.model.serialize import shown
from reconciler.model.state import Entry, Phase, State
from reconciler.render import escape, format
from reconciler.render.documents.state_json import entries
from reconciler.render.format import phrase
from reconciler.render.layout import columns
from reconciler.render.run.screen import Line, Tone
from reconciler.resources import rule


def text(value: Any, reason: str | None) -> str:
    """An output for people: a text without quotes, anything else as JSON. `reason`: why the value
    is unknown or stale.
    """
    text = escape.outside(value) if isinstance(value, str) else escape.json_text(shown(value))
    return text if reason is None else f"{text}  ({escape.outside(reason)})"


def raw(value: Any) -> str:
    """An output for another program: a text unchanged, anything else as JSON."""
    return value if isinstance(value, str) else escape.json_text(shown(value))


def state_lines(state: State | None, *, title: str, where: str) -> Iterable[Line]:
    """The state as a table: address, id, phase."""
    if state is None or state.is_empty:
        yield Line(
            " " + phrase("{stack}: the state is empty ({folder}).", stack=title, folder=where)
        )
        return
    head = phrase(
        "{stack}    state {folder} (serial {serial})",
        stack=title,
        folder=where,
        serial=state.serial,
    )
    yield Line(f" {head}", Tone.TITLE)
    rows = [
        (escape.outside(entry.address), escape.outside(entry.id), _marks(entry))
        for entry in entries(state)
    ]
    rows += [
        (
            phrase("{address} (deposed)", address=old.address),
            escape.outside(old.id),
            escape.outside(old.phase.value),
        )
        for _, old in sorted(state.deposed.items())
    ]
    yield from (Line(f"  {row}") for row in columns(rows))
    for intent, result in state.open.values():
        text = phrase(
            "open: {operation} {address}: {outcome}",
            operation=intent.operation,
            address=intent.address,
            outcome=phrase("outcome unknown") if result == "accepted" else phrase("not finished"),
        )
        yield Line(f"  {text}", Tone.CARE)


def entry_lines(
    entry: Entry, monthly: int | None = None, live: LiveResource | None = None
) -> Iterable[Line]:
    """What the account shows of one object, and everything that the state records about it, one
    fact per line. `monthly` is its cost in KRW, if known.
    """
    yield Line(f" {escape.outside(entry.address)}", Tone.TITLE)
    price = format.won(monthly) if monthly else None
    shown = {} if live is None else live.attributes
    facts = (
        (phrase("name"), shown.get("name")),
        (phrase("status"), shown.get("status")),
        (phrase("power"), shown.get("power")),
        (phrase("public address"), shown.get("public_ip")),
        (phrase("private address"), shown.get("private_ip")),
        (phrase("id"), entry.id),
        (phrase("phase"), entry.phase.value),
        (phrase("made"), "" if entry.made is None else format.moment(entry.made)),
        (phrase("protected from"), ", ".join(entry.protect)),
        (phrase("after"), ", ".join(entry.depends_on)),
        (phrase("costs"), phrase("[{price} a month without VAT]", price=price)),
    )
    for name, text in facts:
        if text:
            yield Line(f"  {escape.pad(name, 17)}{escape.outside(text)}")
    if entry.applied:
        yield Line("  " + phrase("as last applied"))
    for name, value in sorted(entry.applied.items()):
        yield _attribute(name, format.value(value))
    for field, pins in sorted(entry.lookups.items()):
        for asked, id in sorted(pins.items()):
            if format.pinned_name(asked) != id:
                yield Line(
                    "  "
                    + phrase(
                        "pinned: {field} {name} is {id}",
                        field=field,
                        name=format.pinned_name(asked),
                        id=id,
                    )
                )


def rules_of(state: State, address: Address) -> Mapping[str, Entry]:
    """The rules in the state, by address: of a firewall, or of a key that stands for several."""
    return {
        entry.address: entry
        for entry in entries(state)
        if (within := parse(entry.address)) is not None
        and within.rule is not None
        and address != within
        and (within.owner == address or address.covers(within))
    }


def rule_lines(rules: Mapping[str, Entry], title: str) -> Iterable[Line]:
    """Rules of one firewall, one per line with the traffic that each allows."""
    kind = resources.all_kinds()[rule.NAME]
    rows = []
    for address, entry in rules.items():
        values = {name: format.value(value) for name, value in entry.applied.items()}
        traffic = ", ".join(map(escape.outside, kind.summary.parts(values))) if values else ""
        name = address.partition(".rules.")[2]
        rows.append((escape.outside(name), escape.outside(entry.id), traffic))
    yield Line(f" {title}", Tone.TITLE)
    yield from (Line(f"  {row}") for row in columns(rows))


def written_lines(resource: Resource | None) -> Iterable[Line]:
    """The attributes of the object in the file, each with its line."""
    if resource is None:
        return
    file = None if resource.place is None else f"{resource.place.file}:{resource.place.line}"
    yield Line("  " + phrase("in the file[ ({place})]", place=file))
    for name, value in sorted(resource.attributes.items()):
        place = resource.places.get(name)
        number = None if place is None else place.line
        yield _attribute(
            name, phrase("{value}[   line {number}]", value=format.value(value), number=number)
        )


def _attribute(name: str, text: str) -> Line:
    return Line(f"    {escape.pad(escape.outside(name), 14)}{text}")


def _marks(entry: Entry) -> str:
    phase = "" if entry.phase is Phase.READY else escape.outside(entry.phase.value)
    protected = phrase("protected") if entry.protect else ""
    return ", ".join(mark for mark in (phase, protected) if mark)
