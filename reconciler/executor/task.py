"""A step on its way: which of its operations is next, and how far that one is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import Enum
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model.plan import Step
from reconciler.model.state import Intent


class Status(Enum):
    """`PENDING`: to be sent when its time comes; `RECHECKING`: waits for a fresh list before a write;
    `SENT`: no answer yet; `WAITING`: the cloud took it and works; `UNKNOWN_OUTCOME`: no answer came, and
    lists are looked at for what became of it; the rest are ends.
    """

    PENDING = "pending"
    RECHECKING = "rechecking"
    SENT = "sent"
    WAITING = "waiting"
    UNKNOWN_OUTCOME = "unknown outcome"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


ENDS = frozenset({Status.DONE, Status.FAILED, Status.SKIPPED, Status.UNKNOWN})


def _nobody(task: Task, before: Status) -> None:
    return None


@dataclass(slots=True)
class Task:
    """The mutable side of one step. `program` are the operations still to do, the current one
    first.

    `holds` is true from its first send to its end: its servers are then busy. Times are monotonic
    seconds. `restore` is the operation that brings a server back which this task stopped, done even
    if what came between failed; `failure` is then kept for the end. `tell` is called after each
    change of `status`, with the one before. `not_proved` is why the lists have not told yet what
    became of a write that had no answer.
    """

    step: Step
    weight: float
    program: list[str]
    tell: Callable[[Task, Status], None] = _nobody
    _status: Status = Status.PENDING
    holds: bool = False
    target: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    resolved: bool = False
    nonce: str | None = None
    intent: Intent | None = None
    started: float | None = None
    accepted: float = 0.0
    not_before: float = 0.0
    next_poll: float = 0.0
    deadline: float = 0.0
    attempts: int = 0
    look_after: float | None = None
    first_absence: float | None = None
    not_yet: float | None = None
    judged: float = 0.0
    restore: str | None = None
    second: bool = False
    failure: Failure | None = None
    doubt: Failure | None = None
    not_proved: str = ""
    sent: bool = False

    @property
    def status(self) -> Status:
        """How far it is."""
        return self._status

    @status.setter
    def status(self, status: Status) -> None:
        before, self._status = self._status, status
        self.tell(self, before)

    @property
    def operation(self) -> str:
        """The operation that is under way or next."""
        return self.program[0]

    @property
    def key(self) -> str:
        return self.step.key

    @property
    def ended(self) -> bool:
        return self._status in ENDS


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed: our words, the cloud's error name and HTTP status where it gave them."""

    message: str
    error_code: str | None = None
    http_status: int | None = None
