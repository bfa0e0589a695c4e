"""Requests in flight in virtual time: an event queue instead of threads."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.iwinv.network import Arrival
from reconciler.model import http
from tests.doubles.clock import VirtualClock


@dataclass(order=True, slots=True)
class _Event:
    at: float
    number: int
    token: int = field(compare=False)
    request: http.Request | None = field(compare=False)
    arrival: Arrival | None = field(compare=False, default=None)


class VirtualNetwork:
    """The network port in virtual time: a request is executed half a latency after its start, and
    answered another half later.

    Nothing is random and nobody sleeps; `next` moves the clock to the next event or to the end of
    its wait. `latency_seconds` may be a function of the request.
    """

    def __init__(
        self,
        send: http.Send,
        clock: VirtualClock,
        latency_seconds: float | Callable[[http.Request], float] = 0.1,
    ) -> None:
        self._send = send
        self._clock = clock
        self._latency = latency_seconds
        self._events: list[_Event] = []
        self._numbers = itertools.count()

    def start(self, token: int, request: http.Request) -> None:
        """Puts the execution of a request into the queue."""
        latency = self._latency(request) if callable(self._latency) else self._latency
        self._push(self._clock.monotonic() + latency / 2, token, request)

    def next(self, timeout_seconds: float) -> tuple[int, Arrival] | None:
        """The next answer, or None when the time is up."""
        until = self._clock.monotonic() + max(timeout_seconds, 0.0)
        while self._events and self._events[0].at <= until:
            event = heapq.heappop(self._events)
            self._clock.advance_to(event.at)
            if event.request is None:
                assert event.arrival is not None
                return event.token, event.arrival
            self._execute(event.token, event.request)
        if math.isinf(until):
            raise AssertionError("a wait without end: nothing is in flight")
        self._clock.advance_to(until)
        return None

    def close(self) -> None:
        """Forgets what is in flight."""
        self._events.clear()

    def _execute(self, token: int, request: http.Request) -> None:
        latency = self._latency(request) if callable(self._latency) else self._latency
        try:
            arrival: Arrival = self._send(request)
        except http.WireError as failure:
            arrival = failure
        self._push(self._clock.monotonic() + latency / 2, token, None, arrival)

    def _push(
        self, at: float, token: int, request: http.Request | None, arrival: Arrival | None = None
    ) -> None:
        heapq.heappush(self._events, _Event(at, next(self._numbers), token, request, arrival))
