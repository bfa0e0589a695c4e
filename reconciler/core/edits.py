"""Edits of a text at known places: one value, one line more, one entry less. All else of the text stays byte for byte as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from reconciler.core.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """One node of a YAML text: where it is (line and column from 1, offsets in the text), what kind, and whether it is in brackets.

    `keys` are the offsets at which the keys of a mapping begin, with their texts; `block_text`: a text written as a
    block (`|` or `>`).
    """

    line: int
    column: int
    start: int
    end: int
    kind: str
    flow: bool = False
    block_text: bool = False
    keys: tuple[tuple[str, int], ...] = ()

    def holds(self, other: Piece) -> bool:
        """Whether another piece lies in this one."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Edit:
    """Put `text` in the place of what lies between two offsets."""

    start: int
    end: int
    text: str


def applied(text: str, edits: Iterable[Edit]) -> str:
    """The text after all edits. They may not overlap."""
    for edit in sorted(set(edits), key=lambda one: (one.start, one.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def overlap(edits: Sequence[Edit]) -> bool:
    """Whether two different edits want the same characters; several additions at one place do not."""
    ordered = sorted(set(edits), key=lambda one: (one.start, one.end))
    return any(first.end > second.start or first.start == second.start < second.end for first, second in pairwise(ordered))


def entry_added(text: str, mapping: Piece, name: str, value: str) -> Edit:
    """One entry more at the end of a mapping that has some, in its manner: on its line, or on a line of its own."""
    if mapping.flow:
        inner = text[mapping.start + 1 : mapping.end - 1]
        between = ", " if inner.strip() else ""
        at = mapping.start + 1 + len(inner.rstrip())
        return Edit(at, at, f"{between}{name}: {value}")
    first = mapping.keys[0][1]
    indent = text[text.rfind("\n", 0, first) + 1 : first]
    at = _end_of_last_line(text, mapping.end)
    newline = "\r\n" if "\r\n" in text else "\n"
    before = "" if at == 0 or text[at - 1] == "\n" else newline
    return Edit(at, at, f"{before}{' ' * len(indent)}{name}: {value}{newline}")


def _end_of_last_line(text: str, end: int) -> int:
    """Behind the last line of a block, before the blank lines and comments that the parser counts to it."""
    kept = text[:end].rstrip()
    lines = kept.split("\n")
    while lines and lines[-1].strip()[:1] in ("", "#"):
        lines.pop()
    at = len("\n".join(lines))
    newline = text.find("\n", at)
    return len(text) if newline < 0 else newline + 1


def entry_removed(text: str, mapping: Piece, name: str) -> Edit | None:
    """One entry less; None where it is not there, or is the only one."""
    names = [key for key, _ in mapping.keys]
    if name not in names or len(names) == 1:
        return None
    position = names.index(name)
    start = mapping.keys[position][1]
    last = position == len(names) - 1
    if mapping.flow:
        if not last:
            return Edit(start, mapping.keys[position + 1][1], "")
        return Edit(text.rindex(",", 0, start), mapping.start + len(text[mapping.start : mapping.end - 1].rstrip()), "")
    begin = text.rfind("\n", 0, start) + 1
    end = _end_of_last_line(text, mapping.end if last else mapping.keys[position + 1][1])
    return Edit(begin, end, "")
