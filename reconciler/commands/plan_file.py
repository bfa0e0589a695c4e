"""Saved plans on disk: written as a whole or not at all, readable only by their owner."""

from __future__ import annotations

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
        # mkstemp makes it 0600
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
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
