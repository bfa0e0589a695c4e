"""Which changes made outside a file can say."""

from __future__ import annotations

from typing import Any

from reconciler.model.address import parse

_LINKS = ("firewall", "instance")


_LOOKUPS = ("flavor", "image", "zone")


def can_be_written(path: str, live: Any) -> bool:
    """Whether a file could ask for what is live in a field: not for an empty one, nor for an object
    that the stack does not know.
    """
    if path in _LINKS:
        return live is None or parse(str(live)) is not None
    return live is not None
