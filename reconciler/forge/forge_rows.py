"""Reading the objects of an answer: a missing or wrong member is an error with its name."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.common.text import msg
from reconciler.model.ports.forge_ports import ForgeError


class ForgeRow:
    """An object of an answer. Every method raises `ForgeError`."""

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, Mapping):
            raise _unexpected(place, "{}")
        self._value, self._place = value, place

    def __contains__(self, member: str) -> bool:
        return self._value.get(member) is not None

    def text(self, member: str) -> str:
        """A text; the empty text for null or no such member."""
        found = self._value.get(member)
        if found is not None and not isinstance(found, str):
            raise _unexpected(self._place, member)
        return found or ""

    def name(self, member: str) -> str:
        """A text that is not empty."""
        found = self.text(member)
        if not found:
            raise _unexpected(self._place, member)
        return found

    def number(self, member: str) -> int:
        """A whole number."""
        found = self._value.get(member)
        if not isinstance(found, int) or isinstance(found, bool):
            raise _unexpected(self._place, member)
        return found

    def flag(self, member: str) -> bool:
        """Whether a member is true; False for null or no such member."""
        found = self._value.get(member)
        if found is not None and not isinstance(found, bool):
            raise _unexpected(self._place, member)
        return bool(found)

    def moment(self, member: str) -> float:
        """A time in ISO 8601 with its zone, as unix seconds."""
        try:
            found = datetime.datetime.fromisoformat(self.name(member))
        except ValueError:
            raise _unexpected(self._place, member) from None
        if found.tzinfo is None:
            raise _unexpected(self._place, member)
        return found.timestamp()

    def row(self, member: str) -> ForgeRow:
        """An object in this one."""
        if member not in self:
            raise _unexpected(self._place, member)
        return ForgeRow(self._value[member], self._place)

    def rows(self, member: str) -> Iterator[ForgeRow]:
        """The objects of a list in this one."""
        return all_rows(self._value.get(member), self._place)

    def texts(self, member: str) -> tuple[str, ...]:
        """The texts of a list in this one."""
        found = self._value.get(member)
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise _unexpected(self._place, member)
        return tuple(found)


def all_rows(values: Any, place: str) -> Iterator[ForgeRow]:
    """The objects of a list. Raises `ForgeError` if it is not a list."""
    if not isinstance(values, list):
        raise _unexpected(place, "[]")
    for value in values:
        yield ForgeRow(value, place)


def _unexpected(place: str, member: str) -> ForgeError:
    return ForgeError(
        msg(
            "{place} gave an answer without a usable `{member}`",
            place=place,
            member=member,
        ),
        hint=msg("check the address of the forge, and its version in docs/reference/forges.md"),
    )
