"""A step on its way: its state, the operations that it still has to do, and what is known of its
writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model.plan import Step
from reconciler.model.resource import EMPTY
from reconciler.model.state import Intent
from reconciler.resources.instance import STOP
from reconciler.schedule.step_state import (
    ENDS,
    Done,
    Failed,
    Failure,
    Pending,
    StepEvent,
    StepState,
    check,
)


@dataclass(frozen=True, slots=True)
class Write:
    """What is known of the writes of a step. `target` is the id that they are about, and `inputs`
    are plain values; both are final once `resolved`.

    `nonce` and `intent` belong to the current operation, `attempts` says how often it was refused
    before it was executed. `read_since`: lists that were begun before are too old to send it.
    `sent`: some request of the step has left.
    """

    target: str | None = None
    inputs: Mapping[str, Any] = EMPTY
    resolved: bool = False
    nonce: str | None = None
    intent: Intent | None = None
    attempts: int = 0
    read_since: float | None = None
    sent: bool = False


@dataclass(frozen=True, slots=True)
class Detour:
    """How far a step left its usual way. `fallback`: its first request was refused, and its
    fallback is done instead.

    `restore` is the operation that undoes what the step stopped or detached. It is done even if
    what comes between fails; `failure` is that failure, kept for the end of the step.
    """

    fallback: bool = False
    restore: str | None = None
    failure: Failure | None = None


def _ignore(task: Task, before: StepState) -> None:
    return None


@dataclass(slots=True)
class Task:
    """The mutable side of one step. `operations` are still to be done, the current one first.

    `started` is when it was begun, in monotonic seconds. Its instances are busy from then on until
    it ends. `on_change` is called after each event with the state before it.
    """

    step: Step
    weight: float
    operations: list[str]
    state: StepState = Pending()
    write: Write = Write()
    detour: Detour = Detour()
    started: float | None = None
    on_change: Callable[[Task, StepState], None] = field(default=_ignore, repr=False)

    @property
    def key(self) -> str:
        return self.step.key

    @property
    def operation(self) -> str:
        """The operation that is under way or next."""
        return self.operations[0]

    @property
    def ended(self) -> bool:
        return isinstance(self.state, ENDS)

    @property
    def target(self) -> str | None:
        return self.write.target

    @property
    def inputs(self) -> Mapping[str, Any]:
        return self.write.inputs

    @property
    def failure(self) -> Failure | None:
        """Why it failed; also while something is restored before it ends."""
        return self.state.failure if isinstance(self.state, Failed) else self.detour.failure

    def note(self, **known: Any) -> None:
        """Sets fields of `write`."""
        self.write = replace(self.write, **known)

    def advance(self, event: StepEvent, following: StepState) -> None:
        """Enters the state that follows. Raises `ImpossibleTransition`."""
        check(self.state, event, following)
        before, self.state = self.state, following
        self.on_change(self, before)

    def operation_done(self) -> None:
        """The result of the current operation is there: the next one follows, or the step ends."""
        detour = self.detour
        if detour.fallback and self.operation == STOP and self.step.fallback is not None:
            self.detour = replace(detour, restore=self.step.fallback.restore)
        elif self.operation == detour.restore:
            self.detour = replace(detour, restore=None)
        if self.write.intent is not None or self.write.attempts:
            self.note(intent=None, attempts=0)
        if len(self.operations) > 1:
            self.operations = self.operations[1:]
            self.advance(StepEvent.OPERATION_DONE, Pending())
        elif detour.failure is not None:
            self.advance(StepEvent.FAILED, Failed(detour.failure))
        else:
            self.advance(StepEvent.STEP_DONE, Done())

    def fail(self, failure: Failure) -> None:
        """The step fails; what it stopped or detached is restored first."""
        detour = self.detour
        if detour.restore is not None and detour.failure is None:
            self.detour, self.operations = replace(detour, failure=failure), [detour.restore]
            self.note(attempts=0)
            self.advance(StepEvent.RESTORE_NEEDED, Pending())
        else:
            self.advance(StepEvent.FAILED, Failed(detour.failure or failure))

    def restore_with(self, operation: str) -> None:
        """If the step fails, this operation is done before it ends."""
        self.detour = replace(self.detour, restore=operation)

    def fall_back(self, operations: tuple[str, ...]) -> None:
        """The first request was refused: these operations are done instead."""
        self.detour, self.operations = replace(self.detour, fallback=True), list(operations)
        self.advance(StepEvent.FALLBACK_TAKEN, Pending())
