"""Objects that this stack created and does not track: they run and cost money, and no apply or
destroy of the stack ever changes them.

They come from two machines that apply copies of one state, from a state that was lost, and from
deletes that the cloud undid. A marker proves it: the owner's text before a nonce names the stack.
Behind a text of the user it does not. Then the id of an object that this stack deleted proves it,
and an equal name makes it likely.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Set
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import Text, msg
from reconciler.model import marker
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error, notice, warning
from reconciler.model.resource import LiveResource
from reconciler.model.state import StateChange
from reconciler.planner.checks import lost_state
from reconciler.planner.compare.assessment import Assessment
from reconciler.recovery.settlement_records import LEFT, LOST, deleted_from, left

NAME_MAX = 20
"""Characters of a name that are kept before a number is added, so that a file may have it."""


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
        is_known = live.nonce is None or live.nonce in known or LOST + live.nonce in state.facts
        if (deleted is None and is_known) or lost_state.is_elsewhere(assessment, live):
            continue
        if deleted is not None:
            yield Untracked(live, deleted, sure=True)
            continue
        created_for = lost_state.named_address(assessment, kind, live)
        at = named.get((kind, live.attributes.get("name")))
        if created_for is not None:
            yield Untracked(live, created_for, sure=True)
        elif at is not None and not marker.is_owner_text(live.marked):
            yield Untracked(live, at, sure=False)


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


def problems(assessment: Assessment, reported: Set[str] = frozenset()) -> Iterator[Problem]:
    """An error for each object that is this stack's, a warning for each that may be; a notice for
    one that consent leaves alone. `reported` are the ids of objects that are reported apart.
    """
    taken = set(map(str, assessment.items))
    for found in find(assessment):
        id, address, live = found.live.id, found.address, found.live
        if id in reported:
            continue
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
        hint = _ways_out(assessment, found, taken)
        if found.sure:
            message = lost_state.dated(_what_it_is(assessment, found), live)
            yield error("untracked", message, address=address, hint=hint)
        else:
            name = live.attributes.get("name")
            message = msg(
                "{id} has a marker and the name {name!r} of {address}, and is not in the state: "
                "it may be a duplicate",
                id=id,
                name=name,
                address=address,
            )
            yield warning("untracked", lost_state.dated(message, live), address=address, hint=hint)


def _what_it_is(assessment: Assessment, found: Untracked) -> Text:
    """What an object of this stack is beside the one that the state has at its address."""
    entry = assessment.state.entries.get(found.address)
    fields = {"id": found.live.id, "address": found.address}
    if entry is None or entry.id == found.live.id:
        return msg(
            "{id} was created by this stack for {address} and is not in its state: no command "
            "changes or deletes it",
            **fields,
        )
    if assessment.account.find(entry.kind, entry.id) is None:
        return msg(
            "{id} was created by this stack for {address}; its state has {known_id} there, which "
            "is missing: the state may be older than the account",
            known_id=entry.id,
            **fields,
        )
    return msg(
        "{id} was created by this stack for {address}; its state has {known_id} there, so there "
        "are two: no command changes or deletes {id}",
        known_id=entry.id,
        **fields,
    )


def _ways_out(assessment: Assessment, found: Untracked, taken: set[str]) -> Text:
    """What to do about an object. `taken` are the addresses that are in use; the one that is
    proposed is added.
    """
    id, address = found.live.id, found.address
    alone = msg(
        "or leave it alone: {command} --accept {consent}",
        command=assessment.options.command,
        consent=pasted(f"duplicate={address}"),
    )
    entry, at = assessment.state.entries.get(address), parse(address)
    if entry is not None and assessment.account.find(entry.kind, entry.id) is None:
        return msg(
            "restore the newest state, or bind it: reconciler recover --rebuild\n{alone}",
            alone=alone,
        )
    if not found.sure or at is None:
        return msg(
            "to adopt it, add it to the file under a name of its own, with `import: {id}`\nor "
            "look at {id} in the console, and delete it there if nothing uses it\n{alone}",
            id=id,
            alone=alone,
        )
    free = _free(at, taken)
    taken.add(free)
    return msg(
        "if nothing uses it, bind it, and the next `{verb}` deletes it: reconciler recover --adopt "
        "{binding}\nor to keep it, add it to the file under a name of its own, with `import: {id}`"
        "\n{alone}",
        binding=pasted(f"{free}={id}"),
        verb="destroy" if assessment.options.destroy else "apply",
        id=id,
        alone=alone,
    )


def _free(address: Address, taken: Set[str]) -> str:
    """The address, or the next one that neither the file nor the state has: `instances.web_2`."""
    if str(address) not in taken:
        return str(address)
    numbers = (f"{address.name[:NAME_MAX]}_{number}" for number in itertools.count(2))
    return next(text for name in numbers if (text := str(Address(address.kind, name))) not in taken)


def records(assessment: Assessment) -> tuple[StateChange, ...]:
    """The changes of the state for objects that consent leaves alone."""
    return tuple(
        left(found.live.id, found.address)
        for found in find(assessment)
        if assessment.options.accepts("duplicate", found.address)
    )
