"""What the state becomes once a write has succeeded. It is recorded with the intent, so that a
later run can settle the write without this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model.plan import Step
from reconciler.model.resource import EMPTY, Resource
from reconciler.model.resource_type import FIREWALLS
from reconciler.model.state import (
    MADE,
    STALE,
    SWITCHED_OFF,
    Deposed,
    Entry,
    Phase,
    State,
    StateChange,
)
from reconciler.planner.steps.state_updates import depends_on
from reconciler.recovery import settlement_records
from reconciler.resources.rule import DELETE as DELETE_RULE


@dataclass(frozen=True, slots=True)
class Created:
    """What a create writes into its new entry; `at` is the unix second of its intent."""

    kind: str
    applied: Mapping[str, Any]
    lookups: Mapping[str, Mapping[str, str]]
    parent: str | None
    nonce: str | None
    at: int


def created(
    state: State, step: Step, resource: Resource | None, made: Created
) -> tuple[StateChange, ...]:
    """A create: the new entry, its id still open. The object that it replaces becomes deposed."""
    text = str(step.address)
    former = state.entries.get(text)
    found = []
    if step.deposes and former is not None:
        found.append(StateChange(depose=Deposed(text, former.kind, former.id, former.nonce)))
    entry = Entry(
        text,
        made.kind,
        MADE,
        applied=dict(made.applied),
        lookups=made.lookups,
        depends_on=depends_on(resource) if resource is not None else (),
        parent=made.parent,
        protect=(resource.lifecycle.protect or ()) if resource is not None else (),
        nonce=made.nonce,
        made=made.at,
        retain=resource.lifecycle.retain if resource is not None else False,
    )
    return (*found, StateChange(put=entry))


def changed(
    state: State,
    step: Step,
    applied: Mapping[str, Any],
    lookups: Mapping[str, Mapping[str, str]] = EMPTY,
    *,
    restored: bool = False,
) -> tuple[StateChange, ...]:
    """An edit: its managed values are now the ones last applied, and the results of its lookups
    are pinned.

    `restored`: the power of an instance is from then on as configured.
    """
    entry = state.entries.get(str(step.address))
    if step.deposed or entry is None:
        return ()
    after = replace(
        entry,
        applied={**entry.applied, **applied},
        lookups={**entry.lookups, **lookups},
        stopped=entry.stopped and not restored,
    )
    return (StateChange(put=after),)


def switched(state: State, id: str | None, off_at: int | None) -> tuple[StateChange, ...]:
    """`server stop` switches an instance off at that unix second, or it is started (None): a later
    plan says why it is off.
    """
    name, text = f"{SWITCHED_OFF}{id}", "" if off_at is None else str(off_at)
    return () if state.facts.get(name, "") == text else (StateChange(fact=(name, text)),)


def stopping(state: State, step: Step) -> tuple[StateChange, ...]:
    """An instance is about to be stopped for something else: whatever happens, it must be started
    again.
    """
    entry = state.entries.get(str(step.address))
    if entry is None or entry.stopped or step.applies.get("power") == "off":
        return ()
    return (StateChange(put=replace(entry, stopped=True)),)


def ready(state: State, step: Step) -> tuple[StateChange, ...]:
    """An object that was created has been seen at rest."""
    entry = state.entries.get(str(step.address))
    return () if entry is None else (StateChange(put=replace(entry, phase=Phase.READY)),)


def deleting(state: State, step: Step) -> tuple[StateChange, ...]:
    """Our delete was acknowledged: from now on the object's absence is what we asked for."""
    if step.operation == DELETE_RULE:
        return ()
    if step.deposed:
        old = state.deposed.get(step.target or "")
        if old is None:
            return ()
        return (StateChange(depose=replace(old, phase=Phase.DELETING)), *_remembered(state, old))
    entry = state.entries.get(str(step.address))
    if entry is None:
        return ()
    return (StateChange(put=replace(entry, phase=Phase.DELETING)), *_remembered(state, entry))


def deleted(state: State, step: Step) -> tuple[StateChange, ...]:
    """A delete is proved: the object leaves the state, a firewall together with its rules."""
    if step.deposed:
        old = state.deposed.get(step.target or "")
        known = () if old is None else _remembered(state, old)
        return (StateChange(remove_deposed=step.target), *known)
    entry = state.entries.get(str(step.address))
    if entry is None or (step.target is not None and entry.id != step.target):
        return ()
    others = state.entries.values() if entry.kind == FIREWALLS else ()
    return (
        *(StateChange(drop=other.address) for other in others if other.parent == entry.id),
        StateChange(drop=entry.address),
        *_remembered(state, entry),
    )


def _remembered(state: State, kept: Entry | Deposed) -> tuple[StateChange, ...]:
    """The record of a delete by the id of its object, if the object's marker may not name the
    stack, because the text before it is the user's. A later plan finds it by that, should it come
    back (safety#absence).
    """
    if isinstance(kept, Entry) and (kept.parent or "description" not in kept.applied):
        return ()
    return settlement_records.deleted(state, kept.id, kept.address)


def stale_outputs(state: State) -> list[StateChange]:
    """Marks the outputs of the state as older than this run. If the run is cut short, they stay
    marked.
    """
    kept = sorted(state.outputs.items())
    return [
        StateChange(output=(name, value, STALE)) for name, (value, reason) in kept if reason is None
    ]


def with_earlier(
    computed: Mapping[str, tuple[Any, str | None]], kept: Mapping[str, tuple[Any, str | None]]
) -> dict[str, tuple[Any, str | None]]:
    """The computed outputs; one that has no value, because a step that it needs was not done, keeps
    its earlier value, marked as stale.
    """
    found = dict(computed)
    for name, (value, reason) in computed.items():
        earlier, why = kept.get(name, (None, None))
        if value is None and reason is not None and earlier is not None and why in (None, STALE):
            found[name] = (earlier, STALE)
    return found


def outputs(state: State, computed: Mapping[str, tuple[Any, str | None]]) -> list[StateChange]:
    """Makes the outputs of the state those that are computed now, and removes all others."""
    found = [
        StateChange(output=(name, value, reason))
        for name, (value, reason) in sorted(computed.items())
        if state.outputs.get(name) != (value, reason)
    ]
    found += [StateChange(unset=name) for name in sorted(state.outputs) if name not in computed]
    return found
