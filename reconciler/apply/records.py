"""What an answer makes of the state: the effects that go with each outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core.changes import Step
from reconciler.core.state import Deposed, Effect, Entry, Phase, State


@dataclass(frozen=True, slots=True)
class Facts:
    """What stays the same for every record of one step: kind name, what it needs, protection and lookups of its resource."""

    kind: str
    depends_on: tuple[str, ...]
    lookups: Mapping[str, Mapping[str, str]]
    protect: tuple[str, ...]
    retain: bool


def born(
    state: State,
    step: Step,
    facts: Facts,
    id: str,
    *,
    applied: Mapping[str, Any],
    nonce: str | None,
    made: int,
    ready: bool,
    parent: str | None,
) -> tuple[Effect, ...]:
    """A create was accepted: its id goes into the state before anything else happens. The object that it follows becomes deposed."""
    text = str(step.address)
    former = state.entries.get(text)
    effects = []
    if step.deposes and former is not None:
        effects.append(Effect(depose=Deposed(text, former.kind, former.id, former.nonce)))
    entry = Entry(
        text,
        facts.kind,
        id,
        applied=dict(applied),
        lookups=facts.lookups,
        depends_on=facts.depends_on,
        parent=parent,
        protect=facts.protect,
        phase=Phase.READY if ready else Phase.INCOMPLETE,
        nonce=nonce,
        made=made,
        retain=facts.retain,
    )
    return (*effects, Effect(put=entry))


def changed(state: State, step: Step, applied: Mapping[str, Any], lookups: Mapping[str, Mapping[str, str]]) -> tuple[Effect, ...]:
    """An edit is done: the managed values it brought are the ones last applied, and what its lookups gave is pinned."""
    entry = state.entries.get(str(step.address))
    if step.deposed or entry is None:
        return ()
    return (Effect(put=replace(entry, applied={**entry.applied, **applied}, lookups={**entry.lookups, **lookups})),)


def ready(state: State, step: Step) -> tuple[Effect, ...]:
    """An object that was made has been seen at rest."""
    entry = state.entries.get(str(step.address))
    return () if entry is None else (Effect(put=replace(entry, phase=Phase.READY)),)


def deleting(state: State, step: Step) -> tuple[Effect, ...]:
    """Our delete was acknowledged: from now on its absence is what we asked for."""
    if step.operation == "rule.delete":
        return ()
    if step.deposed:
        old = state.deposed.get(step.target or "")
        return () if old is None else (Effect(depose=replace(old, phase=Phase.DELETING)),)
    entry = state.entries.get(str(step.address))
    return () if entry is None else (Effect(put=replace(entry, phase=Phase.DELETING)),)


def gone(state: State, step: Step) -> tuple[Effect, ...]:
    """A delete is proved: the object is taken out of the state, a firewall with its rules."""
    if step.deposed:
        return (Effect(bury=step.target),)
    entry = state.entries.get(str(step.address))
    if entry is None or (step.target is not None and entry.id != step.target):
        return ()
    rules = (Effect(drop=other.address) for other in state.entries.values() if other.parent == entry.id)
    return (*rules, Effect(drop=entry.address))


def outputs(state: State, computed: Mapping[str, tuple[Any, str | None]]) -> list[Effect]:
    """The outputs that are not yet in the state as they are now."""
    return [
        Effect(output=(name, value, reason))
        for name, (value, reason) in sorted(computed.items())
        if state.outputs.get(name) != (value, reason)
    ]
