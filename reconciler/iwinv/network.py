"""Requests in flight: in threads for real, in an event queue in virtual time. Both hand answers
back one at a time.

The loop of `apply` is one thread and takes answers as values, so what it does depends on the order
of answers alone.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections.abc import Callable
from dataclasses import field
from queue import Empty, SimpleQueue
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.iwinv.clock import VirtualClock
from reconciler.model import http

Arrival: TypeAlias = "http.Response | http.WireError"

REQUEST_SECONDS_MAX = 90.0
"""After this a request that has no whole answer is given up: it may have been executed."""


class ThreadNetwork:
    """Up to `limit` requests in flight, each in a thread of its own that does not keep the program
    alive.
    """

    def __init__(
        self, send: http.Send, limit: int, *, seconds_max: float = REQUEST_SECONDS_MAX
    ) -> None:
        self._send = send
        self._seconds_max = seconds_max
        self._work: SimpleQueue[tuple[int, http.Request] | None] = SimpleQueue()
        self._arrived: SimpleQueue[tuple[int, Arrival | Exception]] = SimpleQueue()
        self._due: dict[int, float] = {}
        self._threads = 0
        self._limit = limit

    def start(self, token: int, request: http.Request) -> None:
        """Sends a request in a thread. Raises ValueError where that token is in flight already."""
        if token in self._due:
            raise ValueError(f"token {token} is in flight already")
        self._due[token] = time.monotonic() + self._seconds_max
        self._work.put((token, request))
        if self._threads < self._limit:
            self._threads += 1
            threading.Thread(
                target=self._serve, name=f"request-{self._threads}", daemon=True
            ).start()

    def next(self, timeout_seconds: float) -> tuple[int, Arrival] | None:
        """The next answer, or None when the time is up. With nothing in flight it waits out the
        time.
        """
        until = time.monotonic() + timeout_seconds
        while True:
            now = time.monotonic()
            overdue = self._overdue(now)
            if overdue is not None:
                return overdue
            first_due = min(self._due.values(), default=math.inf)
            wait = min(until, first_due) - now
            try:
                token, arrival = self._arrived.get(timeout=min(max(wait, 0.0), _WAIT_SECONDS_MAX))
            except Empty:
                if time.monotonic() >= until:
                    return None
                continue
            if self._due.pop(token, None) is None:
                continue  # given up before
            if isinstance(arrival, http.Response | http.WireError):
                return token, arrival
            raise arrival

    def close(self) -> None:
        """Lets the threads end; what is in flight is lost."""
        for _ in range(self._threads):
            self._work.put(None)
        self._due.clear()

    def _overdue(self, now: float) -> tuple[int, Arrival] | None:
        for token, due in self._due.items():
            if due <= now:
                del self._due[token]
                # Its thread may be stuck in a slow answer; another takes its place.
                self._threads -= 1
                return token, http.WireError(
                    f"no whole answer within {self._seconds_max:.0f} s", sent=True
                )
        return None

    def _serve(self) -> None:
        while (job := self._work.get()) is not None:
            token, request = job
            try:
                arrival: Arrival | Exception = self._send(request)
            except Exception as failure:
                # Whatever goes wrong in a thread must reach the one who waits for it, who raises
                # it; else the program would hang.
                arrival = failure
            self._arrived.put((token, arrival))


_WAIT_SECONDS_MAX = 3600.0


@dataclass(order=True, slots=True)
class _Event:
    at: float
    number: int
    token: int = field(compare=False)
    request: http.Request | None = field(compare=False)
    arrival: Arrival | None = field(compare=False, default=None)


class VirtualNetwork:
    """The same in virtual time: a request is executed half a latency after its start, and answered
    another half later.

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
