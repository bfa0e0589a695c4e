"""A terminal of a test: what is on its screen after everything that was written to it."""

from __future__ import annotations

from collections.abc import Callable

import pyte

from reconciler.render.run.live_area import LiveArea, Terminal
from reconciler.render.run.screen import Style
from tests.doubles.clock import VirtualClock


class Screen:
    """The screen of a terminal with so many columns and rows, which a live area is drawn on in
    virtual time.
    """

    def __init__(self, columns: int = 80, rows: int = 24, *, ascii: bool = False) -> None:
        self.clock = VirtualClock()
        self.columns, self.rows = columns, rows
        self.written = ""
        self._screen = pyte.HistoryScreen(columns, rows, history=1000)
        self._stream = pyte.Stream(self._screen)
        self.style = Style(width=columns, ascii=ascii)
        self.tickers = 0
        self.area = LiveArea(
            Terminal(
                write=self.feed,
                size=lambda: (self.columns, self.rows),
                style=self.style,
                now=self.clock.monotonic,
                ticker=self._ticker,
            )
        )

    def _ticker(self, tick: Callable[[], None], seconds: float) -> Callable[[], None]:
        self.tickers += 1
        return self._stopped

    def _stopped(self) -> None:
        self.tickers -= 1

    def feed(self, text: str) -> None:
        """Writes at the cursor."""
        self.written += text
        self._stream.feed(text.replace("\n", "\r\n"))

    def write(self, text: str) -> None:
        """Writes as the streams of the program do: above the area."""
        with self.area.hidden(whole=text.endswith("\n")):
            self.feed(text)

    def wait(self, seconds: float) -> None:
        """Lets the time pass, and the area be redrawn."""
        self.clock.advance(seconds)
        self.area.tick()

    @property
    def lines(self) -> list[str]:
        """What is on the screen, without the empty end."""
        found = [line.rstrip() for line in self._screen.display]
        while found and not found[-1]:
            found.pop()
        return found

    @property
    def cursor_is_shown(self) -> bool:
        """Whether the cursor is visible."""
        return not self._screen.cursor.hidden
