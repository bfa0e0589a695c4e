"""The board: all tasks of a run by how far they are. The loop asks it and never searches, however
many tasks there are.

Tasks tell it when their status changes. Whatever it hands out is in the order of weight or key, so
that runs repeat.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping

from reconciler.executor.task import ENDS, Status, Task

_WATCHING = frozenset({Status.RECHECKING, Status.WAITING, Status.UNKNOWN_OUTCOME})


class Scheduler:
    """Which tasks may begin, which wait for what, which have ended. Times are monotonic seconds.

    A task may begin once it was released, its time has come and none of its servers is busy; a
    server is busy from the first send of a task to its end, since work on one server is one thing
    at a time (planning#steps).
    """

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self.tasks = tasks
        self._open = set(tasks)
        self._by_status: dict[Status, dict[str, Task]] = {status: {} for status in Status}
        self._startable: list[tuple[float, str]] = []
        self._later: list[tuple[float, str]] = []
        self._holders: dict[str, str] = {}
        self._parked: dict[str, list[str]] = {}
        self._watched: dict[str, tuple[str, ...]] = {}
        self._watchers: dict[str, set[str]] = {}
        self._left: list[str] = []
        self._deadlines: list[tuple[float, str]] = []
        self._ended: list[str] = []
        self._accepted: list[str] = []
        for task in tasks.values():
            self._by_status[task.status][task.key] = task
            task.tell = self._moved

    # What is so
    # -----------------------------------------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether a task has not ended, or its end was not taken yet."""
        return bool(self._open)

    def is_stuck(self, now: float) -> bool:
        """Whether nothing is under way and nothing can begin, now or later."""
        under_way = any(
            self._by_status[status]
            for status in (Status.RECHECKING, Status.SENT, Status.WAITING, Status.UNKNOWN_OUTCOME)
        )
        return not under_way and self.next(now) is None and not self._later

    def of(self, *statuses: Status) -> list[Task]:
        """The tasks of these statuses, by key."""
        return sorted(
            (task for status in statuses for task in self._by_status[status].values()),
            key=lambda task: task.key,
        )

    def has(self, status: Status) -> bool:
        """Whether a task has that status."""
        return bool(self._by_status[status])

    def remaining(self) -> list[Task]:
        """The tasks that have not ended, by key."""
        return [self.tasks[key] for key in sorted(self._open)]

    # What may begin
    # -------------------------------------------------------------------------------------------------------------

    def release(self, key: str) -> None:
        """All that a task comes after is done."""
        self._push(self.tasks[key])

    def next(self, now: float) -> Task | None:
        """The task that may begin or go on now, the one with most behind it first; it stays until
        it is taken.
        """
        while self._later and self._later[0][0] <= now:
            self._push(self.tasks[heapq.heappop(self._later)[1]])
        while self._startable:
            task = self.tasks[self._startable[0][1]]
            if (
                task.status is Status.PENDING
                and task.not_before <= now
                and (busy := self._busy(task)) is None
            ):
                return task
            heapq.heappop(self._startable)
            if task.status is not Status.PENDING:
                continue  # it went on meanwhile
            if task.not_before > now:
                heapq.heappush(self._later, (task.not_before, task.key))
            elif busy is not None:
                self._parked.setdefault(busy, []).append(task.key)
        return None

    def take(self, task: Task) -> None:
        """The task that `next` gave begins or goes on: its servers are busy until it ends."""
        heapq.heappop(self._startable)
        for instance in task.step.instances:
            self._holders[instance] = task.key

    def next_time(self) -> float:
        """When a task may begin that is only waiting for its time."""
        return self._later[0][0] if self._later else math.inf

    def _push(self, task: Task) -> None:
        heapq.heappush(self._startable, (-task.weight, task.key))

    def _busy(self, task: Task) -> str | None:
        return next(
            (
                instance
                for instance in task.step.instances
                if self._holders.get(instance, task.key) != task.key
            ),
            None,
        )

    # What waits
    # -----------------------------------------------------------------------------------------------------------------

    def watch(self, task: Task, lists: Iterable[str]) -> None:
        """The task goes on when these lists show something, until its status changes; or when its
        deadline comes.
        """
        self._unwatch(task)
        self._watched[task.key] = tuple(lists)
        for what in self._watched[task.key]:
            self._watchers.setdefault(what, set()).add(task.key)
        heapq.heappush(self._deadlines, (task.deadline, task.key))

    def watchers(self, lists: Iterable[str]) -> list[Task]:
        """The tasks that watch one of these lists, by key."""
        return [
            self.tasks[key]
            for key in sorted({key for what in lists for key in self._watchers.get(what, ())})
        ]

    def take_unwatched(self) -> list[str]:
        """The lists that nobody watches any more since this was asked last."""
        left, self._left = self._left, []
        return [what for what in left if what not in self._watchers]

    def first_deadline(self) -> float:
        """When the first task that waits has waited long enough; infinite where none does."""
        while self._deadlines:
            at, key = self._deadlines[0]
            if self.tasks[key].status in _WATCHING and self.tasks[key].deadline == at:
                return at
            heapq.heappop(self._deadlines)
        return math.inf

    def overdue(self, now: float) -> list[Task]:
        """The tasks whose deadline has come, each once."""
        found = []
        while self.first_deadline() <= now:
            found.append(self.tasks[heapq.heappop(self._deadlines)[1]])
        return found

    def _unwatch(self, task: Task) -> None:
        for what in self._watched.pop(task.key, ()):
            others = self._watchers[what]
            others.discard(task.key)
            if not others:
                del self._watchers[what]
                self._left.append(what)

    # What was accepted, and what has ended
    # ---------------------------------------------------------------------------------------

    def take_accepted(self) -> list[Task]:
        """The tasks whose write the cloud has taken since the last time, by key."""
        keys, self._accepted = sorted(set(self._accepted)), []
        return [self.tasks[key] for key in keys]

    def take_ended(self) -> list[Task]:
        """The tasks that ended since the last time, by key."""
        keys, self._ended = sorted(self._ended), []
        self._open.difference_update(keys)
        return [self.tasks[key] for key in keys]

    def _moved(self, task: Task, before: Status) -> None:
        del self._by_status[before][task.key]
        self._by_status[task.status][task.key] = task
        self._unwatch(task)
        if task.status is Status.PENDING:
            self._push(task)
        elif task.status is Status.WAITING:
            self._accepted.append(task.key)
        elif task.status in ENDS:
            self._ended.append(task.key)
            self._let_go(task)

    def _let_go(self, task: Task) -> None:
        for instance in task.step.instances:
            if self._holders.get(instance) == task.key:
                del self._holders[instance]
                for key in self._parked.pop(instance, ()):
                    self._push(self.tasks[key])
