"""The disk as a port: the few operations that make durable files, so that a test can fill it, break
it or stop it between any two.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from reconciler.common.paths import read_ordinary
from reconciler.common.text import msg

FILE_MODE = 0o600
FOLDER_MODE = 0o700

FOR_GIT = {
    ".gitignore": "lock\nholder\nepoch\n*.new\n",
    ".gitattributes": "* -text -merge\n",
}
"""What a state's folder tells Git (decisions/new-stacks): a commit contains the state without the
files of one machine, and Git neither converts nor merges it.
"""


class File(Protocol):
    """A file open for writing in place. Every method raises `OSError`."""

    def write(self, offset: int, data: bytes) -> None:
        """Writes all of the data at the offset, or raises with some of it written."""
        ...

    def sync(self) -> None:
        """What was written is on the medium when this returns."""
        ...

    def truncate(self, size_bytes: int) -> None:
        """Cuts the file to a size."""
        ...

    def close(self) -> None:
        """Closes the file. Writes nothing."""
        ...


class Disk(Protocol):
    """Files by path. Every method raises `OSError`."""

    def read(self, path: Path, limit_bytes: int) -> bytes | None:
        """At most that many bytes of a file, or None if there is none."""
        ...

    def names(self, folder: Path) -> tuple[str, ...]:
        """The names in a folder, sorted; none if there is no folder."""
        ...

    def identity(self, path: Path) -> Hashable | None:
        """A value that changes with the file or its content; None if there is no file."""
        ...

    def modified(self, path: Path) -> float | None:
        """When a file was written last, in unix seconds; None if there is no file."""
        ...

    def make_folder(self, folder: Path) -> None:
        """Creates a folder that only its owner can read, and those above it, durably. An existing
        one gets the same permissions.
        """
        ...

    def add_for_git(self, folder: Path, files: Mapping[str, str] = FOR_GIT) -> None:
        """Writes files for Git into a folder that does not have them. Nothing depends on them, so a
        failure is ignored.
        """
        ...

    def create(self, path: Path) -> File:
        """A new file that only its owner can read. An existing one is removed, never reused:
        another process may still have it open.
        """
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Replaces a file with another one, atomically."""
        ...

    def link(self, source: Path, target: Path) -> None:
        """Gives a file a second name, atomically. Raises `FileExistsError` if that name is used:
        then nothing was changed.
        """
        ...

    def rename_folder(self, source: Path, target: Path) -> None:
        """Gives a folder another name in the same place, atomically; a folder that has files is not
        replaced.
        """
        ...

    def remove(self, path: Path) -> None:
        """Removes a file if it exists."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """The names in the folder are on the medium when this returns."""
        ...

    def lock(self, path: Path, timeout_seconds: float) -> Callable[[], None] | None:
        """Takes a lock that dies with this process, and returns the function that releases it; None
        if it is not free within that time.
        """
        ...


def write_whole(disk: Disk, path: Path, data: bytes) -> None:
    """Creates a file with that content, on the medium when it returns. If that fails, no part of it
    is left and `OSError` is raised.
    """
    try:
        file = disk.create(path)
        try:
            file.write(0, data)
            file.sync()
        finally:
            file.close()
    except OSError:
        with suppress(OSError):  # half a file on a full disk would only take room from the record
            disk.remove(path)
        raise


def replace_whole(disk: Disk, path: Path, data: bytes) -> None:
    """Replaces the content of a file atomically; on the medium when it returns. Raises
    `OSError`.
    """
    fresh = path.with_name(path.name + ".new")
    write_whole(disk, fresh, data)
    disk.rename(fresh, path)
    disk.sync_folder(path.parent)


class RealDisk:
    """The file system of this machine."""

    def read(self, path: Path, limit_bytes: int) -> bytes | None:
        try:
            return read_ordinary(path, limit_bytes)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, folder: Path) -> tuple[str, ...]:
        try:
            return tuple(sorted(path.name for path in folder.iterdir()))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def identity(self, path: Path) -> Hashable | None:
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)

    def modified(self, path: Path) -> float | None:
        try:
            return path.stat().st_mtime
        except FileNotFoundError:
            return None

    def make_folder(self, folder: Path) -> None:
        # it would set permissions and remove old states in a folder that is not its own
        if folder.is_symlink():
            raise OSError(
                errno.ELOOP,
                msg("it is a symbolic link, and no state is written through one"),
                str(folder),
            )
        missing = []
        for above in (folder, *folder.parents):
            if above.exists():
                break
            missing.append(above)
        for new in reversed(missing):
            with suppress(FileExistsError):  # another process created it
                new.mkdir(mode=FOLDER_MODE if new == folder else 0o777)
            self.sync_folder(new.parent)
        found = folder.stat()
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != FOLDER_MODE:
            folder.chmod(FOLDER_MODE)  # a checkout or a copy made it readable for others

    def add_for_git(self, folder: Path, files: Mapping[str, str] = FOR_GIT) -> None:
        for name, text in files.items():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with (
                suppress(OSError),
                os.fdopen(os.open(folder / name, flags, FILE_MODE), "w") as file,
            ):
                file.write(text)

    def create(self, path: Path) -> File:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        os.fchmod(descriptor, FILE_MODE)
        return _RealFile(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        os.link(source, target, follow_symlinks=False)

    def rename_folder(self, source: Path, target: Path) -> None:
        source.rename(target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, path: Path, timeout_seconds: float) -> Callable[[], None] | None:
        from filelock import FileLock, Timeout

        # No soft lock where the file system has no flock: that one would outlive its process.
        lock = FileLock(path, mode=FILE_MODE, thread_local=False, fallback_to_soft=False)
        try:
            lock.acquire(timeout=max(timeout_seconds, 0.0), poll_interval=0.05)
        except Timeout:
            return None
        except NotImplementedError as error:
            message = msg("{folder} is on a file system without locks", folder=path.parent)
            raise OSError(message) from error
        return lock.release


class _RealFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, offset: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._descriptor, rest, offset)
            rest, offset = rest[written:], offset + written

    def sync(self) -> None:
        if sys.platform == "darwin":  # fsync there stops at the drive's cache
            import fcntl

            fcntl.fcntl(self._descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(self._descriptor)

    def truncate(self, size_bytes: int) -> None:
        os.ftruncate(self._descriptor, size_bytes)

    def close(self) -> None:
        os.close(self._descriptor)
