"""Objects that were let go of on purpose: the state remembers them, and nobody reports them."""

from __future__ import annotations

from reconciler.model.state import StateChange

LEFT = "left:"
"""A fact of this name and an id: the object was let go of on purpose, and is not reported. Its
value is the address that it had.
"""


def left(id: str, address: str) -> StateChange:
    """The record that an object was let go of on purpose."""
    return StateChange(fact=(LEFT + id, address))
