"""The one writer of a state in a folder.

A snapshot is written in this order, each step on the medium before the next: a new journal beside
the old one, a new state beside the old one, the state into its place, the journal into its place.
Stopped in between, either the old pair is valid, or the new state with the old journal, all of
whose records it has.

Writes are conditional: a snapshot replaces only the very file that this writer read or wrote last,
and its serial is that one's plus one. A place without locks that last longer than a process (an
object store, a database) can keep this port by the same condition: put the snapshot if the serial
is still the expected one, put each record if its sequence is still free.
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress
from dataclasses import replace
from enum import Enum

from reconciler.common.text import msg
from reconciler.model.ports import Departure, LostLock, RecordFailed, StateDamaged
from reconciler.model.state import FORMAT, Intent, Outcome, Record, State, fold, only_freezes
from reconciler.store import lock as locks
from reconciler.store.disk import replace_whole, write_whole
from reconciler.store.folder_reader import StateFolder, StateReading
from reconciler.store.journal import Header, Journal
from reconciler.store.moving.transit_format import encode_transit
from reconciler.store.state_format import (
    HINT_DAMAGED,
    STATE_BYTES_MAX,
    Moment,
    Snapshot,
    encode_snapshot,
    format_of,
)

HISTORY_STATES_MAX = 20
RECORDS_PER_SNAPSHOT = 1000
JOURNAL_BYTES_FULL = 16 * 1024 * 1024
"""A journal of this length is folded into a snapshot before its thousandth record."""

HINT_FAILED = msg(
    "free up disk space or fix the folder's permissions, then run the command again: it continues "
    "from what was recorded"
)


class _Status(Enum):
    """Whether a writer knows what is on the disk, or is closed."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    CLOSED = "closed"


