"""The second look: what a destructive write is about is read once more just before it is sent (SPEC 5)."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.apply import settle
from reconciler.apply.board import Board
from reconciler.apply.deeds import Deeds
from reconciler.apply.ends import Ends
from reconciler.apply.task import Failure, Status, Task
from reconciler.apply.waits import READ_FAILURE_SECONDS, Waits
from reconciler.core import rhythm
from reconciler.core.dataclass import dataclass
from reconciler.core.model import Account
from reconciler.core.rhythm import LOOK_AGE_SECONDS


@dataclass(frozen=True, slots=True)
class Looks:
    """`account` is what the plan was made from; `began` the monotonic second at which the run did, `now` gives the present one."""

    deeds: Deeds
    waits: Waits
    board: Board
    ends: Ends
    account: Account
    now: Callable[[], float]
    time_scale: float
    began: float

    def is_due(self, task: Task) -> bool:
        """Whether the object must be read anew before the next operation is sent."""
        if not task.step.fingerprint or not self._lists(task):
            return False
        if task.look_after is None:
            since = max(self.began, self.now() - LOOK_AGE_SECONDS / self.time_scale)
            task.look_after = since
        return not self._is_enough(task)

    def _lists(self, task: Task) -> tuple[str, ...]:
        """The lists of the second look; after the first refusal of a step there is none."""
        if task.second:
            return ()
        return rhythm.second_look(task.operation, self.deeds.kind_of(task), task.target, self.deeds.asked(task))

    def _is_enough(self, task: Task) -> bool:
        """Whether enough was read since: of an object that is no longer there nothing else can be."""
        kind, *others = self._lists(task)
        since = task.look_after or 0.0
        if not self.waits.fresh((kind,), since):
            return False
        return not others or task.target not in self.waits.objects.get(kind, {}) or self.waits.fresh(others, since)

    def ask(self, task: Task) -> None:
        """Lets the task wait for the lists that it needs."""
        task.status, now = Status.LOOKING, self.now()
        task.deadline = now + self.deeds.operation(task).deadline_seconds / self.time_scale
        self.board.watch(task, self._lists(task))
        self.waits.ask(self._lists(task), now)

    def judge(self, task: Task, now: float) -> None:
        """Lets the task go on where enough was read; ends it where that cannot be had in time."""
        if self._is_enough(task):
            task.status = Status.PENDING
        elif now >= task.deadline:
            self.ends.fail(task, Failure("it could not be looked at before it would be changed for good; nothing was sent"))
        else:
            self.waits.ask(self._lists(task), now + READ_FAILURE_SECONDS / self.time_scale)

    def objection(self, task: Task) -> str | None:
        """Why the next operation must not be sent: what it is about is not as planned. None where it is, or where no look is due."""
        return settle.second_look(task, self.waits, self.deeds.kind_of(task), self.account) if self._lists(task) else None
