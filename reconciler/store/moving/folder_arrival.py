"""A state that arrives in a folder (`state move --to`): it is `state.json` in another format until
it is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import Arrival, Holder, KeptStates, NameTaken, RecordFailed, Transit
from reconciler.model.resource import title_of
from reconciler.store import lock as locks
from reconciler.store.disk import replace_whole
from reconciler.store.folder_reader import StateFolder
from reconciler.store.folder_writer import HINT_FAILED
from reconciler.store.moving.transit_format import encode_transit
from reconciler.store.state_format import Moment, Snapshot, encode_snapshot


@dataclass(frozen=True, slots=True)
class FolderArrival:
    """A state that arrives in the folder of these files."""

    files: StateFolder
    arrival: Arrival
    holder: Holder
    token: Callable[[], str]

    def put(self, *, instead_of: Transit | None, kept: KeptStates) -> None:
        """Writes the arrival with its history if `instead_of` is found and no state. Raises
        `NameTaken`, `Locked`, `StateDamaged`, `StateNewer`, `RecordFailed`, `LostLock`.
        """
        files, state = self.files, self.arrival.state
        with self._locked() as lock:
            found = files.transit()
            if found != instead_of or (found is None and files.read() is not None):
                title = title_of(state.stack, state.environment)
                message = msg("{place} has a state of {stack}", place=files.path, stack=title)
                raise NameTaken(message, hint=msg("run the command again"))
            lock.check()
            for former in kept.states:
                path = files.past(former.serial)
                moment = Moment.START if former.serial == kept.start else Moment.END
                if files.disk.identity(path) is None:
                    replace_whole(files.disk, path, encode_snapshot(Snapshot(former, moment)))
            replace_whole(files.disk, files.state, encode_transit(self.arrival))

    def complete(self) -> None:
        """Makes the arrival the state, if it is still there. Raises `Locked`, `StateDamaged`,
        `StateNewer`, `RecordFailed`, `LostLock`.
        """
        files, state = self.files, self.arrival.state
        with self._locked() as lock:
            if files.transit() != self.arrival:
                return
            data = encode_snapshot(Snapshot(state))
            lock.check()
            files.disk.remove(files.journal)  # of the state that was here before
            files.disk.sync_folder(files.path)
            replace_whole(files.disk, files.past(state.serial), data)
            replace_whole(files.disk, files.state, data)

    @contextmanager
    def _locked(self) -> Iterator[locks.Lock]:
        disk, folder = self.files.disk, self.files.path
        try:
            is_new = not disk.names(folder)
            disk.make_folder(folder)
            if is_new:
                disk.add_for_git(folder)
            disk.make_folder(folder / "history")
            lock = locks.take(disk, folder, self.holder, timeout_seconds=0.0, token=self.token)
            try:
                yield lock
            finally:
                lock.release()
        except OSError as error:
            message = msg("the state's folder cannot be written: {reason}", reason=error)
            raise RecordFailed(message, hint=HINT_FAILED) from error
