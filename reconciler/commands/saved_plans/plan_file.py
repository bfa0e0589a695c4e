"""Files written as a whole or not at all: saved plans, which only their owner can read, and stack
files that a command edits.
"""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from reconciler.common import paths
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.planner import saved_plan
from reconciler.planner.saved_plan import SavedPlan

FILE_BYTES_MAX = 256 * 1024 * 1024


def write(path: Path, plan: SavedPlan) -> None:
    """Writes a saved plan, mode 0600, over an existing one. Stops if that is not possible."""
    data = saved_plan.write(plan).encode("ascii")
    try:
        _replace(path, data, mode=0o600)
    except OSError as failure:
        raise Abort(
            error(
                "state-write",
                msg(
                    "the plan cannot be saved to {path}: {reason}",
                    path=path,
                    reason=failure.strerror or failure,
                ),
            )
        ) from failure


def replace_file(path: Path, data: bytes) -> None:
    """Replaces the content of an existing file and keeps its permissions; a link stays a link. Two
    processes at once never mix their contents. Raises `OSError`, also for a file that its owner
    made read-only; then the file is as before, and no other file is left.
    """
    path = path.resolve()
    mode = path.stat().st_mode & 0o777
    if not os.access(path, os.W_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    _replace(path, data, mode=mode)


def put_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Writes a file as a whole, over an existing one. Raises `OSError`; then the file is as
    before.
    """
    _replace(path, data, mode=mode)


def _replace(path: Path, data: bytes, *, mode: int) -> None:
    path = Path(os.path.realpath(path))  # a link stays a link; /dev/stdout is one
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, msg("it is a folder"), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, msg("it is not a regular file"), str(path))
    # a new name each time: a fixed one could be a link, or the draft of another process
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def read(path: Path) -> SavedPlan:
    """The saved plan in a file. Stops if it cannot be read."""
    try:
        data = paths.read_ordinary(path, FILE_BYTES_MAX + 1)
    except OSError as failure:
        raise Abort(
            error(
                "plan-unreadable",
                msg(
                    "{path} cannot be read: {reason}", path=path, reason=failure.strerror or failure
                ),
            )
        ) from failure
    if len(data) > FILE_BYTES_MAX:
        raise Abort(
            error("plan-unreadable", msg("{path} is too large for a saved plan", path=path))
        )
    try:
        return saved_plan.read(data.decode("ascii"))
    except (saved_plan.Unreadable, UnicodeDecodeError) as failure:
        why = (
            failure
            if isinstance(failure, saved_plan.Unreadable)
            else msg("it is not a saved plan of reconciler")
        )
        raise Abort(
            error(
                "plan-unreadable",
                msg("{path} cannot be used: {reason}", path=path, reason=why),
                hint=msg("create a new one with `plan --out FILE`"),
            )
        ) from failure
