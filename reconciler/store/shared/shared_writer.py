"""The one writer of a state in a shared place, from its fence to its close."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import Departure, RecordFailed, StoreError
from reconciler.model.state import Intent, Outcome, Record, State, fold
from reconciler.store import state_format
from reconciler.store.objects.port import ObjectStoreError
from reconciler.store.shared.beat import Pulse
from reconciler.store.shared.clean_up import clean_up
from reconciler.store.shared.log.log_format import (
    RECORDS_BYTES_MAX,
    Body,
    CloseBody,
    DepartureBody,
    RecordsBody,
    StateBody,
    digest,
)
from reconciler.store.shared.log.log_reader import LogReading
from reconciler.store.shared.log.log_writer import LogPlace, LogWriter
from reconciler.store.shared.spill import Spill
from reconciler.store.state_format import STATE_BYTES_MAX, Moment, Snapshot

OBJECTS_PER_SNAPSHOT = 100
INTENT_SECONDS = 60.0
"""For how long the record of a request is tried: nothing was sent."""
OUTCOME_SECONDS = 600.0
"""For how long an outcome is tried: the request was sent."""
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A log that was taken: what was read before the fence, and who writes now."""

    place: LogPlace
    reading: LogReading
    log: LogWriter
    pulse: Pulse
    spill: Spill | None


