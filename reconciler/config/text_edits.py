"""Edits of a text at known places: a changed value, an added line, a removed entry. The rest of the
text stays byte for byte the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg


@dataclass(frozen=True, slots=True)
class Piece:
    """One node of a YAML text: its place (line and column from 1, offsets in the text), its kind,
    and whether it is in brackets.

    `keys` are the offsets of the keys of a mapping with their texts, `ends` the offsets at which
    their values end. `block_text`: a text written as a block (`|` or `>`). `anchor` is the name of
    its anchor, or the anchor that an alias (kind `alias`) refers to. A block ends with its last
    value.
    """

    line: int
    column: int
    start: int
    end: int
    kind: str
    flow: bool = False
    block_text: bool = False
    keys: tuple[tuple[str, int], ...] = ()
    ends: tuple[int, ...] = ()
    anchor: str = ""

    def holds(self, other: Piece) -> bool:
        """Whether another piece lies in this one."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Put `text` in the place of what lies between two offsets."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Addition:
    """A new entry in a mapping, or in the empty value of a mapping."""

    table: Piece
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class TextRemoval:
    """An entry to remove from a mapping."""

    table: Piece
    name: str


TextChange: TypeAlias = "TextEdit | Addition | TextRemoval"

_MOVABLE = re.compile(r"[\w][\w./ -]*", re.ASCII)
"""Unquoted texts with the same meaning inside and outside of brackets."""


class Conflict(Exception):
    """Two edits that disagree about one place."""


class CannotEdit(Exception):
    """The text cannot be edited in this way. The message says why."""


def resolved(
    text: str, pieces: Sequence[Piece], desired_values: Iterable[TextChange]
) -> list[TextEdit]:
    """The edits that make all changes together. Raises `Conflict` or `CannotEdit`."""
    edits: list[TextEdit] = []
    tables: dict[Piece, tuple[dict[str, str], set[str]]] = {}
    for desired in desired_values:
        if isinstance(desired, TextEdit):
            edits += [] if desired in edits else [desired]
            continue
        added, removed = tables.setdefault(desired.table, ({}, set()))
        if isinstance(desired, TextRemoval):
            removed.add(desired.name)
        elif added.setdefault(desired.name, desired.value) != desired.value:
            raise Conflict
    inner_first = sorted(tables, key=lambda table: table.start, reverse=True)
    edits = _together(
        [
            *edits,
            *(edit for table in inner_first for edit in _in_table(text, table, *tables[table])),
        ]
    )
    if overlap(edits):
        raise Conflict
    edits += _anchors_kept(text, pieces, edits)
    if overlap(edits):
        raise CannotEdit(msg("the value is shared through an anchor"))
    return edits


