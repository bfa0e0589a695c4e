"""A clock that moves only when it is advanced."""

from __future__ import annotations


class VirtualClock:
    """Time that stands still until it is advanced.

    Called, it gives the unix seconds. `offset` is by how much the machine's belief differs from the
    truth that the call gives, in seconds: a wrong clock.
    """

    def __init__(self, unix: float = 1_767_225_600.0, *, offset: float = 0.0) -> None:
        self._start = unix
        self._passed = 0.0
        self.offset = offset

    def __call__(self) -> float:
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._passed

    def time(self) -> float:
        """Unix seconds, as a machine with that offset believes."""
        return self() + self.offset

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._passed += seconds

    def advance_to(self, monotonic: float) -> None:
        """Lets time pass until that moment; a moment that has passed changes nothing."""
        self._passed = max(self._passed, monotonic)
