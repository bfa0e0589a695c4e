"""References between objects that are in two states: by address within one, by id between two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.model.address import parse
from reconciler.model.state import Entry, State, StateChange
from reconciler.recovery.hand_over import HandOver
from reconciler.resources import all_kinds


def links(entry: Entry) -> dict[str, str]:
    """The references of an object: field to address or id."""
    fields = all_kinds()[entry.kind].fields
    return {
        name: value
        for name, value in entry.applied.items()
        if isinstance(value, str) and name in fields and fields[name].link is not None
    }


def resource_of(text: str) -> str:
    """The address of the resource of an object."""
    address = parse(text)
    return text if address is None else str(address.resource)


def rewritten(state: State, names: Mapping[str, str], gone: Iterable[str]) -> list[StateChange]:
    """The entries of a state that refer to what moves, with other names for it. `gone` are no
    longer addresses to wait for.
    """
    gone = set(gone)
    gone |= {resource_of(text) for text in gone} - {
        resource_of(text) for text in state.entries.keys() - gone
    }
    found = []
    for text, entry in state.entries.items():
        if text in gone:
            continue
        renamed = {name: names[value] for name, value in links(entry).items() if value in names}
        waits = tuple(other for other in entry.depends_on if other not in gone)
        if renamed or waits != entry.depends_on:
            applied = {**entry.applied, **renamed}
            found.append(StateChange(put=replace(entry, applied=applied, depends_on=waits)))
    return found


def received(hand_over: HandOver, state: State) -> tuple[StateChange, ...]:
    """What the target of a hand-over records when it takes the objects. `state` is its own."""
    names = {entry.id: entry.address for entry in hand_over.entries if entry.parent is None}
    return (*hand_over.receive(), *rewritten(state, names, ()))
