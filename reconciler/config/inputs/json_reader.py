"""Reads JSON into the nodes of a document, with the place of every value, for values that another
program wrote.

YAML contains JSON only nearly: `1e3`, a whole number of 20 digits, `"\\ud83d\\ude00"` and tabs
mean something else there, or nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from json.decoder import scanstring  # type: ignore[attr-defined]  # missing in the stubs

from reconciler.common.text import msg
from reconciler.config import document, yaml_errors
from reconciler.config.document import Document, Node, Scalar, Sequence, Table
from reconciler.model.diagnostics import Place, Problem, error

DEPTH_MAX = 64
"""The maximum depth of nested lists and mappings, as in YAML."""

NUMBER_CHARACTERS_MAX = 400
"""The maximum length of a number."""

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Wrong(Exception):
    """The text is not JSON. `at` is where, in characters from 0."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def is_json(text: str) -> bool:
    """Whether a text without a known suffix is JSON: an object that Python can read. A YAML mapping
    in braces is not.
    """
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def read(text: str, file: str) -> tuple[Document, tuple[Problem, ...]]:
    """The document of a JSON text. `file` is its name in messages."""
    problems: list[Problem] = []
    root = parse(text, file, problems)
    return Document(root or document.empty(file), (file,), whole=root is not None), tuple(problems)


def parse(text: str, file: str, problems: list[Problem]) -> Table | None:
    """The mapping of a JSON text, or None with a problem."""
    reader = _Reader(text, file, problems)
    try:
        node = reader.all()
    except _Wrong as failure:
        problems.append(
            error(
                "yaml-syntax",
                msg("the file is not valid JSON: {reason}", reason=failure),
                place=yaml_errors.place_at(text, failure.at, file),
            )
        )
        return None
    if isinstance(node, Table):
        return node
    problems.append(
        error("wrong-type", msg("a file of variables must be a mapping"), place=node.place)
    )
    return None


class _Reader:
    """A text, and how far it has been read."""

    def __init__(self, text: str, file: str, problems: list[Problem]) -> None:
        self._text, self._file, self._problems = text, file, problems
        self._at = self._line_start = 0
        self._line = 1

    def all(self) -> Node:
        """The only value of the text."""
        self._skip()
        found = self._value(0)
        self._skip()
        if self._at < len(self._text):
            raise _Wrong(msg("there is text after the end of the value"), self._at)
        return found

    def _place(self) -> tuple[str, int, int]:
        return self._file, self._line, self._at - self._line_start + 1

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        space = found.group()
        if "\n" in space:
            self._line += space.count("\n")
            self._line_start = self._at + space.rfind("\n") + 1
        self._at = found.end()

    def _value(self, depth: int) -> Node:
        text, at = self._text, self._at
        file, line, column = self._place()
        first = text[at : at + 1]
        if first in ("{", "["):
            if depth >= DEPTH_MAX:
                limit = DEPTH_MAX
                message = msg("lists and mappings are nested more than {limit} deep", limit=limit)
                raise _Wrong(message, at)
            self._at += 1
            self._skip()
            return self._object(depth) if first == "{" else self._list(depth)
        if first == '"':
            found = self._string()
            return Scalar(found, found, file, line, column, quoted=True)
        if (number := _NUMBER.match(text, at)) is not None:
            self._at = number.end()
            return Scalar(_number(number, at), number.group(), file, line, column)
        for word, value in _WORDS.items():
            if text.startswith(word, at):
                self._at += len(word)
                return Scalar(value, word, file, line, column)
        raise _Wrong(msg("a value is missing"), at)

    def _string(self) -> str:
        try:
            found, self._at = scanstring(self._text, self._at + 1, True)
        except json.JSONDecodeError as failure:
            message = msg("a string is not closed, or has a character or escape that JSON refuses")
            raise _Wrong(message, failure.pos) from None
        return _SURROGATE.sub("\ufffd", found)

    def _object(self, depth: int) -> Table:
        start = self._line, self._at - self._line_start
        entries: dict[str, Node] = {}
        marks: list[tuple[int, int]] = []

        def member() -> None:
            if self._text[self._at : self._at + 1] != '"':
                raise _Wrong(msg("a key in double quotes is missing"), self._at)
            file, line, column = self._place()
            key = self._string()
            self._skip()
            self._expect(":")
            self._skip()
            value = self._value(depth + 1)
            if key not in entries:
                entries[key] = value
                marks.append((line, column))
                return
            first = Place(file, *marks[list(entries).index(key)])
            self._problems.append(
                error(
                    "yaml-duplicate-key",
                    msg("duplicate key `{key}`, first at {place}", key=key, place=first),
                    place=Place(file, line, column),
                    hint=msg("keep one of them"),
                )
            )

        self._members("}", member)
        return Table(entries, tuple(marks), self._file, *start)

    def _list(self, depth: int) -> Sequence:
        start = self._line, self._at - self._line_start
        items: list[Node] = []
        self._members("]", lambda: items.append(self._value(depth + 1)))
        return Sequence(tuple(items), self._file, *start)

    def _members(self, end: str, member: Callable[[], None]) -> None:
        """Reads members, with commas between them, up to the end."""
        if self._text.startswith(end, self._at):
            self._at += 1
            return
        while True:
            member()
            self._skip()
            if self._text.startswith(end, self._at):
                self._at += 1
                return
            self._expect(",")
            self._skip()

    def _expect(self, character: str) -> None:
        if not self._text.startswith(character, self._at):
            raise _Wrong(msg("`{character}` is missing", character=character), self._at)
        self._at += 1


def _number(found: re.Match[str], at: int) -> int | float:
    text, decimals, exponent = found.group(), found[2], found[3]
    if len(text) > NUMBER_CHARACTERS_MAX:
        limit = NUMBER_CHARACTERS_MAX
        raise _Wrong(msg("a number has more than {limit} characters", limit=limit), at)
    if decimals is None and exponent is None:
        return int(text)
    value = float(text)
    if not math.isfinite(value):
        raise _Wrong(msg("the number is too large"), at)
    return value
