"""State, saved plans and outputs as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.common.text import msg
from reconciler.model.resource import Resource
from reconciler.model.serialize import shown
from reconciler.model.state import STALE, Entry, Phase, State
from reconciler.render import escape, format
from reconciler.render.run.screen import Line, Tone


def text(value: Any, reason: str | None) -> str:
    """An output for people: a text without quotes, anything else as JSON. `reason`: why the value
    is unknown or stale.
    """
    text = escape.outside(value) if isinstance(value, str) else escape.json_text(shown(value))
    return text if reason is None else f"{text}  ({escape.outside(reason)})"


def raw(value: Any) -> str:
    """An output for another program: a text unchanged, anything else as JSON."""
    return value if isinstance(value, str) else escape.json_text(shown(value))


def outputs_document(outputs: Mapping[str, tuple[Any, str | None]]) -> dict[str, Any]:
    """`{name: {value, known}}` (plan-format#other-commands). `stale` is added to values from before
    the last run.
    """
    return {
        name: {
            "value": shown(value),
            "known": reason in (None, STALE),
            **({"stale": True} if reason == STALE else {}),
        }
        for name, (value, reason) in sorted(outputs.items())
    }


def state_document(state: State | None) -> list[dict[str, Any]]:
    """Every object in the state, deposed ones last, as `state list --format json` prints them."""
    if state is None:
        return []
    rows = [
        {
            "address": entry.address,
            "kind": entry.kind,
            "id": entry.id,
            "phase": entry.phase.value,
            "protected": bool(entry.protect),
            "deposed": False,
        }
        for entry in _entries(state)
    ]
    rows += [
        {
            "address": old.address,
            "kind": old.kind,
            "id": old.id,
            "phase": old.phase.value,
            "protected": False,
            "deposed": True,
        }
        for _, old in sorted(state.deposed.items())
    ]
    return rows


def entry_document(entry: Entry) -> dict[str, Any]:
    """Everything that the state records about one object."""
    return {
        "address": entry.address,
        "kind": entry.kind,
        "id": entry.id,
        "phase": entry.phase.value,
        "protect": list(entry.protect),
        "applied": shown(entry.applied),
        "lookups": shown(entry.lookups),
        "depends_on": list(entry.depends_on),
        "parent": entry.parent,
        "made": entry.made,
    }


def state_lines(state: State | None, *, title: str, where: str) -> Iterable[Line]:
    """The state as a table: address, id, phase."""
    if state is None or state.is_empty:
        yield Line(
            msg(
                " {stack}: the state is empty ({path}).",
                stack=escape.outside(title),
                path=escape.outside(where),
            )
        )
        return
    yield Line(
        msg(
            " {stack}    state {path} (serial {serial})",
            stack=escape.outside(title),
            path=escape.outside(where),
            serial=state.serial,
        ),
        Tone.TITLE,
    )
    rows = [(entry.address, entry.id, _marks(entry)) for entry in _entries(state)]
    rows += [
        (f"{old.address} (deposed)", old.id, old.phase.value)
        for _, old in sorted(state.deposed.items())
    ]
    address = max((escape.width(escape.outside(row[0])) for row in rows), default=0)
    id_cells = max((escape.width(escape.outside(row[1])) for row in rows), default=0)
    for name, id, marks in rows:
        cells = (
            escape.pad(escape.outside(name), address),
            escape.pad(escape.outside(id), id_cells),
        )
        yield Line(f"  {'  '.join((*cells, marks))}".rstrip())
    for intent, result in state.open.values():
        text = "outcome unknown" if result == "accepted" else "not finished"
        yield Line(
            f"  open: {escape.outside(intent.operation)} {escape.outside(intent.address)}: {text}",
            Tone.CARE,
        )


def entry_lines(entry: Entry, monthly: int | None = None) -> Iterable[Line]:
    """Everything that the state records about one object, one fact per line. `monthly` is its cost
    in KRW, if known.
    """
    yield Line(f" {escape.outside(entry.address)}", Tone.TITLE)
    facts: list[tuple[str, Any]] = [("id", entry.id), ("phase", entry.phase.value)]
    facts += [("made", format.moment(entry.made))] if entry.made is not None else []
    facts += [("protected from", ", ".join(entry.protect))] if entry.protect else []
    facts += [("after", ", ".join(entry.depends_on))] if entry.depends_on else []
    if monthly:
        facts.append(("costs", msg("{price} a month without VAT", price=format.won(monthly))))
    for name, value in facts:
        yield Line(f"  {name:<16}{escape.outside(value)}")
    if entry.applied:
        yield Line("  as last applied")
    for name, value in sorted(entry.applied.items()):
        yield Line(f"    {escape.outside(name):<14}{format.value(value)}")
    for name, pins in sorted(entry.lookups.items()):
        for asked, found in sorted(pins.items()):
            wanted = asked.partition(":")[2]
            if wanted != found:
                pin = f"{name} {wanted.replace(':', ' ')} is {found}"
                yield Line(f"  pinned: {escape.outside(pin)}")


def written_lines(resource: Resource | None) -> Iterable[Line]:
    """The attributes of the object in the file, each with its line."""
    if resource is None:
        return
    where = (
        ""
        if resource.place is None
        else f" ({escape.outside(f'{resource.place.file}:{resource.place.line}')})"
    )
    yield Line(msg("  in the file{place}", place=where))
    for name, value in sorted(resource.attributes.items()):
        place = resource.places.get(name)
        line = "" if place is None else f"   line {place.line}"
        yield Line(f"    {escape.outside(name):<14}{format.value(value)}{line}")


def _entries(state: State) -> list[Entry]:
    from reconciler.model.address import parse

    def key(entry: Entry) -> Any:
        address = parse(entry.address)
        return (address is None, entry.address if address is None else address.sort_key)

    return sorted(state.entries.values(), key=key)


def _marks(entry: Entry) -> str:
    marks = [] if entry.phase is Phase.READY else [entry.phase.value]
    return ", ".join([*marks, *(["protected"] if entry.protect else [])])
