"""The one driver of reads: it sends the calls of readings and hands them their answers until each
of them has ended.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Sequence

from reconciler.common.read_queue import ReadQueue
from reconciler.model.diagnostics import Problem
from reconciler.model.events import Activity, QuotaWait, ReadProgress, RetryWait
from reconciler.model.ports import Client, Reading

SILENT_SECONDS_MAX = 1.5
"""A longer wait with nothing in flight is reported."""

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
    """Drives readings over one client. `notify` takes how far they are, after each answer, and what
    they wait for: silence looks like a program that has stopped.
    """

    def __init__(
        self, client: Client, notify: Callable[[Activity], None] = lambda activity: None
    ) -> None:
        self._client = client
        self._notify = notify
        self._answered = 0

    def run(
        self,
        readings: Sequence[Reading],
        *,
        optional: Collection[Reading] = (),
        later: int = 0,
    ) -> None:
        """Runs readings side by side until each has ended. Nothing else may be in flight. `later`
        is how many calls are expected in further runs; it only counts for `notify`.

        Raises `ReadFailed` at the first failure, unless the reading is one of `optional`.
        """
        client, tokens, queue = self._client, itertools.count(1), ReadQueue[int, Reading]()
        self._report_progress(readings, later)
        for key, reading in enumerate(readings):
            if reading.seen is None and reading.failure is None:
                queue.add(key, reading)
        while queue:
            # `ready_in` takes a slot of the quota, so it is asked only if there is a call to send.
            while queue.has_idle and client.ready_in() <= 0.0:
                due = queue.next_call(client.now())
                if due is None:
                    break
                token = next(tokens)
                queue.sent(token, due[0])
                client.send(token, due[1])
            arrived = client.next(self._wait(queue))
            ended = None if arrived is None else queue.take(*arrived, client.now())
            if arrived is not None:
                self._answered += 1
                self._report_progress(readings, later)
            if ended is not None and (failure := ended[1].failure) and ended[1] not in optional:
                self._drain()
                raise ReadFailed(failure)

    def _wait(self, queue: ReadQueue[int, Reading]) -> float:
        """Seconds until there may be something to send; an answer ends the wait earlier."""
        if not queue.has_idle:
            return _WAIT_SECONDS_MAX
        due = queue.wake_in(self._client.now(), math.inf)
        ready = self._client.ready_in()
        wait = min(max(due, ready), _WAIT_SECONDS_MAX)
        if self._client.in_flight == 0 and wait > SILENT_SECONDS_MAX:
            self._notify(QuotaWait(wait) if 0.0 < ready < math.inf else RetryWait(wait))
        return wait

    def _report_progress(self, readings: Sequence[Reading], later: int) -> None:
        """Reports how many calls were answered, and how many are expected in all."""
        left = sum(
            reading.calls_left
            for reading in readings
            if reading.seen is None and reading.failure is None
        )
        expected = self._answered + left + later
        if expected:
            self._notify(ReadProgress(self._answered, expected))

    def _drain(self) -> None:
        """Receives the answers that are still in flight, so that the next user of the client gets
        none of them.
        """
        until = self._client.now() + _DRAIN_SECONDS_MAX
        while self._client.in_flight and self._client.now() < until:
            self._client.next(until - self._client.now())
