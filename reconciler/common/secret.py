"""A text that must not be seen: first passwords and console links, wrapped where an answer is
decoded (safety#secrets).

Whoever prints, formats, compares or serialises it by mistake gets nothing of it. Only `reveal`
gives it, and only `apply --first-passwords` and `server console` call that.
"""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Holds a value and shows it to nobody who does not ask by name."""

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
