"""The wire in virtual time, where a process may die before a request leaves, while it is under way,
or when its answer is there.

What is under way when the process dies arrives all the same: the cloud does not know that nobody
waits.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from reconciler.iwinv.network import Arrival
from reconciler.model import http
from tests.doubles.clock import VirtualClock

LATENCY_SECONDS = 0.2


class Watch(Protocol):
    """Looks on: each of its methods may raise `Crash`."""

    def leaving(self, number: int, request: http.Request) -> None:
        """Before a request leaves the process."""
        ...

    def left(self, number: int, request: http.Request) -> None:
        """When it has left."""
        ...

    def arrived(self, number: int, request: http.Request, arrival: Arrival) -> None:
        """When its answer is there, before the program has it."""
        ...


@dataclass(order=True, slots=True)
class _Event:
    at: float
    place: int
    token: int = field(compare=False)
    number: int = field(compare=False)
    request: http.Request = field(compare=False)
    arrival: Arrival | None = field(compare=False, default=None)


Carry = Callable[[int, http.Request], http.Response]
"""The other end: the number of a request and the request, and the answer that comes of it (or
`WireError`).
"""


class Line:
    """The network of one process; `numbers` counts the sends of a whole trial."""

    def __init__(
        self, carry: Carry, clock: VirtualClock, watch: Watch, numbers: itertools.count[int]
    ) -> None:
        self._carry, self._clock, self._watch, self._numbers = carry, clock, watch, numbers
        self._events: list[_Event] = []
        self._places = itertools.count()

    def start(self, token: int, request: http.Request) -> None:
        """Puts a request on the wire."""
        number = next(self._numbers)
        self._watch.leaving(number, request)
        self._push(
            _Event(
                self._clock.monotonic() + LATENCY_SECONDS / 2,
                next(self._places),
                token,
                number,
                request,
            )
        )
        self._watch.left(number, request)

    def next(self, timeout_seconds: float) -> tuple[int, Arrival] | None:
        """The next answer, or None when the time is up."""
        until = self._clock.monotonic() + max(timeout_seconds, 0.0)
        while self._events and self._events[0].at <= until:
            event = heapq.heappop(self._events)
            self._clock.advance_to(event.at)
            if event.arrival is not None:
                self._watch.arrived(event.number, event.request, event.arrival)
                return event.token, event.arrival
            self._execute(event)
        if math.isinf(until):
            raise AssertionError("a wait without end: nothing is in flight")
        self._clock.advance_to(until)
        return None

    def carry_on(self) -> None:
        """The process stands still: what is under way arrives in time all the same."""
        under_way = [event for event in self._events if event.arrival is None]
        self._events = [event for event in self._events if event.arrival is not None]
        heapq.heapify(self._events)
        for event in under_way:
            self._clock.call_at(event.at, partial(self._execute, event))

    def close(self) -> None:
        """Forgets the answers."""
        self._events.clear()

    def die(self) -> None:
        """The process is gone: what is under way arrives, and nobody takes its answer."""
        while self._events:
            event = heapq.heappop(self._events)
            if event.arrival is None:
                self._clock.advance_to(max(event.at, self._clock.monotonic()))
                self._execute(event)
        self._events.clear()

    def _execute(self, event: _Event) -> None:
        try:
            arrival: Arrival = self._carry(event.number, event.request)
        except http.WireError as failure:
            arrival = failure
        at = self._clock.monotonic() + LATENCY_SECONDS / 2
        self._push(
            _Event(at, next(self._places), event.token, event.number, event.request, arrival)
        )

    def _push(self, event: _Event) -> None:
        heapq.heappush(self._events, event)
