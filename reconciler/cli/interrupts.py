"""Ctrl-C, SIGTERM or a lost terminal during a run: the first asks the run to stop, the second stops
it immediately. The intent is on disk (safety#interrupts).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from reconciler.model.exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from reconciler.render.run.live_area import LiveArea

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def unwinding() -> Iterator[None]:
    """While the block runs, SIGTERM and a lost terminal raise `SystemExit`, so that what shows
    something can restore the screen.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, leave) for number in _SIGNALS[1:]}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(area: LiveArea | None, code: int) -> None:
    """Ends the process immediately, and takes the lines at the bottom of the terminal away."""

    def end(erasure: str) -> None:
        with suppress(OSError):  # the terminal may be gone
            os.write(2, erasure.encode())
        os._exit(code)

    if area is None:
        os._exit(code)
    area.end(end)


class SharedInterrupts:
    """The interruption of a whole command, as one of its runs beside others sees it: the command
    takes the signals. Calling it returns whether there was one.
    """

    def __init__(self, interrupted: Callable[[], bool]) -> None:
        self._interrupted = interrupted

    def __call__(self) -> bool:
        return self._interrupted()

    def __enter__(self) -> SharedInterrupts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The signals are not its own."""


class SignalHandler:
    """While its block runs, the first signal is only noted and `notify` is called. Calling the
    handler returns whether there was a signal.
    """

    def __init__(
        self, notify: Callable[[], None], *, leave: Callable[[int], Any] = os._exit
    ) -> None:
        self._notify = notify
        self._leave = leave
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        return self._asked

    def __enter__(self) -> SignalHandler:
        if threading.current_thread() is threading.main_thread():
            # With `nohup` the run must survive a closed terminal.
            ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            taken = [number for number in _SIGNALS if not (ignored and number is signal.SIGHUP)]
            self._before = {number: signal.signal(number, self._take) for number in taken}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._asked:
            if number != signal.SIGHUP:  # shell and kernel both send one
                self._leave(INTERRUPTED)
            return
        self._asked = True
        with suppress(OSError):  # the terminal may be gone
            self._notify()
