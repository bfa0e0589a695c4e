"""A run as it happens: events as a live table at a terminal, as one line a step elsewhere; and its end as a few lines.

Both write to stderr. They keep no time but the one they are given, and nothing depends on what they show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.core.events import (
    Event,
    ProblemFound,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepUnknown,
    StepWaiting,
    Summary,
    Told,
)
from reconciler.ui import problems, safe, screen, words
from reconciler.ui.screen import Line, Look, Tone

if TYPE_CHECKING:
    from rich.table import Table

_ROWS_SHOWN_MAX = 12
_LISTED_MAX = 20


class View(Protocol):
    """Takes the events of a run; `close` puts the terminal back as it was."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None:
        """Ends the view; nothing is shown after it."""
        ...


@dataclass(slots=True)
class Tally:
    """What the events told so far, for the summary: what failed, was skipped or is unknown, and why."""

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
    """One line a step, when it ends; with `-v` also when it starts and while it waits."""

    def __init__(self, write: Callable[[str], None], look: Look, *, total: int) -> None:
        self._write = write
        self._look = look
        self._total = total
        self._ended = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, (StepDone, StepFailed, StepSkipped, StepUnknown)):
            self._ended += 1
        counted = f"[{self._ended}/{self._total}]"
        self._write(screen.text(event_lines(event, self._look, counted=counted), self._look))

    def close(self) -> None:
        """Nothing is left open."""


@dataclass(slots=True)
class _Active:
    address: str
    operation: str
    since: float
    status: str = "sent"


class Live:
    """A table of what is under way, with finished steps above it, redrawn in place."""

    def __init__(self, stream: Any, look: Look, *, total: int, now: Callable[[], float]) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._look = look
        self._total = total
        self._now = now
        self._ended = 0
        self._active: dict[str, _Active] = {}
        console = Console(file=stream, force_terminal=True, no_color=not look.color, highlight=False, markup=False, emoji=False)
        self._live = RichLive(get_renderable=self._table, console=console, transient=True, refresh_per_second=4, redirect_stdout=False)
        self._console = console
        self._live.start()

    def __call__(self, event: Event) -> None:
        from rich.text import Text

        self._follow(event)
        counted = f"[{self._ended}/{self._total}]"
        for line in event_lines(event, Look(width=self._look.width, color=False), counted=counted):
            style = _STYLES.get(line.tone, "") if self._look.color else ""
            self._console.print(Text(line.text, style=style), soft_wrap=True)

    def close(self) -> None:
        """Takes the table away and gives the terminal back."""
        self._live.stop()

    def _follow(self, event: Event) -> None:
        match event:
            case StepStarted():
                since = self._active[event.key].since if event.key in self._active else self._now()
                self._active[event.key] = _Active(safe.outside(event.address), event.operation, since)
            case StepWaiting():
                active = self._active.setdefault(event.key, _Active(safe.outside(event.address), event.operation, self._now()))
                active.operation, active.status = event.operation, safe.outside(event.status or "waiting")
            case StepDone() | StepFailed() | StepSkipped() | StepUnknown():
                self._active.pop(event.key, None)
                self._ended += 1
            case _:
                pass

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        active = list(self._active.values())
        for item in active[:_ROWS_SHOWN_MAX]:
            elapsed = words.duration(max(self._now() - item.since, 0.0))
            table.add_row(*(Text(cell) for cell in ("  ..", item.address, words.deed(item.operation), item.status, elapsed)))
        rest = len(active) - _ROWS_SHOWN_MAX
        more = f"   and {rest} more under way" if rest > 0 else ""
        table.add_row(Text(f"  {self._ended} of {self._total}"), Text(more))
        return table


_STYLES: Mapping[Tone, str] = {Tone.DANGER: "bold red", Tone.CARE: "yellow", Tone.GOOD: "green", Tone.FAINT: "dim"}


def event_lines(event: Event, look: Look, *, counted: str = "") -> Iterable[Line]:
    """The lines that an event is worth, none for what only a live view or `-v` shows."""
    match event:
        case StepStarted() | StepWaiting() if not look.verbose:
            return
        case StepStarted():
            yield _step(counted, "..", event.address, event.operation, "sent", Tone.FAINT)
        case StepWaiting():
            yield _step(counted, "..", event.address, event.operation, event.status or "waiting", Tone.FAINT)
        case StepDone():
            said = words.duration(event.seconds) if event.sent else "nothing to send: it is as asked"
            yield _step(counted, "ok", event.address, event.operation, said, Tone.GOOD)
        case StepFailed():
            yield _step(counted, "FAILED", event.address, event.operation, _failure(event), Tone.DANGER)
        case StepSkipped():
            yield _step(counted, "skipped", event.address, event.operation, f"because of {event.because}", Tone.CARE)
        case StepUnknown():
            yield _step(counted, "UNKNOWN", event.address, event.operation, event.message, Tone.DANGER)
        case ProblemFound():
            yield from problems.problem_lines(event.problem, look)
        case Told():
            yield Line(f"  {safe.outside(event.message)}", Tone.FAINT)
        case Summary():
            return


def _failure(event: StepFailed) -> str:
    """What the cloud said, and under which name."""
    name = [event.error_code] if event.error_code is not None else []
    status = [f"HTTP {event.http_status}"] if event.http_status is not None else []
    return event.message + (f"  ({', '.join([*name, *status])})" if name or status else "")


def _step(counted: str, mark: str, address: str, operation: str, said: str, tone: Tone) -> Line:
    return Line(f"  {counted} {mark:<7}  {safe.outside(address)}  {words.deed(operation)}  {safe.outside(said)}", tone)


def summary_lines(summary: Summary, tally: Tally, *, title: str, look: Look, time_scale: float = 1.0) -> Iterable[Line]:
    """The end of a run: done, failed, skipped and because of what, unknown, and the command that goes on.

    `time_scale` is how many times faster than the real one the cloud was, against which the plan's estimate stands.
    """
    counts = (("done", summary.done), ("failed", summary.failed), ("skipped", summary.skipped), ("unknown", summary.unknown))
    said = ", ".join(f"{number} {word}" for word, number in counts if number or word == "done")
    speed = "" if time_scale == 1.0 else f", which is {words.duration(summary.seconds * time_scale)} at the cloud's own speed"
    took = f"{words.count(summary.calls, 'call')} in {words.duration(summary.seconds)}{speed}"
    expected = "" if summary.eta_seconds is None else f" (planned about {words.duration(summary.eta_seconds)})"
    tone = Tone.GOOD if summary.exit_code == 0 else Tone.CARE
    yield Line()
    yield Line(f" {safe.outside(title)}: {said}.    {took}{expected}", tone)
    yield from _listed("failed", ((item.address, item.operation, _failure(item)) for item in tally.failed), Tone.DANGER)
    yield from _listed("unknown", ((item.address, item.operation, item.message) for item in tally.unknown), Tone.DANGER)
    yield from _listed("skipped", ((item.address, item.operation, f"because of {item.because}") for item in tally.skipped), Tone.CARE)
    if summary.next is not None:
        yield Line(f" To go on:  {safe.outside(summary.next)}", Tone.TITLE)


def _listed(word: str, items: Iterable[tuple[str, str, str]], tone: Tone) -> Iterable[Line]:
    found = list(items)
    for address, operation, said in found[:_LISTED_MAX]:
        yield Line(f"  {word:<8} {safe.outside(address)}  {words.deed(operation)}: {safe.outside(said)}", tone)
    if len(found) > _LISTED_MAX:
        yield Line(f"  {word:<8} and {len(found) - _LISTED_MAX} more", tone)
