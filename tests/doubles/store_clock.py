"""The clock of one machine in virtual time, with what beats in its background: no thread, no
sleep, and the same order of events in each run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from tests.doubles.clock import VirtualClock


class _Timer:
    def __init__(self, seconds: float, call: Callable[[], object]) -> None:
        self.seconds, self.call = seconds, call
        self.is_due = self.is_over = False


class VirtualStoreClock:
    """The clock of one machine. All machines of a test share one `VirtualClock`, the time of the
    world.

    `ahead` is by how many seconds the machine's wall clock is ahead. What `every` calls runs inside
    whatever lets time pass: a `sleep`, a wait for the cloud, a store operation that stalls.
    """

    def __init__(self, world: VirtualClock | None = None, *, ahead: float = 0.0) -> None:
        self.world = VirtualClock() if world is None else world
        self.ahead = ahead
        self._asleep = 0.0
        self._timers: list[_Timer] = []
        self._is_frozen = False

    def monotonic(self) -> float:
        """Seconds on a clock that stands still while the machine sleeps (CLOCK_MONOTONIC)."""
        return self.world.monotonic() - self._asleep

    def boottime(self) -> float:
        """Seconds on a clock that counts the machine's sleep too (CLOCK_BOOTTIME)."""
        return self.world.monotonic()

    def time(self) -> float:
        """Unix seconds, as this machine believes."""
        return self.world.time() + self.ahead

    def sleep(self, seconds: float) -> None:
        """Waits; what beats in the background beats meanwhile, on every machine."""
        self.world.advance(seconds)

    def every(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        """Calls again and again, the first time after so many seconds. Returns what ends it, which
        may be called more than once.
        """
        timer = _Timer(seconds, call)
        self._timers.append(timer)
        self._schedule(timer)

        def end() -> None:
            timer.is_over = True
            if timer in self._timers:
                self._timers.remove(timer)

        return end

    @property
    def beating(self) -> int:
        """How many timers have not been ended."""
        return len(self._timers)

    def stop(self) -> None:
        """The process was killed: nothing beats any more."""
        for timer in self._timers:
            timer.is_over = True
        self._timers.clear()

    @contextmanager
    def frozen(self, *, asleep: bool = False, beat_first: bool = False) -> Iterator[None]:
        """The process stands still inside (SIGSTOP), or the whole machine is `asleep`, which its
        monotonic clock does not count; the world goes on.

        What was due meanwhile is called once: at the next instant at which time passes, or, with
        `beat_first`, before anything else of the process goes on.
        """
        began, self._is_frozen = self.world.monotonic(), True
        try:
            yield
        finally:
            self._is_frozen = False
        if asleep:
            self._asleep += self.world.monotonic() - began
        for timer in [timer for timer in self._timers if timer.is_due]:
            if beat_first:
                self._ring(timer)
            else:
                self.world.call_at(self.world.monotonic(), partial(self._ring, timer))

    def _schedule(self, timer: _Timer) -> None:
        self.world.call_at(self.world.monotonic() + timer.seconds, partial(self._ring, timer))

    def _ring(self, timer: _Timer) -> None:
        if timer.is_over:
            return
        timer.is_due = self._is_frozen
        if self._is_frozen:
            return
        timer.call()
        if not timer.is_over:
            self._schedule(timer)
