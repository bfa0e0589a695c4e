"""A run as it happens: events as a live table at a terminal, as one line a step elsewhere; and its
end as a few lines.

Both write to stderr. They keep no time but the one they are given, and nothing depends on what they
show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.common.dataclass import dataclass
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
from reconciler.render.run import screen
from reconciler.render.run.run_report import RunReport, Track
from reconciler.render.run.screen import Line, Style, Tone

if TYPE_CHECKING:
    from rich.table import Table

_ROWS_SHOWN_MAX = 12
_LISTED_MAX = 20
_DONE_LISTED_MAX = 20
_SAID_CELLS_MIN, _SAID_CELLS_MAX = 12, 60
_OFF_PERCENT_MIN = 10
"""The estimate is not spoken of where it was off by less."""


class ProgressView(Protocol):
    """Takes the events of a run; `close` puts the terminal back as it was."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None:
        """Ends the view; nothing is shown after it."""
        ...


@dataclass(slots=True)
class Tally:
    """What the events told so far, for the summary: what failed, was skipped or is unknown, and
    why.
    """

    failed: list[StepFailed] = field(default_factory=list)
    skipped: list[StepSkipped] = field(default_factory=list)
    unknown: list[StepUnknown] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Remembers what the end has to say."""
        match event:
            case StepFailed():
                self.failed.append(event)
            case StepSkipped():
                self.skipped.append(event)
            case StepUnknown():
                self.unknown.append(event)
            case _:
                pass


class Lines:
    """One line a step, when it ends; with `-v` also when it starts and while it waits. For a pipe
    or a CI log.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        look: Style,
        *,
        total: int,
        ledger: RunReport | None = None,
    ) -> None:
        self._write = write
        self._look = look
        self._total = total
        self._ended = 0
        self._ledger = ledger or RunReport()

    def __call__(self, event: Event) -> None:
        if isinstance(event, (StepDone, StepFailed, StepSkipped, StepUnknown)):
            self._ended += 1
        self._ledger.take(event)
        counted = counted_as(self._ended, self._total)
        self._write(
            screen.text(
                event_lines(event, self._look, counted=counted, ledger=self._ledger), self._look
            )
        )

    def close(self) -> None:
        """Does nothing: every line is whole when it is written."""


