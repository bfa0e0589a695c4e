"""The notes in the folder of a state. Git ignores them: they belong to no version of the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reconciler.common.text import msg
from reconciler.model.ports import RecordFailed, StateDamaged
from reconciler.model.ports.note_ports import NOTE_BYTES_MAX
from reconciler.store.disk import Disk, write_whole
from reconciler.store.notes import FOLDER

_FOR_GIT = {".gitignore": "*\n"}
_HINT = msg("free up disk space or fix the permissions of the folder")


class FolderNotes:
    """The notes in the folder of a state. `token` gives a text that was never given before."""

    def __init__(self, disk: Disk, state: Path, token: Callable[[], str]) -> None:
        self._disk, self._state, self._token = disk, state, token
        self._folder = state / FOLDER

    def read(self, name: str) -> bytes | None:
        """The note, or None if there is none. Raises `StateDamaged`."""
        try:
            return self._disk.read(self._folder / f"{name}.json", NOTE_BYTES_MAX)
        except OSError as error:
            message = msg("a note beside the state cannot be read: {reason}", reason=error)
            hint = msg("fix the permissions of the state's folder")
            raise StateDamaged(message, hint=hint) from error

    def write(self, name: str, data: bytes) -> None:
        """Writes a note in place of the one before, as a whole. Raises `RecordFailed`."""
        disk = self._disk
        try:
            is_new = not disk.names(self._state)
            disk.make_folder(self._state)
            if is_new:
                disk.add_for_git(self._state)
            disk.make_folder(self._folder)
            disk.add_for_git(self._folder, _FOR_GIT)
            draft = self._folder / f"{name}.{self._token()}.new"
            write_whole(disk, draft, data)
            disk.rename(draft, self._folder / f"{name}.json")
            disk.sync_folder(self._folder)
        except OSError as error:
            message = msg("a note cannot be written beside the state: {reason}", reason=error)
            raise RecordFailed(message, hint=_HINT) from error
