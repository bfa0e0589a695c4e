"""The words of the script that draws graphs, in the user's language."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.common.text import Text, msg
from reconciler.render import escape

_HELP = msg(
    "Arrow keys move from step to step, Enter opens a folded node, + and - zoom, 0 fits the graph "
    "to the view, Shift with arrow keys moves it."
)

WORDS: Mapping[str, Text] = {
    "canvas": msg(
        "Graph of {stack}: nodes {number}, waves {waves}",
        stack="{stack}",
        number="{number}",
        waves="{waves}",
    ),
    "choose": msg("Choose a node to see what it waits for."),
    "fit": msg("Fit to view"),
    "fold": msg("Fold equal steps"),
    "help": _HELP,
    "members": msg("Steps"),
    "needed": msg("Needed by"),
    "none": msg("none"),
    "step": msg("Step"),
    "tools": msg("Controls of the graph"),
    "unfold": msg("Open this node"),
    "unfold_all": msg("Show every step"),
    "waits": msg("Waits for"),
    "wave": msg("Wave {number}", number="{number}"),
    "zoom_in": msg("Zoom in"),
    "zoom_out": msg("Zoom out"),
}
"""By the names that `graph.js` uses. It fills in the fields, which stay in braces here."""


def words() -> dict[str, str]:
    """The words as data of a page."""
    return {name: escape.visible(text) for name, text in WORDS.items()}
