"""Requests in flight, each in a thread; answers are handed back one at a time.

The executor is one thread and takes answers as values, so what it does depends on the order of
answers alone.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeAlias

from reconciler.common.text import msg
from reconciler.iwinv import client, signing
from reconciler.model import http
from reconciler.model.ports import Clock, Network, QuotaLog
from reconciler.model.resource_type import Call

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


class ObservedNetwork:
    """The port `Network` over another one. `observe` is called in the thread that takes answers."""

    def __init__(self, network: Network, observe: http.Observer) -> None:
        self._network = network
        self._observe = observe
        self._requests: dict[int, http.Request] = {}

    def start(self, token: int, request: http.Request) -> None:
        """Sends a request."""
        self._requests[token] = request
        self._network.start(token, request)

    def next(self, timeout_seconds: float) -> tuple[int, http.Response | http.WireError] | None:
        """The next answer, or None after the timeout."""
        arrived = self._network.next(timeout_seconds)
        if arrived is not None:
            self._observe(self._requests.pop(arrived[0]), arrived[1])
        return arrived

    def close(self) -> None:
        """Ends all requests."""
        self._network.close()


class DirectWire:
    """Sends a read at once and waits for its answer, without regard to the quota or signed wrongly
    on purpose. Only checks of the contract do that, when a person asks for it. What is sent is
    counted in the quota log, so that later calls wait.
    """

    def __init__(self, send: http.Send, clock: Clock, keys: signing.Keys, quota: QuotaLog) -> None:
        self._send, self._clock, self._keys, self._quota = send, clock, keys, quota

    def send(
        self, call: Call, *, seconds_ago: int = 0, forged: bool = False
    ) -> http.Response | http.WireError:
        """What came for a read, signed that many seconds in the past; `forged` with another secret.
        Raises ValueError for a write.
        """
        if call.is_write:
            raise ValueError("a write is sent only with its record")
        keys = signing.Keys(self._keys.access, self._keys.secret[::-1] + "0")
        request = client.encode(
            call, keys if forged else self._keys, int(self._clock.time()) - seconds_ago
        )
        self._quota.reserve(self._clock.time())
        try:
            return self._send(request)
        except http.WireError as failure:
            return failure
        finally:
            self._quota.answered(self._clock.time())

    def until(
        self, call: Call, status: int, most: int, progress: Callable[[], None]
    ) -> http.Response | http.WireError:
        """Repeats a read until that status comes, at most so often, and returns the last answer."""
        arrival: http.Response | http.WireError = http.WireError("", sent=False)
        for _ in range(most):
            arrival = self.send(call)
            progress()
            if isinstance(arrival, http.WireError) or arrival.status == status:
                break
        self._quota.slow_down(self._clock.time())
        return arrival


_WAIT_SECONDS_MAX = 3600.0