class Live:
    """The rows of the plan as they are being done: above, those that ended; below, redrawn in
    place, those under way.
    """

    def __init__(
        self,
        stream: Any,
        look: Style,
        *,
        total: int,
        now: Callable[[], float],
        ledger: RunReport | None = None,
    ) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._look = look
        self._total = total
        self._now = now
        self._ended = 0
        self._ledger = ledger or RunReport()
        console = Console(
            file=stream,
            force_terminal=True,
            no_color=not look.color,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live = RichLive(
            get_renderable=self._table,
            console=console,
            transient=True,
            refresh_per_second=4,
            redirect_stdout=False,
        )
        self._console = console
        self._live.start()

    def __call__(self, event: Event) -> None:
        line = self._ledger.take(event, self._now())
        if isinstance(event, (StepDone, StepFailed, StepSkipped, StepUnknown)):
            self._ended += 1
        if isinstance(event, StepDone) and not self._look.verbose:
            if line is not None and line.is_done:
                self._print(row_lines([line], self._look))
            return
        self._print(
            event_lines(
                event, self._look, counted=counted_as(self._ended, self._total), ledger=self._ledger
            )
        )

    def close(self) -> None:
        """Takes the table away and gives the terminal back."""
        self._live.stop()

    def _print(self, lines: Iterable[Line]) -> None:
        from rich.text import Text

        for line in lines:
            style = _STYLES.get(line.tone, "") if self._look.color else ""
            self._console.print(Text(screen.plain(line, self._look), style=style), soft_wrap=True)

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        lines = self._ledger.under_way
        for line in lines[:_ROWS_SHOWN_MAX]:
            table.add_row(
                *(Text(screen.plain(Line(cell), self._look)) for cell in self._cells(line))
            )
        rest = len(lines) - _ROWS_SHOWN_MAX
        more = f"and {rest} more under way" if rest > 0 else ""
        table.add_row(Text(""), Text(""), Text(f"{self._ended} of {self._total} steps"), Text(more))
        return table

    def _cells(self, line: Track) -> Iterable[str]:
        active = list(line.active.values())
        key, first = min(line.active.items(), key=lambda each: each[1].since)
        also = f" and {len(active) - 1} more" if len(active) > 1 else ""
        steps = f"{line.ended} of {line.total}" if line.total > 1 else ""
        elapsed = format.duration(max(self._now() - first.since, 0.0))
        doing = f"{format.deed(first.operation, old=self._ledger.is_about_old(key))}: {escape.outside(first.status)}{also}"
        return ("  ..", line.row.symbol, line.row.address, doing, steps, elapsed)


_STYLES: Mapping[Tone, str] = {
    Tone.DANGER: "bold red",
    Tone.CARE: "yellow",
    Tone.GOOD: "green",
    Tone.FAINT: "dim",
}


def counted_as(ended: int, total: int) -> str:
    """How many steps have ended, in a column of its own."""
    return f"[{ended:>{len(str(total))}}/{total}]"


def event_lines(
    event: Event, look: Style, *, counted: str = "", ledger: RunReport | None = None
) -> Iterable[Line]:
    """The lines that an event is worth, none for what only a live view or `-v` shows."""

    def step(mark: str, said: str, tone: Tone) -> Line:
        assert not isinstance(event, (ProblemFound, Message, Summary))
        symbol = "" if ledger is None else f"{ledger.symbol(event.address)}  "
        deed = format.deed(
            event.operation, old=ledger is not None and ledger.is_about_old(event.key)
        )
        return Line(
            f"  {counted} {mark:<7}  {symbol}{escape.outside(event.address)}  {deed}  {escape.outside(said)}",
            tone,
        )

    match event:
        case StepStarted() | StepWaiting() if not look.verbose:
            return
        case StepStarted():
            yield step("..", "sent", Tone.FAINT)
        case StepWaiting():
            yield step("..", event.status or "waiting", Tone.FAINT)
        case StepDone():
            took = event.sent or waits(event.operation)
            yield step(
                "ok",
                format.duration(event.seconds) if took else "nothing to send: already as requested",
                Tone.GOOD,
            )
        case StepFailed():
            yield step("FAILED", _failure(event), Tone.DANGER)
        case StepSkipped():
            yield step("skipped", _why(event.because), Tone.CARE)
        case StepUnknown():
            yield step("UNKNOWN", event.message, Tone.DANGER)
        case ProblemFound():
            yield from problem_text.problem_lines(event.problem, look)
        case Message():
            yield Line(f"  {escape.outside(event.message)}", Tone.FAINT)
        case Summary():
            return


def row_lines(done: Sequence[Track], look: Style) -> Iterable[Line]:
    """Rows of the plan that are done, as the plan showed them, with the time they took; all that
    was dangerous, some of the rest.
    """
    listed = [line for line in done if line.row.dangerous]
    quiet = [line for line in done if not line.row.dangerous]
    listed += quiet[: max(_DONE_LISTED_MAX - len(listed), 0)]
    rest = len(done) - len(listed)
    symbol_and_address = [(f"{line.row.symbol}  ", line.row.address) for line in listed]
    cells = max((escape.width(address) for _, address in symbol_and_address), default=0)
    for line, (symbol, address) in zip(listed, symbol_and_address, strict=True):
        took = format.duration(line.seconds)
        head = f"  ok       {symbol}{escape.pad(address, cells)}  "
        room = (
            _SAID_CELLS_MAX
            if look.width is None
            else look.width - escape.width(head) - escape.width(took) - 2
        )
        said = "   ".join(
            line.row.what[: 2 if line.row.what[:1] and line.row.what[0].endswith(" alike") else 1]
        )
        said = escape.cut(said, room) if room >= _SAID_CELLS_MIN else ""
        yield Line(f"{head}{said}{'  ' if said else ''}{took}", Tone.GOOD)
    if rest:
        yield Line(f"  ok       and {rest} more", Tone.GOOD)


def _why(because: str) -> str:
    """Why a step was skipped: a step that it waited for, or what stopped the whole run."""
    return f"because of {because}" if "." in because.partition(" ")[0] else because


def _failure(event: StepFailed) -> str:
    """What the cloud said, and under which name."""
    name = [event.error_code] if event.error_code is not None else []
    status = [f"HTTP {event.http_status}"] if event.http_status is not None else []
    return event.message + (f"  ({', '.join([*name, *status])})" if name or status else "")


def summary_lines(
    summary: Summary,
    tally: Tally,
    *,
    title: str,
    look: Style,
    time_scale: float = 1.0,
    done: Sequence[Track] = (),
) -> Iterable[Line]:
    """The end of a run: what is done, failed, skipped and because of what, unknown, and the command
    that goes on.

    `time_scale` is how many times faster than the real one the cloud was, against which the plan's
    estimate stands. `done` are the rows that are done, where they have not been shown yet.
    """
    counts = (
        ("done", summary.done),
        ("failed", summary.failed),
        ("skipped", summary.skipped),
        ("unknown", summary.unknown),
    )
    said = ", ".join(f"{number} {word}" for word, number in counts if number or word == "done")
    seconds = summary.seconds * time_scale
    speed = (
        ""
        if time_scale == 1.0
        else f", which is {format.duration(seconds)} at the cloud's own speed"
    )
    took = f"{format.count(summary.calls, 'call')} in {format.duration(summary.seconds)}{speed}"
    expected = (
        ""
        if summary.eta_seconds is None
        else f" (planned about {format.duration(summary.eta_seconds)}{_off(seconds, summary)})"
    )
    tone = Tone.GOOD if summary.exit_code == 0 else Tone.CARE
    yield Line()
    yield from row_lines(done, look)
    yield from _listed(
        "failed",
        ((item.address, item.operation, _failure(item)) for item in tally.failed),
        Tone.DANGER,
    )
    for hint in dict.fromkeys(item.hint for item in tally.failed if item.hint is not None):
        yield Line(f"  {'hint:':<8} {escape.outside(hint)}", Tone.CARE)
    yield from _listed(
        "unknown",
        ((item.address, item.operation, item.message) for item in tally.unknown),
        Tone.DANGER,
    )
    yield from _listed(
        "skipped",
        ((item.address, item.operation, _why(item.because)) for item in tally.skipped),
        Tone.CARE,
    )
    yield Line(f" {escape.outside(title)}: {said}.    {took}{expected}", tone)
    if summary.next is not None:
        yield Line(f" To continue:  {escape.outside(summary.next)}", Tone.TITLE)


def _off(seconds: float, summary: Summary) -> str:
    """By how much the estimate was off, where it was and where that says something: nothing of a
    run that did not end well.
    """
    if not summary.eta_seconds or summary.exit_code != 0:
        return ""
    percent = round(100 * (seconds - summary.eta_seconds) / summary.eta_seconds)
    return (
        ""
        if abs(percent) < _OFF_PERCENT_MIN
        else f": it took {abs(percent)} % {'longer' if percent > 0 else 'less'}"
    )


def _listed(word: str, items: Iterable[tuple[str, str, str]], tone: Tone) -> Iterable[Line]:
    found = list(items)
    for address, operation, said in found[:_LISTED_MAX]:
        yield Line(
            f"  {word:<8} {escape.outside(address)}  {format.deed(operation)}: {escape.outside(said)}",
            tone,
        )
    if len(found) > _LISTED_MAX:
        yield Line(f"  {word:<8} and {len(found) - _LISTED_MAX} more", tone)
