"""Lines with a tone, and the colour of each tone on a screen: every view makes such lines, and only
this module adds colour.

Colour never carries meaning alone: without it, every line says the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from reconciler.common.dataclass import dataclass
from reconciler.locale import language


class Tone(Enum):
    """What kind of line it is, for its colour."""

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
    """What the screen is like: `width` in cells (None: unlimited), whether it takes colour, and
    whether more details are wanted (`-v`).

    `ascii`: it shows ASCII only, so that our own signs are spelled with it.
    """

    width: int | None = None
    color: bool = False
    verbose: bool = False
    ascii: bool = False


_CODES = {Tone.TITLE: "1", Tone.DANGER: "1;31", Tone.CARE: "33", Tone.GOOD: "32", Tone.FAINT: "2"}


def text(lines: Iterable[Line], style: Style) -> str:
    """The lines as text, each with its end of line, in colour if the style has it."""
    return "".join(f"{painted(line, style)}\n" for line in lines)


def plain(line: Line, style: Style) -> str:
    """The text of a line, our own signs in letters that the screen has."""
    text = language.translated(line.text)
    if not style.ascii:
        return text
    return text.replace("\u00b1  ", "-+ ").replace("\u00b1", "-+")


def painted(line: Line, style: Style) -> str:
    """The text of a line in the colour of its tone."""
    code = _CODES.get(line.tone) if style.color and line.text else None
    text = plain(line, style)
    return text if code is None else f"\x1b[{code}m{text}\x1b[0m"