def applied(text: str, edits: Iterable[TextEdit]) -> str:
    """The text after all edits, which must not overlap."""
    for edit in sorted(set(edits), key=lambda one: (one.start, one.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def overlap(edits: Sequence[TextEdit]) -> bool:
    """Whether two edits change the same characters."""
    ordered = sorted(edits, key=lambda one: (one.start, one.end))
    return any(
        first.end > second.start or first.start == second.start
        for first, second in pairwise(ordered)
    )


def _together(edits: Iterable[TextEdit]) -> list[TextEdit]:
    """The edits, with all that is added at one place as one edit."""
    found: dict[tuple[int, int], TextEdit] = {}
    rest = []
    for edit in edits:
        at = (edit.start, edit.end)
        if edit.start < edit.end:
            rest.append(edit)
        else:
            found[at] = (
                TextEdit(*at, found[at].text + edit.text.removeprefix("\r").removeprefix("\n"))
                if at in found
                else edit
            )
    return [*rest, *found.values()]


def _in_table(
    text: str, table: Piece, added: Mapping[str, str], removed: set[str]
) -> Iterator[TextEdit]:
    """The added and removed entries of a mapping, in its own style: on its line, or each on its own
    line.
    """
    names = [name for name, _ in table.keys]
    entries = [f"{name}: {value}" for name, value in added.items()]
    if table.kind != "table" or not names:
        yield TextEdit(
            table.start,
            table.end,
            f"{_space_at(text, table.start)}{_properties(table)}{{{', '.join(entries)}}}",
        )
        return
    goes = [name in removed for name in names]
    if table.flow:
        yield from _in_brackets(text, table, entries, goes)
        return
    starts = [start for _, start in table.keys]
    if all(goes) and not entries:
        yield TextEdit(starts[0], table.end, "{}" + ("\n" if text[table.end - 1] == "\n" else ""))
        return
    yield from (
        TextEdit(_line_of(text, start), _line_after(text, end), "")
        for start, end, out in zip(starts, table.ends, goes, strict=True)
        if out
    )
    if entries:
        at, newline = _line_after(text, table.end), "\r\n" if "\r\n" in text else "\n"
        indent = " " * (starts[0] - _line_of(text, starts[0]))
        before = "" if at == 0 or text[at - 1] == "\n" else newline
        yield TextEdit(at, at, before + "".join(f"{indent}{entry}{newline}" for entry in entries))


def _in_brackets(
    text: str, table: Piece, entries: list[str], goes: list[bool]
) -> Iterator[TextEdit]:
    starts, more = [start for _, start in table.keys], ", ".join(entries)
    if all(goes):
        yield TextEdit(text.index("{", table.start) + 1, table.end - 1, more)
        return
    kept = max(place for place, out in enumerate(goes) if not out)
    for place in range(kept):
        if goes[place]:
            yield TextEdit(starts[place], starts[place + 1], "")
    at = table.ends[kept]
    tail = table.ends[-1] if kept + 1 < len(goes) else at
    if more or tail > at:
        space = " " if more and text[at - 1] == ":" else ""
        yield TextEdit(at, tail, f"{space}, {more}" if more else "")


def _anchors_kept(
    text: str, pieces: Sequence[Piece], edits: Sequence[TextEdit]
) -> Iterator[TextEdit]:
    """Edits that move an anchor whose value is removed to its first alias, so that all other
    aliases keep their meaning.
    """
    gone = [(edit.start, edit.end) for edit in edits if edit.end > edit.start]

    def goes(piece: Piece) -> bool:
        return any(
            start <= piece.start and piece.end <= end and piece.end > piece.start
            for start, end in gone
        )

    for piece in pieces:
        if not piece.anchor or piece.kind == "alias" or not goes(piece):
            continue
        same = [
            other for other in pieces if other.anchor == piece.anchor and other.start >= piece.end
        ]
        again = next((other.start for other in same if other.kind != "alias"), len(text))
        use = next(
            (
                other
                for other in same
                if other.kind == "alias" and other.start < again and not goes(other)
            ),
            None,
        )
        if use is None:
            continue
        value = text[piece.start : piece.end].removeprefix(f"&{piece.anchor}").strip()
        plain = piece.kind == "scalar" and value[:1] not in ("'", '"')
        if (
            "\n" in value
            or any(word in value for word in ("&", "*"))
            or (plain and _MOVABLE.fullmatch(value) is None)
        ):
            raise CannotEdit(
                msg(
                    "the anchor `{anchor}` defines it for other places of the file",
                    anchor=piece.anchor,
                )
            )
        yield TextEdit(use.start, use.end, f"&{piece.anchor} {value}")


def _properties(table: Piece) -> str:
    """The anchor of an empty value that becomes a mapping."""
    return f"&{table.anchor} " if table.anchor else ""


def _space_at(text: str, at: int) -> str:
    return " " if text[at - 1 : at] == ":" else ""


def _line_of(text: str, at: int) -> int:
    """The offset at which a line begins."""
    return text.rfind("\n", 0, at) + 1


def _line_after(text: str, end: int) -> int:
    """The offset of the line after a value. A text written as a block already ends there."""
    if end and text[end - 1] == "\n":
        return end
    newline = text.find("\n", end)
    return len(text) if newline < 0 else newline + 1
