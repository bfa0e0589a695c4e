"""Input from pipes: a stack or a file of variables that a command line names as `-`, `/dev/stdin`,
`<(...)` (`/dev/fd/N`) or as a named pipe (stack-files#input-from-pipes).

A pipe can be read once, and a command reads its files several times. So what the user named is read
when it is needed first, and kept until the command ends. A pipe that nobody named, such as one in
the folder of a stack, is never opened: reading it might not end.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg

STDIN = "-"
"""The name of the standard input, in options and in messages."""

_DESCRIPTOR = re.compile(r"(?:/dev/fd|/proc/self/fd)/(0|[1-9][0-9]{0,5})")
_STDIN_NAMES = frozenset({STDIN, "/dev/stdin"})
_PART_BYTES = 65536


@dataclass(slots=True)
class _Pipe:
    """What is read from a descriptor, or from a path if there is none."""

    path: str
    descriptor: int | None
    data: bytes | None = None


_NAMED: ContextVar[Mapping[Path, _Pipe]] = ContextVar("piped")


@contextmanager
def named(names: Iterable[str]) -> Iterator[None]:
    """Until the block ends, those of the names that are pipes can be read, each once."""
    known = dict(_NAMED.get({}))
    for name in names:
        pipe = _pipe(name)
        if pipe is not None:
            known.setdefault(Path(spelled(name)), pipe)
    token = _NAMED.set(known)
    try:
        yield
    finally:
        _NAMED.reset(token)


def spelled(name: str) -> str:
    """The name under which a pipe is read: `-` for the standard input, `fd-63` for a descriptor.
    What these name is beside the files of the current folder. Any other name stays as it is.
    """
    descriptor = _descriptor(name)
    if descriptor is None:
        return name
    return STDIN if descriptor == 0 else f"fd-{descriptor}"


def given(path: Path) -> str:
    """The name that the command line gave a pipe. The standard input is `-`."""
    pipe = _NAMED.get({})[path]
    return STDIN if pipe.descriptor == 0 else pipe.path


def is_descriptor(name: str) -> bool:
    """Whether a name is that of the standard input or of another descriptor."""
    return _descriptor(name) is not None


def repeated(names: Iterable[str]) -> str | None:
    """The first name of a pipe that another name before it reads already, None if there is none."""
    seen: set[object] = set()
    for name in names:
        pipe = _pipe(name)
        if pipe is None:
            continue
        mark = _identity(pipe)
        if mark in seen:
            return name
        seen.add(mark)
    return None


def is_named(path: Path) -> bool:
    """Whether the command line named a pipe by this path."""
    return path in _NAMED.get({})


def read(path: Path, limit_bytes: int) -> bytes | None:
    """At most that many bytes of a pipe that the command line named, None if it named none by this
    path. Waits for the end of the input. Raises `OSError`, also for a terminal.
    """
    pipe = _NAMED.get({}).get(path)
    if pipe is None:
        return None
    if pipe.data is None:
        pipe.data = _data(pipe, limit_bytes)
    return pipe.data


def _pipe(name: str) -> _Pipe | None:
    descriptor = _descriptor(name)
    if descriptor is not None:
        return _Pipe(name, descriptor)
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116 - a name with a null byte is not a path
    except (OSError, ValueError):
        return None
    is_pipe = stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
    return _Pipe(name, None) if is_pipe else None


def _descriptor(name: str) -> int | None:
    if name in _STDIN_NAMES:
        return 0
    found = _DESCRIPTOR.fullmatch(name)
    return None if found is None else int(found[1])


def _identity(pipe: _Pipe) -> object:
    """What two names of one pipe have in common."""
    try:
        status = os.stat(pipe.path if pipe.descriptor is None else pipe.descriptor)  # noqa: PTH116
    except OSError:
        return pipe.descriptor if pipe.descriptor is not None else pipe.path
    if stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode):
        return (status.st_dev, status.st_ino)
    return pipe.descriptor if pipe.descriptor is not None else pipe.path


def _data(pipe: _Pipe, limit_bytes: int) -> bytes:
    if pipe.descriptor == 0:
        if sys.stdin is None:
            raise OSError(errno.EBADF, msg("the standard input is closed"))
        if sys.stdin.isatty():
            raise OSError(errno.EINVAL, msg("it is a terminal; pipe the text into the command"))
        return sys.stdin.buffer.read(limit_bytes)
    if pipe.descriptor is not None:
        return _read(pipe.descriptor, limit_bytes)
    descriptor = os.open(pipe.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _read(descriptor, limit_bytes)
    finally:
        os.close(descriptor)


def _read(descriptor: int, limit_bytes: int) -> bytes:
    if os.isatty(descriptor):
        raise OSError(errno.EINVAL, msg("it is a terminal; pipe the text into the command"))
    parts = []
    while limit_bytes > 0 and (part := os.read(descriptor, min(limit_bytes, _PART_BYTES))):
        parts.append(part)
        limit_bytes -= len(part)
    return b"".join(parts)
