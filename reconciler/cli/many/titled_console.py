"""The console of one stack of several: each line begins with the title of the stack."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.cli.console import COLUMNS_MIN, Console
from reconciler.cli.streams import Stream
from reconciler.render import escape
from reconciler.render.run.screen import Line, Style

if TYPE_CHECKING:
    from reconciler.render.run.live_area import Area


class TitledConsole(Console):
    """Writes to the streams of another console, whole lines only. `lock` is that of all consoles
    that share these streams. What follows the title begins after `cells`, or after the title if it
    is wider.
    """

    def __init__(
        self, console: Console, title: str, lock: threading.Lock, *, cells: int = 0
    ) -> None:
        super().__init__(
            format=console.format,
            verbose=console.verbose,
            color=console.color,
            environ=console.environ,
            out=console.out,
            err=console.err,
            sources=console.sources,
        )
        self._console, self._title, self._lock = console, title, lock
        self._cells = cells
        self._area: Area | None = None

    @property
    def _head(self) -> str:
        return f"{escape.pad(escape.outside(self._title), self._cells)}  "

    def style(self, stream: Stream) -> Style:
        """The style for a text behind the title."""
        found = super().style(stream)
        if found.width is None:
            return found
        return replace(found, width=max(found.width - escape.width(self._head), COLUMNS_MIN))

    def area(self) -> Area | None:
        """The share of this stack in the lines that are redrawn in place."""
        shared = self._console.area()
        if self._area is None and shared is not None:
            from reconciler.render.run.live_area import TitledArea

            self._area = TitledArea(shared, escape.outside(self._title))
        return self._area

    def result(self, lines: Sequence[Line]) -> None:
        """Writes lines of the command's result."""
        with self._lock:
            super().result([self._titled(line) for line in lines])

    def note(self, lines: Sequence[Line]) -> None:
        """Writes lines that are not part of the result."""
        with self._lock:
            super().note([self._titled(line) for line in lines if line.text])

    def write_line(self, text: str) -> None:
        """Writes a whole line of the command's result, as it is."""
        with self._lock:
            self.out.write(text)

    def write_progress(self, text: str) -> None:
        """Writes whole lines about a run, which are styled already."""
        lines = [f"{self._head}{line}" for line in text.splitlines(keepends=True) if line.strip()]
        with self._lock:
            self.err.write("".join(lines))

    def _titled(self, line: Line) -> Line:
        return Line(f"{self._head}{line.text}" if line.text else "", line.tone)
