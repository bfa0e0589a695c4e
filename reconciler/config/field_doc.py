"""A field of the language, as it is explained: on the screen, and in the reference that is made of
the same.
"""

from __future__ import annotations

from typing import Any

from reconciler.common.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """One field. `types` are the forms that it takes, in words; `members` the names below it;
    `keyed` what its own keys stand for.
    """

    path: tuple[str, ...]
    description: str
    types: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    default: Any = None
    examples: tuple[Any, ...] = ()
    required: bool = False
    edit: str | None = None
    keyed: str | None = None
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its path as one writes it."""
        return ".".join(self.path)
