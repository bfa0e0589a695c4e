"""What a write makes of the state once it is done: written down with the intent, so that a later
run can settle it without this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.model.plan import Step
from reconciler.model.resource import EMPTY, Resource
from reconciler.model.state import MADE, STALE, Deposed, Entry, Phase, State, StateChange
from reconciler.planner.steps.state_updates import depends_on


def born(
    state: State,
    step: Step,
    kind: str,
    resource: Resource | None,
    *,
    applied: Mapping[str, Any],
    lookups: Mapping[str, Mapping[str, str]],
    parent: str | None,
    nonce: str | None,
    made: int,
) -> tuple[StateChange, ...]:
    """A create: the new entry, its id still open; the object that it follows becomes deposed."""
    text = str(step.address)
    former = state.entries.get(text)
    effects = []
    if step.deposes and former is not None:
        effects.append(StateChange(depose=Deposed(text, former.kind, former.id, former.nonce)))
    entry = Entry(
        text,
        kind,
        MADE,
        applied=dict(applied),
        lookups=lookups,
        depends_on=depends_on(resource) if resource is not None else (),
        parent=parent,
        protect=(resource.lifecycle.protect or ()) if resource is not None else (),
        nonce=nonce,
        made=made,
        retain=resource.lifecycle.retain if resource is not None else False,
    )
    return (*effects, StateChange(put=entry))


def changed(
    state: State,
    step: Step,
    applied: Mapping[str, Any],
    lookups: Mapping[str, Mapping[str, str]] = EMPTY,
    *,
    restored: bool = False,
) -> tuple[StateChange, ...]:
    """An edit: the managed values it brings are the ones last applied, and what its lookups gave is
    pinned.

    `restored` tells that the power of a server is from then on as it is to be.
    """
    entry = state.entries.get(str(step.address))
    if step.deposed or entry is None:
        return ()
    stopped = entry.stopped and not restored
    return (
        StateChange(
            put=replace(
                entry,
                applied={**entry.applied, **applied},
                lookups={**entry.lookups, **lookups},
                stopped=stopped,
            )
        ),
    )


def stopping(state: State, step: Step) -> tuple[StateChange, ...]:
    """A server is about to be stopped on the way to something else: whatever happens, it is to be
    started again.
    """
    entry = state.entries.get(str(step.address))
    if entry is None or entry.stopped or step.applies.get("power") == "off":
        return ()
    return (StateChange(put=replace(entry, stopped=True)),)


def ready(state: State, step: Step) -> tuple[StateChange, ...]:
    """An object that was made has been seen at rest."""
    entry = state.entries.get(str(step.address))
    return () if entry is None else (StateChange(put=replace(entry, phase=Phase.READY)),)


def deleting(state: State, step: Step) -> tuple[StateChange, ...]:
    """Our delete was acknowledged: from now on its absence is what we asked for."""
    if step.operation == "rule.delete":
        return ()
    if step.deposed:
        old = state.deposed.get(step.target or "")
        return () if old is None else (StateChange(depose=replace(old, phase=Phase.DELETING)),)
    entry = state.entries.get(str(step.address))
    return () if entry is None else (StateChange(put=replace(entry, phase=Phase.DELETING)),)


def gone(state: State, step: Step) -> tuple[StateChange, ...]:
    """A delete is proved: the object is taken out of the state, a firewall with its rules."""
    if step.deposed:
        return (StateChange(remove_deposed=step.target),)
    entry = state.entries.get(str(step.address))
    if entry is None or (step.target is not None and entry.id != step.target):
        return ()
    others = state.entries.values() if entry.kind == "firewalls" else ()
    return (
        *(StateChange(drop=other.address) for other in others if other.parent == entry.id),
        StateChange(drop=entry.address),
    )


def stale(state: State) -> list[StateChange]:
    """What marks the outputs of the state as being from before this run: they stay so where it is
    broken off.
    """
    kept = sorted(state.outputs.items())
    return [
        StateChange(output=(name, value, STALE)) for name, (value, reason) in kept if reason is None
    ]


def outputs(state: State, computed: Mapping[str, tuple[Any, str | None]]) -> list[StateChange]:
    """What makes the outputs of the state those that are computed now: no other stays, least of all
    after a destroy.
    """
    changed = [
        StateChange(output=(name, value, reason))
        for name, (value, reason) in sorted(computed.items())
        if state.outputs.get(name) != (value, reason)
    ]
    return changed + [
        StateChange(unset=name) for name in sorted(state.outputs) if name not in computed
    ]
