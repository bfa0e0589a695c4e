"""Lines at the bottom of a terminal that are redrawn in place, while other output scrolls above.

The cursor stays visible and nothing but the lines themselves is drawn, so that a process that is
killed leaves a terminal that works. Nothing is drawn by a thread while other output is written.
"""

from __future__ import annotations

import _thread
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.render import escape
from reconciler.render.run import screen
from reconciler.render.run.screen import Line, Style

TICK_SECONDS = 0.1
END_SECONDS = 1.0
_COLUMNS_MIN = 10

Part: TypeAlias = Callable[[float, int], Sequence[Line]]
"""What a view shows at a monotonic second, in so many columns."""

Ticker: TypeAlias = Callable[[Callable[[], None], float], Callable[[], None]]
"""Starts calling a function every so many seconds, and returns what ends that."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal: `write` writes at its cursor, `size` gives its columns and rows, `now` the
    monotonic second. `ticker` has its lines redrawn every `TICK_SECONDS`.
    """

    write: Callable[[str], None]
    size: Callable[[], tuple[int, int]]
    style: Style
    now: Callable[[], float]
    ticker: Ticker


class Area(Protocol):
    """Where a view shows its part."""

    def add(self, part: Part) -> None:
        """Shows a part from now on."""
        ...

    def remove(self, part: Part) -> None:
        """Takes a part away, if it is shown."""
        ...

    def tick(self) -> None:
        """Draws what the parts show now, if that is not on the screen."""
        ...

    def changing(self) -> AbstractContextManager[None]:
        """While the block runs, nothing is drawn: it changes what the parts show."""
        ...


class TitledArea:
    """A share of an area for one of several runs: each line begins with its title."""

    def __init__(self, area: Area, title: str) -> None:
        self._area, self._head = area, f"{title}  "
        self._parts: dict[Part, Part] = {}

    def add(self, part: Part) -> None:
        """Shows a part from now on."""
        if part not in self._parts:
            cells = escape.width(self._head)

            def lines(now: float, columns: int) -> Sequence[Line]:
                found = part(now, max(columns - cells, 1))
                return [Line(f"{self._head}{each.text}", each.tone) for each in found]

            self._parts[part] = lines
        self._area.add(self._parts[part])

    def remove(self, part: Part) -> None:
        """Takes a part away, if it is shown."""
        if part in self._parts:
            self._area.remove(self._parts.pop(part))

    def tick(self) -> None:
        """Draws what the parts show now, if that is not on the screen."""
        self._area.tick()

    def changing(self) -> AbstractContextManager[None]:
        """While the block runs, nothing is drawn: it changes what the parts show."""
        return self._area.changing()


