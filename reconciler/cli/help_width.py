"""Help in a language with wide characters: click counts characters, a terminal counts columns."""

from __future__ import annotations

from collections.abc import Iterable

import click

from reconciler.render import escape

_FILLER = "\ue000"
"""Follows a wide character while click wraps lines; it is never written."""


class WideFormatter(click.HelpFormatter):
    """Wraps help by columns."""

    def write(self, string: str) -> None:
        """Adds text to the page."""
        super().write(string.replace(_FILLER, ""))

    def write_text(self, text: str) -> None:
        """Adds paragraphs, wrapped."""
        super().write_text(_widened(text))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Adds a table of options or commands; the second column is wrapped."""
        widened = [(name, _widened(text)) for name, text in rows]
        super().write_dl(widened, col_max, col_spacing)


class WideContext(click.Context):
    """The context of a command whose help has wide characters."""

    formatter_class = WideFormatter


def _widened(text: str) -> str:
    """The text with a filler behind each wide character: its length is its width."""
    return "".join(char + _FILLER * (escape.width(char) - 1) for char in text)
