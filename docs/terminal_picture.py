"""Draws what a terminal shows as SVG: a still, or frames that follow each other by CSS alone.

A picture loads nothing from elsewhere and has the same bytes for the same frames. Every run of
letters is as wide as its cells, so that columns stay aligned in any font, Hangul too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from xml.etree import ElementTree

import pyte

CELL, LINE, SIZE, MARGIN, BAR = 8.4, 19, 14, 14, 34
FONTS = (
    "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',"
    "'Noto Sans Mono CJK KR',D2Coding,monospace"
)
COLOURS = {
    "dark": {
        "back": "#161b22",
        "edge": "#30363d",
        "text": "#e6edf3",
        "faint": "#9198a1",
        "red": "#ff7b72",
        "green": "#7ee787",
        "brown": "#e3b341",
        "cyan": "#79c0ff",
    },
    "light": {
        "back": "#ffffff",
        "edge": "#d0d7de",
        "text": "#1f2328",
        "faint": "#59636e",
        "red": "#b42318",
        "green": "#116329",
        "brown": "#7d4e00",
        "cyan": "#0550ae",
    },
}
Row = tuple[tuple[int, str, str], ...]
"""Runs of letters of a row: the first cell, the classes of the look, the text."""


@dataclass(frozen=True)
class Frame:
    """What a terminal shows for so many seconds."""

    rows: tuple[Row, ...]
    seconds: float = 0.0


class Screen:
    """A terminal of so many columns and lines, which text with control codes is written to."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns = columns
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self._screen)

    def write(self, text: str) -> None:
        """Writes at the cursor. pyte ignores faint text, so italics stand for it."""
        self._stream.feed(re.sub(r"\x1b\[2(?=[;m])", "\x1b[3", text))

    @property
    def text(self) -> str:
        """The lines without colour."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def frame(self, seconds: float = 0.0) -> Frame:
        """What it shows now."""
        found = [tuple(self._runs(number)) for number in range(self._screen.lines)]
        while found and not found[-1]:
            found.pop()
        return Frame(tuple(found), seconds)

    def _runs(self, number: int) -> Iterator[tuple[int, str, str]]:
        cells = self._screen.buffer[number]
        shown = [(x, cells[x]) for x in range(self.columns)]
        for look, group in groupby(shown, key=lambda each: _look(each[1])):
            run = list(group)
            text = "".join(cell.data or "\0" for _, cell in run)
            # Wide letters are larger, and two spaces begin a new run.
            for part in re.finditer(r"(?:(?! {2})[^\0](?!\0))+|(?:[^\0]\0)+", text):
                words = part[0].replace("\0", "").strip(" ")
                if words:
                    lead = len(part[0]) - len(part[0].lstrip(" "))
                    yield run[part.start() + lead][0], look, words


def _look(cell: pyte.screens.Char) -> str:
    if cell.italics:
        return "faint"
    colour = "" if cell.fg == "default" else cell.fg
    return f"{colour} {'bold' if cell.bold else ''}".strip()


def still(text: str, columns: int) -> Frame:
    """The frame of a text in the colours of a terminal."""
    screen = Screen(columns, text.count("\n") + 2)
    screen.write(text.replace("\n", "\r\n"))
    return screen.frame()


def picture(frames: Sequence[Frame], columns: int, title: str, *, theme: str) -> str:
    """The SVG of one frame, or of several that are repeated. Without animation, and for readers
    who want less motion, it shows the last.
    """
    colours = COLOURS[theme]
    width = round(columns * CELL + 2 * MARGIN)
    lines = max(len(frame.rows) for frame in frames)
    height = BAR + lines * LINE + MARGIN
    rows = {row: f"r{number}" for number, row in enumerate(_unique(frames))}
    styles = [
        f"text{{font:{SIZE}px {FONTS};fill:{colours['text']};white-space:pre}}",
        ".bold{font-weight:bold}",
        f".wide{{font-size:{SIZE + 2}px}}",
        *(
            f".{name}{{fill:{colours[name]}}}"
            for name in ("faint", "red", "green", "brown", "cyan")
        ),
        *_motion(frames),
    ]
    shown = []
    for number, frame in enumerate(frames):
        uses = "".join(
            f'<use href="#{rows[row]}" y="{y * LINE}"/>' for y, row in enumerate(frame.rows) if row
        )
        shown.append(f'<g id="f{number}" class="frame">{uses}</g>')
    drawn = (f'<g id="{name}">{_drawn(row)}</g>' for row, name in rows.items())
    dots = "".join(
        f'<circle cx="{20 + 18 * number}" cy="17" r="5.5" fill="{colour}"/>'
        for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{chr(10).join(styles)}</style>",
            f"<defs>{chr(10).join(drawn)}</defs>",
            f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8" '
            f'fill="{colours["back"]}" stroke="{colours["edge"]}"/>',
            dots,
            f'<text x="{width / 2:g}" y="22" text-anchor="middle" class="faint">'
            f"{escape(title)}</text>",
            f'<g transform="translate({MARGIN} {BAR})">',
            *shown,
            "</g>",
            "</svg>\n",
        )
    )


def _unique(frames: Iterable[Frame]) -> Iterator[Row]:
    seen = set[Row]()
    for row in (row for frame in frames for row in frame.rows if row):
        if row not in seen:
            seen.add(row)
            yield row


def _drawn(row: Row) -> str:
    return "".join(
        f'<text x="{x * CELL:g}" y="{SIZE}" textLength="{_cells(text) * CELL:g}"'
        + (f' class="{classes}"' if (classes := _classes(look, text)) else "")
        + f">{escape(text)}</text>"
        for x, look, text in row
    )


def _classes(look: str, text: str) -> str:
    wide = _cells(text) == 2 * len(text)
    return f"{look} wide".strip() if wide else look


def _cells(text: str) -> int:
    return sum(max(pyte.screens.wcwidth(letter), 0) for letter in text)


def _motion(frames: Sequence[Frame]) -> Iterator[str]:
    if len(frames) == 1:
        return
    total, at = sum(frame.seconds for frame in frames), 0.0
    last = f"#f{len(frames) - 1}"
    yield f".frame{{visibility:hidden}} {last}{{visibility:visible}}"
    yield "@media (prefers-reduced-motion:no-preference){"
    for number, frame in enumerate(frames):
        begin, end = 100 * at / total, 100 * (at + frame.seconds) / total
        at += frame.seconds
        steps = [
            *(["0%{visibility:hidden}"] if number else []),
            f"{begin:.3f}%{{visibility:visible}}",
            *([f"{end:.3f}%{{visibility:hidden}}"] if number < len(frames) - 1 else []),
            "100%{visibility:" + ("hidden" if number < len(frames) - 1 else "visible") + "}",
        ]
        yield f"@keyframes k{number}{{{''.join(steps)}}}"
        yield f"#f{number}{{animation:k{number} {total:g}s step-end infinite}}"
    yield "}"


def texts(svg: str) -> list[str]:
    """What each frame of a picture shows, one string a frame, runs of spaces as one."""
    space = "{http://www.w3.org/2000/svg}"
    root = ElementTree.fromstring(svg)
    rows = {
        f"#{group.get('id')}": " ".join(part.text or "" for part in group)
        for group in root.findall(f"{space}defs/{space}g")
    }
    return [
        "\n".join(rows[use.get("href", "")] for use in frame)
        for frame in root.findall(f"{space}g/{space}g")
    ]
