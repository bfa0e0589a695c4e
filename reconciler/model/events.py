"""The events of a run, as values. The screen and the JSON lines are two views of one stream.

An `Activity` is what a command does before and between its writes. Only somebody who watches needs
them; nothing depends on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.model.diagnostics import Problem
from reconciler.model.resource import EMPTY


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A plan is carried out from now on. `ends` is when each step is expected to end, by its key,
    in seconds from now at the cloud's own speed. It is for people, and not among the JSON lines.
    """

    ends: Mapping[str, float] = EMPTY


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
    "RunStarted | StepStarted | StepWaiting | StepDone | StepFailed | StepSkipped | StepUnknown"
    " | ProblemFound | Message | QuotaWait | Summary"
)


# Before and between the writes
# ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadProgress:
    """The account is read: how many calls were answered, and how many are expected in all, as far
    as is known. `expected` is never less than `done`.
    """

    done: int
    expected: int


@dataclass(frozen=True, slots=True)
class QuotaWait:
    """Nothing may be sent for so many seconds, because the request quota is used up."""

    seconds: float


@dataclass(frozen=True, slots=True)
class RetryWait:
    """A read had no usable answer, and is sent again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class LockWait:
    """Another run has the lock of the stack. It is waited for, at most so many seconds; `holder`
    names that run for people.
    """

    holder: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Planning:
    """The plan is computed from what was read."""


@dataclass(frozen=True, slots=True)
class ActivityEnded:
    """The command does none of these any more."""


Activity: TypeAlias = "ReadProgress | QuotaWait | RetryWait | LockWait | Planning | ActivityEnded"
