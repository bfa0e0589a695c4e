"""What the events of a run have reported so far: for each row of the plan which steps have ended,
and for the end of the run what failed, was skipped or is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.model.address import Address
from reconciler.model.events import (
    Event,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepUnknown,
    StepWaiting,
)
from reconciler.model.plan import Action, Step
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.plan.change_text import Head
from reconciler.render.plan.plan_rows import PlanRow
from reconciler.render.plan.tally import NO_RESOURCES, Tally


@dataclass(slots=True)
class Active:
    """A step under way; `since` is when it started. `status` is what the cloud shows of it."""

    operation: str
    since: float
    status: str | None = None

    @property
    def text(self) -> str:
        """What the step waits for."""
        return phrase("sent") if self.status is None else escape.outside(self.status)


@dataclass(slots=True)
class Track:
    """One row of the plan: how many steps it has, how many ended, how long those took by address,
    and which are under way, by key.
    """

    row: PlanRow
    total: int = 0
    ended: int = 0
    troubles: int = 0
    active: dict[str, Active] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long the row took; for several objects, the one that took longest."""
        return max(self.took.values(), default=0.0)

    @property
    def is_done(self) -> bool:
        """Whether every step of the row was done."""
        return self.ended >= self.total and not self.troubles


@dataclass(frozen=True, slots=True)
class Left:
    """How many resources were not done: because a step failed, because its outcome is unknown, or
    for another reason.
    """

    failed: int
    unknown: int
    other: int


NOTHING_LEFT = Left(0, 0, 0)


@dataclass(slots=True)
class Resources:
    """The resources of a plan, and for the steps that are not done yet, by key, which resource each
    is about.
    """

    planned: Tally
    open: dict[str, Address]

    def done(self) -> Tally:
        """Those of which every step is done."""
        return self.planned.without(self.open.values())

    def left(self, failed: Sequence[StepFailed], unknown: Sequence[StepUnknown]) -> Left:
        """Those of which a step is not done."""
        every, of_failed = set(self.open.values()), self._of(failed)
        of_unknown = self._of(unknown) - of_failed
        return Left(len(of_failed), len(of_unknown), len(every - of_failed - of_unknown))

    def _of(self, events: Sequence[StepFailed | StepUnknown]) -> set[Address]:
        return {self.open[event.key] for event in events if event.key in self.open}


class RunReport:
    """Follows the events of a run. An address without a row of its own gets one with its first
    event.
    """

    def __init__(
        self,
        rows: Iterable[PlanRow] = (),
        steps: Sequence[Step] = (),
        resources: Tally = NO_RESOURCES,
    ) -> None:
        self._steps = {step.key: step for step in steps}
        self.resources = Resources(resources, {step.key: step.address.owner for step in steps})
        self._tracks: list[Track] = []
        self._by_address: dict[str, Track] = {}
        self.begin_round()
        for row in rows:
            self._add(Track(row), row.addresses)
        for step in steps:
            self._track(str(step.address)).total += 1

    @property
    def total(self) -> int:
        """How many steps the plan has."""
        return len(self._steps)

    def begin_round(self) -> None:
        """Forgets what ended in an earlier round: what was open then may be done in this one."""
        self.ended = 0
        self.failed: list[StepFailed] = []
        self.skipped: list[StepSkipped] = []
        self.unknown: list[StepUnknown] = []

    def take(self, event: Event, now: float = 0.0) -> Track | None:
        """Notes an event, and returns the row that it is about, if any."""
        if not isinstance(
            event, StepStarted | StepWaiting | StepDone | StepFailed | StepSkipped | StepUnknown
        ):
            return None
        track = self._track(event.address)
        if isinstance(event, StepStarted | StepWaiting):
            active = track.active.setdefault(event.key, Active(event.operation, now))
            active.operation = event.operation
            active.status = (
                event.status or phrase("waiting") if isinstance(event, StepWaiting) else None
            )
            return track
        track.active.pop(event.key, None)
        track.ended += 1
        self.ended += 1
        track.troubles += not isinstance(event, StepDone)
        match event:
            case StepDone():
                self.resources.open.pop(event.key, None)
                track.took[event.address] = track.took.get(event.address, 0.0) + event.seconds
            case StepFailed():
                self.failed.append(event)
            case StepSkipped():
                self.skipped.append(event)
            case StepUnknown():
                self.unknown.append(event)
        return track

    def symbol(self, address: str) -> str:
        """The symbol of the row of an address."""
        track = self._by_address.get(address)
        return " " if track is None else track.row.symbol

    def operation(self, key: str, name: str) -> str:
        """The operation of a step as people name it, with the rule if the address of the step does
        not name it: `delete rule ssh`.
        """
        step = self._steps.get(key)
        if step is None:
            return format.operation(name)
        return phrase(
            "{operation}[ {part}]",
            operation=format.operation(name, old=step.deposed),
            part=format.part_of(step),
        )

    @property
    def under_way(self) -> list[Track]:
        """The rows with a step under way, in the order of the plan."""
        return [track for track in self._tracks if track.active]

    @property
    def done(self) -> list[Track]:
        """The rows that had steps, all of which are done."""
        return [track for track in self._tracks if track.total and track.is_done]

    def _track(self, address: str) -> Track:
        if address not in self._by_address:
            unplanned = PlanRow(escape.outside(address), (), Head(Action.NONE))
            self._add(Track(unplanned), (address,))
        return self._by_address[address]

    def _add(self, track: Track, addresses: Iterable[str]) -> None:
        self._tracks.append(track)
        for address in addresses:
            self._by_address.setdefault(address, track)
