"""The address that an object already belongs to. If it belonged to two, a change of the one would
change the other as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import in_yaml, pasted
from reconciler.common.text import msg
from reconciler.model import marker
from reconciler.model.address import parse
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.resource import LiveResource, title_of
from reconciler.model.state import Entry, State, StateChange


@dataclass(frozen=True, slots=True)
class OtherState:
    """What another state of the same place contains: the address of each id. `folder` is where it
    is, as a person reads it.
    """

    addresses: Mapping[str, str]
    folder: str = ""


Elsewhere: TypeAlias = "Mapping[str, OtherState]"
"""The other states of the same place, by the title of their stack."""


class LaterElsewhere(Mapping[str, OtherState]):
    """The other states of a distant place, read when they are first looked at."""

    def __init__(self, read: Callable[[], Mapping[str, OtherState]]) -> None:
        self._read = read
        self._found: Mapping[str, OtherState] | None = None

    @property
    def is_read(self) -> bool:
        """Whether they were looked at."""
        return self._found is not None

    def __getitem__(self, title: str) -> OtherState:
        """The state of the stack of that title."""
        return self._states[title]

    def __iter__(self) -> Iterator[str]:
        """The titles."""
        return iter(self._states)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._states)

    @property
    def _states(self) -> Mapping[str, OtherState]:
        if self._found is None:
            self._found = self._read()
        return self._found


def is_at_hand(elsewhere: Elsewhere) -> bool:
    """Whether a look at the other states reads nothing."""
    return not isinstance(elsewhere, LaterElsewhere) or elsewhere.is_read


SHARED = "shared:"
"""The prefix, before an id, of facts that name another stack that owns the object, with consent."""


@dataclass(frozen=True, slots=True)
class Sharer:
    """Another stack that owns an object, the proof, and the address of the object there, None if
    the marker that names the stack was cut within it.
    """

    title: str
    address: str | None
    proof: str


def entry_with(state: State, kind: str, id: str) -> Entry | None:
    """The entry of the object of that kind and id, at any address."""
    return next(
        (entry for entry in state.entries.values() if (entry.kind, entry.id) == (kind, id)), None
    )


def sent_nonces(state: State) -> frozenset[str]:
    """The markers of unsettled requests. An object that carries one belongs to this stack, although
    it has no entry yet.
    """
    return frozenset(intent.nonce for intent, _ in state.open.values() if intent.nonce is not None)


def owner_of(state: State, live: LiveResource) -> str | None:
    """The address that an object belongs to: by its entry, as a deposed object, or by the marker of
    an unsettled request.
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
    return next(
        (
            msg("{address} (an earlier run's request for it is open)", address=address)
            for address in sent
        ),
        None,
    )


def sharer_of(
    state: State, live: LiveResource, elsewhere: Elsewhere, entry: Entry | None = None
) -> Sharer | None:
    """The other stack that owns an object, or None. `entry` is the one in this state.

    If the entry has the marker of the object, the object is this stack's, whatever stack the marker
    names: a renamed stack finds its objects in this way.
    """
    for title in sorted(elsewhere):
        other = elsewhere[title]
        if live.id in other.addresses:
            proof = msg("the state of {title} contains it", title=title)
            if other.folder:
                proof = msg("{proof}: {folder}", proof=proof, folder=other.folder)
            return Sharer(title, other.addresses[live.id], proof)
    named = marker.owner_parts(live.marked) if live.nonce is not None else None
    if (
        named is None
        or named[:2] == (state.stack, state.environment)
        or (entry is not None and entry.nonce == live.nonce)
    ):
        return None
    title = title_of(*named[:2])
    if title in elsewhere:
        # The state of the stack that it names was read and does not contain it: it was taken out of
        # that stack.
        return None
    address = f"{live.kind}.{named[2]}"
    is_whole = parse(address) is not None and len(live.marked or "") < marker.USER_LIMIT
    proof = msg("its marker names {title}", title=title)
    return Sharer(title, address if is_whole else None, proof)


def agreed_before(state: State, live: LiveResource, sharer: Sharer) -> bool:
    """Whether an earlier run recorded the consent that another stack owns the object as well."""
    return state.facts.get(SHARED + live.id) == sharer.title


def agreement(live: LiveResource, sharer: Sharer) -> StateChange:
    """The change of the state that records that consent."""
    return StateChange(fact=(SHARED + live.id, sharer.title))


def shared(
    address: str,
    live: LiveResource,
    sharer: Sharer,
    *,
    place: Place | None = None,
    is_tracked: bool = False,
    is_recovery: bool = False,
) -> Problem:
    """The problem of an object that another stack owns as well, with the ways out. `is_tracked`:
    this stack has the object already; otherwise it is about to take it. `is_recovery`: the command
    takes no consent.
    """
    consent = pasted(f"shared={address}")
    if is_tracked:
        message = msg(
            "{address}: {id} also belongs to the stack {stack} ({proof}), which can change or "
            "delete it",
            address=address,
            id=live.id,
            stack=sharer.title,
            proof=sharer.proof,
        )
        hint = msg(
            "if {stack} took it over, replace it here by `removed: [{{from: {address}, keep: "
            "true}}]` and apply; if both stacks should own it: --accept {consent}",
            stack=sharer.title,
            address=in_yaml(address),
            consent=consent,
        )
    else:
        message = msg(
            "{address}: {id} belongs to the stack {stack} ({proof}), which would lose it",
            address=address,
            id=live.id,
            stack=sharer.title,
            proof=sharer.proof,
        )
        hint = msg(
            "take it out of {stack} first, by `removed: [{{from: {owner}, keep: true}}]` in its "
            "file and an apply; if both stacks should own it: --accept {consent}",
            stack=sharer.title,
            owner=in_yaml(sharer.address or "ADDRESS"),
            consent=consent,
        )
    if is_recovery:
        hint = msg(
            "if it is the right object: reconciler import {address} {id} --accept {consent}",
            address=pasted(address),
            id=pasted(live.id),
            consent=consent,
        )
    return error("shared", message, place=place, address=address, hint=hint)
