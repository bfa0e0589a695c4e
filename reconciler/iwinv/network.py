"""Requests in flight, each in a thread; answers are handed back one at a time.

The executor is one thread and takes answers as values, so what it does depends on the order of
answers alone.
"""

from __future__ import annotations

import math
import threading
import time
from queue import Empty, SimpleQueue
from typing import TypeAlias

from reconciler.common.text import msg
from reconciler.model import http

Arrival: TypeAlias = "http.Response | http.WireError"

REQUEST_SECONDS_MAX = 90.0
"""After this time a request without a complete answer is given up: it may have been executed."""


class ThreadNetwork:
    """Up to `limit` requests in flight, each in its own thread that does not keep the program
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
        """Sends a request in a thread. Raises ValueError if that token is already in flight."""
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
        """The next answer, or None after the timeout, also if nothing is in flight."""
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
                continue  # It was given up.
            if isinstance(arrival, http.Response | http.WireError):
                return token, arrival
            raise arrival

    def close(self) -> None:
        """Ends the threads; what is in flight is lost."""
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
                    msg("no whole answer within {seconds:.0f} s", seconds=self._seconds_max),
                    sent=True,
                )
        return None

    def _serve(self) -> None:
        while (job := self._work.get()) is not None:
            token, request = job
            try:
                arrival: Arrival | Exception = self._send(request)
            except Exception as failure:
                # Whatever goes wrong in a thread is raised by the thread that waits for the answer,
                # which would otherwise wait forever.
                arrival = failure
            self._arrived.put((token, arrival))


_WAIT_SECONDS_MAX = 3600.0
