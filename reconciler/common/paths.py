"""Which files may be read: only ordinary files, and of those that a stack file names only files in
its repository.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from reconciler.common.text import msg

_STACK_FILES = (".yaml", ".yml")


def read_ordinary(path: Path, limit_bytes: int) -> bytes:
    """At most that many bytes of a file. Raises `OSError`, also for a named pipe or a device,
    because reading one might never end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, msg("it is not a regular file"), str(path))
        parts = []
        while limit_bytes > 0 and (part := os.read(descriptor, limit_bytes)):
            parts.append(part)
            limit_bytes -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def refused(path: Path, folder: Path) -> str | None:
    """Why a file or folder that a stack file in `folder` names is not read, or None.

    Messages quote what is read, so a stack file must not be able to name any file of the machine.
    Links are followed; without a repository (a folder above with `.git`) every YAML file may be
    named.
    """
    if path.suffix not in _STACK_FILES and not path.is_dir():
        return msg("is not a *.yaml file")
    return msg("is outside the repository") if leaves_repository(path, folder) else None


def leaves_repository(path: Path, folder: Path) -> bool:
    """Whether a path leads out of the repository of the folder, after following links; False
    without a repository.
    """
    try:
        start = folder.resolve()
        root = next((above for above in (start, *start.parents) if (above / ".git").exists()), None)
        return root is not None and not path.resolve().is_relative_to(root)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: links in a circle
        return True
