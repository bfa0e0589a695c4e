"""Whose an object is already: an object stands at one address, or what is done to the one address is done to the other as well."""

from __future__ import annotations

from reconciler.core.model import LiveResource
from reconciler.core.state import Entry, State


def entry_with(state: State, kind: str, id: str) -> Entry | None:
    """The entry that holds the object of that kind and id, whatever its address is by now."""
    return next((entry for entry in state.entries.values() if (entry.kind, entry.id) == (kind, id)), None)


def owner_of(state: State, live: LiveResource) -> str | None:
    """The address that an object belongs to: as its own, as an old one that a replacement left behind, or by the marker of a request that
    was sent for it and whose outcome is not known yet."""
    found, old = entry_with(state, live.kind, live.id), state.deposed.get(live.id)
    if found is not None:
        return found.address
    if old is not None:
        return f"{old.address} (deposed)"
    sent = (intent.address for intent, _ in state.open.values() if intent.nonce is not None and intent.nonce == live.nonce)
    return next((f"{address} (an earlier run's request for it is open)" for address in sent), None)
