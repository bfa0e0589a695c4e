"""A clock that moves only when it is advanced."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class VirtualClock:
    """Time that stands still until it is advanced.

    Called, it gives the unix seconds. `offset` is by how much the machine's belief differs from the
    truth that the call gives, in seconds: a wrong clock.
    """

    def __init__(self, unix: float = 1_767_225_600.0, *, offset: float = 0.0) -> None:
        self._start = unix
        self._passed = 0.0
        self.offset = offset
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def __call__(self) -> float:
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._passed

    def time(self) -> float:
        """Unix seconds, as a machine with that offset believes."""
        return self() + self.offset

    def call_at(self, monotonic: float, call: Callable[[], object]) -> None:
        """Calls at that moment, from within the advance that reaches it. What a call raises comes
        out of that advance.
        """
        heapq.heappush(self._due, (monotonic, next(self._numbers), call))

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self.advance_to(self._passed + seconds)

    def advance_to(self, monotonic: float) -> None:
        """Lets time pass until that moment; a moment that has passed changes nothing."""
        while self._due and self._due[0][0] <= monotonic:
            at, _, call = heapq.heappop(self._due)
            self._passed = max(self._passed, at)
            call()
        self._passed = max(self._passed, monotonic)
