"""An exchange that says why nothing happens: while the lists are read nobody sees a step, and
silence looks like a program that hangs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from reconciler.common.timing import Throughput
from reconciler.model.ports import Answer, Client
from reconciler.model.resource_type import Call

SILENCE_SECONDS_MAX = 1.5
"""A longer wait is told, each reason once."""


class NotifyingClient:
    """Passes everything on to another exchange."""

    def __init__(self, exchange: Client, tell: Callable[[str], None]) -> None:
        self._exchange, self._tell = exchange, tell
        self._paced = False
        self._told: set[bool] = set()

    @property
    def sent(self) -> int:
        """How many calls were sent so far."""
        return self._exchange.sent

    @property
    def in_flight(self) -> int:
        """How many calls have no answer yet."""
        return self._exchange.in_flight

    @property
    def clock_ahead(self) -> float | None:
        """By how many seconds this machine's clock was ahead of the cloud's at the last answer."""
        return self._exchange.clock_ahead

    def now(self) -> float:
        """Monotonic seconds."""
        return self._exchange.now()

    def unix(self) -> float:
        """Unix seconds."""
        return self._exchange.unix()

    def pace(self) -> Throughput:
        """How long answers take and which part of the quota is taken."""
        return self._exchange.pace()

    def ready_in(self) -> float:
        """Seconds until a call may be sent."""
        wait = self._exchange.ready_in()
        self._paced = 0.0 < wait < math.inf
        return wait

    def send(self, token: int, call: Call, *, signed: int | None = None) -> None:
        """Signs and sends."""
        self._exchange.send(token, call, signed=signed)

    def next(self, timeout_seconds: float) -> tuple[int, Answer] | None:
        """The next answer; a long wait with none under way is told."""
        if (
            self._exchange.in_flight == 0
            and timeout_seconds > SILENCE_SECONDS_MAX
            and self._paced not in self._told
        ):
            self._told.add(self._paced)
            why = (
                "the request quota is used up: sending the next request"
                if self._paced
                else "no usable answer yet: asking again"
            )
            self._tell(f"{why} in {math.ceil(timeout_seconds)} s")
        return self._exchange.next(timeout_seconds)
