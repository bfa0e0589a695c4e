"""Keeping a world in a file while it is served: read at the start, written after each change, owned
by one process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from pathlib import Path
from typing import IO

from reconciler.simulator.cloud import Cloud
from reconciler.simulator.world import World
from reconciler.simulator.worldfile import load_world, save_world


class WorldInUse(RuntimeError):
    """Another process keeps this world; the text names the file and the process."""


class WorldNotKept(RuntimeError):
    """The world could not be written; the text names the file and the reason."""


class Keeper:
    """One world file and the lock beside it, which dies with its process."""

    def __init__(self, path: Path, *, lock_seconds: float = 0.0) -> None:
        self.path = path
        self._writing = threading.Lock()
        self._lock_file = _lock(path, lock_seconds)

    def bind(self, cloud: Cloud) -> None:
        """Give the cloud the world of the file, if there is one, and write it after each change
        from now on.

        Raises `WorldNotKept` where that would not work: better now than in the middle of somebody's
        run.
        """
        if not os.access(self.path.parent, os.W_OK):
            raise WorldNotKept(f"{self.path} cannot be written: {os.strerror(errno.EACCES)}")
        if self.path.exists():
            cloud.replace_world(load_world(self.path))
        cloud.on_change = self.save

    def save(self, world: World) -> None:
        """Write the world, whole or not at all. Raises `WorldNotKept`."""
        with self._writing:
            try:
                save_world(world, self.path)
            except OSError as failure:
                raise WorldNotKept(
                    f"{self.path} cannot be written: {failure.strerror or failure}"
                ) from failure

    def close(self) -> None:
        """Let go of the file. Again is harmless."""
        self._lock_file.close()


def _lock(path: Path, seconds: float) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(path.name + ".lock").open("a+", encoding="utf-8")
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise WorldInUse(
                f"{path} is kept by another running simulator (process {owner})"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file
