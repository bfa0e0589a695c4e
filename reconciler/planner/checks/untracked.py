"""Objects that this stack created and does not track: they run and cost money, and no apply or
destroy of the stack ever changes them.

They come from two machines that apply copies of one state, from a state that was lost, and from
deletes that the cloud undid. A marker proves it: the owner's text before a nonce names the stack.
Behind a text of the user it does not. Then the id of an object that this stack deleted proves it,
and an equal name makes it likely.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model import marker
from reconciler.model.diagnostics import Problem, error, notice, warning
from reconciler.model.resource import LiveResource
from reconciler.model.state import StateChange
from reconciler.planner.checks import lost_state
from reconciler.planner.compare.assessment import Assessment
from reconciler.recovery.settlement_records import LEFT, LOST, deleted_from, left


@dataclass(frozen=True, slots=True)
class Untracked:
    """One object and the address that it was made for. `sure`: its marker names this stack, or this
    stack deleted it.
    """

    live: LiveResource
    address: str
    sure: bool


def find(assessment: Assessment) -> Iterator[Untracked]:
    """The objects, by kind and id. None while a run is at work: it records itself what it
    creates.
    """
    if assessment.options.running is not None:
        return
    state = assessment.state
    # doubled objects are reported apart
    known = {entry.nonce for entry in state.entries.values()} | {
        old.nonce for old in state.deposed.values()
    }
    named = _names(assessment)
    for kind, live in lost_state.unowned_objects(assessment):
        if LEFT + live.id in state.facts:
            continue
        deleted = deleted_from(state, live.id)
        if deleted is not None and not lost_state.is_elsewhere(assessment, live):
            yield Untracked(live, deleted, sure=True)
            continue
        if live.nonce is None or live.nonce in known or LOST + live.nonce in state.facts:
            continue
        parts = marker.owner_parts(live.marked)
        if parts is None:
            at = named.get((kind, live.attributes.get("name")))
            if at is not None:
                yield Untracked(live, at, sure=False)
        elif parts[:2] == (assessment.stack.name, assessment.stack.environment):
            yield Untracked(live, f"{kind}.{parts[2]}", sure=True)


def _names(assessment: Assessment) -> Mapping[tuple[str, Any], str]:
    """The addresses by kind and remote name: those of the file, also in a destroy, and those of
    live objects.
    """
    found: dict[tuple[str, Any], str] = {}
    for address, resource in assessment.stack.resources.items():
        name = resource.attributes.get("name", resource.at_create.get("name"))
        if address.rule is None and isinstance(name, str):
            found.setdefault((address.kind, name), str(address))
    for address, item in assessment.items.items():
        if item.live is not None and item.live.attributes.get("name"):
            found.setdefault((item.kind.name, item.live.attributes["name"]), str(address))
    return found


def problems(assessment: Assessment) -> Iterator[Problem]:
    """An error for each object that is this stack's, a warning for each that may be; a notice for
    one that consent leaves alone.
    """
    command = assessment.options.command
    for found in find(assessment):
        id, address = found.live.id, found.address
        if assessment.options.accepts("duplicate", address):
            yield notice(
                "untracked",
                msg(
                    "{id} is ignored from now on, because you accepted that it does not belong to "
                    "this stack",
                    id=id,
                ),
                address=address,
            )
            continue
        hint = msg(
            "to adopt it, add it to the file under a name of its own, with `import: {id}`\nor "
            "look at {id} in the console, and delete it there if nothing uses it\nor leave it "
            "alone: {command} --accept {consent}",
            id=id,
            command=command,
            consent=pasted(f"duplicate={address}"),
        )
        if found.sure:
            message = msg(
                "{id} was created by this stack for {address} and is not in its state: no command "
                "changes or deletes it",
                id=id,
                address=address,
            )
            yield error("untracked", message, address=address, hint=hint)
        else:
            name = found.live.attributes.get("name")
            message = msg(
                "{id} has a marker and the name {name!r} of {address}, and is not in the state: "
                "it may be a duplicate",
                id=id,
                name=name,
                address=address,
            )
            yield warning("untracked", message, address=address, hint=hint)


def records(assessment: Assessment) -> tuple[StateChange, ...]:
    """The changes of the state for objects that consent leaves alone."""
    return tuple(
        left(found.live.id, found.address)
        for found in find(assessment)
        if assessment.options.accepts("duplicate", found.address)
    )