class FileWriter:
    """The one writer of a folder, from `open` to `close`."""

    def __init__(
        self,
        files: StateFolder,
        lock: locks.Lock,
        found: StateReading,
        identity: Hashable | None,
    ) -> None:
        self._files, self._lock, self._identity = files, lock, identity
        self._folded, self._fresh = found.state, list[Record]()
        self._unsaved = found.records
        self._journal: Journal | None = None
        self._status = _Status.KNOWN

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
        if self._journal is None and self.state.is_empty and self.state.account is None:
            self._folded = replace(self.state, account=account, endpoint=endpoint)

    def append(self, record: Record) -> None:
        """Records durably. `record.sequence` is `state.sequence + 1`. Raises `RecordFailed` (it is
        not recorded), `LostLock`.

        If the journal cannot take the record, a snapshot is written with it.
        """
        last = self._fresh[-1] if self._fresh else self._folded
        if record.sequence != last.sequence + 1:
            raise AssertionError(f"record {record.sequence} after {last.sequence}")
        self.check()
        format = format_of(record)
        if self._journal is None:
            moment = Moment.DURING if only_freezes(record) else Moment.START
            self._snapshot(self.state, moment, format)
        # an answer is recorded first, and by what needs no room
        elif (self._is_full or format > self._journal.format) and not isinstance(record, Outcome):
            self._snapshot(self.state, Moment.DURING, format)
        self._record(record)
        if isinstance(record, Intent):
            self._lock.report(record.step)
        self.check()

    def commit(self, *, account: str | None = None, endpoint: str | None = None) -> State:
        """Writes a snapshot with the next serial and empties the journal. Raises `RecordFailed`,
        `LostLock`.

        If nothing has changed, nothing is written: a run that did nothing makes no saved plan
        stale.
        """
        self.check()
        before = self.state
        after = replace(
            before, account=account or before.account, endpoint=endpoint or before.endpoint
        )
        is_same = (after.account, after.endpoint) == (before.account, before.endpoint)
        if self._unsaved or before.serial == 0 or not is_same:
            self._snapshot(after, Moment.END)
        return self.state

    def replace(self, state: State) -> State:
        """Makes another state the state, with the serial after both, and returns it. The one before
        it is kept. Raises `RecordFailed`, `LostLock`.
        """
        self.check()
        if self.state.serial:
            self._snapshot(self.state, Moment.START)
        before = self.state
        self._folded = replace(
            state,
            serial=max(state.serial, before.serial),
            # a journal of more records would not belong to it
            sequence=max(state.sequence, before.sequence),
        )
        self._snapshot(self._folded, Moment.END)
        return self.state

    def depart(self, departure: Departure) -> None:
        """Replaces the state by the record that it was moved away. Nothing can be written
        afterwards. Raises `RecordFailed` (it may have happened), `LostLock`.
        """
        self.check()
        self._require_known()
        self._status = _Status.UNKNOWN
        disk, fresh = self._files.disk, self._files.path / "state.json.new"
        try:
            write_whole(disk, fresh, encode_transit(departure))
            self._require_own()
            disk.rename(fresh, self._files.state)
            disk.sync_folder(self._files.path)
        except OSError as error:
            message = msg("the state cannot be written: {reason}", reason=error)
            raise RecordFailed(message, hint=HINT_FAILED) from error

    def check(self) -> None:
        """Raises `LostLock` if somebody else broke the lock."""
        if self._status is _Status.CLOSED:
            raise AssertionError("the writer is closed")
        self._lock.check()

    def close(self) -> None:
        """Releases the lock. Records since the last commit stay in the journal. Raises nothing."""
        if self._status is _Status.CLOSED:
            return
        self._status = _Status.CLOSED
        try:
            if self._journal is not None:
                with suppress(OSError, LostLock):  # unused room in the file does no harm
                    self._lock.check()
                    self._journal.trim()
                with suppress(OSError):
                    self._journal.close()
                self._journal = None
        finally:
            self._lock.release()

    @property
    def _is_full(self) -> bool:
        return self._unsaved >= RECORDS_PER_SNAPSHOT or (
            self._journal is not None and self._journal.end >= JOURNAL_BYTES_FULL
        )

    def _record(self, record: Record) -> None:
        if self._journal is None:
            raise AssertionError("a writer has a journal once it has taken a snapshot")
        self._require_known()
        # an interrupt may come between the disk and what is remembered of it
        self._status = _Status.UNKNOWN
        try:
            self._journal.append(record)
        except AssertionError:
            self._status = _Status.KNOWN
            raise
        except OSError:
            self._status = _Status.KNOWN
            self._snapshot(fold(self.state, [record]), Moment.DURING)
            return
        self._fresh.append(record)
        self._unsaved += 1
        self._status = _Status.KNOWN

    def _snapshot(self, state: State, moment: Moment, format: int = FORMAT) -> None:
        """Writes a snapshot and a new journal, whose records may be of that format."""
        self._require_known()
        format = max(format, format_of(state))
        after = replace(state, serial=state.serial + 1)
        data = encode_snapshot(Snapshot(after, moment))
        if len(data) > STATE_BYTES_MAX:
            message = msg("the state would have more than {size} bytes", size=STATE_BYTES_MAX)
            raise RecordFailed(message, hint=msg("divide the stack"))
        try:
            journal = self._replace(after, data, moment, format)
        except OSError as error:
            message = msg("the state cannot be written: {reason}", reason=error)
            raise RecordFailed(message, hint=HINT_FAILED) from error
        if self._journal is not None:
            with suppress(OSError):
                self._journal.close()
        self._journal, self._folded, self._unsaved = journal, after, 0
        self._fresh.clear()
        self._status = _Status.KNOWN
        self._prune()

    def _replace(self, state: State, data: bytes, moment: Moment, format: int) -> Journal:
        disk, folder = self._files.disk, self._files.path
        header = Header(state.lineage, state.serial, state.sequence, format)
        owed = {} if self._journal is None else self._journal.owed
        journal = Journal.create(disk, folder / "journal.new", header, owed=owed)
        try:
            write_whole(disk, folder / "state.json.new", data)
            if moment is not Moment.DURING:
                replace_whole(disk, self._files.past(state.serial), data)
            self._require_own()
            # from here on, the content of the disk is known again only when all is done
            self._status = _Status.UNKNOWN
            disk.rename(folder / "state.json.new", folder / "state.json")
            disk.sync_folder(folder)
            disk.rename(folder / "journal.new", folder / "journal")
            disk.sync_folder(folder)
            self._identity = disk.identity(folder / "state.json")
        except (OSError, LostLock) as error:
            with suppress(OSError):
                journal.close()
                if isinstance(error, OSError):  # after a lost lock it may be another writer's
                    disk.remove(folder / "journal.new")
            raise
        return journal

    def _prune(self) -> None:
        with suppress(OSError, StateDamaged):  # one too many does no harm
            for serial in self._files.serials()[HISTORY_STATES_MAX:]:
                self._files.disk.remove(self._files.past(serial))

    def _require_known(self) -> None:
        if self._status is _Status.UNKNOWN:
            message = msg("nothing more is recorded after a write that failed halfway")
            raise RecordFailed(message, hint=HINT_FAILED)

    def _require_own(self) -> None:
        self.check()
        if self._files.disk.identity(self._files.state) != self._identity:
            message = msg("state.json was replaced by something else during this run")
            raise LostLock(message, hint=HINT_DAMAGED)
