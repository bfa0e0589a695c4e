"""The line that shows how far a run is: a bar with the resources done and the time, as wide as
there is room for.
"""

from __future__ import annotations

import math

from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.run.run_clock import RunClock
from reconciler.render.run.screen import Line, Tone

_BAR_CELLS = (30, 20, 10)


def bar(done: int, total: int, cells: int, *, ascii: bool) -> str:
    """A bar of so many cells."""
    full = cells if done >= total else cells * done // total
    if ascii:
        return f"[{'#' * full}{'-' * (cells - full)}]"
    return f"{'━' * full}{'─' * (cells - full)}"


def status(clock: RunClock) -> str:
    """`3 of 11 resources, 24 s elapsed, about 35 s left`."""
    return phrase(
        "{done} of {total} resources[, {troubled} not done], {elapsed} elapsed"
        "[, about {left} left]",
        done=clock.resources.done,
        total=clock.resources.total,
        troubled=clock.resources.troubled or None,
        elapsed=format.duration(int(clock.elapsed)),
        left=_left(clock),
    )


def _short(clock: RunClock) -> str:
    return phrase(
        "{done}/{total}  {elapsed}[, about {left} left]",
        done=clock.resources.done,
        total=clock.resources.total,
        elapsed=format.duration(int(clock.elapsed)),
        left=_left(clock),
    )


def bar_line(clock: RunClock, columns: int, *, ascii: bool) -> Line:
    """The line with the bar, in a form that fits into so many columns."""
    tone = Tone.CARE if clock.resources.troubled else Tone.GOOD
    text, count = status(clock), clock.resources
    ended = count.done + count.troubled
    for cells in _BAR_CELLS:
        drawn = f"  {bar(ended, count.total, cells, ascii=ascii)}  {text}"
        if escape.width(drawn) < columns:
            return Line(drawn, tone)
    return Line(f"  {text if escape.width(text) + 2 < columns else _short(clock)}", tone)


def _left(clock: RunClock) -> str | None:
    remaining = clock.remaining()
    return None if remaining is None else format.duration(max(math.ceil(remaining), 1))
