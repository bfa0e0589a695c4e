"""Objects that this stack made and does not track: they run and cost, and no apply or destroy of the stack ever touches them.

Two machines that apply copies of one state make them, and so does a state that was lost. Only a marker proves it: the owner's text before a
nonce names the stack. Behind a text of the user it does not; the name of one of ours then makes it likely.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core import evidence, lost, marker
from reconciler.core.dataclass import dataclass
from reconciler.core.model import LiveResource
from reconciler.core.names import pasted
from reconciler.core.problems import Problem, error, notice, warning
from reconciler.core.state import Effect
from reconciler.core.survey import Survey

LEFT = "left:"
"""A fact of this name and an id: the object was let go of on purpose, and is not reported. Its value is the address that it had."""


@dataclass(frozen=True, slots=True)
class Untracked:
    """One object and the address that it was made for. `sure`: its marker names this stack."""

    live: LiveResource
    address: str
    sure: bool


def left(id: str, address: str) -> Effect:
    """The record that an object was let go of on purpose."""
    return Effect(fact=(LEFT + id, address))


def find(seen: Survey) -> Iterator[Untracked]:
    """The objects, by kind and id. None beside a run that is at work: what it makes right now is on its own record."""
    if seen.options.running is not None:
        return
    state = seen.state
    known = {entry.nonce for entry in state.entries.values()} | {old.nonce for old in state.deposed.values()}  # doubled: told by itself
    named = _names(seen)
    for kind, live in lost.strangers(seen):
        if live.nonce is None or live.nonce in known or {LEFT + live.id, evidence.LOST + live.nonce} & state.facts.keys():
            continue
        parts = marker.owner_parts(live.marked)
        if parts is None:
            at = named.get((kind, live.attributes.get("name")))
            if at is not None:
                yield Untracked(live, at, sure=False)
        elif parts[:2] == (seen.stack.name, seen.stack.environment):
            yield Untracked(live, f"{kind}.{parts[2]}", sure=True)


def _names(seen: Survey) -> Mapping[tuple[str, Any], str]:
    """The addresses by kind and remote name: of the file, also where it is being destroyed, and of what stands."""
    found: dict[tuple[str, Any], str] = {}
    for address, resource in seen.stack.resources.items():
        name = resource.attributes.get("name", resource.at_create.get("name"))
        if address.rule is None and isinstance(name, str):
            found.setdefault((address.kind, name), str(address))
    for address, item in seen.items.items():
        if item.live is not None and item.live.attributes.get("name"):
            found.setdefault((item.kind.name, item.live.attributes["name"]), str(address))
    return found


def problems(seen: Survey) -> Iterator[Problem]:
    """An error for each object that is this stack's, a warning for each that may be; a notice for one that consent leaves alone."""
    command = "reconciler destroy" if seen.options.destroy else "reconciler apply"  # an apply after a destroy would create everything again
    for found in find(seen):
        id, address = found.live.id, found.address
        if seen.options.accepts("duplicate", address):
            yield notice("untracked", f"{id} is left alone from now on: you said that it is not this stack's", address=address)
            continue
        hint = (
            f"to adopt it, add it to the file under a name of its own, with `import: {id}`\n"
            f"or look at {id} in the console, and delete it there if nothing uses it\n"
            f"or leave it alone: {command} --accept {pasted(f'duplicate={address}')}"
        )
        if found.sure:
            message = f"{id} was created by this stack for {address} and is not in its state: no command changes or deletes it"
            yield error("untracked", message, address=address, hint=hint)
        else:
            name = found.live.attributes.get("name")
            message = f"{id} has a marker and the name {name!r} of {address}, and is not in the state: it may be a second one of this stack"
            yield warning("untracked", message, address=address, hint=hint)


def records(seen: Survey) -> tuple[Effect, ...]:
    """What the state learns of objects that consent leaves alone."""
    return tuple(left(found.live.id, found.address) for found in find(seen) if seen.options.accepts("duplicate", found.address))
