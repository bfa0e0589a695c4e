"""The one loop of a run: sends what may be sent, takes answers one at a time, and lets what came be
judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from reconciler.common.dataclass import dataclass
from reconciler.model.diagnostics import Problem
from reconciler.model.resource_type import Call
from reconciler.schedule.list_poller import ListPoller
from reconciler.schedule.scheduler import Scheduler
from reconciler.schedule.step_state import InFlight
from reconciler.schedule.task import Task


class Calls(Protocol):
    """Sends calls and hands back answers, as `model.ports.Client` does."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def ready_in(self) -> float:
        """Seconds until a call may be sent; infinite while too many are in flight."""
        ...

    def send(self, token: int, call: Call) -> None:
        """Sends a call. Only after `ready_in()` gave 0.0."""
        ...

    def next(self, timeout_seconds: float) -> tuple[int, Any] | None:
        """The next answer, or None when the time is up."""
        ...


class Handler(Protocol):
    """Does the work of a task, and takes what comes back. The executor is one, the forecast has
    another.
    """

    @property
    def halted(self) -> bool:
        """Whether nothing more may be sent."""
        ...

    def stop_at(self) -> float | None:
        """When the run must end; None while nobody stops it. Once there is a time, nothing more is
        sent.
        """
        ...

    def begin(self, task: Task, token: Callable[[], int]) -> None:
        """Takes the next operation of a task as far as it goes now. A call is sent with a new
        token.
        """
        ...

    def held_back(self, seconds: float) -> None:
        """A call is due, and may not be sent for so many seconds."""
        ...

    def before_read(self) -> None:
        """Called before each read. Raises if the run may not read any more."""
        ...

    def take(self, token: int, answer: Any) -> None:
        """Takes the answer of a write."""
        ...

    def take_read(self, problem: Problem | None) -> None:
        """A read was answered; `problem` if its list could not be read at all."""
        ...

    def judge(self) -> None:
        """Judges what the lists have shown since."""
        ...


@dataclass(slots=True)
class Loop:
    """Runs the tasks of a scheduler. `idle_seconds` is the longest it sleeps without asking
    whether it is to stop.
    """

    scheduler: Scheduler
    poller: ListPoller
    calls: Calls
    handler: Handler
    idle_seconds: float = math.inf
    _token: int = 0

    def run(self) -> None:
        """Until every task has ended, or none can begin any more, or the run must end."""
        scheduler, handler = self.scheduler, self.handler
        while scheduler.open:
            stop_at = handler.stop_at()
            scheduler.follow_up()
            if not scheduler.open or self._is_over(stop_at):
                return
            if stop_at is None:
                self._send()
            scheduler.follow_up()
            answer = self.calls.next(self._wait_seconds(stop_at))
            if answer is not None:
                self._take(*answer)
            handler.judge()

    def _is_over(self, stop_at: float | None) -> bool:
        now = self.calls.now()
        if stop_at is not None:
            return not self.scheduler.has(InFlight) or now >= stop_at
        return self.scheduler.is_stuck(now)

    def _send(self) -> None:
        """Writes before reads, the heaviest first: a read never delays a write."""
        while self.calls.ready_in() <= 0.0:
            task = self.scheduler.next(self.calls.now())
            if task is not None:
                self.scheduler.take(task)
                self.handler.begin(task, self._next_token)
                if task.ended:
                    self.scheduler.follow_up()
                if self.handler.halted:
                    return
                continue
            read = self.poller.next_call(self.calls.now())
            if read is None:
                return
            self.handler.before_read()
            token = self._next_token()
            self.poller.sent(token, read[0])
            self.calls.send(token, read[1])

    def _next_token(self) -> int:
        self._token += 1
        return self._token

    def _wait_seconds(self, stop_at: float | None) -> float:
        """Seconds until something may be due without an answer."""
        now = self.calls.now()
        wait = min(
            self.poller.wake_in(now),
            self.scheduler.next_time() - now,
            self.scheduler.waiting.first_deadline() - now,
            self.idle_seconds,
        )
        if stop_at is not None and stop_at < math.inf:
            wait = min(wait, stop_at - now)
        gate = self.calls.ready_in()
        if gate == math.inf:
            return self.idle_seconds
        due = wait <= 0.0 or (stop_at is None and self.scheduler.next(now) is not None)
        if due and gate > 0.0:
            self.handler.held_back(gate)
        return min(gate, self.idle_seconds) if due else wait

    def _take(self, token: int, answer: Any) -> None:
        if self.poller.owns(token):
            self.handler.take_read(self.poller.take(token, answer, self.calls.now()))
        else:
            self.handler.take(token, answer)