class SharedWriter:
    """The one writer of a state, from `open` to `close`."""

    def __init__(self, taken: Taken, state: State) -> None:
        self._taken = taken
        self._folded, self._fresh = state, list[Record]()
        self._is_unsaved = taken.reading.folded.is_unsaved
        self._belongs: tuple[str, str] | None = None
        self._has_serial = self._is_closed = False
        self._snapshots: list[int] = []

    @property
    def state(self) -> State:
        """The state with every record so far."""
        if self._fresh:
            self._folded = fold(self._folded, self._fresh)
            self._fresh.clear()
        return self._folded

    def belong(self, *, account: str, endpoint: str) -> None:
        """Sets the account and the endpoint of a state that is empty and has none. They are written
        with the first record.
        """
        if not self._has_serial and self.state.is_empty and self.state.account is None:
            self._belongs = (account, endpoint)
            self._folded = replace(self.state, account=account, endpoint=endpoint)

    def append(self, record: Record) -> None:
        """Records durably. `record.sequence` is `state.sequence + 1`. Raises `RecordFailed` (it may
        have been recorded only if nothing more is), `LostLock`.
        """
        last = self._fresh[-1] if self._fresh else self._folded
        if record.sequence != last.sequence + 1:
            raise AssertionError(f"record {record.sequence} after {last.sequence}")
        if not isinstance(record, Outcome):  # an outcome is kept on this machine at least
            self.check()
            _require_short(record)
            if self._is_snapshot_due:
                self._put_snapshot(Moment.DURING)
        account, endpoint = self._belongs or (None, None)
        serial = None if self._has_serial else self._folded.serial + 1
        body = RecordsBody((record,), serial, account, endpoint)
        if isinstance(record, Outcome):
            self._put_outcome(body, record)
        else:
            self._put(body, INTENT_SECONDS)
        if serial is not None:
            self._folded = replace(self.state, serial=serial)
        self._fresh.append(record)
        self._belongs, self._has_serial, self._is_unsaved = None, True, True
        if isinstance(record, Intent):
            self._taken.pulse.step = record.step
            self.check()  # after a pause, its request may no longer be sent
            self._taken.log.require_alone()

    def commit(self, *, account: str | None = None, endpoint: str | None = None) -> State:
        """Gives the state the next serial. Raises `RecordFailed`, `LostLock`.

        If nothing has changed, nothing is written: a run that did nothing makes no saved plan
        stale.
        """
        self.check()
        before = self.state
        after = replace(
            before,
            serial=before.serial + 1,
            account=account or before.account,
            endpoint=endpoint or before.endpoint,
        )
        is_same = (after.account, after.endpoint) == (before.account, before.endpoint)
        if self._is_unsaved or before.serial == 0 or not is_same:
            self._put(RecordsBody((), after.serial, after.account, after.endpoint), OUTCOME_SECONDS)
            self._folded, self._belongs = after, None
            self._has_serial, self._is_unsaved = True, False
        return self.state

    def replace(self, state: State) -> State:
        """Makes another state the state, with the serial after both, and returns it. Raises
        `RecordFailed`, `LostLock`.
        """
        self.check()
        before = self.state
        if before.serial:
            self._put_snapshot(Moment.START)
        after = replace(
            state,
            serial=max(state.serial, before.serial) + 1,
            # records continue after those of both
            sequence=max(state.sequence, before.sequence),
        )
        self._put(StateBody(after), INTENT_SECONDS, lineage=after.lineage)
        self._folded, self._belongs = after, None
        self._has_serial, self._is_unsaved = True, False
        return after

    def depart(self, departure: Departure) -> None:
        """Records that the state was moved away. Nothing can be written afterwards. Raises
        `RecordFailed` (it may have happened), `LostLock`.
        """
        self.check()
        body = DepartureBody(departure.to, departure.serial)
        self._put(body, INTENT_SECONDS)
        self._taken.log.is_lost = True  # not even a close may follow

    def check(self) -> None:
        """Raises `LostLock` if somebody else took the lock, as far as that is known."""
        if self._is_closed:
            raise AssertionError("the writer is closed")
        if self._taken.pulse.is_lost:
            self._taken.log.is_lost = True
        self._taken.log.guard()

    def close(self) -> None:
        """Releases the lock. Raises nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self._taken.pulse.stop()
        try:
            if self._taken.log.can_write and not self._taken.pulse.is_lost:
                with suppress(StoreError, ObjectStoreError):
                    self._end()
        finally:
            self._taken.place.objects.close()

    def _end(self) -> None:
        self._taken.log.put(CloseBody(), self.state.lineage, seconds=_CLOSE_SECONDS)
        if self.state.serial == 0:
            return
        keys, position = self._taken.place.keys, self._taken.log.position
        written = self._put_snapshot(Moment.DURING if self._is_unsaved else Moment.END)
        if written is None:
            return
        superseded = [each for each in self._snapshots if each != position]
        before = self._taken.reading.snapshot
        if before is not None and before.digest == written:
            superseded.append(before.position)
        if superseded:
            self._taken.place.objects.remove(*map(keys.snapshot, superseded))
        clean_up(self._taken.place.objects, keys, self._taken.place.clock.time())

    @property
    def _is_snapshot_due(self) -> bool:
        log = self._taken.log
        due = OBJECTS_PER_SNAPSHOT * (len(self._snapshots) + 1)
        return log.can_write and log.position - log.epoch.began >= due

    def _put(self, body: Body, seconds: float, *, lineage: str | None = None) -> None:
        self._taken.log.put(body, lineage or self._folded.lineage, seconds=seconds)

    def _put_outcome(self, body: RecordsBody, outcome: Outcome) -> None:
        """Records an outcome; if the place does not take it, it is kept on this machine as well."""
        found = self.state.open.get(outcome.intent)
        if self._taken.spill is None or found is None:
            self._put(body, OUTCOME_SECONDS)
            return
        kept = self._taken.spill.entry(self._taken.log.epoch.number, found.intent, outcome)
        try:
            self._taken.log.put(
                body, self._folded.lineage, seconds=OUTCOME_SECONDS, failing=kept.write
            )
        except BaseException:  # an interrupt as well
            kept.write()
            raise
        kept.remove()

    def _put_snapshot(self, moment: Moment) -> str | None:
        """Writes a snapshot of what the log contains, and returns its digest; None if the place did
        not take it, which costs the next reader time only.
        """
        data = state_format.encode_snapshot(Snapshot(self.state, moment))
        position = self._taken.log.position
        self._snapshots.append(position)
        if len(data) > STATE_BYTES_MAX:
            return None
        objects, keys = self._taken.place.objects, self._taken.place.keys
        key = keys.snapshot(position)
        with suppress(ObjectStoreError):
            if objects.create(key, data, after=keys.log(position)):
                return digest(data)
            if objects.read(key).get(key) == data:  # the answer to our own object
                return digest(data)
        return None


def _require_short(record: Record) -> None:
    if len(state_format.encode_record(record)) > RECORDS_BYTES_MAX:
        message = msg("the record would have more than {size} bytes", size=RECORDS_BYTES_MAX)
        raise RecordFailed(message, hint=msg("divide the stack"))
