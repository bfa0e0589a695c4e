"""How a task goes on to its next operation, and how it ends: done, failed, or unknown."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.common.dataclass import dataclass
from reconciler.executor.task import Failure, Status, Task
from reconciler.model.events import Event, StepDone, StepFailed, StepUnknown
from reconciler.recovery import refusal_hints


@dataclass(frozen=True, slots=True)
class Transitions:
    """Sets the status of tasks and tells of it. `now` is monotonic seconds."""

    now: Callable[[], float]
    emit: Callable[[Event], None]

    def next(self, task: Task) -> None:
        """The operation is done: on to the next one of the task, or to its end."""
        if task.second and task.operation == "instance.stop" and task.step.fallback is not None:
            task.restore = task.step.fallback.restore
        elif task.operation == task.restore:
            task.restore = None
        task.intent, task.attempts = None, 0
        if len(task.program) > 1:
            task.program, task.status = task.program[1:], Status.PENDING
        elif task.failure is not None:
            self.fail(task, task.failure)
        else:
            self._finish(task, sent=task.sent)

    def _finish(self, task: Task, *, sent: bool) -> None:
        task.status, task.holds = Status.DONE, False
        seconds = self.now() - (task.started or self.now())
        self.emit(
            StepDone(
                task.key,
                str(task.step.address),
                task.step.operation,
                id=task.target,
                seconds=seconds,
                sent=sent,
            )
        )

    def fail(self, task: Task, failure: Failure) -> None:
        """The task ends as failed; a server that it stopped is started again first."""
        if task.restore is not None and task.failure is None:
            task.failure, task.program, task.status = failure, [task.restore], Status.PENDING
            task.attempts = 0
            return
        task.failure, task.status, task.holds = task.failure or failure, Status.FAILED, False
        address, code = str(task.step.address), task.failure.error_code
        hint = refusal_hints.way_out(task.step.operation, code, address)
        said = task.failure.message
        self.emit(
            StepFailed(
                task.key,
                address,
                task.operation,
                said,
                error_code=code,
                http_status=task.failure.http_status,
                hint=hint,
            )
        )

    def give_up(self, task: Task, reason: str) -> None:
        """The task ends without its outcome being known: a later run settles it."""
        task.status, task.holds = Status.UNKNOWN, False
        status = task.doubt.http_status if task.doubt is not None else None
        self.emit(
            StepUnknown(
                task.key, str(task.step.address), task.operation, reason, http_status=status
            )
        )
