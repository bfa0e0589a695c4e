"""A text that must not be shown: first passwords and console links, wrapped when an answer is
decoded (safety#secrets).

Printing, formatting, comparing or serializing it reveals nothing. Only `reveal` returns it, and
only `apply --first-passwords` and `server console` call that.
"""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A value that only `reveal` returns."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def reveal(self) -> object:
        """The value itself. Never log, store or show it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __str__(self) -> str:
        return "(secret)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not stored")