class LiveArea:
    """The lines of all parts, in the order in which they were added. Without a part, nothing is
    shown.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal, self._painter = terminal, _Painter(terminal)
        self._lock = threading.RLock()
        self._parts: list[Part] = []
        self._paused = 0
        self._above: deque[str] = deque()
        self._stop: Callable[[], None] | None = None

    # What is shown
    # --------------------------------------------------------------------------------------------

    def add(self, part: Part) -> None:
        """Shows a part from now on."""
        with self._lock:
            if part not in self._parts:
                self._parts.append(part)
            if self._stop is None:
                self._stop = self._terminal.ticker(self.tick, TICK_SECONDS)

    def remove(self, part: Part) -> None:
        """Takes a part away, if it is shown."""
        with self._lock:
            if part not in self._parts:
                return
            self._parts.remove(part)
            self.tick()
            stop, ended = self._stop, not self._parts
            if ended:
                self._stop = None
        if ended and stop is not None:
            stop()

    def tick(self) -> None:
        """Draws what the parts show now, if that is not on the screen."""
        with self._lock:
            if self._paused:
                return
            while self._above:
                self._painter.erase()
                self._terminal.write(self._above.popleft())
            columns, rows = self._terminal.size()
            now = self._terminal.now()
            lines = [line for part in self._parts for line in part(now, columns)]
            shown = lines[-max(rows - 1, 1) :] if columns >= _COLUMNS_MIN else []
            self._painter.draw(shown, columns)

    # Other output
    # --------------------------------------------------------------------------------------------

    @contextmanager
    def changing(self) -> Iterator[None]:
        """While the block runs, nothing is drawn: it changes what the parts show."""
        with self._lock:
            yield

    @contextmanager
    def hidden(self, *, whole: bool) -> Iterator[None]:
        """While the block runs, nothing is on the screen: it writes other output. `whole`: that
        ends with the end of a line, so that the lines can be drawn below it.
        """
        with self._lock:
            was_shown = bool(self._painter.drawn)
            self._painter.erase()
            yield
            if whole and was_shown and not self._paused:
                self.tick()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While the block runs, the lines are gone: somebody types."""
        with self._lock:
            self._painter.erase()
            self._paused += 1
        try:
            yield
        finally:
            with self._lock:
                self._paused -= 1

    def write_above(self, text: str) -> bool:
        """Has whole lines written above with the next tick. Returns False if nothing is shown, so
        that none may come. A signal handler may call it: it takes no lock.
        """
        if not self._parts or self._paused:
            return False
        self._above.append(text)
        return True

    def end(self, leave: Callable[[str], None]) -> None:
        """Calls `leave` with what erases the lines, when nobody is in the middle of drawing them,
        and nobody draws until it returns. For a process that ends at once: a signal handler may
        call it, and it does not wait. Output that is stuck is not awaited for long.
        """

        def run() -> None:
            alone = self._lock.acquire(timeout=END_SECONDS)
            try:
                leave(self._painter.erasure())
            finally:
                if alone:
                    self._lock.release()

        # Not `threading`: its locks may be held by what the signal has interrupted.
        _thread.start_new_thread(run, ())


class _Painter:
    """Draws lines at the cursor, and erases them again."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._columns = 0
        self.drawn: tuple[str, ...] = ()

    def draw(self, lines: Sequence[Line], columns: int) -> None:
        """Draws these lines in place of those before, unless they are the same."""
        shown = tuple(self._painted(line, columns - 1) for line in lines)
        if shown == self.drawn and columns == self._columns:
            return
        self._terminal.write(self.erasure() + "\n".join(shown))
        self.drawn, self._columns = shown, columns

    def erase(self) -> None:
        """Takes the lines away."""
        if self.drawn:
            self._terminal.write(self.erasure())
            self.drawn = ()

    def erasure(self) -> str:
        """Moves from the end of the last line to the begin of the first, and clears from there to
        the end of the screen. One row needs no control sequence for that.
        """
        columns = max(self._terminal.size()[0], 1)
        cells = [escape.width(_bare(line)) for line in self.drawn]
        # A terminal that became narrower has wrapped the lines.
        rows = sum(max(1, -(-width // columns)) for width in cells)
        if rows > 1:
            return f"\r\x1b[{rows - 1}A\x1b[J"
        return f"\r{' ' * cells[0]}\r" if cells else ""

    def _painted(self, line: Line, cells: int) -> str:
        """The line in colour, cut: a full line would wrap on some terminals."""
        style = self._terminal.style
        text = escape.cut(screen.plain(line, style), cells)
        return screen.painted(Line(text, line.tone), style)


def _bare(line: str) -> str:
    return line[line.index("m") + 1 : -len("\x1b[0m")] if line.startswith("\x1b[") else line


def no_ticker(tick: Callable[[], None], seconds: float) -> Callable[[], None]:
    """Never calls it."""
    return lambda: None


def threaded(tick: Callable[[], None], seconds: float) -> Callable[[], None]:
    """Calls a function every so many seconds, in a thread that does not keep the program alive.
    Returns what ends that.
    """
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(seconds):
            tick()

    thread = threading.Thread(target=run, name="progress", daemon=True)
    thread.start()

    def stop() -> None:
        ended.set()
        if thread is not threading.current_thread():
            thread.join(1.0)

    return stop
