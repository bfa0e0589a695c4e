"""Readings side by side, without I/O: which call is next, and to which reading an answer belongs.

Everything that reads the account uses it: the driver that reads lists to their end, and the poller
of a run.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, Protocol, TypeVar


class _Reading(Protocol):
    """What the queue needs of the port `Reading`."""

    @property
    def seen(self) -> object | None: ...

    @property
    def failure(self) -> object | None: ...

    def next_call(self, now: float) -> Any: ...

    def wake_in(self, now: float) -> float: ...

    def take(self, answer: Any, now: float) -> None: ...


_Key = TypeVar("_Key", bound=Hashable)
_R = TypeVar("_R", bound=_Reading)


class ReadQueue(Generic[_Key, _R]):
    """Readings by a key: those that may send their next call, and those whose call is in flight. A
    reading leaves the queue when it has ended.

    A reading that has begun goes before those that have not: the pages of a list are read soon
    after each other, because its rows move and its time is limited (quota#lists).
    """

    def __init__(self) -> None:
        self._idle: dict[_Key, _R] = {}
        self._in_flight: dict[int, tuple[_Key, _R]] = {}

    def __bool__(self) -> bool:
        return bool(self._idle or self._in_flight)

    @property
    def has_idle(self) -> bool:
        """Whether a reading has no call in flight."""
        return bool(self._idle)

    def add(self, key: _Key, reading: _R) -> None:
        """Takes a reading that has not ended."""
        self._idle[key] = reading

    def drop(self, key: _Key) -> None:
        """Forgets a reading, unless its call is in flight."""
        self._idle.pop(key, None)

    def next_call(self, now: float) -> tuple[_Key, Any] | None:
        """A call that is due, with the key of its reading."""
        for key, reading in self._idle.items():
            if (call := reading.next_call(now)) is not None:
                return key, call
        return None

    def sent(self, token: int, key: _Key) -> None:
        """Notes under which token the call of a reading was sent."""
        self._in_flight[token] = key, self._idle.pop(key)

    def owns(self, token: int) -> bool:
        """Whether a token is that of a read."""
        return token in self._in_flight

    def take(self, token: int, answer: Any, now: float) -> tuple[_Key, _R] | None:
        """Hands an answer to its reading. Returns the reading if it has ended."""
        key, reading = self._in_flight.pop(token)
        reading.take(answer, now)
        if reading.seen is None and reading.failure is None:
            self._idle = {key: reading, **self._idle}
            return None
        return key, reading

    def wake_in(self, now: float, soon: float) -> float:
        """Seconds until a call is due, at most `soon`."""
        for reading in self._idle.values():
            if soon <= 0.0:
                break
            soon = min(soon, reading.wake_in(now))
        return max(0.0, soon)
