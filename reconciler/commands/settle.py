"""Settling what earlier runs left open: read, record what is proved, and wait for what can only be
proved later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.events import Event, Message
from reconciler.model.state import Note, Phase, State, fold
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.recovery import absence, evidence, settlement_records, signature_fence

if TYPE_CHECKING:
    from reconciler.commands.context import Connection, Interrupts

COUNTDOWN_SECONDS = 30.0
"""Between the lines that report how long a wait still is."""

SLICE_SECONDS = 1.0
NOT_LISTED_SECONDS = 15.0
"""Between reads for an object that was created just now and is not listed yet."""

WAIT_SECONDS_MAX = 2.0 * signature_fence.FENCE_SECONDS
"""A longer wait means that a clock was far ahead when a request was signed: the run ends, and
leaves the address to a person.
"""

ROUNDS_MAX = 16
"""How often a run reads again for what is still open before it leaves it to the next run."""


@dataclass(slots=True)
class Settler:
    """What one run knows of open intents. Without a `writer`, as in a plan, nothing is recorded.

    `found` is what the last read shows of each open intent, `not_listed` until when (unix seconds)
    a new object may be missing from lists, by address. `interrupted`: a wait was interrupted.
    """

    connection: Connection
    writer: ports.StateWriter | None = None
    run: str = "plan"
    proof: absence.AbsenceProof | None = None
    observations: list[evidence.Observation] = field(default_factory=list)
    found: tuple[evidence.Settlement, ...] = ()
    not_listed: Mapping[str, float] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def open(self) -> tuple[evidence.Settlement, ...]:
        """What still blocks its address."""
        return tuple(one for one in self.found if one.blocks)

    def settle(
        self,
        state: State,
        observed: evidence.Observation,
        options: PlanOptions,
        wanted: Collection[str] = (),
    ) -> tuple[State, PlanOptions]:
        """The state with what is proved, recorded if there is a writer; and the options with the
        reasons of what is not proved. `wanted` are the addresses that are to have an object.

        Both are returned as they are if an earlier run left nothing unsettled.
        """
        if not is_unsettled(state):
            self.found, self.not_listed, self.proof = (), {}, None
            return state, options
        ahead = self.connection.exchange.clock_ahead
        observed = replace(observed, at=signature_fence.cloud_time(observed.at, ahead))
        if self.writer is not None:
            missing = absence.pending_deletes(state, observed.account)
            observed = replace(observed, gone=self._gone(missing, state, observed, options))
            options = replace(options, unproved=frozenset(missing) - observed.gone)
        self.observations.append(observed)
        now = self.now()
        self.not_listed = absence.not_listed_yet(state, observed.account, now)
        followed = {text for text in wanted if not options.accepts("gone", text)}
        self.found = evidence.settle(
            state, self.observations, self.connection.kinds, now=now, followed=followed
        )
        unsettled = {one.intent.address: one.reason for one in self.open}
        return self._record(state), replace(options, unsettled=unsettled)

    def _gone(
        self,
        missing: Mapping[str, str],
        state: State,
        observed: evidence.Observation,
        options: PlanOptions,
    ) -> frozenset[str]:
        """Which of the ids that complete lists do not show are proved gone, or accepted as gone by
        a person. Those for which the lists are not enough are read by id.
        """
        from reconciler.iwinv.driver import ReadDriver

        addresses = {entry.id: entry.address for entry in state.entries.values()}
        addresses |= {id: old.address for id, old in state.deposed.items()}
        accepted = frozenset(id for id in missing if options.accepts("gone", addresses[id]))
        proof = self.proof = self.proof or self._kept_proof(state)
        proved = proof.proved & missing.keys() - accepted
        believed = absence.believed(state, observed.account, missing) - accepted - proved
        reads = self.connection.reads(lambda what: frozenset())
        readings = {
            id: reads.absence(missing[id], id)
            for id in sorted(missing.keys() - accepted - proved - believed)
        }
        # A read that fails proves nothing, and stops nothing.
        ReadDriver(self.connection.exchange, self.connection.notify).run(
            list(readings.values()), optional=list(readings.values())
        )
        absent = {
            id
            for id, reading in readings.items()
            if reading.seen is not None and reading.seen.absent is True
        }
        proof.observe(proved | believed | absent, observed.at)
        return proof.proved | accepted

    def _kept_proof(self, state: State) -> absence.AbsenceProof:
        """The proof as an earlier run left it."""
        first = {id: float(second) for id, second in state.missing_since.items()}
        return absence.AbsenceProof(self.connection.time_scale, first)

    def _record(self, state: State) -> State:
        """The state after the records of what is settled, which are written if there is a
        writer.
        """
        records = settlement_records.notes(self.found, state, self.run)
        if self.writer is None or self.proof is None:
            return fold(state, records)
        first = settlement_records.first_checks(fold(state, records), self.proof.first, self.found)
        if first:
            sequence = state.sequence + len(records) + 1
            records += (Note(sequence, self.run, "checked for the first time", first),)
        for record in records:
            self.writer.append(record)
        return fold(state, records)

    def now(self) -> float:
        """The unix second by the cloud's clock, as far as it is known."""
        exchange = self.connection.exchange
        return signature_fence.cloud_time(exchange.unix(), exchange.clock_ahead)

    def wait(self, interrupts: Interrupts, emit: Callable[[Event], None]) -> bool:
        """Waits until the first of what is open can be read again; False if there is nothing to
        wait for, or the wait was interrupted.

        A countdown is reported every half minute. The signature fence is in real time, whatever the
        time scale (local-cloud#the-local-cloud).
        """
        until = min(self._next_checks(), default=None)
        if (
            until is None
            or len(self.observations) > ROUNDS_MAX
            or until > self.now() + WAIT_SECONDS_MAX
        ):
            return False
        reported = float("inf")
        with interrupts:
            while (left := until - self.now()) > 0.0:
                if interrupts():
                    self.interrupted = True
                    return False
                if self.writer is not None:
                    self.writer.check()
                if left <= reported - COUNTDOWN_SECONDS:
                    reported = left
                    emit(Message(self._countdown(left)))
                self.connection.exchange.next(min(left, SLICE_SECONDS))
        return True

    def _next_checks(self) -> Iterator[float]:
        """The unix seconds from which on another read may prove something."""
        for one in self.open:
            if one.finding is evidence.Finding.NOT_YET and one.until is not None:
                yield one.until
        for end in self.not_listed.values():
            yield min(end, self.now() + NOT_LISTED_SECONDS)
        if self.proof is not None and self.proof.next_check is not None:
            yield self.proof.next_check

    def _countdown(self, seconds: float) -> str:
        names = {one.intent.address for one in self.open} | set(self.not_listed)
        reason = (
            msg("when an earlier request has expired")
            if self.open
            else msg("because the lists may not be complete yet")
        )
        return msg(
            "{addresses}: checking again in {seconds} s, {reason}",
            addresses=", ".join(sorted(names)) or msg("objects being deleted"),
            seconds=int(seconds) + 1,
            reason=reason,
        )


def is_unsettled(state: State) -> bool:
    """Whether an earlier run left a request open, or an object that is not yet proved to exist, or
    to be gone.
    """
    phases = [entry.phase for entry in state.entries.values()]
    phases += [old.phase for old in state.deposed.values()]
    return bool(state.open) or any(phase is not Phase.READY for phase in phases)
