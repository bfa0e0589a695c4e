"""A list that is read again and again, redrawn in place on the alternate screen of a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from reconciler.render.run import screen
from reconciler.render.run.screen import Line, Style

_OPEN, _CLEAR, _CLOSE = "\x1b[?1049h", "\x1b[H\x1b[J", "\x1b[?1049l"


class TextOutput(Protocol):
    """What takes text for the terminal."""

    def write(self, text: str) -> None: ...


class WatchView:
    """Lines on the alternate screen, until `close`."""

    def __init__(self, stream: TextOutput, style: Style) -> None:
        self._stream, self._style = stream, style
        self._stream.write(_OPEN)

    def show(self, lines: Iterable[Line]) -> None:
        """Replaces what the screen shows."""
        self._stream.write(_CLEAR + screen.text(lines, self._style))

    def close(self) -> None:
        """Returns to the screen from before."""
        self._stream.write(_CLOSE)
