"""How a rule is written in a request, and when two rules are equal: shared by `rules` and the older
`firewalls`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.common import validators

NAME = "rules"

_SPOKEN: tuple[tuple[str, str, bool], ...] = (
    ("direction", "bound", True),
    ("protocol", "protocol", True),
    ("ports", "port", False),
    ("cidr", "ip", False),
    ("title", "title", False),
    ("description", "content", False),
)
"""Attribute, member of the API, whether the API wants it in capitals (contract#rule)."""


def body(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The members for these attributes. An empty text cannot be sent: it would keep the old one
    (contract#security-groups).
    """
    found: dict[str, Any] = {}
    for name, member, capitals in _SPOKEN:
        value = inputs.get(name)
        if value is not None and value != "":
            found[member] = str(value).upper() if capitals else str(value)
    return found


def masked(range: str | None) -> str | None:
    """An address range in one form. The console accepts an address without a mask, which means
    `/32`, and `0.0.0.0`, which means `/0` (contract#security-groups).
    """
    if range is None or validators.cidr(f"{range}/32") is not None:
        return range
    everywhere = f"{range}/0"
    return everywhere if everywhere == "0.0.0.0/0" else f"{range}/32"


def meaning(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """The values of a rule, with its texts, in a form that can be sorted."""
    return tuple(str(attributes.get(name) or "") for name, _, _ in _SPOKEN)
