"""Another name for a state in a folder: the folder is renamed, then the state in it.

The rename of the folder is the moment at which the name changes. Interrupted after it, the folder
contains a state that names the former stack; the same rename, or the next apply, writes the new
name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import Holder, NameTaken, RecordFailed
from reconciler.model.resource import title_of
from reconciler.model.state import State
from reconciler.store import lock as locks
from reconciler.store.disk import Disk
from reconciler.store.folder_name import folder_name
from reconciler.store.folder_reader import StateFolder, StateReading
from reconciler.store.folder_writer import HINT_FAILED, FileWriter


@dataclass(frozen=True, slots=True)
class FolderRename:
    """The rename of one folder to the name of a stack and an environment."""

    disk: Disk
    source: Path
    stack: str
    environment: str | None

    @property
    def target(self) -> Path:
        """The folder under its new name."""
        return self.source.with_name(folder_name(self.stack, self.environment))

    def run(
        self, holder: Holder, *, timeout_seconds: float, token: Callable[[], str]
    ) -> State | None:
        """Renames the folder and writes the new name into the state, which is returned; None if
        there is no state under the former name. Raises `NameTaken`, `Locked`, `StateDamaged`,
        `StateNewer`, `RecordFailed`, `LostLock`.
        """
        with ExitStack() as held, _failures():
            mine: dict[Path, locks.Lock] = {}
            for folder in sorted({self.source, self.target}):  # one order, so that two never wait
                if self.disk.names(folder):
                    mine[folder] = locks.take(
                        self.disk, folder, holder, timeout_seconds=timeout_seconds, token=token
                    )
                    held.callback(mine[folder].release)
            found = StateFolder(self.disk, self.source).read()
            if found is None:
                return self._completed(mine.get(self.target))
            self._put_aside(mine.get(self.target), token)
            lock = mine[self.source]
            lock.check()
            self.disk.rename_folder(self.source, self.target)
            self.disk.sync_folder(self.target.parent)
            lock.folder = self.target
            return self._named(lock, found)

    def _completed(self, lock: locks.Lock | None) -> State | None:
        """The state of a rename that was interrupted after the folder had its new name."""
        found = StateFolder(self.disk, self.target).read()
        if found is None or lock is None:
            return None
        former = folder_name(found.state.stack, found.state.environment)
        return self._named(lock, found) if former == self.source.name else None

    def _named(self, lock: locks.Lock, found: StateReading) -> State:
        files = StateFolder(self.disk, self.target)
        state = replace(found.state, stack=self.stack, environment=self.environment)
        writer = FileWriter(
            files,
            lock,
            # 1: there is something to write
            StateReading(state, max(found.records, 1), found.torn),
            files.identity(),
        )
        try:
            return writer.commit()
        finally:
            writer.close()

    def _put_aside(self, lock: locks.Lock | None, token: Callable[[], str]) -> None:
        """Gives a folder with a state of no object another name, which no stack can have."""
        if lock is None:
            return
        found = StateFolder(self.disk, self.target).read()
        if found is not None and not found.state.is_empty:
            message = msg(
                "{stack} has a state with objects already",
                stack=title_of(self.stack, self.environment),
            )
            raise NameTaken(message)
        lock.check()
        aside = self.target.with_name(f".{self.target.name}.{token()[-8:]}")
        self.disk.rename_folder(self.target, aside)
        lock.folder = aside


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = msg("the state's folder cannot be renamed: {reason}", reason=error)
        raise RecordFailed(message, hint=HINT_FAILED) from error
