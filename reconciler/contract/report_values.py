"""What a report may show of a value. Each of these classes checks its content when it is made, also
when a report is read from a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.contract.report_words import ALPHABETS, ID_PREFIXES, MEMBERS, TYPES, WORDS

NUMBER_MAX = 262_143
"""The largest number that a report shows: all 18 bits of a mask (contract#fields)."""

_PARTS_MAX = 64
_LENGTH_MAX = 64
CODES = {
    "zone_id": re.compile(r"[a-z]{2}[0-9]{1,2}[-_]z[0-9]{1,3}"),
    "flavor_id": re.compile(r"[a-z]{2,5}_[0-9]{1,3}(\.[0-9]{1,4})?[-_]([a-z]|g[0-9]{1,2})"),
}
"""The forms of the codes of the catalog that are known (contract#values). A code of another form is
not shown: it could be a name.
"""

_FACT = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class IdForm:
    """The form of an id: its prefix if that is a known one, how many characters follow, and which.

    Raises ValueError for a prefix or an alphabet outside the vocabulary.
    """

    prefix: str
    length: int
    alphabet: str

    def __post_init__(self) -> None:
        known = self.prefix == "" or self.prefix in ID_PREFIXES
        if not known or self.alphabet not in ALPHABETS or not 0 <= self.length <= _LENGTH_MAX:
            raise ValueError("not a form of an id")


@dataclass(frozen=True, slots=True)
class CatalogCode:
    """The code of a zone or flavor, which is the provider's. Raises ValueError for another text."""

    code: str

    def __post_init__(self) -> None:
        forms = CODES.values()
        if not isinstance(self.code, str) or not any(form.fullmatch(self.code) for form in forms):
            raise ValueError("not a code of the catalog")


@dataclass(frozen=True, slots=True)
class MemberTypes:
    """The members of an object with the types of their values, and how many members have a name
    outside the vocabulary. Raises ValueError for another name.
    """

    known: tuple[tuple[str, tuple[str, ...]], ...]
    others: int = 0

    def __post_init__(self) -> None:
        right = all(name in MEMBERS and TYPES.issuperset(types) for name, types in self.known)
        if not right or not 0 <= self.others <= NUMBER_MAX:
            raise ValueError("not the members of an object")

    def types(self, name: str) -> tuple[str, ...]:
        """The types of that member in any row; empty if no row has it."""
        return dict(self.known).get(name, ())

    @property
    def names(self) -> frozenset[str]:
        """The known names."""
        return frozenset(name for name, _ in self.known)


Part: TypeAlias = "str | int | bool | IdForm | CatalogCode | MemberTypes"
Printable: TypeAlias = "Part | tuple[Part, ...]"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a check found. Raises ValueError if its value may not be shown."""

    name: str
    value: Printable

    def __post_init__(self) -> None:
        parts = self.value if isinstance(self.value, tuple) else (self.value,)
        if _FACT.fullmatch(self.name) is None or len(parts) > _PARTS_MAX:
            raise ValueError("not a fact")
        for part in parts:
            _check(part)


def _check(part: object) -> None:
    match part:
        case bool() | IdForm() | CatalogCode() | MemberTypes():
            return
        case int():
            right = 0 <= part <= NUMBER_MAX
        case str():
            right = part in WORDS
        case _:
            right = False
    if not right:
        raise ValueError("a value that a report may not show")


def encode(value: Printable) -> Any:
    """The value as JSON."""
    match value:
        case tuple():
            return [encode(part) for part in value]
        case IdForm():
            return {"prefix": value.prefix, "length": value.length, "alphabet": value.alphabet}
        case CatalogCode():
            return {"catalog_code": value.code}
        case MemberTypes():
            known = {name: list(types) for name, types in value.known}
            return {"members": known, "others": value.others}
    return value


def decode(found: Any) -> Printable:
    """The value in JSON, for a `Fact`. Raises ValueError if it may not be shown."""
    if isinstance(found, list):
        parts: list[Part] = []
        for item in found[: _PARTS_MAX + 1]:
            part = decode(item)
            if isinstance(part, tuple):
                raise ValueError("a list within a list")
            parts.append(part)
        return tuple(parts)
    if isinstance(found, Mapping):
        return _object(found)
    _check(found)
    part = found
    assert isinstance(part, str | int)
    return part


def _object(found: Mapping[str, Any]) -> Part:
    try:
        match sorted(found):
            case ["alphabet", "length", "prefix"]:
                return IdForm(str(found["prefix"]), _whole(found["length"]), str(found["alphabet"]))
            case ["catalog_code"]:
                return CatalogCode(found["catalog_code"])
            case ["members", "others"]:
                known = tuple((name, tuple(types)) for name, types in found["members"].items())
                return MemberTypes(known, _whole(found["others"]))
    except (TypeError, AttributeError) as failure:
        raise ValueError("not a value of a report") from failure
    raise ValueError("not a value of a report")


def _whole(found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int):
        raise ValueError("not a whole number")
    return found
