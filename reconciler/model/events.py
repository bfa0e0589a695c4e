"""The events of a run, as values. The screen and the JSON lines are two views of one stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.model.diagnostics import Problem
from reconciler.model.resource import EMPTY


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A write was sent. `operation` may be one of the step's fallback."""

    key: str
    address: str
    operation: str


@dataclass(frozen=True, slots=True)
class StepWaiting:
    """The cloud accepted the write and works on it. `status` is the one in the last list, for
    people.
    """

    key: str
    address: str
    operation: str
    status: str | None = None


@dataclass(frozen=True, slots=True)
class StepDone:
    """The step is finished and recorded. `id` is that of the object; `sent` is False if nothing had
    to be sent.
    """

    key: str
    address: str
    operation: str
    id: str | None = None
    seconds: float = 0.0
    sent: bool = True


@dataclass(frozen=True, slots=True)
class StepFailed:
    """The step failed for certain. `hint` is what to do about it, if that is known."""

    key: str
    address: str
    operation: str
    message: str
    code: str = "step-failed"
    error_code: str | None = None
    http_status: int | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class StepSkipped:
    """The step was not started; `because` names what it depends on."""

    key: str
    address: str
    operation: str
    because: str


@dataclass(frozen=True, slots=True)
class StepUnknown:
    """The outcome of a write is not known. Its address is blocked until it is settled."""

    key: str
    address: str
    operation: str
    message: str
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class ProblemFound:
    """A problem that came up during the run."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Message:
    """A message for people: throttling, a fallback, a wait for the signature fence."""

    message: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a run. Counts are steps; `next` is the command that continues, if any."""

    done: int
    failed: int
    skipped: int
    unknown: int
    calls: int
    seconds: float
    exit_code: int
    eta_seconds: int | None = None
    next: str | None = None
    outputs: Mapping[str, object] = EMPTY


Event: TypeAlias = (
    "StepStarted | StepWaiting | StepDone | StepFailed | StepSkipped | StepUnknown"
    " | ProblemFound | Message | Summary"
)
