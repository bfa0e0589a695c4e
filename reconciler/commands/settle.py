"""Settling what earlier runs left open: looking, recording what is proved, and waiting for what can
only be proved later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING

from reconciler.commands.absences import Absences
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.common.timing import ABSENCE_SECONDS
from reconciler.model import ports
from reconciler.model.events import Event, Message
from reconciler.model.state import Note, State, fold
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.recovery import evidence

if TYPE_CHECKING:
    from reconciler.commands.context import Connection, Interrupts

COUNTDOWN_SECONDS = 30.0
"""Between the lines that tell how long a wait still is."""

SLICE_SECONDS = 1.0
UNSEEN_SECONDS = 15.0
"""Between looks for an object that was made just now and is not shown yet."""

WAIT_SECONDS_MAX = 2.0 * evidence.FENCE_SECONDS
"""A longer wait comes of a clock that was far ahead when a request was signed: the run ends, and
leaves the address to a person.
"""

ROUNDS_MAX = 16
"""How often a run looks again at what is still open, before it leaves it to the next one."""


@dataclass(slots=True)
class Settler:
    """What one run has seen of open intents. Without a `writer` nothing is recorded: a plan only
    looks.

    `open` is what blocks after the last look, `proved` all that was settled so far, `unseen` until
    when (unix seconds) a new object may be missing from lists, by address. `rounds` counts the
    waits; `interrupted`: an end was asked for during one.
    """

    connection: Connection
    writer: ports.StateWriter | None = None
    run: str = "plan"
    observations: list[evidence.Observation] = field(default_factory=list)
    open: tuple[evidence.Settlement, ...] = ()
    unseen: Mapping[str, float] = field(default_factory=dict)
    proved: list[evidence.Settlement] = field(default_factory=list)
    absences: Absences | None = None
    rounds: int = 0
    interrupted: bool = False

    def settle(
        self,
        state: State,
        observed: evidence.Observation,
        options: PlanOptions,
        wanted: Collection[str] = (),
    ) -> tuple[State, PlanOptions]:
        """The state after what is proved, recorded where there is a writer; and the options with
        the reasons of what is not.

        `wanted` are the addresses where objects are to be.
        """
        unproved = frozenset[str]()
        observed = replace(
            observed, at=evidence.cloud_time(observed.at, self.connection.exchange.clock_ahead)
        )
        if self.writer is not None:
            missing, absences = (
                evidence.pending_deletes(state, observed.account),
                self._absences(state),
            )
            address_of = {entry.id: entry.address for entry in state.entries.values()} | {
                id: old.address for id, old in state.deposed.items()
            }
            said = frozenset(id for id in missing if options.accepts("gone", address_of[id]))
            proved = absences.look(
                {id: kind for id, kind in missing.items() if id not in said}, observed.at
            )
            observed = replace(observed, gone=proved | said)
            unproved = frozenset(missing) - observed.gone
        self.observations.append(observed)
        now = self.now()
        self.unseen = evidence.unseen(state, observed.account, now)
        followed = {text for text in wanted if not options.accepts("gone", text)}
        found = evidence.settle(
            state, self.observations, self.connection.kinds, now=now, followed=followed
        )
        records = evidence.notes(found, state, self.run)
        if self.writer is not None:
            looks = evidence.first_looks(fold(state, records), self._absences(state).first, found)
            records += (
                (
                    Note(
                        state.sequence + len(records) + 1,
                        self.run,
                        "looked at for the first time",
                        looks,
                    ),
                )
                if looks
                else ()
            )
            for record in records:
                self.writer.append(record)
        self.open = tuple(one for one in found if one.blocks)
        self.proved += [one for one in found if one.settled]
        doubts = {one.intent.address: one.reason for one in self.open}
        return fold(state, records), replace(options, doubts=doubts, unproved=unproved)

    def now(self) -> float:
        """The unix second, by the cloud's clock as far as it is known."""
        return evidence.cloud_time(
            self.connection.exchange.unix(), self.connection.exchange.clock_ahead
        )

    def _absences(self, state: State) -> Absences:
        if self.absences is None:
            reads, pause = (
                self.connection.reads(lambda _: frozenset()),
                ABSENCE_SECONDS / self.connection.time_scale,
            )
            self.absences = Absences(
                self.connection.exchange,
                reads,
                pause,
                {id: float(second) for id, second in state.looks.items()},
            )
        return self.absences

    def wait(self, interrupts: Interrupts, emit: Callable[[Event], None]) -> bool:
        """Waits until the first of what is open can be looked at again; False where there is
        nothing to wait for, or an end was asked for.

        A countdown is told every half minute. The fence is in real time, whatever the time scale
        (local-cloud#the-local-cloud).
        """
        until = [
            one.until
            for one in self.open
            if one.finding is evidence.Finding.NOT_YET and one.until is not None
        ]
        until += [min(end, self.now() + UNSEEN_SECONDS) for end in self.unseen.values()]
        until += [
            at
            for at in (self.absences.until() if self.absences is not None else None,)
            if at is not None
        ]
        self.rounds += 1
        if not until or self.rounds > ROUNDS_MAX or min(until) > self.now() + WAIT_SECONDS_MAX:
            return False
        exchange, told = self.connection.exchange, float("inf")
        names = ", ".join(sorted({one.intent.address for one in self.open} | set(self.unseen)))
        names = names or msg("objects being deleted")
        why = (
            msg("when an earlier request has expired")
            if self.open
            else msg("because the lists may not be complete yet")
        )
        with interrupts:
            while (left := min(until) - self.now()) > 0.0:
                if interrupts():
                    self.interrupted = True
                    return False
                if self.writer is not None:
                    self.writer.check()
                if left <= told - COUNTDOWN_SECONDS:
                    told = left
                    emit(
                        Message(
                            msg(
                                "{addresses}: checking again in {seconds} s, {reason}",
                                addresses=names,
                                seconds=int(left) + 1,
                                reason=why,
                            )
                        )
                    )
                exchange.next(min(left, SLICE_SECONDS))
        return True
