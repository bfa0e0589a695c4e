"""Safe text in lines of a limited width: indented continuation and aligned columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.render import escape
from reconciler.render.run.screen import Line, Style, Tone

PART_GAP = "   "
WIDTH_OF_PIPES = 140
"""The width of lines that go into a pipe or a log."""

_CELLS_MIN = 20


def labelled(
    label: str, parts: Sequence[str], style: Style, *, tone: Tone = Tone.PLAIN, gap: str = "    "
) -> Iterable[Line]:
    """The parts behind a label; what does not fit continues below the first part."""
    width = WIDTH_OF_PIPES if style.width is None else style.width
    indent = escape.width(label)
    for number, text in enumerate(flow(parts, max(width - indent, _CELLS_MIN), gap=gap)):
        yield Line(f"{label if number == 0 else ' ' * indent}{text}".rstrip(), tone)


def flow(
    parts: Sequence[str], cells: int, *, gap: str = PART_GAP, below: int | None = None
) -> list[str]:
    """The parts side by side as long as they fit. Lines break between parts first, then at double
    spaces, then at single ones.

    `below` is the room of all lines but the first, if it differs.
    """
    lines: list[str] = []
    for part in parts:
        room = cells if len(lines) <= 1 else below or cells
        joined = f"{lines[-1]}{gap}{part}" if lines else part
        if escape.width(joined) <= room:
            lines[-1:] = [joined]
            continue
        room = cells if not lines else below or cells
        lines += flow(part.split("  "), room, gap="  ") if "  " in part else escape.wrap(part, room)
    return lines or [""]


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows with their cells aligned; every row has as many cells as the first."""
    widths = [max(map(escape.width, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(map(escape.pad, row, widths)).rstrip() for row in rows]
