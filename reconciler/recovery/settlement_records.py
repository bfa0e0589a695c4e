"""What recovery records in the state: settled intents, the first of two checks, and the markers and
objects that the stack no longer owns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from reconciler.model.state import Intent, Note, State, StateChange
from reconciler.recovery.evidence import Finding, Settlement

LOST = "lost "
"""Begins the name of a fact: the marker of a create that was settled as not executed. If its object
appears later, the marker shows what it is.
"""

LEFT = "left:"
"""Begins the name of a fact: the id of an object that was forgotten on purpose, and is not
reported. Its value is the address that it had.
"""

DELETED = "deleted:"
"""Begins the name of a fact: the id of an object that this stack deleted, and whose text does not
name the stack. Its value is the serial of the state then, a space, and the address.
"""

DELETED_MAX = 500
"""How many of them a state keeps; the oldest are dropped."""


def lost(intent: Intent) -> tuple[StateChange, ...]:
    """What is kept of a create that was settled as not executed: its marker."""
    if intent.nonce is None:
        return ()
    return (StateChange(fact=(LOST + intent.nonce, intent.address)),)


def left(id: str, address: str) -> StateChange:
    """The record that an object was forgotten on purpose."""
    return StateChange(fact=(LEFT + id, address))


def deleted(state: State, id: str, address: str) -> tuple[StateChange, ...]:
    """The record that an object was deleted. A list that shows its id later shows an object of this
    stack, whatever its description says.
    """
    kept = [
        (_serial(fact), name)
        for name, fact in state.facts.items()
        if name.startswith(DELETED) and name != DELETED + id
    ]
    oldest = sorted(kept)[: max(0, len(kept) + 1 - DELETED_MAX)]
    return (
        *(StateChange(fact=(name, None)) for _, name in oldest),
        *((StateChange(fact=(LEFT + id, None)),) if LEFT + id in state.facts else ()),
        StateChange(fact=(DELETED + id, f"{state.serial} {address}")),
    )


def _serial(fact: str) -> int:
    """The serial in such a fact; 0 if somebody has edited it."""
    text = fact.partition(" ")[0]
    return int(text) if text.isdecimal() else 0


def deleted_from(state: State, id: str) -> str | None:
    """The address of an object that this stack deleted; None if it is not known to be one."""
    fact = state.facts.get(DELETED + id)
    return None if fact is None else fact.partition(" ")[2]


def notes(settlements: Sequence[Settlement], state: State, run: str) -> tuple[Note, ...]:
    """The records that close what is settled, in order, numbered from the state on."""
    found: list[Note] = []
    for one in settlements:
        if not one.settled:
            continue
        sequence = state.sequence + len(found) + 1
        effects = one.effects if one.finding is Finding.DONE else lost(one.intent)
        reason = f"settled: {one.finding.value}: {one.reason}"[:200]
        found.append(Note(sequence, run, reason, effects, one.intent.sequence))
    return tuple(found)


def first_checks(
    state: State, absences: Mapping[str, float], settlements: Sequence[Settlement]
) -> tuple[StateChange, ...]:
    """What sets the first checks that the state keeps to those of this run: `absences` by id, and
    those of creates by their marker. The check of what was found since, or is settled, is dropped.
    """
    kept = {entry.id for entry in state.entries.values()} | set(state.deposed)
    checks = {id: math.ceil(second) for id, second in absences.items() if id in kept}
    for one in settlements:
        if one.intent.nonce is not None and one.first is not None and not one.settled:
            checks[one.intent.nonce] = math.ceil(one.first)
    changed = sorted(
        subject
        for subject in {*checks, *state.missing_since}
        if checks.get(subject) != state.missing_since.get(subject)
    )
    return tuple(StateChange(missing_since=(subject, checks.get(subject))) for subject in changed)
