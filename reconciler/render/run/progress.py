"""A run as it happens: what is under way and a bar at a terminal, lines elsewhere.

Both views write to stderr. They have no clock but the one they are given, and nothing depends on
what they show.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from reconciler.model.events import (
    Event,
    Message,
    ProblemFound,
    QuotaWait,
    RunStarted,
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
from reconciler.render.layout import event_line
from reconciler.render.run import activity_view, run_bar, screen
from reconciler.render.run.activity_view import HEARTBEAT_SECONDS
from reconciler.render.run.live_area import Area, Ticker, no_ticker
from reconciler.render.run.run_clock import RunClock
from reconciler.render.run.run_report import RunReport, Track
from reconciler.render.run.screen import Line, Style, Tone

_COLUMNS_ALIGNED_MIN = 60
"""In fewer columns, what is under way is not aligned with the rows that ended."""

LOG_TICK_SECONDS = 1.0
"""How often it is checked whether a line about how far the run is is due."""

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
    """For a pipe or a CI log: one line when a step starts and one when it ends, and every half
    minute how far the run is. With `-v` also what a step waits for.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        style: Style,
        report: RunReport,
        clock: RunClock,
        *,
        ticker: Ticker = no_ticker,
    ) -> None:
        self._write, self._style, self._report, self._clock = write, style, report, clock
        self._lock = threading.Lock()
        self._started: set[str] = set()
        self._heartbeat_at = clock.now() + HEARTBEAT_SECONDS
        self._stop = ticker(self.tick, LOG_TICK_SECONDS)

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._report.take(event, self._clock.now())
            self._clock.take(event)
            lines = list(event_lines(event, self._style, self._report, self._clock))
            if isinstance(event, StepStarted) and not self._style.verbose:
                if event.key in self._started:
                    return
                self._started.add(event.key)
            self._write(screen.text(lines, self._style))

    def tick(self) -> None:
        """Writes how far the run is, if it is time for that."""
        with self._lock:
            if self._clock.now() >= self._heartbeat_at:
                self._heartbeat_at += HEARTBEAT_SECONDS
                self._write(screen.text([self._heartbeat()], self._style))

    def close(self) -> None:
        """Ends the lines about how far the run is."""
        self._stop()

    def _heartbeat(self) -> Line:
        waits = [
            phrase("{address} {duration}", address=track.row.address, duration=format.duration(age))
            for track in self._report.under_way
            for age in [int(self._clock.now() - min(each.since for each in track.active.values()))]
        ]
        text = phrase(
            "{status}[; under way: {waits}]",
            status=run_bar.status(self._clock),
            waits=format.first_of(waits, ", "),
        )
        return Line(f"  .. {text}", Tone.FAINT)


class Live:
    """At a terminal: rows of the plan that ended scroll above; below, redrawn in place, are those
    under way, and a bar.
    """

    def __init__(
        self,
        area: Area,
        write: Callable[[str], None],
        style: Style,
        report: RunReport,
        clock: RunClock,
    ) -> None:
        self._area, self._write, self._style = area, write, style
        self._report, self._clock = report, clock
        self._quota_until = -math.inf
        area.add(self.lines)

    def __call__(self, event: Event) -> None:
        with self._area.changing():
            now = self._clock.now()
            track = self._report.take(event, now)
            self._clock.take(event)
            if isinstance(event, QuotaWait):
                self._quota_until = now + event.seconds
            elif isinstance(event, StepStarted):
                self._quota_until = -math.inf
        if isinstance(event, QuotaWait) or (
            isinstance(event, StepStarted | StepWaiting) and not self._style.verbose
        ):
            return
        if not isinstance(event, StepDone) or self._style.verbose:
            self._print(event_lines(event, self._style, self._report, self._clock))
        elif track is not None and track.is_done:
            self._print(row_lines([track], self._style))

    def close(self) -> None:
        """Takes the lines below away."""
        self._area.remove(self.lines)

    def lines(self, now: float, columns: int) -> Sequence[Line]:
        """What is under way at a monotonic second, in so many columns."""
        tracks = self._report.under_way
        shown = tracks[:_ROWS_SHOWN_MAX]
        found = list(_under_way(shown, self._report, now, columns))
        if len(tracks) > len(shown):
            more = phrase("and {number} more under way", number=len(tracks) - len(shown))
            found.append(Line(f"  {more}", Tone.FAINT))
        if now < self._quota_until:
            found.append(Line(f"  {activity_view.quota_wait(self._quota_until - now)}", Tone.FAINT))
        return [*found, run_bar.bar_line(self._clock, columns, ascii=self._style.ascii)]

    def _print(self, lines: Iterable[Line]) -> None:
        if text := screen.text(lines, self._style):
            self._write(text)


def _under_way(
    tracks: Sequence[Track], report: RunReport, now: float, columns: int
) -> Iterable[Line]:
    """A line for each row of the plan that is under way: of several steps, the first one and their
    number, and how long it has been under way.
    """
    cells = max((escape.width(track.row.address) for track in tracks), default=0)
    for track in tracks:
        key, first = min(track.active.items(), key=lambda each: each[1].since)
        age = format.duration(int(max(now - first.since, 0.0)))
        text = phrase(
            "{operation}: {status}[ and {number} more][ ({ended} of {total})]",
            operation=report.operation(key, first.operation),
            status=first.text,
            number=len(track.active) - 1 or None,
            ended=track.ended if track.total > 1 else None,
            total=track.total,
        )
        mark = ".." if columns < _COLUMNS_ALIGNED_MIN else ".." + " " * 5
        head = f"  {mark}  {track.row.symbol}  "
        room = columns - 1 - escape.width(head) - escape.width(age) - 2
        address = escape.cut(track.row.address, max(room, 1))
        room -= max(cells, escape.width(address)) + 2
        if room >= _TEXT_CELLS_MIN:
            head += f"{escape.pad(address, cells)}  {escape.cut(text, room)}"
        else:
            head += address
        yield Line(f"{head}  {age}")


# Events
# ------------------------------------------------------------------------------------------------


def event_lines(event: Event, style: Style, report: RunReport, clock: RunClock) -> Iterable[Line]:
    """The lines of an event; none for what only a live view or `-v` shows."""
    match event:
        case ProblemFound():
            yield from problem_text.problem_lines(event.problem, style)
        case Message():
            yield from event_line("  ", [escape.outside(event.message)], style, tone=Tone.FAINT)
        case Summary() | RunStarted() | QuotaWait():
            return
        case StepWaiting() if not style.verbose:
            return
        case _:
            mark, text, tone = outcome(event)
            count = clock.resources
            ended = f"[{count.done:>{len(str(count.total))}}/{count.total}]"
            operation = report.operation(event.key, event.operation)
            address = f"{report.symbol(event.address)}  {escape.outside(event.address)}"
            label = f"  {ended} {escape.pad(mark, 7)}  "
            yield from event_line(label, [f"{address}  {operation}", text], style, tone=tone)


def outcome(
    event: StepStarted | StepWaiting | StepDone | StepFailed | StepSkipped | StepUnknown,
) -> tuple[str, str, Tone]:
    """What an event says about its step: a mark, a text, and the tone of both."""
    match event:
        case StepStarted():
            return "..", phrase("started"), Tone.FAINT
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
