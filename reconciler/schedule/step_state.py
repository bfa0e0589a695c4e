"""The states of a step, the events that change them, and the table of what may follow what.

A step begins as `Pending`. Each event moves it to one state, and `TRANSITIONS` says which events
are possible in a state. A state is a value that holds only what is known in that state. All times
are monotonic seconds of the client that sends the requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.schedule.controls import AbsentLook


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed: a message, and the cloud's error name and HTTP status if it gave them."""

    message: str
    error_code: str | None = None
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """The next request of the step is still to be sent, not before a time."""

    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Rechecking:
    """The object is read once more before a risky request. If `lists` cannot be read until the
    deadline, the step fails.
    """

    lists: tuple[str, ...]
    deadline: float


@dataclass(frozen=True, slots=True)
class InFlight:
    """A request was sent, and its answer has not come."""


@dataclass(frozen=True, slots=True)
class Polling:
    """The cloud accepted the request at `accepted`; `lists` are read until they show its result.

    `usual_seconds` after that the lists are read first, and next at `next_poll`. A list that was
    begun before `judged` says nothing new, and one begun at `not_yet` did not show the result.
    `first_look` is the first list without a deleted object. `unanswered` is set for a delete whose
    own answer did not come.
    """

    lists: tuple[str, ...]
    accepted: float
    usual_seconds: float
    deadline: float
    next_poll: float
    judged: float = 0.0
    not_yet: float | None = None
    first_look: AbsentLook | None = None
    unanswered: Failure | None = None


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """No answer came at `since`: the request may have taken effect. `lists` are read until they
    prove it, or until the deadline.

    `not_proved` says why the lists have not proved it so far.
    """

    failure: Failure
    lists: tuple[str, ...]
    since: float
    deadline: float
    next_poll: float
    judged: float
    not_proved: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The account shows what the step asked for."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The step did not do what it was to do."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The run stopped looking for the outcome of a request. A later run settles it."""

    reason: str
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """The step was never begun, because of the step `because`, or because the run ended."""

    because: str


StepState: TypeAlias = (
    "Pending | Rechecking | InFlight | Polling | UnknownOutcome | Done | Failed | Unsettled"
    " | Skipped"
)

ENDS = (Done, Failed, Unsettled, Skipped)
"""States that nothing follows."""

WATCHING = (Rechecking, Polling, UnknownOutcome)
"""States in which lists are read, until a deadline."""


class StepEvent(Enum):
    """What happens to a step."""

    RECHECK_NEEDED = "recheck needed"
    """The object must be read again before the request is sent."""

    RECHECKED = "rechecked"
    """The object was read again."""

    HELD_BACK = "held back"
    """The request is due, and is not sent before a later time."""

    SENT = "sent"
    """The request was sent."""

    RESUMED = "resumed"
    """Nothing is sent: the result of an earlier run's request is awaited."""

    ACCEPTED = "accepted"
    """The cloud took the request, by its answer or by what lists show. The result comes later."""

    RETRIED = "retried"
    """The request was refused before it was executed, or never left. It is sent again."""

    FALLBACK_TAKEN = "fallback taken"
    """The request was refused, and the step has a fallback."""

    ANSWER_LOST = "answer lost"
    """No answer came: the request may have taken effect."""

    NOT_SHOWN = "not shown"
    """The lists were read and do not show the result yet."""

    OPERATION_DONE = "operation done"
    """The result is there, or was there before. Another operation of the step follows."""

    STEP_DONE = "step done"
    """The same, and it was the last operation."""

    RESTORE_NEEDED = "restore needed"
    """The step failed. What it stopped or detached is restored before it ends."""

    FAILED = "failed"
    """The step failed, and nothing is left to restore."""

    GIVEN_UP = "given up"
    """The outcome is still unknown, and its time is up or the run ends."""

    SKIPPED = "skipped"
    """A step that it comes after did not succeed, or the run ends."""


_E = StepEvent

TRANSITIONS: Mapping[type[Any], Mapping[StepEvent, type[Any]]] = {
    Pending: {
        _E.HELD_BACK: Pending,
        _E.RECHECK_NEEDED: Rechecking,
        _E.SENT: InFlight,
        _E.RESUMED: Polling,
        _E.OPERATION_DONE: Pending,
        _E.STEP_DONE: Done,
        _E.RESTORE_NEEDED: Pending,
        _E.FAILED: Failed,
        _E.SKIPPED: Skipped,
    },
    Rechecking: {
        _E.RECHECKED: Pending,
        _E.FAILED: Failed,
        _E.SKIPPED: Skipped,
    },
    InFlight: {
        _E.ACCEPTED: Polling,
        _E.ANSWER_LOST: UnknownOutcome,
        _E.OPERATION_DONE: Pending,
        _E.STEP_DONE: Done,
        _E.RETRIED: Pending,
        _E.FALLBACK_TAKEN: Pending,
        _E.RESTORE_NEEDED: Pending,
        _E.FAILED: Failed,
        _E.GIVEN_UP: Unsettled,
    },
    Polling: {
        _E.NOT_SHOWN: Polling,
        _E.OPERATION_DONE: Pending,
        _E.STEP_DONE: Done,
        _E.RESTORE_NEEDED: Pending,
        _E.FAILED: Failed,
        _E.GIVEN_UP: Unsettled,
    },
    UnknownOutcome: {
        _E.NOT_SHOWN: UnknownOutcome,
        _E.ACCEPTED: Polling,
        _E.OPERATION_DONE: Pending,
        _E.STEP_DONE: Done,
        _E.FAILED: Failed,
        _E.GIVEN_UP: Unsettled,
    },
    Done: {},
    Failed: {},
    Unsettled: {},
    Skipped: {},
}
"""For each state the events that are possible in it, and the state that follows. Every other pair
is a bug in the program.
"""


class ImpossibleTransition(Exception):
    """An event that cannot happen in a state."""


def check(state: StepState, event: StepEvent, following: StepState) -> None:
    """Raises `ImpossibleTransition` unless `event` leads from `state` to `following`."""
    if TRANSITIONS[type(state)].get(event) is not type(following):
        raise ImpossibleTransition(
            f"{event.name} in {type(state).__name__} cannot lead to {type(following).__name__}"
        )
