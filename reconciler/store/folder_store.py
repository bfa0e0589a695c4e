"""The state of one stack in a folder: `state.json`, `journal`, `lock` with `holder` and `epoch`,
`history/`.

At every instant one whole state lies on the disk. A snapshot goes: a new journal beside the old
one, a new state beside the old one, the state into its place, the journal into its place; each on
the medium before the next. Stopped in between, the old pair still holds, or the new state with the
old journal, all of whose records it has.

Writes are conditional: a snapshot takes the place only of the very file that this writer read or
wrote last, and its serial is that one's plus one. A place without locks that lasts longer than a
process (an object store, a database) can keep this port by the same condition: put the snapshot if
the serial is still the expected one, put each record if its sequence is still free.
"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import Holder, LostLock, RecordFailed, StateDamaged, StoreError
from reconciler.model.resource import title_of
from reconciler.model.state import Intent, Neighbor, Outcome, Record, State, fold
from reconciler.store import lock as locks
from reconciler.store.disk import Disk, RealDisk, replace_whole, write_whole
from reconciler.store.journal import JOURNAL_BYTES_MAX, Header, Journal, Written, decode_journal
from reconciler.store.place import folder_name
from reconciler.store.state_format import (
    HINT_DAMAGED,
    STATE_BYTES_MAX,
    Moment,
    Snapshot,
    decode_snapshot,
    encode_snapshot,
)

HISTORY_STATES_MAX = 20
RECORDS_PER_SNAPSHOT = 1000
JOURNAL_BYTES_FULL = 16 * 1024 * 1024
"""A journal that has grown so long is folded into a snapshot before its thousandth record."""

_READ_ATTEMPTS_MAX = 5
_HINT_RIGHTS = "fix the permissions of the state's folder"
_HINT_LINK = "put the folder itself there, or set RECONCILER_STATE_DIR to the folder that holds it"
_HINT_FAILED = "free up disk space or fix the folder's permissions, then run the command again: it continues from what was recorded"


@dataclass(frozen=True, slots=True)
class StateReading:
    """What lies on the disk: the state with `records` records of the journal folded in; `torn`
    where a last one was cut off.
    """

    state: State
    records: int = 0
    torn: bool = False


class FileStore:
    """The state of one stack in a folder of its own.

    `token` gives a text that never came before, `used` the names of folders beside this one whose
    stack or environment a file names.
    """

    def __init__(
        self,
        folder: Path,
        *,
        disk: Disk | None = None,
        token: Callable[[], str] = lambda: os.urandom(12).hex(),
        used: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self.folder = folder
        self._used = used
        self._disk: Disk = RealDisk() if disk is None else disk
        self._token = token

    def read(self) -> State | None:
        """The state with its journal folded in, or None where there is none. Raises `StateDamaged`
        or `StateNewer`.
        """
        found = self.examine()
        return None if found is None else found.state

    def neighbors(self) -> tuple[Neighbor, ...]:
        """The states of the same place that can be read, and whose names no file uses."""
        place = self.folder.parent
        used = self._used() if self._folders_beside() else frozenset[str]()
        return tuple(
            Neighbor(state, str(place / name), self._move_here(place / name))
            for name, state in self._beside(used)
        )

    def others(self) -> tuple[State, ...]:
        """The states of other stacks and environments in the same place. Copies and what cannot be
        read are left out.
        """
        return tuple(
            state
            for name, state in self._beside()
            if folder_name(state.stack, state.environment) == name
        )

    def _beside(self, skipped: frozenset[str] = frozenset()) -> Iterator[tuple[str, State]]:
        """The states in the folders beside this one, by the name of the folder, as far as they can
        be read.
        """
        for name in self._folders_beside():
            state = None
            if name not in skipped:
                with suppress(StoreError, OSError):
                    state = FileStore(self.folder.parent / name, disk=self._disk).read()
            if state is not None:
                yield name, state

    def _folders_beside(self) -> list[str]:
        return [
            name
            for name in self._names(self.folder.parent)
            if name != self.folder.name and not name.startswith(".")
        ]

    def was_moved(self, state: State) -> bool:
        """Whether a state of another name was moved here: no file uses that name, and its own
        folder is gone.
        """
        name = folder_name(state.stack, state.environment)
        return (
            name != self.folder.name
            and name not in self._used()
            and "state.json" not in self._names(self.folder.parent / name)
        )

    def _names(self, folder: Path) -> tuple[str, ...]:
        try:
            return self._disk.names(folder)
        except OSError:
            return ()

    def _move_here(self, other: Path) -> str:
        """The command that gives a folder the name of this one; what lies here already is put
        aside.
        """
        aside = (
            [self.folder, self.folder.with_name(f"{self.folder.name}.away")]
            if self._names(self.folder)
            else []
        )
        pairs = [*([aside] if aside else []), [other, self.folder]]
        return " && ".join(shlex.join(["mv", *map(str, pair)]) for pair in pairs)

    def examine(self) -> StateReading | None:
        """As `read`, with what there is to tell about it. Takes no lock, so a writer may be at work
        meanwhile.
        """
        before: object = None
        for _ in range(_READ_ATTEMPTS_MAX):
            pair = self._load()
            try:
                return _combine(*pair, folder=self.folder)
            except StateDamaged:
                if pair == before:
                    raise
            # a line that was being written while it was read looks torn, with whole ones after it:
            # look again
            before = pair
        return _combine(*self._load(), folder=self.folder)

    def open(
        self, holder: Holder, *, timeout_seconds: float, stack: str, environment: str | None
    ) -> FileWriter:
        """Takes the lock. Writes nothing yet: the first record, or `commit`, does.

        Where there is no state, the writer's is new, with a lineage of its own and serial 0. Raises
        `Locked`, `StateDamaged` (also where the folder holds another stack's state), `StateNewer`,
        `RecordFailed`.
        """
        try:
            self._disk.make_folder(self.folder)
            self._disk.make_folder(self.folder / "history")
            lock = locks.take(
                self._disk, self.folder, holder, timeout_seconds=timeout_seconds, token=self._token
            )
        except OSError as error:
            hint = _HINT_LINK if error.errno == errno.ELOOP else _HINT_FAILED
            raise RecordFailed(
                f"the state's folder cannot be written: {error}", hint=hint
            ) from error
        try:
            identity = _identity(self._disk, self.folder)
            found = self.examine() or StateReading(
                State(lineage=self._token(), serial=0, stack=stack, environment=environment)
            )
            found = self._as_named(found, stack, environment)
        except BaseException:
            lock.release()
            raise
        return FileWriter(self._disk, self.folder, lock, found, identity)

    def _as_named(self, found: StateReading, stack: str, environment: str | None) -> StateReading:
        """The state under the name that it is opened by. Raises `StateDamaged` where it is another
        stack's, and was not moved here.
        """
        state = found.state
        if (state.stack, state.environment) == (stack, environment):
            return found
        if not self.was_moved(state):
            message = msg(
                "this folder holds the state of {stack}",
                stack=title_of(state.stack, state.environment),
            )
            raise StateDamaged(message, hint="name another folder (RECONCILER_STATE_DIR)")
        return StateReading(
            replace(state, stack=stack, environment=environment), max(found.records, 1), found.torn
        )  # 1: there is something to write

    def holder(self) -> locks.Held | None:
        """Who works on this stack now, or died doing so; None where nobody."""
        return locks.holder_of(self._disk, self.folder)

    def unlock(self) -> locks.Held | None:
        """Takes the lock from whoever holds it, and says who that was. Raises `RecordFailed`."""
        try:
            return locks.break_lock(self._disk, self.folder, token=self._token)
        except OSError as error:
            raise RecordFailed(f"the lock cannot be broken: {error}", hint=_HINT_FAILED) from error

    def history(self) -> tuple[int, ...]:
        """The serials of the states that were kept, newest first. Raises `StateDamaged` where they
        cannot be listed.
        """
        try:
            return _serials(self._disk, self.folder)
        except OSError as error:
            raise StateDamaged(
                f"{self.folder / 'history'} cannot be read: {error}", hint=_HINT_RIGHTS
            ) from error

    def past(self, serial: int) -> State:
        """The state of that serial as it was kept. Raises `StateDamaged` (also where it is not
        there), `StateNewer`.
        """
        return self._past(serial).state

    def before_last_run(self) -> State | None:
        """The state as it stood before the first record of the last run that recorded anything, or
        None where none was kept.
        """
        for serial in self.history():
            found = self._past(serial)
            if found.moment is Moment.START:
                return found.state
        return None

    def _past(self, serial: int) -> Snapshot:
        path = self.folder / "history" / f"{serial}.json"
        data = _read(self._disk, path, STATE_BYTES_MAX)
        if data is None:
            kept = ", ".join(map(str, self.history())) or "none"
            raise StateDamaged(f"no state of serial {serial} was kept", hint=f"kept are: {kept}")
        return decode_snapshot(data, name=str(path))

    def _load(self) -> tuple[bytes | None, bytes | None]:
        # The journal first: read after the state, it could be that of a later snapshot, which looks
        # like an older state put back.
        journal = _read(self._disk, self.folder / "journal", JOURNAL_BYTES_MAX)
        return _read(self._disk, self.folder / "state.json", STATE_BYTES_MAX), journal


class FileWriter:
    """The one writer of a folder, from `open` to `close`."""

    def __init__(
        self,
        disk: Disk,
        folder: Path,
        lock: locks.Lock,
        found: StateReading,
        identity: Hashable | None,
    ) -> None:
        self._disk, self._folder, self._lock, self._identity = disk, folder, lock, identity
        self._folded, self._fresh = found.state, list[Record]()
        self._sequence, self._unsaved = found.state.sequence, found.records
        self._journal: Journal | None = None
        self._is_known, self._closed = True, False
        self.torn = found.torn
        """Whether the run before was cut off in the midst of a record, upon which nothing had been
        done yet.
        """

    @property
    def state(self) -> State:
        """The state with every record so far."""
        if self._fresh:
            self._folded = fold(self._folded, self._fresh)
            self._fresh.clear()
        return self._folded

    def belong(self, *, account: str, endpoint: str) -> None:
        """Says whose state it is, where it does not know yet and holds nothing: it is so from its
        first record on.
        """
        if self._journal is None and self.state.is_empty and self.state.account is None:
            self._folded = replace(self.state, account=account, endpoint=endpoint)

    def append(self, record: Record) -> None:
        """Durable when it returns. `record.sequence` is `state.sequence + 1`. Raises `RecordFailed`
        (it is not recorded), `LostLock`.

        Where the journal cannot take it, the whole state is written anew, with it.
        """
        if record.sequence != self._sequence + 1:
            raise AssertionError(f"record {record.sequence} after {self._sequence}")
        self.check()
        if self._journal is None:
            self._snapshot(self.state, Moment.START)
        # an answer is recorded first, and by what needs no room
        elif self._is_full and not isinstance(record, Outcome):
            self._snapshot(self.state, Moment.DURING)
        self._record(record)
        if isinstance(record, Intent):
            self._lock.tell(record.step)
        self.check()

    def commit(self, *, account: str | None = None, endpoint: str | None = None) -> State:
        """Writes the whole state anew with the next serial, and empties the journal. Raises
        `RecordFailed`, `LostLock`.

        Where nothing has changed since, it stays as it is, serial and all: a run that did nothing
        makes no saved plan stale.
        """
        self.check()
        before = self.state
        after = replace(
            before, account=account or before.account, endpoint=endpoint or before.endpoint
        )
        if (
            self._unsaved
            or before.serial == 0
            or (after.account, after.endpoint) != (before.account, before.endpoint)
        ):
            self._snapshot(after, Moment.END)
        return self.state

    def check(self) -> None:
        """Raises `LostLock` where somebody has broken the lock since."""
        if self._closed:
            raise AssertionError("the writer is closed")
        self._lock.check()

    def close(self) -> None:
        """Lets the lock go. What was appended and not committed stays in the journal. Raises
        nothing.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._journal is not None:
                with suppress(OSError, LostLock):  # room that was not given back harms nobody
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
        self._is_known = False
        try:
            self._journal.append(record)
        except AssertionError:
            self._is_known = True
            raise
        except OSError:
            self._is_known = True
            self._snapshot(fold(self.state, [record]), Moment.DURING)
            return
        self._fresh.append(record)
        self._unsaved, self._sequence = self._unsaved + 1, record.sequence
        self._is_known = True

    def _snapshot(self, state: State, moment: Moment) -> None:
        self._require_known()
        after = replace(state, serial=state.serial + 1)
        data = encode_snapshot(Snapshot(after, moment))
        if len(data) > STATE_BYTES_MAX:
            raise RecordFailed(
                f"the state would have more than {STATE_BYTES_MAX} bytes", hint="divide the stack"
            )
        try:
            journal = self._replace(after, data, moment)
        except OSError as error:
            raise RecordFailed(
                f"the state cannot be written: {error}", hint=_HINT_FAILED
            ) from error
        if self._journal is not None:
            with suppress(OSError):
                self._journal.close()
        self._journal, self._folded, self._unsaved, self._sequence = (
            journal,
            after,
            0,
            after.sequence,
        )
        self._fresh.clear()
        self._is_known = True
        _prune(self._disk, self._folder)

    def _replace(self, state: State, data: bytes, moment: Moment) -> Journal:
        disk, folder = self._disk, self._folder
        owed = {} if self._journal is None else self._journal.owed
        journal = Journal.create(
            disk,
            folder / "journal.new",
            Header(state.lineage, state.serial, state.sequence),
            owed=owed,
        )
        try:
            write_whole(disk, folder / "state.json.new", data)
            if moment is not Moment.DURING:
                replace_whole(disk, folder / "history" / f"{state.serial}.json", data)
            self._require_mine()
            # from here on, what lies on the disk is known again only when all is done
            self._is_known = False
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

    def _require_known(self) -> None:
        if not self._is_known:
            raise RecordFailed(
                "nothing more is recorded after a write that failed halfway", hint=_HINT_FAILED
            )

    def _require_mine(self) -> None:
        self.check()
        if self._disk.identity(self._folder / "state.json") != self._identity:
            raise LostLock(
                "state.json was replaced by something else during this run", hint=HINT_DAMAGED
            )


def _read(disk: Disk, path: Path, limit_bytes: int) -> bytes | None:
    try:
        return disk.read(path, limit_bytes + 1)
    except OSError as error:
        raise StateDamaged(f"{path} cannot be read: {error}", hint=_HINT_RIGHTS) from error


def _identity(disk: Disk, folder: Path) -> Hashable | None:
    try:
        return disk.identity(folder / "state.json")
    except OSError as error:
        raise StateDamaged(
            f"{folder / 'state.json'} cannot be read: {error}", hint=_HINT_RIGHTS
        ) from error


def _combine(
    state_data: bytes | None, journal_data: bytes | None, *, folder: Path
) -> StateReading | None:
    where = folder / "state.json"
    if state_data is None:
        if journal_data is None:
            return None
        raise StateDamaged(f"{where} is missing, but its journal exists", hint=HINT_DAMAGED)
    state = decode_snapshot(state_data, name=str(where)).state
    if journal_data is None:
        return StateReading(state)
    return _follow(state, decode_journal(journal_data, name=str(folder / "journal")), folder=folder)


def _follow(state: State, journal: Written, *, folder: Path) -> StateReading:
    header, last = journal.header, journal.header.sequence + len(journal.records)
    if header.lineage != state.lineage:
        raise StateDamaged(
            f"{folder / 'journal'} belongs to another state (lineage)", hint=HINT_DAMAGED
        )
    if header.serial > state.serial:
        why = f"{folder / 'state.json'} has serial {state.serial}, its journal follows serial {header.serial}: an older copy was put back"
        raise StateDamaged(
            why,
            hint="put back state.json and journal of one time; or see `reconciler recover --rebuild`",
        )
    if header.serial < state.serial:
        # Stopped between the two renames of a snapshot: then the state has all that this journal
        # has.
        if last > state.sequence:
            raise StateDamaged(
                f"{folder / 'journal'} contains records that its state lacks",
                hint=HINT_DAMAGED,
            )
        return StateReading(state)
    if header.sequence != state.sequence:
        raise StateDamaged(
            f"{folder / 'journal'} does not continue where its state ends", hint=HINT_DAMAGED
        )
    return StateReading(fold(state, journal.records), len(journal.records), journal.torn)


def _serials(disk: Disk, folder: Path) -> tuple[int, ...]:
    stems = (
        name.removesuffix(".json")
        for name in disk.names(folder / "history")
        if name.endswith(".json")
    )
    return tuple(
        sorted(
            (int(stem) for stem in stems if stem.isdecimal() and stem.isascii() and len(stem) < 16),
            reverse=True,
        )
    )


def _prune(disk: Disk, folder: Path) -> None:
    with suppress(OSError):  # one too many harms nobody
        for serial in _serials(disk, folder)[HISTORY_STATES_MAX:]:
            disk.remove(folder / "history" / f"{serial}.json")
