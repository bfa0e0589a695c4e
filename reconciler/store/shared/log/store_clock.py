"""The time for a shared state, and what beats in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol


class StoreClock(Protocol):
    """The clock of one machine. Nothing here compares the clocks of two."""

    def monotonic(self) -> float:
        """Seconds on a clock that does not count the machine's sleep."""
        ...

    def boottime(self) -> float:
        """Seconds on a clock that counts the machine's sleep too."""
        ...

    def time(self) -> float:
        """Unix seconds, as the machine believes."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits."""
        ...

    def every(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        """Calls again and again, the first time after so many seconds. Returns what ends it, which
        may be called more than once.
        """
        ...


class MachineClock:
    """The real clock: `every` runs in a thread that ends with the process."""

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        return time.monotonic()

    def boottime(self) -> float:
        """Seconds of CLOCK_BOOTTIME; where a system has none, its monotonic clock."""
        clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return time.clock_gettime(clock)

    def time(self) -> float:
        """Unix seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        threading.Event().wait(seconds)

    def every(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        """Calls in a thread of its own, every so many seconds after the call before returned."""
        over = threading.Event()

        def repeat() -> None:
            while not over.wait(seconds):
                call()

        threading.Thread(target=repeat, name="beat", daemon=True).start()
        return over.set
