"""What a run reports while it is at work: the end of each step, and problems."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.model import exit_codes
from reconciler.model.diagnostics import Problem
from reconciler.model.events import (
    Event,
    ProblemFound,
    QuotaWait,
    StepDone,
    StepFailed,
    StepSkipped,
    StepUnknown,
)
from reconciler.model.resource_type import ResourceType
from reconciler.recovery import refusal_hints
from reconciler.schedule.step_state import Done, Failed, Skipped, Unsettled
from reconciler.schedule.task import Task

QUOTA_WAIT_SECONDS_MIN = 1.5
"""A shorter wait for the quota is not reported: at 60 calls a minute there are many."""


@dataclass(slots=True)
class Reports:
    """The events of one run. `began` is the monotonic second at which it began, and `now` gives the
    present one. `skipped` maps the key of each skipped step to the reason.
    """

    emit: Callable[[Event], None]
    kinds: Mapping[str, ResourceType]
    now: Callable[[], float]
    began: float
    problems: list[Problem] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    _held_until: float = -math.inf

    def problem(self, problem: Problem) -> None:
        """Reports a problem. It counts for the exit code."""
        self.problems.append(problem)
        self.codes.append(exit_codes.of_problem(problem))
        self.emit(ProblemFound(problem))

    def held_back(self, seconds: float) -> None:
        """Reports a wait for the request quota of that many seconds: once, and again if it turns
        out to be longer.
        """
        until = self.now() + seconds
        if seconds >= QUOTA_WAIT_SECONDS_MIN and until > self._held_until + 1.0:
            self._held_until = until
            self.emit(QuotaWait(seconds))

    def ended(self, task: Task) -> None:
        """Reports how a step ended."""
        state, key, address = task.state, task.key, str(task.step.address)
        match state:
            case Done():
                seconds = self.now() - (task.started or self.now())
                self.emit(
                    StepDone(
                        key,
                        address,
                        task.step.operation,
                        id=task.target,
                        seconds=seconds,
                        sent=task.write.sent,
                    )
                )
            case Failed(failure):
                code = failure.error_code
                self.emit(
                    StepFailed(
                        key,
                        address,
                        task.operation,
                        failure.message,
                        error_code=code,
                        http_status=failure.http_status,
                        hint=refusal_hints.way_out(self.kinds, task.step.operation, code, address),
                    )
                )
            case Unsettled(reason, status):
                self.emit(StepUnknown(key, address, task.operation, reason, http_status=status))
            case Skipped(because):
                self.skipped[key] = because
                self.emit(StepSkipped(key, address, task.step.operation, because))
