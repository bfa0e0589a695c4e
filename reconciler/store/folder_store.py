"""The state of one stack in a folder: `state.json`, `journal`, `lock` with `holder` and `epoch`,
`history/` (docs/explanation/state.md).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from reconciler.common.text import msg
from reconciler.model.ports import (
    Arrival,
    Held,
    Holder,
    KeptStates,
    RecordFailed,
    StateDamaged,
    StateReader,
    StoreError,
    Transit,
    Version,
    Waiting,
)
from reconciler.model.resource import title_of
from reconciler.model.state import Neighbor, State
from reconciler.store import lock as locks
from reconciler.store.disk import Disk, RealDisk
from reconciler.store.folder_name import folder_name, name_of_folder
from reconciler.store.folder_reader import StateFolder, StateReading
from reconciler.store.folder_rename import FolderRename
from reconciler.store.folder_writer import HINT_FAILED, FileWriter
from reconciler.store.moving.folder_arrival import FolderArrival
from reconciler.store.notes.folder_notes import FolderNotes
from reconciler.store.plans.folder_plans import FolderPlans
from reconciler.store.state_format import Moment

_HINT_LINK = msg(
    "put the folder itself there, or set RECONCILER_STATE to the folder that contains it"
)


class FileStore:
    """The state of one stack in its own folder.

    `token` gives a text that was never given before, `used` the names of folders beside this one
    whose stack or environment a file names.
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
        self._files = StateFolder(self._disk, folder)
        self._token = token
        self.plans = FolderPlans(self._disk, folder, token)
        self.notes = FolderNotes(self._disk, folder, token)

    @property
    def location(self) -> str:
        """The path of the folder."""
        return str(self.folder)

    @property
    def identity(self) -> str:
        """The path of the folder, with links followed."""
        return os.path.realpath(self.folder)

    @property
    def is_distant(self) -> bool:
        """False."""
        return False

    def read(self) -> State | None:
        """The state with its journal folded in, or None if there is none. Raises `StateDamaged` or
        `StateNewer`.
        """
        found = self.examine()
        return None if found is None else found.state

    def place_of(self, other: StateReader) -> str:
        """The relative path of the folder of another state; the URL of a shared one."""
        if "://" in other.location:
            return other.location
        return os.path.relpath(other.location, self.folder)

    def at(self, place: str) -> FileStore:
        """The state in the folder of that relative path."""
        return FileStore(Path(os.path.normpath(self.folder / place)), disk=self._disk)

    def same_name_projects(self) -> tuple[str, ...]:
        """None: a folder contains the states of no project in particular."""
        return ()

    def neighbors(self) -> tuple[Neighbor, ...]:
        """The states of the same place that can be read and whose names no file uses."""
        used = self._used() if self._sibling_folders() else frozenset[str]()
        return tuple(self._neighbor(name, state) for name, state in self._siblings(used))

    def others(self) -> tuple[Neighbor, ...]:
        """The states of other stacks and environments in the same place, without copies and without
        those that cannot be read.
        """
        return tuple(
            self._neighbor(name, state)
            for name, state in self._siblings()
            if folder_name(state.stack, state.environment) == name
        )

    def _neighbor(self, name: str, state: State) -> Neighbor:
        return Neighbor(state, str(self.folder.parent / name), *name_of_folder(name))

    def _siblings(self, skipped: frozenset[str] = frozenset()) -> Iterator[tuple[str, State]]:
        """The states in the folders beside this one that can be read, by the name of the folder."""
        for name in self._sibling_folders():
            state = None
            if name not in skipped:
                with suppress(StoreError, OSError):
                    state = FileStore(self.folder.parent / name, disk=self._disk).read()
            if state is not None:
                yield name, state

    def _sibling_folders(self) -> list[str]:
        return [
            name
            for name in self._names(self.folder.parent)
            if name != self.folder.name and not name.startswith(".")
        ]

    def was_moved(self, state: State) -> bool:
        """Whether a state of another name was moved here: no file uses that name, and its own
        folder no longer has a state.
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

    def examine(self) -> StateReading | None:
        """As `read`, with the number of records and whether the last one is torn. Takes no lock."""
        return self._files.read()

    def open(
        self,
        holder: Holder,
        *,
        timeout_seconds: float,
        stack: str,
        environment: str | None,
        waiting: Waiting = lambda text: None,
    ) -> FileWriter:
        """Takes the lock. The first record, or `commit`, is the first write. The lock of a process
        that died is free, so `waiting` is never called.

        If there is no state, the writer's is new, with its own lineage and serial 0. Raises
        `Locked`, `StateDamaged` (also if the folder contains another stack's state), `StateNewer`,
        `RecordFailed`.
        """
        try:
            is_new = not self._disk.names(self.folder)
            self._disk.make_folder(self.folder)
            if is_new:
                self._disk.add_for_git(self.folder)
            self._disk.make_folder(self.folder / "history")
            lock = locks.take(
                self._disk, self.folder, holder, timeout_seconds=timeout_seconds, token=self._token
            )
        except OSError as error:
            hint = _HINT_LINK if error.errno == errno.ELOOP else HINT_FAILED
            message = msg("the state's folder cannot be written: {reason}", reason=error)
            raise RecordFailed(message, hint=hint) from error
        try:
            identity = self._files.identity()
            found = self.examine() or StateReading(
                State(lineage=self._token(), serial=0, stack=stack, environment=environment)
            )
            found = self._as_named(found, stack, environment)
        except BaseException:
            lock.release()
            raise
        return FileWriter(self._files, lock, found, identity)

    def _as_named(self, found: StateReading, stack: str, environment: str | None) -> StateReading:
        """The state under the name by which it is opened. Raises `StateDamaged` if it is another
        stack's and was not moved here.
        """
        state = found.state
        if (state.stack, state.environment) == (stack, environment):
            return found
        if not self.was_moved(state):
            message = msg(
                "this folder contains the state of {stack}",
                stack=title_of(state.stack, state.environment),
            )
            raise StateDamaged(message, hint=msg("name another folder (RECONCILER_STATE)"))
        return StateReading(
            replace(state, stack=stack, environment=environment), max(found.records, 1), found.torn
        )  # 1: there is something to write

    def rename(
        self, holder: Holder, *, timeout_seconds: float, stack: str, environment: str | None
    ) -> State | None:
        """Gives the state another name in the same place, with its history, and returns it; None if
        there is none. Raises `NameTaken`, `Locked`, `StateDamaged`, `StateNewer`, `RecordFailed`,
        `LostLock`.
        """
        return FolderRename(self._disk, self.folder, stack, environment).run(
            holder, timeout_seconds=timeout_seconds, token=self._token
        )

    def holder(self) -> Held | None:
        """Who works on this stack, or died while working; None if nobody."""
        return locks.holder_of(self._disk, self.folder)

    def unlock(self) -> Held | None:
        """Breaks the lock and returns who held it. Raises `RecordFailed`."""
        try:
            return locks.break_lock(self._disk, self.folder, token=self._token)
        except OSError as error:
            message = msg("the lock cannot be broken: {reason}", reason=error)
            raise RecordFailed(message, hint=HINT_FAILED) from error

    def transit(self) -> Transit | None:
        """Whether the state was moved away, or is being moved here; None if neither, also if there
        is no state. Raises `StateDamaged`, `StateNewer`.
        """
        return self._files.transit()

    def receive(
        self,
        arrival: Arrival,
        holder: Holder,
        *,
        instead_of: Transit | None,
        kept: KeptStates = KeptStates(),  # noqa: B008
    ) -> None:
        """Puts an arrival, durably, where `instead_of` was found and there is no state. Raises
        `NameTaken` if there is anything else, `Locked`, `RecordFailed`.

        `kept` are its former states, which become the history here.
        """
        arriving = FolderArrival(self._files, arrival, holder, self._token)
        arriving.put(instead_of=instead_of, kept=kept)

    def complete(self, arrival: Arrival, holder: Holder) -> None:
        """Makes that arrival the state. Nothing happens if it is no longer there, because it was
        completed before. Raises `Locked`, `RecordFailed`, `StateDamaged`.
        """
        FolderArrival(self._files, arrival, holder, self._token).complete()

    def versions(self) -> tuple[Version, ...]:
        """The kept states and when they were written, newest first. Raises `StateDamaged` if they
        cannot be listed.
        """
        return self._files.versions()

    def history(self) -> tuple[int, ...]:
        """The serials of the kept states, newest first. Raises `StateDamaged` if they cannot be
        listed.
        """
        return self._files.serials()

    def past(self, serial: int) -> State:
        """The kept state of that serial. Raises `StateDamaged` (also if it was not kept),
        `StateNewer`.
        """
        return self._files.snapshot(serial).state

    def before_last_run(self) -> State | None:
        """The state before the first record of the last run that recorded anything, or None if none
        was kept.
        """
        for serial in self.history():
            found = self._files.snapshot(serial)
            if found.moment is Moment.START:
                return found.state
        return None
