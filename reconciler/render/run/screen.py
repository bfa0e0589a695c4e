"""Lines with a tone, and how a tone looks: every view makes these, and one place puts colour on
them.

Colour never carries meaning alone: without it every line says the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from reconciler.common.dataclass import dataclass


class Tone(Enum):
    """What a line is, for its colour."""

    PLAIN = "plain"
    TITLE = "title"
    DANGER = "danger"
    CARE = "care"
    GOOD = "good"
    FAINT = "faint"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of safe text."""

    text: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Style:
    """How the screen is: its width in cells (None: as wide as needed), whether it takes colour,
    whether more is wanted (`-v`).

    `ascii`: it shows nothing else, so our own signs are spelled with it.
    """

    width: int | None = None
    color: bool = False
    verbose: bool = False
    ascii: bool = False


_CODES = {Tone.TITLE: "1", Tone.DANGER: "1;31", Tone.CARE: "33", Tone.GOOD: "32", Tone.FAINT: "2"}


def text(lines: Iterable[Line], look: Style) -> str:
    """The lines as text, each ended; with colour where the look says so."""
    return "".join(f"{_paint(line, look)}\n" for line in lines)


def plain(line: Line, look: Style) -> str:
    """The text of a line, our own signs in the letters that the screen has."""
    return line.text.replace("\u00b1  ", "-+ ").replace("\u00b1", "-+") if look.ascii else line.text


def _paint(line: Line, look: Style) -> str:
    code = _CODES.get(line.tone) if look.color and line.text else None
    text = plain(line, look)
    return text if code is None else f"\x1b[{code}m{text}\x1b[0m"
