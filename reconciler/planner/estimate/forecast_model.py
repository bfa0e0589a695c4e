"""A model of the cloud in time: a client that answers as fast as the cloud did last, lists of which
only the length is known, and writes whose result shows after the usual time.

The steps themselves are run by `reconciler.schedule`, as they are when a plan is applied.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import field

from reconciler.common import timing
from reconciler.common.dataclass import dataclass
from reconciler.common.timing import Throughput
from reconciler.model.diagnostics import Problem
from reconciler.model.ports import Accepted, Answer, Seen
from reconciler.model.resource import EMPTY
from reconciler.model.resource_type import Call, Progress, waits
from reconciler.schedule.last_control import LastControl
from reconciler.schedule.polling import SLIGHTLY, PollResult, Polls
from reconciler.schedule.rechecks import Rechecks
from reconciler.schedule.step_state import InFlight, Polling, Rechecking, StepEvent
from reconciler.schedule.task import Task

_READ, _WRITE = Call("GET", ""), Call("POST", "")
_LISTED, _ABSENT = Seen(complete=True), Seen(complete=True, absent=True)


@dataclass(slots=True)
class ModelClient:
    """Keeps to the quota, and answers every call after the same time. Times are seconds from the
    begin of the run; the answer to a write holds when the cloud executed it.
    """

    throughput: Throughput
    time: float = 0.0
    writes: int = 0
    reads: int = 0
    _slots: list[float] = field(default_factory=list)
    _answers: list[tuple[float, int, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._slots = sorted(self.throughput.taken)

    def now(self) -> float:
        """Seconds from the begin of the run."""
        return self.time

    def ready_in(self) -> float:
        """Seconds until a call may be sent; infinite while too many are in flight."""
        if len(self._answers) >= timing.IN_FLIGHT_MAX:
            return math.inf
        slots = self._slots
        while slots and slots[0] <= self.time:
            heapq.heappop(slots)
        return 0.0 if len(slots) < timing.QUOTA_CALLS else slots[0] - self.time

    def send(self, token: int, call: Call) -> None:
        """Takes a slot of the quota. Before a write, the program itself takes some time."""
        if call.is_write:
            self.writes += 1
            self.time += self.throughput.own_seconds
        else:
            self.reads += 1
        answered = self.time + self.throughput.latency_seconds
        heapq.heappush(self._slots, answered + timing.QUOTA_SECONDS)
        heapq.heappush(self._answers, (answered, token, call.is_write))

    def next(self, timeout_seconds: float) -> tuple[int, Answer] | None:
        """Lets the time pass until the next answer comes or the time is up."""
        until = self.time + timeout_seconds
        if not self._answers or self._answers[0][0] > until:
            assert until < math.inf, "steps wait for each other"
            self.time = until
            return None
        answered, token, is_write = heapq.heappop(self._answers)
        self.time = max(self.time, answered)
        executed = self.time - self.throughput.latency_seconds / 2
        if is_write:
            self.time += self.throughput.own_seconds
        return token, Accepted(200, executed, EMPTY)


@dataclass(slots=True)
class _ModelReading:
    """A reading of so many pages."""

    left: int
    shows: Seen
    failure: Problem | None = None

    def next_call(self, now: float) -> Call | None:
        return _READ

    def wake_in(self, now: float) -> float:
        return 0.0

    def take(self, answer: Answer, now: float) -> None:
        self.left -= 1

    @property
    def calls_left(self) -> int:
        return self.left

    @property
    def seen(self) -> Seen | None:
        return None if self.left else self.shows


@dataclass(frozen=True, slots=True)
class ModelReads:
    """Readings without rows. `pages` are the calls that a list takes, by kind, if not one."""

    pages: Mapping[str, int]

    def listing(self, what: str) -> _ModelReading:
        return _ModelReading(self.pages.get(what.partition(":")[0], 1), _LISTED)

    def absence(self, kind: str, id: str) -> _ModelReading:
        return _ModelReading(1, _ABSENT)


@dataclass(slots=True)
class ModelHandler:
    """Does the work of the tasks in the model. `fallbacks` are the operations that follow if the
    first request of a task is refused, by the key of each task of which that is expected.
    """

    client: ModelClient
    polls: Polls
    rechecks: Rechecks
    last_control: LastControl
    fallbacks: Mapping[str, tuple[str, ...]]
    shown_from: dict[str, float] = field(default_factory=dict)
    """When the lists show the result of a task's write, by its key."""

    halted: bool = False
    _in_flight: dict[int, Task] = field(default_factory=dict)

    def stop_at(self) -> float | None:
        """Nobody stops it."""
        return None

    def begin(self, task: Task, token: Callable[[], int]) -> None:
        """Sends the next operation of a task, unless lists are to be read before, or nothing is to
        be sent.
        """
        now = self.client.now()
        if self.last_control.hold_back(task, now):
            return
        task.started = now
        if waits(task.operation):
            # Nobody knows how far it is: half of what it usually takes is left.
            self.shown_from[task.key] = now + self._seconds(task) / 2
            self.polls.begin(task, StepEvent.RESUMED, now)
        elif self.rechecks.is_due(task):
            self.rechecks.ask(task)
        else:
            task.advance(StepEvent.SENT, InFlight())
            number = token()
            self._in_flight[number] = task
            self.client.send(number, _WRITE)

    def before_read(self) -> None:
        """Every read may be sent."""

    def take(self, token: int, answer: Accepted) -> None:
        """The write was executed, or refused if that is expected."""
        task = self._in_flight.pop(token)
        if not task.detour.fallback and task.key in self.fallbacks:
            task.fall_back(self.fallbacks[task.key])
        elif self.polls.lists.watched(task):
            self.shown_from[task.key] = answer.result + self._seconds(task)
            self.polls.begin(task, StepEvent.ACCEPTED, self.client.now())
        else:
            task.operation_done()

    def held_back(self, seconds: float) -> None:
        """Nobody watches."""

    def take_read(self, problem: Problem | None) -> None:
        """No read fails."""

    def judge(self) -> None:
        """Judges the tasks that wait for what was read since."""
        poller, now = self.polls.poller, self.client.now()
        for task in self.polls.concerned(poller.news.take_shown(), now):
            if isinstance(task.state, Rechecking):
                self.rechecks.judge(task, task.state, now)
            elif isinstance(task.state, Polling):
                self._judge(task, task.state, now)
        poller.calm(self.polls.scheduler.waiting.take_unwatched())

    def _judge(self, task: Task, polling: Polling, now: float) -> None:
        result, polling = self.polls.judge(task, polling, lambda: self._progress(task, polling))
        if result is PollResult.DONE:
            task.operation_done()
        else:
            self.polls.again(task, result, polling, now)

    def _progress(self, task: Task, polling: Polling) -> Progress:
        read = self.polls.poller.shown_at(polling.lists)
        executed = read + self.client.throughput.latency_seconds / 2 + SLIGHTLY
        return Progress.DONE if executed >= self.shown_from[task.key] else Progress.WAITING

    def _seconds(self, task: Task) -> float:
        """How long the operation usually takes."""
        return float(self.polls.lists.operation(task).seconds[1])
