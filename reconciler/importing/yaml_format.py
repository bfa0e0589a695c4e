"""The canonical layout of a stack file: two spaces of indentation, one blank line around sections,
no trailing spaces. Nothing but white space changes, and the data stays the same.

Keys keep their order, and values their spelling, quotes and columns: people align rules in tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from reconciler.common.dataclass import dataclass
from reconciler.config import yaml_reader
from reconciler.config.yaml_layout import Token
from reconciler.model.diagnostics import Problem

STEP = 2
"""The indentation of one level, in spaces."""

_OTHER_BREAKS = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
_WHITE = re.compile(r"\s+")
_STARTS = frozenset({"BlockMappingStart", "BlockSequenceStart"})
_FLOW_STARTS = frozenset({"FlowMappingStart", "FlowSequenceStart"})
_FLOW_ENDS = frozenset({"FlowMappingEnd", "FlowSequenceEnd"})
_OF_THE_FILE = frozenset({"StreamStart", "StreamEnd", "DocumentStart", "DocumentEnd", "Directive"})


def formatted(text: str, file: str) -> tuple[str | None, tuple[Problem, ...]]:
    """The text in canonical layout, or None with what is wrong with its YAML. A text whose layout
    cannot be changed safely is returned as it is.
    """
    problems: list[Problem] = []
    if yaml_reader.parse(text, file, problems) is None:
        return None, tuple(problems)
    newline = "\r\n" if "\r\n" in text else "\n"
    if _OTHER_BREAKS.search(text) is not None:
        return text, ()
    lines = _Layout(text.replace("\r\n", "\n")).lines()
    made = "".join(f"{line}\n" for line in lines).replace("\n", newline)
    if not text.endswith("\n") and _ends_in_block(text):
        made = made.removesuffix(newline)
    is_same = yaml_reader.meaning(made) == yaml_reader.meaning(text)
    return (made if is_same and _WHITE.sub("", made) == _WHITE.sub("", text) else text), ()


def _ends_in_block(text: str) -> bool:
    scalars = [token for token in yaml_reader.tokens(text) if token.kind == "Scalar"]
    return bool(scalars) and scalars[-1].style in ("|", ">")


class _Level(NamedTuple):
    """An open mapping or list: its column before and after. A list is `implied` if it is in the
    column of its key: no token ends it.
    """

    old: int
    new: int
    is_list: bool
    implied: bool = False


@dataclass(slots=True)
class _TextLine:
    """One line. `new` is its new indentation, None for a line without a token. `levels` are open
    after it. `verbatim`: it is inside a scalar, and only its indentation changes, which `text` does
    not contain. `keeps`: it is in a block that keeps the blank lines after it.
    """

    text: str
    new: int | None = None
    levels: tuple[_Level, ...] = ()
    verbatim: bool = False
    is_section: bool = False
    keeps: bool = False

    @property
    def old(self) -> int:
        """The number of spaces at the beginning."""
        return len(self.text) - len(self.text.lstrip(" \t"))

    @property
    def is_blank(self) -> bool:
        """Whether nothing is on the line, and the line is not part of a value."""
        return not self.verbatim and not self.text.strip()


class _Layout:
    """The lines of a text, and where each of them goes."""

    def __init__(self, text: str) -> None:
        self._rows = [_TextLine(line) for line in text.split("\n")]
        self._levels: list[_Level] = []
        self._flow = 0
        self._shift = 0
        self._dash: Token | None = None
        for token in yaml_reader.tokens(text):
            if token.kind not in _OF_THE_FILE:
                self._take(token)

    def lines(self) -> list[str]:
        """The lines in canonical layout."""
        rows = self._without_repeated_blanks()
        self._place_comments(rows)
        return [_written(row) for row in self._with_blanks_around_sections(rows)]

    def _take(self, token: Token) -> None:
        if token.kind == "BlockEnd":
            self._close_implied()
            self._levels.pop()
            return
        levels, row = self._levels, self._rows[token.line]
        is_first = row.new is None and not row.verbatim
        dash, self._dash = self._dash, None
        if self._flow:
            self._continue(token)
        elif token.kind in _STARTS:
            self._dash = self._open(token, dash)
            return
        elif token.kind == "BlockEntry" and not levels[-1].is_list:
            new = levels[-1].new + STEP
            levels.append(_Level(token.column, new, is_list=True, implied=True))
        elif token.kind == "Key":
            self._close_implied()
        if not self._flow and is_first:
            inside = token.kind in ("Key", "BlockEntry")
            row.new = token.column
            if levels:
                row.new = levels[-1].new + (0 if inside else STEP)
            self._shift = row.new - row.old
            row.is_section = token.kind == "Key" and len(levels) == 1
        if dash is not None and not self._flow and dash.line == token.line:
            self._close_up(row, dash)
        if token.kind == "BlockEntry":
            self._dash = token
        self._flow += (token.kind in _FLOW_STARTS) - (token.kind in _FLOW_ENDS)
        row.levels = tuple(levels)
        self._scalar(token)

    def _close_implied(self) -> None:
        while self._levels[-1].implied:
            self._levels.pop()

    def _open(self, token: Token, dash: Token | None) -> Token | None:
        levels = self._levels
        new = levels[-1].new + STEP if levels else 0
        is_list = token.kind == "BlockSequenceStart"
        levels.append(_Level(token.column, new, is_list=is_list))
        return dash

    @staticmethod
    def _close_up(row: _TextLine, dash: Token) -> None:
        """Leaves one space after a dash."""
        before, after = row.text[: dash.column + 1], row.text[dash.column + 1 :]
        if not before.strip(" -") and before.endswith("-"):
            row.text = f"{before} {after.lstrip()}"

    def _continue(self, token: Token) -> None:
        """A line inside brackets moves with the line on which they begin."""
        row = self._rows[token.line]
        if row.new is None and not row.verbatim:
            row.new = max(row.old + self._shift, 0)
            row.levels = tuple(self._levels)

    def _scalar(self, token: Token) -> None:
        """Moves the other lines of a scalar of several lines."""
        if token.kind != "Scalar" or token.end_line == token.line:
            return
        if token.style in ("|", ">"):
            self._block(token)
            return
        for row in self._rows[token.line + 1 : token.end_line + 1]:
            row.verbatim, row.levels = True, tuple(self._levels)
            least = self._levels[-1].new + 1 if self._levels else 0
            row.new = max(row.old + self._shift, least) if row.text.strip() else 0
            row.text = row.text.lstrip(" \t")

    def _block(self, token: Token) -> None:
        last = token.end_line if token.end_column else token.end_line - 1
        rows = self._rows[token.line + 1 : last + 1]
        header = self._rows[token.line].text[token.column :].partition("#")[0]
        while "+" not in header and rows and not rows[-1].text.strip(" "):
            rows.pop()
        level = self._levels[-1] if self._levels else _Level(0, 0, is_list=False)
        given = re.match(r"[|>][+-]?([1-9])", header)
        old = level.old + int(given[1]) if given else _first_indent(rows)
        new = level.new + (int(given[1]) if given else STEP)
        for row in rows:
            row.verbatim, row.levels = True, tuple(self._levels)
            is_filled = bool(row.text[old:])
            row.text, row.new = row.text[old:], new if is_filled else 0
            row.keeps = "+" in header

    def _without_repeated_blanks(self) -> list[_TextLine]:
        rows: list[_TextLine] = []
        for row in self._rows:
            if not row.is_blank or (rows and not rows[-1].is_blank):
                rows.append(row)
        while rows and rows[-1].is_blank:
            rows.pop()
        return rows

    @staticmethod
    def _place_comments(rows: Sequence[_TextLine]) -> None:
        """Indents comments as the line after them, else as the open mapping or list of their
        column.
        """
        following: _TextLine | None = None
        levels_before: list[tuple[_Level, ...]] = []
        levels: tuple[_Level, ...] = ()
        for row in rows:
            levels = row.levels if row.new is not None else levels
            levels_before.append(levels)
        for row, open_levels in zip(reversed(rows), reversed(levels_before), strict=True):
            if row.new is not None:
                following = row
            elif not row.is_blank:
                row.new = _comment_column(row.old, following, open_levels)

    @staticmethod
    def _with_blanks_around_sections(rows: Sequence[_TextLine]) -> Iterator[_TextLine]:
        """The lines, with a blank one before and after each section of several lines."""
        starts = [number for number, row in enumerate(rows) if row.is_section]
        breaks: set[int] = set()
        long: dict[int, bool] = {}
        for start, end in pairwise([*starts, len(rows)]):
            inner = rows[start + 1 : end]
            long[start] = any(row.levels or row.verbatim for row in inner)
        for first, second in pairwise(starts):
            if not long[first] and not long[second]:
                continue
            at = second
            while at - 1 > first and _is_comment(rows[at - 1]) and rows[at - 1].new == 0:
                at -= 1
            if not rows[at - 1].is_blank and not rows[at - 1].keeps:
                breaks.add(at)
        for number, row in enumerate(rows):
            if number in breaks:
                yield _TextLine("")
            yield row


def _comment_column(old: int, following: _TextLine | None, levels: Sequence[_Level]) -> int:
    if following is not None and following.new is not None and following.old == old:
        return following.new
    for level in reversed(levels):
        if level.old <= old:
            return level.new + (STEP if level.old < old else 0)
    return 0


def _is_comment(row: _TextLine) -> bool:
    return not row.verbatim and row.text.lstrip().startswith("#")


def _first_indent(rows: Sequence[_TextLine]) -> int:
    """The indentation of the first line with text."""
    return next((row.old for row in rows if row.text.strip(" ")), 0)


def _written(row: _TextLine) -> str:
    text = row.text if row.verbatim else row.text.strip(" \t")
    return " " * (row.new or 0) + text if text else ""
