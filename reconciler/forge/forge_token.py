"""The token of a forge, which only the adaptor that sends it reveals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from reconciler.common.text import msg
from reconciler.model.ports.forge_ports import ForgeError

_USABLE = re.compile(r"[!-~]{1,4096}")
_HIDDEN = "(token)"


class ForgeToken:
    """A token, and the name of the variable that it is from. Printing, formatting, comparing or
    serializing it reveals nothing.
    """

    __slots__ = ("_value", "name")

    def __init__(self, value: str, name: str) -> None:
        self._value, self.name = value, name

    def reveal(self) -> str:
        """The token itself. Never log, store or show it."""
        return self._value

    def hide(self, text: str) -> str:
        """A text of the forge without the token, should the forge repeat it."""
        return text.replace(self._value, _HIDDEN)

    def __repr__(self) -> str:
        return f"ForgeToken(from {self.name})"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is not stored")


def token_of(environment: Mapping[str, str], name: str) -> ForgeToken:
    """The token in a variable of the environment. Raises `ForgeError` if there is none, or if it
    cannot be a token.
    """
    value = environment.get(name, "").strip()
    if not value:
        raise ForgeError(
            msg("no token for the forge: {name} is not set", name=name),
            hint=msg("set {name} to a token of the forge, as a secret of the CI system", name=name),
        )
    if not _USABLE.fullmatch(value):
        raise ForgeError(
            msg("{name} is not a token: it contains blanks or other characters", name=name),
            hint=msg("set {name} to the token alone", name=name),
        )
    return ForgeToken(value, name)
