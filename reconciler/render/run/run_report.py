"""The rows of a plan while they are being done: which steps of each have ended, and how."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.model.events import (
    Event,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepUnknown,
    StepWaiting,
)
from reconciler.model.plan import Step
from reconciler.render import escape
from reconciler.render.plan.plan_rows import PlanRow


@dataclass(slots=True)
class Active:
    """A step under way."""

    address: str
    operation: str
    since: float
    status: str = "sent"


@dataclass(slots=True)
class Track:
    """One row of the plan: how many steps it has, how many ended, how long those took by address,
    and what is under way.
    """

    row: PlanRow
    total: int
    ended: int = 0
    troubles: int = 0
    active: dict[str, Active] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it took: where the row stands for several objects, the one that took longest."""
        return max(self.took.values(), default=0.0)

    @property
    def is_done(self) -> bool:
        """Whether every step of the row was done."""
        return self.ended >= self.total and not self.troubles


class RunReport:
    """Follows the events of a run, row by row. An address without a row of its own gets one when it
    is first heard of.
    """

    def __init__(self, rows: Iterable[PlanRow] = (), steps: Sequence[Step] = ()) -> None:
        self._lines: list[Track] = []
        self._by_address: dict[str, Track] = {}
        self._old = frozenset(step.key for step in steps if step.deposed)
        for row in rows:
            self._add(Track(row, 0), row.stands_for)
        for step in steps:
            self._line(str(step.address)).total += 1

    def take(self, event: Event, now: float = 0.0) -> Track | None:
        """Notes what an event says, and gives the line that it is about, if any."""
        if not isinstance(
            event, StepStarted | StepWaiting | StepDone | StepFailed | StepSkipped | StepUnknown
        ):
            return None
        line = self._line(event.address)
        match event:
            case StepStarted():
                since = line.active[event.key].since if event.key in line.active else now
                line.active[event.key] = Active(event.address, event.operation, since)
            case StepWaiting():
                active = line.active.setdefault(
                    event.key, Active(event.address, event.operation, now)
                )
                active.operation, active.status = event.operation, event.status or "waiting"
            case _:
                line.active.pop(event.key, None)
                line.ended += 1
                if isinstance(event, StepDone):
                    line.took[event.address] = line.took.get(event.address, 0.0) + event.seconds
                else:
                    line.troubles += 1
        return line

    def symbol(self, address: str) -> str:
        """The symbol of the row that an address stands in."""
        line = self._by_address.get(address)
        return " " if line is None else line.row.symbol

    def is_about_old(self, key: str) -> bool:
        """Whether a step is about the object that a replacement leaves behind."""
        return key in self._old

    @property
    def under_way(self) -> list[Track]:
        """The lines of which a step is under way, in the order of the plan."""
        return [line for line in self._lines if line.active]

    @property
    def done(self) -> list[Track]:
        """The lines that had something to be done and are done."""
        return [line for line in self._lines if line.total and line.is_done]

    def _line(self, address: str) -> Track:
        if address not in self._by_address:
            self._add(Track(PlanRow(" ", escape.outside(address), ()), 0), (address,))
        return self._by_address[address]

    def _add(self, line: Track, addresses: Iterable[str]) -> None:
        self._lines.append(line)
        for address in addresses:
            self._by_address.setdefault(address, line)
