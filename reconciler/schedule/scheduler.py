"""All tasks of a run by how far they are: which may begin, which wait for lists, which have ended.

Whoever runs the tasks asks it and never searches, however many tasks there are. Tasks report each
change of their state. Everything is handed out in the order of weight or key, so that runs repeat.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.schedule.step_state import (
    ENDS,
    WATCHING,
    Done,
    InFlight,
    Pending,
    Polling,
    Rechecking,
    Skipped,
    StepEvent,
    StepState,
    UnknownOutcome,
    Unsettled,
)
from reconciler.schedule.task import Task

UNDER_WAY = (Rechecking, InFlight, Polling, UnknownOutcome)


class Scheduler:
    """The tasks of one run. Times are monotonic seconds.

    A task may begin once everything it comes after is done, its time has come and none of its
    instances is busy. An instance is busy from the first send of a task until the task ends,
    because work on one instance is done one at a time (planning#steps). `on_end` is called with
    each task that ends.
    """

    def __init__(
        self, tasks: Mapping[str, Task], on_end: Callable[[Task], str | None] = lambda task: None
    ) -> None:
        self.tasks, self.on_end = tasks, on_end
        self.waiting = WatchList(tasks)
        self._order, self._ready = _Order(tasks), _ReadyQueue(tasks)
        self._by_state: dict[type[StepState], dict[str, Task]] = {
            kind: {} for kind in (Pending, *UNDER_WAY, *ENDS)
        }
        self._ended: list[tuple[str, str | None]] = []
        self._accepted: list[str] = []
        for task in tasks.values():
            self._by_state[type(task.state)][task.key] = task
            task.on_change = self._changed
            if not task.step.after:
                self._ready.push(task)

    @property
    def open(self) -> bool:
        """Whether a task has not ended, or what follows its end was not decided yet."""
        return bool(self._ended or self._by_state[Pending]) or self._under_way

    def is_stuck(self, now: float) -> bool:
        """Whether nothing is under way and nothing can begin, now or later."""
        return not self._under_way and self.next(now) is None and self.next_time() == math.inf

    def of(self, *states: type[StepState]) -> list[Task]:
        """The tasks in these states, by key."""
        return sorted(
            (task for state in states for task in self._by_state[state].values()),
            key=lambda task: task.key,
        )

    def has(self, state: type[StepState]) -> bool:
        """Whether a task is in this state."""
        return bool(self._by_state[state])

    def remaining(self) -> list[Task]:
        """The tasks that have not ended, by key."""
        return self.of(Pending, *UNDER_WAY)

    def next(self, now: float) -> Task | None:
        """The task that may begin or continue now, the heaviest first. It stays until it is
        taken.
        """
        return self._ready.first(now)

    def take(self, task: Task) -> None:
        """The task that `next` gave begins or continues: its instances are busy until it ends."""
        self._ready.take(task)

    def next_time(self) -> float:
        """When a task may begin that waits only for its time; infinite if none does."""
        return self._ready.next_time()

    def follow_up(self) -> None:
        """Releases or skips the tasks that come after those that were accepted or have ended."""
        if self._accepted:
            accepted, self._accepted = sorted(set(self._accepted)), []
            for key in accepted:
                self._release(self._order.accepted(key))
        while self._ended:
            ended, self._ended = sorted(self._ended), []
            for key, reason in ended:
                self._follow(self.tasks[key], reason)

    def _follow(self, ended: Task, reason: str | None) -> None:
        if isinstance(ended.state, Unsettled):
            self._leave_alone(ended)
        for task in self._order.waiting_for(ended.key):
            goes_on = reason is None or task.step.address.owner == ended.step.address.owner
            if (isinstance(ended.state, Done) and goes_on) or ended.key in task.step.regardless_of:
                self._release(self._order.release(task))
            elif not task.ended:
                self.skip(task, reason or self._root(ended))

    def _leave_alone(self, unsettled: Task) -> None:
        """What may have happened blocks its address: nothing more is sent there, unless it must be
        done regardless (safety#requests).
        """
        for task in self.of(Pending):
            if (
                task.step.address == unsettled.step.address
                and task.started is None
                and unsettled.key not in task.step.regardless_of
            ):
                self.skip(task, unsettled.key)

    def _root(self, ended: Task) -> str:
        """The step that really failed: every skipped step names it."""
        return ended.state.because if isinstance(ended.state, Skipped) else ended.key

    def skip(self, task: Task, because: str) -> None:
        """The task is not begun."""
        task.advance(StepEvent.SKIPPED, Skipped(because))

    def _release(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            self._ready.push(task)

    @property
    def _under_way(self) -> bool:
        return any(self._by_state[state] for state in UNDER_WAY)

    def _changed(self, task: Task, before: StepState) -> None:
        state = task.state
        if type(before) is type(state) and isinstance(state, WATCHING):
            return
        del self._by_state[type(before)][task.key]
        self._by_state[type(state)][task.key] = task
        self.waiting.remove(task)
        if isinstance(state, Pending):
            self._ready.push(task)
        elif isinstance(state, Polling):
            self._accepted.append(task.key)
        elif isinstance(state, ENDS):
            self._ready.free(task)
            self._ended.append((task.key, self.on_end(task)))
        if isinstance(state, WATCHING):
            self.waiting.add(task)


class _Order:
    """Which tasks come after which, and how many each still waits for."""

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self._missing = {key: len(task.step.after) for key, task in tasks.items()}
        self._followers: dict[str, list[Task]] = {}
        for task in tasks.values():
            for other in task.step.after:
                self._followers.setdefault(other, []).append(task)

    def waiting_for(self, key: str) -> list[Task]:
        """The tasks that wait for the end of this one."""
        return self._followers.get(key, [])

    def accepted(self, key: str) -> list[Task]:
        """The tasks that may begin because the write of this one was accepted."""
        waiting = self.waiting_for(key)
        begin = [task for task in waiting if key in task.step.after_accepted]
        if begin:
            others = [task for task in waiting if key not in task.step.after_accepted]
            self._followers[key] = others
        return [released for task in begin for released in self.release(task)]

    def release(self, task: Task) -> list[Task]:
        """The task waits for one task less. Returns it if it waits for none any more."""
        if task.ended:
            return []
        self._missing[task.key] -= 1
        return [] if self._missing[task.key] else [task]


class _ReadyQueue:
    """The tasks that may begin, the heaviest first, and which instances are busy."""

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self._tasks = tasks
        self._startable: list[tuple[float, str]] = []
        self._later: list[tuple[float, str]] = []
        self._holders: dict[str, str] = {}
        self._parked: dict[str, list[str]] = {}

    def push(self, task: Task) -> None:
        heapq.heappush(self._startable, (-task.weight, task.key))

    def first(self, now: float) -> Task | None:
        while self._later and self._later[0][0] <= now:
            self.push(self._tasks[heapq.heappop(self._later)[1]])
        while self._startable:
            task = self._tasks[self._startable[0][1]]
            state = task.state
            if not isinstance(state, Pending):
                heapq.heappop(self._startable)  # it continued meanwhile
                continue
            busy = self._busy(task)
            if state.not_before <= now and busy is None:
                return task
            heapq.heappop(self._startable)
            if state.not_before > now:
                heapq.heappush(self._later, (state.not_before, task.key))
            elif busy is not None:
                self._parked.setdefault(busy, []).append(task.key)
        return None

    def take(self, task: Task) -> None:
        heapq.heappop(self._startable)
        for instance in task.step.instances:
            self._holders[instance] = task.key

    def free(self, task: Task) -> None:
        for instance in task.step.instances:
            if self._holders.get(instance) == task.key:
                del self._holders[instance]
                for key in self._parked.pop(instance, ()):
                    self.push(self._tasks[key])

    def next_time(self) -> float:
        return self._later[0][0] if self._later else math.inf

    def _busy(self, task: Task) -> str | None:
        for instance in task.step.instances:
            if self._holders.get(instance, task.key) != task.key:
                return instance
        return None


@dataclass(slots=True)
class WatchList:
    """Which tasks wait for which lists, and until when."""

    tasks: Mapping[str, Task]
    _watched: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _watchers: dict[str, set[str]] = field(default_factory=dict)
    _unwatched: list[str] = field(default_factory=list)
    _deadlines: list[tuple[float, str]] = field(default_factory=list)

    def add(self, task: Task) -> None:
        """The task waits for the lists that its state names, until its deadline."""
        state = task.state
        assert isinstance(state, WATCHING)
        self._watched[task.key] = lists = tuple(dict.fromkeys(state.lists))
        for what in lists:
            self._watchers.setdefault(what, set()).add(task.key)
        heapq.heappush(self._deadlines, (state.deadline, task.key))

    def remove(self, task: Task) -> None:
        """The task waits for no list any more."""
        for what in self._watched.pop(task.key, ()):
            others = self._watchers[what]
            others.discard(task.key)
            if not others:
                del self._watchers[what]
                self._unwatched.append(what)

    def watchers(self, lists: Iterable[str]) -> list[Task]:
        """The tasks that wait for one of these lists."""
        found = {key for what in lists for key in self._watchers.get(what, ())}
        return [self.tasks[key] for key in found]

    def take_unwatched(self) -> list[str]:
        """The lists that no task has waited for any more since this was asked last."""
        found, self._unwatched = self._unwatched, []
        return [what for what in found if what not in self._watchers]

    def first_deadline(self) -> float:
        """When the first task has waited long enough; infinite if none waits."""
        while self._deadlines:
            at, key = self._deadlines[0]
            state = self.tasks[key].state
            if isinstance(state, WATCHING) and state.deadline == at:
                return at
            heapq.heappop(self._deadlines)
        return math.inf

    def overdue(self, now: float) -> list[Task]:
        """The tasks whose deadline has come, each once."""
        found = []
        while self.first_deadline() <= now:
            found.append(self.tasks[heapq.heappop(self._deadlines)[1]])
        return found
