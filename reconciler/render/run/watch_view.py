"""A list that is read again and again, redrawn in place on a screen of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.render.run import screen
from reconciler.render.run.screen import Line, Style


class WatchView:
    """Lines on the alternate screen of a terminal, until `close`."""

    def __init__(self, stream: Any, style: Style) -> None:
        from rich.console import Console
        from rich.live import Live

        self._style = style
        console = Console(
            file=stream,
            force_terminal=True,
            no_color=not style.color,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live = Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False)
        self._live.start()

    def show(self, lines: Iterable[Line]) -> None:
        """Replaces what the screen shows."""
        from rich.text import Text

        self._live.update(Text.from_ansi(screen.text(lines, self._style)), refresh=True)

    def close(self) -> None:
        """Returns to the screen from before."""
        self._live.stop()
