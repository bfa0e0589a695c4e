"""Whose an object is already: an object stands at one address, or what is done to the one address
is done to the other as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model import marker
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.resource import LiveResource, title_of
from reconciler.model.state import Entry, State, StateChange

Elsewhere: TypeAlias = "Mapping[str, Mapping[str, str]]"
"""What other states of the same place hold: the title of their stack to id to address."""

SHARED = "shared:"
"""Facts that say which stack an object belongs to as well, with consent: this and its id."""


@dataclass(frozen=True, slots=True)
class Sharer:
    """Another stack to which an object belongs, the address that it has there, and by what that is
    known.
    """

    title: str
    address: str
    proof: str


def entry_with(state: State, kind: str, id: str) -> Entry | None:
    """The entry that holds the object of that kind and id, whatever its address is by now."""
    return next(
        (entry for entry in state.entries.values() if (entry.kind, entry.id) == (kind, id)), None
    )


def sent_nonces(state: State) -> frozenset[str]:
    """The markers of requests whose outcome is not known: an object that bears one is ours,
    although no entry holds it yet.
    """
    return frozenset(intent.nonce for intent, _ in state.open.values() if intent.nonce is not None)


def owner_of(state: State, live: LiveResource) -> str | None:
    """The address that an object belongs to: as its own, as an old one that a replacement left
    behind, or by the marker of a request that was sent for it and whose outcome is not known yet.
    """
    found, old = entry_with(state, live.kind, live.id), state.deposed.get(live.id)
    if found is not None:
        return found.address
    if old is not None:
        return f"{old.address} (deposed)"
    sent = (
        intent.address
        for intent, _ in state.open.values()
        if intent.nonce is not None and intent.nonce == live.nonce
    )
    return next((f"{address} (an earlier run's request for it is open)" for address in sent), None)


def sharer_of(
    state: State, live: LiveResource, elsewhere: Elsewhere, entry: Entry | None = None
) -> Sharer | None:
    """The other stack that an object belongs to, or None. `entry` is ours of the object.

    A marker that our entry has as well is ours, whatever stack it names: that is how a renamed
    stack finds its objects.
    """
    for title in sorted(elsewhere):
        if live.id in elsewhere[title]:
            return Sharer(title, elsewhere[title][live.id], f"the state of {title} holds it")
    named = marker.named(live.marked) if live.nonce is not None else None
    if (
        named is None
        or named[:2] == (state.stack, state.environment)
        or (entry is not None and entry.nonce == live.nonce)
    ):
        return None
    title = title_of(*named[:2])
    # The state of the stack that it names can be read, and does not hold it: it was taken out of
    # that stack.
    return (
        None
        if title in elsewhere
        else Sharer(title, f"{live.kind}.{named[2]}", f"its marker names {title}")
    )


def agreed_before(state: State, live: LiveResource, sharer: Sharer) -> bool:
    """Whether an earlier run recorded the consent that an object belongs to that other stack as
    well.
    """
    return state.facts.get(SHARED + live.id) == sharer.title


def agreement(live: LiveResource, sharer: Sharer) -> StateChange:
    """What records that consent."""
    return StateChange(fact=(SHARED + live.id, sharer.title))


def shared(
    address: str, live: LiveResource, sharer: Sharer, *, place: Place | None = None
) -> Problem:
    """The problem of an object that another stack owns as well, with the ways out."""
    message = msg(
        "{address}: {id} belongs to the stack {stack} ({proof}), which can change or delete it",
        address=address,
        id=live.id,
        stack=sharer.title,
        proof=sharer.proof,
    )
    release = f"take it out of {sharer.title} first, by `removed: [{{from: {sharer.address}, keep: true}}]` in its file and an apply"
    hint = msg(
        "{release}; if both stacks are to own it: --accept {consent}",
        release=release,
        consent=pasted(f"shared={address}"),
    )
    return error("shared", message, place=place, address=address, hint=hint)
