"""What may be learned of an answer: types, words of the vocabulary, forms of ids and classes of
numbers. Judgements see answers only through this module and through comparisons.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.secret import Secret
from reconciler.contract.report_values import CODES, CatalogCode, IdForm, MemberTypes, Part
from reconciler.contract.report_words import (
    CLASSES,
    ENUMERATIONS,
    ERRORS,
    ID_PREFIXES,
    MEMBERS,
    NUMBERS_SHOWN,
)

_ALPHABETS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("digits", re.compile(r"[0-9]+")),
    ("uuid", re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")),
    ("hex", re.compile(r"[0-9a-f]+")),
    ("base62", re.compile(r"[0-9A-Za-z]+")),
    ("base62_and_signs", re.compile(r"[0-9A-Za-z_.-]+")),
)
_PREFIX = re.compile(r"[A-Z][A-Z_]*-")
_PATH_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_WORD = re.compile(r"[A-Za-z0-9_]{1,24}")
_LENGTH_MAX = 64
_ROWS_MAX = 10_000

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """One answer as it came over the wire. `status` is None if none came, `body` the JSON or None;
    `failure` is the word for what is wrong with it, empty if it is a JSON object.
    """

    status: int | None
    body: Any = field(default=None, repr=False)
    failure: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def is_usable(self) -> bool:
        """Whether it is an answer of the API, a refusal among them, and not a fault on the way."""
        return self.status is not None and self.status < 500 and not self.failure

    @property
    def is_success(self) -> bool:
        """Whether it is a success by the contract (contract#envelope)."""
        return (
            self.is_usable
            and self.status in (200, 201, 202)
            and self.body.get("code") == "0x00"
            and self.body.get("error_code") == "SUCCESS"
            and "result" in self.body
        )

    @property
    def rows(self) -> list[Row]:
        """The objects in its result; empty if it is not a success with a list of them."""
        result = self.body.get("result") if self.is_success else None
        found = result if isinstance(result, list) else []
        return [row for row in found[:_ROWS_MAX] if isinstance(row, Mapping)]

    @property
    def is_empty(self) -> bool:
        """Whether it is a success with an empty list."""
        return self.is_success and self.body["result"] == []

    @property
    def error(self) -> str:
        """The name of its error if that is a published one, empty if it has none."""
        name = self.body.get("error_code") if isinstance(self.body, Mapping) else None
        if name is None or self.is_success:
            return ""
        return name if isinstance(name, str) and name in ERRORS else "another_code"


def type_of(value: object) -> str:
    """The type of a JSON value as a word."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case "":
            return "empty_text"
        case str():
            return "text"
        case list():
            return "array"
        case Secret():
            return "secret"
    return "object"


def members_of(rows: Iterable[Row]) -> MemberTypes:
    """The members of all these rows together, with the types that each has."""
    types: dict[str, set[str]] = {}
    others: set[str] = set()
    for row in rows:
        for name, value in row.items():
            if name in MEMBERS:
                types.setdefault(name, set()).add(type_of(value))
            else:
                others.add(name)
    known = tuple((name, tuple(sorted(types[name]))) for name in sorted(types))
    return MemberTypes(known, min(len(others), 999))


def inner(rows: Iterable[Row], name: str) -> list[Row]:
    """The objects that rows have under a name, also those in a list there."""
    found: list[Row] = []
    for row in rows:
        value = row.get(name)
        items = value if isinstance(value, list) else [value]
        found += [item for item in items if isinstance(item, Mapping)]
    return found


def inner_types(rows: Iterable[Row], name: str) -> tuple[str, ...]:
    """The types of the items in the lists that rows have under a name."""
    lists = (row.get(name) for row in rows)
    return _sorted(type_of(item) for found in lists if isinstance(found, list) for item in found)


def words_of(rows: Iterable[Row], name: str) -> tuple[str, ...]:
    """The values that an enumerated member has; one outside its vocabulary is `another_word`."""
    known = ENUMERATIONS[name]
    return _sorted(_word(row[name], known) for row in rows if isinstance(row.get(name), str))


def items_of(rows: Iterable[Row], name: str, known: frozenset[str]) -> tuple[str, ...]:
    """The texts in the lists that rows have under a name, as `words_of` gives them."""
    lists = (row.get(name) for row in rows)
    return _sorted(
        _word(item, known)
        for found in lists
        if isinstance(found, list)
        for item in found
        if isinstance(item, str)
    )


def _word(value: str, known: frozenset[str]) -> str:
    """Words are shown as they are known: in lower case, or all in upper case."""
    if _WORD.fullmatch(value) is None or value.lower() not in known:
        return "another_word"
    return value if value in (value.lower(), value.upper()) else value.lower()


def id_forms(rows: Iterable[Row], name: str) -> tuple[Part, ...]:
    """The forms of the ids that rows have under a name; the type of one that is not a text."""
    forms = {
        id_form(row[name]) if isinstance(row[name], str) else type_of(row[name])
        for row in rows
        if name in row
    }
    return tuple(sorted(forms, key=repr))[:16]


def id_form(text: str) -> IdForm:
    """The form of one id."""
    found = _PREFIX.match(text)
    prefix = found[0] if found else ""
    rest = text[len(prefix) :]
    length = min(len(rest), _LENGTH_MAX)
    if prefix not in ID_PREFIXES and prefix:
        return IdForm("", min(len(text), _LENGTH_MAX), "another_prefix")
    alphabet = next((name for name, one in _ALPHABETS if one.fullmatch(rest)), "others")
    return IdForm(prefix, length, alphabet)


def codes(rows: Iterable[Row], name: str) -> tuple[Part, ...]:
    """The codes of the catalog that rows have under a name; `other` for a text of another form."""
    form = CODES[name]
    texts = {row[name] for row in rows if isinstance(row.get(name), str)}
    found = {CatalogCode(text) if form.fullmatch(text) else "other" for text in texts}
    return tuple(sorted(found, key=repr))[:48]


def is_path_id(text: str) -> bool:
    """Whether an id may be part of a path (contract#values)."""
    return _PATH_ID.fullmatch(text) is not None


def size_class(number: int) -> str:
    """The class of a number of rows."""
    for word, most in zip(CLASSES, (0, 1, 10, 50), strict=False):
        if number <= most:
            return word
    return CLASSES[-1]


def small(number: object) -> Part:
    """A number of the transport, such as the size of a page, if it is one that a report shows."""
    if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 7:
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int):
        return "missing" if number is None else "other"
    return number if 0 <= number <= NUMBERS_SHOWN else "another_number"


def error_form(answer: WireAnswer) -> str:
    """What `result` of a refusal is (contract#errors)."""
    body = answer.body
    if not isinstance(body, Mapping):
        return answer.failure or "no_answer"
    result = body.get("result")
    if result == "error":
        return "error_text"
    if isinstance(result, Mapping):
        return "object"
    if isinstance(body.get("errors"), Mapping) and "code" not in body:
        return "validation_form"
    if isinstance(result, str) and result == body.get("message"):
        return "message_text"
    return "bare_message" if "code" not in body and "message" in body else "other_form"


def body_form(answer: WireAnswer) -> str:
    """What the body of any answer is."""
    if answer.failure:
        return answer.failure
    return "envelope" if "error_code" in answer.body else error_form(answer)


def same_order(first: Sequence[Row], second: Sequence[Row], name: str) -> bool:
    """Whether two readings of one list begin with the same objects."""
    most = min(len(first), len(second))
    return [row.get(name) for row in first[:most]] == [row.get(name) for row in second[:most]]


def differing(first: Row, second: Row) -> tuple[str, ...]:
    """The known members that two readings of one object have with different values."""
    both = [name for name in sorted(first.keys() & second.keys()) if name in MEMBERS]
    return tuple(name for name in both if first[name] != second[name])


def text_of(row: Row, name: str) -> str | None:
    """A text for the next request of the same run, such as an id. It goes into no report."""
    value = row.get(name)
    return value if isinstance(value, str) and value else None


def has(rows: Iterable[Row], name: str, holds: Callable[[str], bool]) -> bool:
    """Whether any row has a text under a name for which `holds` is true."""
    return any(isinstance(row.get(name), str) and holds(row[name]) for row in rows)


def _sorted(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(words)))[:48]
