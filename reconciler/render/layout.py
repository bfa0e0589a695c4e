"""Safe text in lines of a limited width: indented continuation and aligned columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reconciler.render import escape
from reconciler.render.run.screen import Line, Style, Tone

PART_GAP = "   "
WIDTH_OF_PIPES = 140
"""The width of lines that go into a pipe or a log."""

_CELLS_MIN = 20
_AFTER_MARK = re.compile(r"(?<=[,;.]) ")
_TOGETHER_CELLS_MAX, _TOGETHER_WORDS_MAX = 32, 5


def labelled(
    label: str, parts: Sequence[str], style: Style, *, tone: Tone = Tone.PLAIN, gap: str = "    "
) -> Iterable[Line]:
    """The parts behind a label; what does not fit continues below the first part."""
    width = WIDTH_OF_PIPES if style.width is None else style.width
    indent = escape.width(label)
    for number, text in enumerate(flow(parts, max(width - indent, _CELLS_MIN), gap=gap)):
        yield Line(f"{label if number == 0 else ' ' * indent}{text}".rstrip(), tone)


def event_line(
    label: str, parts: Sequence[str], style: Style, *, tone: Tone = Tone.PLAIN
) -> Iterable[Line]:
    """As `labelled` on a terminal; one line in a pipe or a log, so that it can be searched."""
    if style.width is None:
        yield Line(f"{label}{'  '.join(parts)}", tone)
    else:
        yield from labelled(label, parts, style, tone=tone, gap="  ")


def sentence(text: str, style: Style, *, tone: Tone = Tone.PLAIN) -> Iterable[Line]:
    """A text without a label; what does not fit continues indented."""
    width = WIDTH_OF_PIPES if style.width is None else min(style.width, WIDTH_OF_PIPES)
    first, *rest = _broken(text, width, width - 2)
    yield Line(first, tone)
    for line in rest:
        yield Line(f"  {line}", tone)


def flow(
    parts: Sequence[str], cells: int, *, gap: str = PART_GAP, below: int | None = None
) -> list[str]:
    """The parts side by side as long as they fit. Lines break between parts first, then after
    commas, then at spaces, and never inside a word.

    `below` is the room of all lines but the first, if it differs.
    """
    lines: list[str] = []
    for part in parts:
        room = below or cells if len(lines) > 1 else cells
        joined = f"{lines[-1]}{gap}{part}" if lines else part
        if escape.width(joined) <= room:
            lines[-1:] = [joined]
        else:
            lines += _broken(part, below or cells if lines else cells, below or cells)
    return lines or [""]


def _broken(part: str, room: int, below: int) -> list[str]:
    """A part that does not fit on one line. A short piece between commas stays together."""
    if escape.width(part) <= room:
        return [part]
    lines = [""]
    for piece in _pieces(part):
        here = room if len(lines) == 1 else below
        gap = " " if lines[-1] else ""
        if escape.width(lines[-1] + gap + piece) <= here:
            lines[-1] += gap + piece
        elif lines[-1] and _stays_together(piece, below):
            lines.append(piece)
        else:
            lines[-1:] = _filled(lines[-1] + gap + piece, here, below)
    return lines


def _stays_together(piece: str, room: int) -> bool:
    """Whether a piece is short, and a value rather than a clause of a sentence."""
    cells = min(_TOGETHER_CELLS_MAX, room)
    return escape.width(piece) <= cells and piece.count(" ") < _TOGETHER_WORDS_MAX


def _filled(text: str, room: int, below: int) -> list[str]:
    first, *rest = escape.wrap(text, room)
    return [first, *escape.wrap(" ".join(rest), below)] if rest else [first]


def _pieces(part: str) -> list[str]:
    return _AFTER_MARK.split(part)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows with their cells aligned; every row has as many cells as the first."""
    widths = [max(map(escape.width, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(map(escape.pad, row, widths)).rstrip() for row in rows]
