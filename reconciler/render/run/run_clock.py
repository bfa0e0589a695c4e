"""How far a run is: which resources are done, how much time has passed, and how much is expected to
remain by the forecast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from reconciler.model.events import (
    Event,
    RunStarted,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepUnknown,
)
from reconciler.model.plan import Step


class RunClock:
    """Follows the events of a run over these steps. `now` gives monotonic seconds. `time_scale` is
    how many times faster than the forecast's cloud the cloud of the run is.
    """

    def __init__(
        self, steps: Sequence[Step], *, now: Callable[[], float], time_scale: float = 1.0
    ) -> None:
        self.now, self._scale = now, time_scale
        self.resources = ResourceCount(steps)
        self._timetable = Timetable({}, now())

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self.now() - self._timetable.began

    def remaining(self) -> float | None:
        """Seconds until the last step is expected to end; None if there is no forecast."""
        return self._timetable.remaining(self.now())

    def take(self, event: Event) -> None:
        """Takes an event. Those of steps that are not in the plan change nothing."""
        match event:
            case RunStarted():
                ends = {key: seconds / self._scale for key, seconds in event.ends.items()}
                self._timetable = Timetable(ends, self.now())
            case StepStarted():
                self._timetable.start(event.key)
            case StepDone() | StepFailed() | StepSkipped() | StepUnknown():
                done = isinstance(event, StepDone)
                self.resources.end(event.key, done=done)
                self._timetable.end(event.key, self.now() if done else None)
            case _:
                pass


class ResourceCount:
    """Counts resources by the ends of their steps. A rule counts as part of its firewall.

    `done` is the number of resources of which every step was done, `troubled` of those with a step
    that failed, was skipped or is unknown.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._resource = {step.key: str(step.address.owner) for step in steps}
        self._open = Counter(self._resource.values())
        self._troubled: set[str] = set()
        self.total = len(self._open)
        self.done = 0

    @property
    def troubled(self) -> int:
        return len(self._troubled)

    def end(self, key: str, *, done: bool) -> None:
        """A step has ended: it was done or not."""
        resource = self._resource.pop(key, None)
        if resource is None:
            return
        self._open[resource] -= 1
        if not done:
            self._troubled.add(resource)
        if not self._open[resource] and resource not in self._troubled:
            self.done += 1


class Timetable:
    """When the steps of a run are expected to end, and by how much it is late.

    A run that is late by the step that ended last, or by one that should have ended, is expected to
    stay as late. `ends` are seconds from the monotonic second `began`.
    """

    def __init__(self, ends: Mapping[str, float], began: float) -> None:
        self.began = began
        self._ends = ends
        self._late = 0.0
        self._last = sorted(ends, key=lambda key: (ends[key], key))
        self._active: set[str] = set()
        self._ended: set[str] = set()

    def start(self, key: str) -> None:
        """A step has begun."""
        if key in self._ends:
            self._active.add(key)

    def end(self, key: str, at: float | None) -> None:
        """A step has ended, at that monotonic second if it was done."""
        self._active.discard(key)
        self._ended.add(key)
        if at is not None and key in self._ends:
            self._late = at - self.began - self._ends[key]

    def remaining(self, now: float) -> float | None:
        """Seconds until the last step is expected to end; None if nothing is expected."""
        if not self._ends:
            return None
        while self._last and self._last[-1] in self._ended:
            self._last.pop()
        if not self._last:
            return 0.0
        elapsed = now - self.began
        overdue = max((elapsed - self._ends[key] for key in self._active), default=0.0)
        return max(self._ends[self._last[-1]] + max(self._late, overdue) - elapsed, 0.0)
