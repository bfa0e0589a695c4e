"""A run as it happens: events as a live table at a terminal, as one line per step elsewhere.

Both views write to stderr. They have no clock but the one they are given, and nothing depends on
what they show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.model.events import (
    Event,
    Message,
    ProblemFound,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepUnknown,
    StepWaiting,
    Summary,
)
from reconciler.model.resource_type import waits
from reconciler.render import escape, format, problem_text
from reconciler.render.format import phrase
from reconciler.render.run import screen
from reconciler.render.run.run_report import RunReport, Track
from reconciler.render.run.screen import Line, Style, Tone

if TYPE_CHECKING:
    from rich.table import Table

_ROWS_SHOWN_MAX = 12
_DONE_LISTED_MAX = 20
_TEXT_CELLS_MIN, _TEXT_CELLS_MAX = 12, 60


class ProgressView(Protocol):
    """Takes the events of a run; `close` restores the terminal."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None:
        """Ends the view; nothing is shown after it."""
        ...


class Lines:
    """One line per step when it ends, for a pipe or a CI log; with `-v` also when it starts and
    while it waits.
    """

    def __init__(self, write: Callable[[str], None], style: Style, report: RunReport) -> None:
        self._write = write
        self._style = style
        self._report = report

    def __call__(self, event: Event) -> None:
        self._report.take(event)
        self._write(screen.text(event_lines(event, self._style, self._report), self._style))

    def close(self) -> None:
        """Does nothing: every line is whole when it is written."""


class Live:
    """The rows of the plan while they are done: rows that ended above; below, redrawn in place,
    those under way.
    """

    def __init__(
        self, stream: Any, style: Style, report: RunReport, *, now: Callable[[], float]
    ) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._style = style
        self._report = report
        self._now = now
        self._console = Console(
            file=stream,
            force_terminal=True,
            no_color=not style.color,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live = RichLive(
            get_renderable=self._table,
            console=self._console,
            transient=True,
            refresh_per_second=4,
            redirect_stdout=False,
        )
        self._live.start()

    def __call__(self, event: Event) -> None:
        track = self._report.take(event, self._now())
        if not isinstance(event, StepDone) or self._style.verbose:
            self._print(event_lines(event, self._style, self._report))
        elif track is not None and track.is_done:
            self._print(row_lines([track], self._style))

    def close(self) -> None:
        """Takes the table away and restores the terminal."""
        self._live.stop()

    def _print(self, lines: Iterable[Line]) -> None:
        from rich.text import Text

        for line in lines:
            self._console.print(Text.from_ansi(screen.painted(line, self._style)), soft_wrap=True)

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        tracks = self._report.under_way
        for track in tracks[:_ROWS_SHOWN_MAX]:
            cells = (screen.plain(Line(cell), self._style) for cell in self._cells(track))
            table.add_row(*map(Text, cells))
        ended = phrase(
            "{ended} of {total} steps", ended=self._report.ended, total=self._report.total
        )
        rest = len(tracks) - _ROWS_SHOWN_MAX
        more = phrase("and {number} more under way", number=rest) if rest > 0 else ""
        table.add_row(Text(""), Text(""), Text(ended), Text(more))
        return table

    def _cells(self, track: Track) -> Iterable[str]:
        """The cells of a row: of several steps under way, the first one and their number."""
        key, first = min(track.active.items(), key=lambda each: each[1].since)
        operation = format.operation(first.operation, old=self._report.is_about_old(key))
        yield "  .."
        yield track.row.symbol
        yield track.row.address
        yield phrase(
            "{operation}: {status}[ and {number} more]",
            operation=operation,
            status=first.text,
            number=len(track.active) - 1 or None,
        )
        total = track.total if track.total > 1 else None
        yield phrase("[{ended} of {total}]", ended=track.ended, total=total)
        yield format.duration(max(self._now() - first.since, 0.0))


# Events
# ------------------------------------------------------------------------------------------------


def event_lines(event: Event, style: Style, report: RunReport) -> Iterable[Line]:
    """The lines of an event; none for what only a live view or `-v` shows."""
    match event:
        case ProblemFound():
            yield from problem_text.problem_lines(event.problem, style)
        case Message():
            yield Line(f"  {escape.outside(event.message)}", Tone.FAINT)
        case Summary():
            return
        case StepStarted() | StepWaiting() if not style.verbose:
            return
        case _:
            mark, text, tone = outcome(event)
            ended = f"[{report.ended:>{len(str(report.total))}}/{report.total}]"
            operation = format.operation(event.operation, old=report.is_about_old(event.key))
            address = f"{report.symbol(event.address)}  {escape.outside(event.address)}"
            yield Line(f"  {ended} {escape.pad(mark, 7)}  {address}  {operation}  {text}", tone)


def outcome(
    event: StepStarted | StepWaiting | StepDone | StepFailed | StepSkipped | StepUnknown,
) -> tuple[str, str, Tone]:
    """What an event says about its step: a mark, a text, and the tone of both."""
    match event:
        case StepStarted():
            return "..", phrase("sent"), Tone.FAINT
        case StepWaiting():
            return "..", escape.outside(event.status or phrase("waiting")), Tone.FAINT
        case StepDone():
            if event.sent or waits(event.operation):
                return phrase("ok"), format.duration(event.seconds), Tone.GOOD
            return phrase("ok"), phrase("nothing to send: already as requested"), Tone.GOOD
        case StepFailed():
            return phrase("FAILED"), _failure(event), Tone.DANGER
        case StepSkipped():
            return phrase("skipped"), _reason(event), Tone.CARE
        case StepUnknown():
            return phrase("UNKNOWN"), escape.outside(event.message), Tone.DANGER


def _reason(event: StepSkipped) -> str:
    """Why a step was skipped: a step that it waited for, or what stopped the whole run."""
    if "." in event.because.partition(" ")[0]:
        return phrase("because of {step}", step=event.because)
    return escape.outside(event.because)


def _failure(event: StepFailed) -> str:
    """The answer of the cloud, and its error name."""
    status = phrase("[HTTP {status}]", status=event.http_status)
    names = ", ".join(name for name in (event.error_code, status) if name)
    return phrase("{message}[  ({names})]", message=event.message, names=names)


def row_lines(done: Sequence[Track], style: Style) -> Iterable[Line]:
    """Rows of the plan that are done, as the plan showed them, with the time they took: all
    dangerous ones, and some of the others.
    """
    listed = [track for track in done if track.row.dangerous]
    harmless = [track for track in done if not track.row.dangerous]
    listed += harmless[: max(_DONE_LISTED_MAX - len(listed), 0)]
    cells = max((escape.width(track.row.address) for track in listed), default=0)
    for track in listed:
        row, took = track.row, format.duration(track.seconds)
        head = f"  {phrase('ok'):<7}  {row.symbol}  {escape.pad(row.address, cells)}  "
        room = _TEXT_CELLS_MAX
        if style.width is not None:
            room = style.width - escape.width(head) - escape.width(took) - 2
        text = row.texts[0]
        text = escape.cut(text, room) if room >= _TEXT_CELLS_MIN else ""
        yield Line(f"{head}{text}{'  ' if text else ''}{took}", Tone.GOOD)
    rest = len(done) - len(listed)
    if rest:
        more = phrase("and {number} more", number=rest)
        yield Line(f"  {phrase('ok'):<7}  {more}", Tone.GOOD)
