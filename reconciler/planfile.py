"""Saved plans on disk: written whole or not at all, readable for their owner alone."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from reconciler import paths
from reconciler.core import saved
from reconciler.core.problems import error
from reconciler.core.saved import SavedPlan
from reconciler.stop import Stop

FILE_BYTES_MAX = 256 * 1024 * 1024


def write(path: Path, plan: SavedPlan) -> None:
    """Writes a saved plan, mode 0600, over one that may be there. Stops where the place cannot be written."""
    data = saved.write(plan).encode("ascii")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp makes it 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as failure:
        raise Stop(error("state-write", f"the plan cannot be saved: {path}: {failure.strerror or failure}")) from failure


def read(path: Path) -> SavedPlan:
    """The saved plan in a file. Stops where there is none that can be read."""
    try:
        data = paths.read_ordinary(path, FILE_BYTES_MAX + 1)
    except OSError as failure:
        raise Stop(error("plan-unreadable", f"{path} cannot be read: {failure.strerror or failure}")) from failure
    if len(data) > FILE_BYTES_MAX:
        raise Stop(error("plan-unreadable", f"{path} is too large for a saved plan"))
    try:
        return saved.read(data.decode("ascii"))
    except (saved.Unreadable, UnicodeDecodeError) as failure:
        why = failure if isinstance(failure, saved.Unreadable) else "it is not a saved plan of reconciler"
        raise Stop(error("plan-unreadable", f"{path} is refused: {why}", hint="make a new one with `plan --out FILE`")) from failure
