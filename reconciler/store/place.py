"""The folder that contains the states of stacks, one folder each (safety#place)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from reconciler.model.ports import PlaceFacts
from reconciler.store.audit.folder_audit import FolderAudit
from reconciler.store.disk import RealDisk
from reconciler.store.folder_name import folder_name
from reconciler.store.folder_store import FileStore


class FolderPlace:
    """A folder with a folder `<stack>[.<env>]/` for each state. `used` gives the names of those
    folders whose stack or environment a file names.
    """

    def __init__(self, folder: Path, *, used: Callable[[], frozenset[str]] = frozenset) -> None:
        self.folder = folder
        self._used = used

    @property
    def location(self) -> str:
        """The path of the folder."""
        return str(self.folder)

    @property
    def audit(self) -> FolderAudit:
        """The audit log beside the states."""
        return FolderAudit(RealDisk(), self.folder, lambda: os.urandom(12).hex())

    def store(self, stack: str, environment: str | None) -> FileStore:
        """The store of the state of that stack and environment."""
        return FileStore(self.folder / folder_name(stack, environment), used=self._used)

    def environments(self, stack: str) -> tuple[str, ...]:
        """The environments of a stack that have a state, sorted, even if no file defines them. None
        if the folder cannot be read.
        """
        try:
            names = sorted(
                folder.name for folder in self.folder.iterdir() if (folder / "state.json").is_file()
            )
        except OSError:
            return ()
        return tuple(
            name.removeprefix(f"{stack}.") for name in names if name.startswith(f"{stack}.")
        )

    def facts(self) -> PlaceFacts:
        """None: each state says what is wrong with its folder."""
        return PlaceFacts()

    def close(self) -> None:
        """Does nothing: no connection is open."""
