"""The files of one state in a folder, as they are read: `state.json`, `journal` and `history/`.

At every instant a whole state is on the disk. A reader takes no lock, so a writer may be at work
meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import Departure, StateDamaged, StateNewer, Transit, Version
from reconciler.model.state import Freeze, State, fold
from reconciler.store.disk import Disk
from reconciler.store.journal import JOURNAL_BYTES_MAX, Written, decode_journal
from reconciler.store.moving.transit_format import decode_transit, moved_away, not_arrived
from reconciler.store.state_format import (
    HINT_DAMAGED,
    STATE_BYTES_MAX,
    Snapshot,
    decode_snapshot,
)

_READ_ATTEMPTS_MAX = 5
_HINT_RIGHTS = msg("fix the permissions of the state's folder")


@dataclass(frozen=True, slots=True)
class StateReading:
    """The state on the disk, with `records` records of the journal folded in. `torn`: the last
    record was cut off.
    """

    state: State
    records: int = 0
    torn: bool = False


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The files of one state. Every method raises `StateDamaged` for what cannot be read."""

    disk: Disk
    path: Path

    @property
    def state(self) -> Path:
        """The last snapshot."""
        return self.path / "state.json"

    @property
    def journal(self) -> Path:
        """The records since the last snapshot."""
        return self.path / "journal"

    def past(self, serial: int) -> Path:
        """The kept snapshot of that serial."""
        return self.path / "history" / f"{serial}.json"

    def read(self) -> StateReading | None:
        """The state with its journal folded in, or None if there is no state. Raises
        `StateNewer` and `StateMoved`, too.
        """
        before: object = None
        for _ in range(_READ_ATTEMPTS_MAX):
            pair = self._load()
            try:
                return self._combine(*pair)
            except StateDamaged:
                if pair == before:
                    raise
            # A line that is being written may look torn, with whole lines after it: read again.
            before = pair
        return self._combine(*self._load())

    def transit(self) -> Transit | None:
        """Whether the state was moved away, or is being moved here. Raises `StateNewer`, too."""
        data = self._bytes(self.state, 2 * STATE_BYTES_MAX)
        return None if data is None else decode_transit(data, name=str(self.state))

    def snapshot(self, serial: int) -> Snapshot:
        """The kept snapshot of that serial. Raises `StateNewer`, too."""
        path = self.past(serial)
        data = self._bytes(path, STATE_BYTES_MAX)
        if data is None:
            kept = ", ".join(map(str, self.serials())) or "none"
            message = msg("no state of serial {serial} was kept", serial=serial)
            raise StateDamaged(message, hint=msg("kept are: {kept}", kept=kept))
        return decode_snapshot(data, name=str(path))

    def serials(self) -> tuple[int, ...]:
        """The serials of the kept snapshots, newest first."""
        folder = self.path / "history"
        try:
            names = self.disk.names(folder)
        except OSError as error:
            raise _unreadable(folder, error) from error
        stems = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        serials = [s for s in stems if s.isdecimal() and s.isascii() and len(s) < 16]
        return tuple(sorted(map(int, serials), reverse=True))

    def versions(self) -> tuple[Version, ...]:
        """The kept snapshots with the times of their files, newest first."""
        try:
            return tuple(
                Version(
                    serial,
                    self.disk.modified(self.past(serial)),
                    frozen=self._past_freeze(serial),
                )
                for serial in self.serials()
            )
        except OSError as error:
            raise _unreadable(self.path / "history", error) from error

    def _past_freeze(self, serial: int) -> Freeze | None:
        """The freeze of a kept snapshot. One that cannot be read is listed without it."""
        with suppress(StateDamaged, StateNewer):
            return self.snapshot(serial).state.frozen
        return None

    def identity(self) -> Hashable | None:
        """What identifies the content of `state.json`, or None if there is none."""
        try:
            return self.disk.identity(self.state)
        except OSError as error:
            raise _unreadable(self.state, error) from error

    def _load(self) -> tuple[bytes | None, bytes | None]:
        # The journal first: read after the state, it could be that of a later snapshot, which looks
        # like an older state put back.
        journal = self._bytes(self.journal, JOURNAL_BYTES_MAX)
        return self._bytes(self.state, 2 * STATE_BYTES_MAX), journal

    def _bytes(self, path: Path, limit_bytes: int) -> bytes | None:
        try:
            return self.disk.read(path, limit_bytes + 1)
        except OSError as error:
            raise _unreadable(path, error) from error

    def _combine(self, state_data: bytes | None, journal_data: bytes | None) -> StateReading | None:
        if state_data is None:
            if journal_data is None:
                return None
            message = msg("{state} is missing, but its journal exists", state=self.state)
            raise StateDamaged(message, hint=HINT_DAMAGED)
        transit = decode_transit(state_data, name=str(self.state))
        if isinstance(transit, Departure):
            raise moved_away(transit)
        if transit is not None:
            raise not_arrived(transit, str(self.path.absolute().parent))
        state = decode_snapshot(state_data, name=str(self.state)).state
        if journal_data is None:
            return StateReading(state)
        return self._follow(state, decode_journal(journal_data, name=str(self.journal)))

    def _follow(self, state: State, journal: Written) -> StateReading:
        header, last = journal.header, journal.header.sequence + len(journal.records)
        if header.lineage != state.lineage:
            message = msg("{journal} belongs to another state (lineage)", journal=self.journal)
            raise StateDamaged(message, hint=HINT_DAMAGED)
        if header.serial > state.serial:
            message = msg(
                "{state} has serial {serial}, its journal follows serial {later}: an older copy "
                "was put back",
                state=self.state,
                serial=state.serial,
                later=header.serial,
            )
            hint = msg(
                "put back state.json and journal of one time; or see `reconciler recover --rebuild`"
            )
            raise StateDamaged(message, hint=hint)
        if header.serial < state.serial:
            # Stopped between the two renames of a snapshot: the state has all records of this
            # journal.
            if last > state.sequence:
                message = msg(
                    "{journal} contains records that its state lacks", journal=self.journal
                )
                raise StateDamaged(message, hint=HINT_DAMAGED)
            return StateReading(state)
        if header.sequence != state.sequence:
            message = msg("{journal} does not continue where its state ends", journal=self.journal)
            raise StateDamaged(message, hint=HINT_DAMAGED)
        return StateReading(fold(state, journal.records), len(journal.records), journal.torn)


def _unreadable(path: Path, error: OSError) -> StateDamaged:
    message = msg("{path} cannot be read: {reason}", path=path, reason=error)
    return StateDamaged(message, hint=_HINT_RIGHTS)
