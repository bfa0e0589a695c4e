"""The one driver of reads: it sends the calls of readings and hands them their answers until each
of them has ended.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Sequence

from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem
from reconciler.model.ports import Client, Reading

SILENT_SECONDS_MAX = 1.5
"""A longer wait with nothing in flight is reported, once for each reason."""

_WAIT_SECONDS_MAX = 60.0
_DRAIN_SECONDS_MAX = 5.0


class ReadFailed(Exception):
    """Something could not be read; `problem` says what, why and what to do. Nothing may be
    concluded about the account.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class ReadDriver:
    """Drives readings over one client. `notify` takes a line if nothing can be sent or received for
    a while: silence looks like a program that has stopped.
    """

    def __init__(self, client: Client, notify: Callable[[str], None] | None = None) -> None:
        self._client = client
        self._notify = notify
        self._noticed: set[bool] = set()

    def run(self, readings: Sequence[Reading], *, optional: Collection[Reading] = ()) -> None:
        """Runs readings side by side until each has ended. Nothing else may be in flight.

        Raises `ReadFailed` at the first failure, unless the reading is one of `optional`.
        """
        idle = [reading for reading in readings if not _has_ended(reading)]
        in_flight: dict[int, Reading] = {}
        tokens = itertools.count(1)
        while idle or in_flight:
            for reading in [*idle]:
                if self._client.ready_in() > 0.0:
                    break
                call = reading.next_call(self._client.now())
                if call is not None:
                    token = next(tokens)
                    idle.remove(reading)
                    in_flight[token] = reading
                    self._client.send(token, call)
            arrived = self._client.next(self._wait(idle))
            if arrived is None:
                continue
            reading = in_flight.pop(arrived[0])
            reading.take(arrived[1], self._client.now())
            if reading.failure is not None and reading not in optional:
                self._drain()
                raise ReadFailed(reading.failure)
            if not _has_ended(reading):
                idle.insert(0, reading)

    def _wait(self, idle: Sequence[Reading]) -> float:
        """Seconds until there may be something to send; an answer ends the wait earlier."""
        if not idle:
            return _WAIT_SECONDS_MAX
        due = math.inf
        for reading in idle:
            due = min(due, reading.wake_in(self._client.now()))
            if due <= 0.0:
                break
        # `ready_in` takes a slot of the quota, so it is asked only if there is a call to send.
        ready = self._client.ready_in()
        wait = min(max(due, ready), _WAIT_SECONDS_MAX)
        if self._client.in_flight == 0 and wait > SILENT_SECONDS_MAX:
            self._report(wait, for_quota=0.0 < ready < math.inf)
        return wait

    def _report(self, wait: float, *, for_quota: bool) -> None:
        """Reports a long wait, each reason once."""
        seconds = math.ceil(wait)
        line = (
            msg(
                "the request quota is used up: sending the next request in {seconds} s",
                seconds=seconds,
            )
            if for_quota
            else msg("no usable answer yet: asking again in {seconds} s", seconds=seconds)
        )
        if self._notify is not None and for_quota not in self._noticed:
            self._noticed.add(for_quota)
            self._notify(line)

    def _drain(self) -> None:
        """Receives the answers that are still in flight, so that the next user of the client gets
        none of them.
        """
        until = self._client.now() + _DRAIN_SECONDS_MAX
        while self._client.in_flight and self._client.now() < until:
            self._client.next(until - self._client.now())


def _has_ended(reading: Reading) -> bool:
    return reading.seen is not None or reading.failure is not None
