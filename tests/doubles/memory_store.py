"""A store in memory: the file store over a disk that can be full, fail, or stop at any
of its operations, and that forgets what was not synced.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from reconciler.store.disk import FOR_GIT, File
from reconciler.store.folder_store import FileStore


class Fault(Enum):
    """What goes wrong at a deed. `SHORT` does half of a write, then the disk is full; after a crash
    every deed crashes until `reboot`.
    """

    FULL = "full"
    BROKEN = "broken"
    SHORT = "short"
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"


class Kept(Enum):
    """What a crash leaves of that which was not synced: nothing, all but the second half of the
    last write, or everything.
    """

    NOTHING = "nothing"
    HALF = "half"
    ALL = "all"


class Crash(BaseException):
    """The machine stopped: nothing in the program may catch it."""


@dataclass(slots=True, eq=False)
class _Inode:
    data: bytearray = field(default_factory=bytearray)
    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    version: int = 0


_Names = Callable[[dict[Path, _Inode]], object]
"""A change of which names stand for which files."""

Chooser = Callable[[int, str, Path], Fault | None]
"""Given the number of a deed (from 1), its name (`create write sync truncate rename
link rename_folder remove sync_folder`) and path: what goes wrong.
"""


class MemoryDisk:
    """A disk in memory. `operations` counts what was done to it; `fault` says what goes wrong;
    `capacity_bytes` is None for no end.
    """

    def __init__(
        self, *, capacity_bytes: int | None = None, fault: Chooser = lambda number, name, path: None
    ) -> None:
        self.capacity_bytes = capacity_bytes
        self.fault = fault
        self.operations = 0
        self._names: dict[Path, _Inode] = {}
        self._durable: dict[Path, _Inode] = {}
        self._locks: dict[Path, object] = {}
        self._unsynced: list[tuple[Path, _Names]] = []
        self._moved: list[tuple[Path, _Names]] = []
        self._down = False
        self._tokens = 0

    @property
    def used_bytes(self) -> int:
        """How much the files take."""
        return sum(len(inode.data) for inode in self._names.values())

    def reboot(
        self, *, names: bool = False, last_name: bool = False, data: Kept = Kept.NOTHING
    ) -> None:
        """Starts again after a crash (which it is, if there was none). `names` is whether renames
        that were not synced are kept.

        `last_name` keeps only the last of them: a file system need not write them in their order.
        """
        if not names:
            self._names = dict(self._durable)
            if last_name and self._unsynced:
                self._unsynced[-1][1](self._names)
        for inode in self._names.values():
            inode.data = _after_crash(inode, data)
            inode.synced, inode.pending = bytearray(inode.data), []
            inode.version += 1
        self._durable = dict(self._names)
        self._unsynced.clear()
        self._moved.clear()
        self._locks.clear()
        self._down = False

    def stop(self) -> None:
        """The machine stops at this instant: every deed crashes until `reboot`."""
        self._down = True

    def after_crash(self, *, names: bool = False, data: Kept = Kept.NOTHING) -> MemoryDisk:
        """Another disk, as this one would be if the machine stopped now and started again; this one
        goes on.
        """
        other = MemoryDisk(capacity_bytes=self.capacity_bytes)
        other._tokens = self._tokens
        for path, content in self.files_after_crash(names=names, data=data):
            other.put(path, content)
        return other

    def files_after_crash(
        self, *, names: bool = False, data: Kept = Kept.NOTHING
    ) -> tuple[tuple[Path, bytes], ...]:
        """The files that would be there then, each with its content."""
        files = self._names if names else self._durable
        return tuple((path, bytes(_after_crash(inode, data))) for path, inode in files.items())

    def put(self, path: Path, data: bytes) -> None:
        """Lays a file on the disk from outside, without faults: as an editor or a copy would."""
        self._names[path] = self._durable[path] = _Inode(bytearray(data), bytearray(data))

    def read(self, path: Path, limit_bytes: int) -> bytes | None:
        self._require_up()
        inode = self._names.get(path)
        return None if inode is None else bytes(inode.data[:limit_bytes])

    def names(self, folder: Path) -> tuple[str, ...]:
        self._require_up()
        depth = len(folder.parts)
        below = (path.parts for path in self._names)
        found = {
            parts[depth] for parts in below if len(parts) > depth and parts[:depth] == folder.parts
        }
        return tuple(sorted(found))

    def identity(self, path: Path) -> Hashable | None:
        self._require_up()
        inode = self._names.get(path)
        return None if inode is None else (id(inode), inode.version)

    def modified(self, path: Path) -> float | None:
        self._require_up()
        return 1_763_870_400.0 if path in self._names else None

    def make_folder(self, folder: Path) -> None:
        self._require_up()

    def add_for_git(self, folder: Path, files: Mapping[str, str] = FOR_GIT) -> None:
        """No state depends on it."""

    def create(self, path: Path) -> File:
        inode = _Inode()
        self.do("create", path, lambda: self._name(path, lambda names: names.update({path: inode})))
        return _MemoryFile(self, path, inode)

    def rename(self, source: Path, target: Path) -> None:
        def deed() -> None:
            if source not in self._names:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))
            inode = self._names[source]

            def renamed(names: dict[Path, _Inode]) -> None:
                names.pop(source, None)
                names[target] = inode

            self._name(target, renamed)

        self.do("rename", target, deed)

    def link(self, source: Path, target: Path) -> None:
        def deed() -> None:
            if target in self._names:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
            inode = self._names[source]
            self._name(target, lambda names: names.update({target: inode}))

        self.do("link", target, deed)

    def rename_folder(self, source: Path, target: Path) -> None:
        def renamed(names: dict[Path, _Inode]) -> None:
            for path in [path for path in names if path.parts[: len(source.parts)] == source.parts]:
                names[target / path.relative_to(source)] = names.pop(path)

        def deed() -> None:
            if self.names(target):
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(target))
            self._name(target, renamed)
            self._moved.append((target.parent, renamed))
            for path in list(self._locks):
                if path.parent == source:
                    self._locks[target / path.name] = self._locks.pop(path)

        self.do("rename_folder", target, deed)

    def remove(self, path: Path) -> None:
        self.do("remove", path, lambda: self._name(path, lambda names: names.pop(path, None)))

    def sync_folder(self, folder: Path) -> None:
        def deed() -> None:
            for place, change in self._moved:
                if place == folder:
                    change(self._durable)
            self._moved = [(place, change) for place, change in self._moved if place != folder]
            here = {path: inode for path, inode in self._names.items() if path.parent == folder}
            self._durable = {
                path: inode for path, inode in self._durable.items() if path.parent != folder
            } | here
            self._unsynced = [
                (path, change) for path, change in self._unsynced if path.parent != folder
            ]

        self.do("sync_folder", folder, deed)

    def lock(self, path: Path, timeout_seconds: float) -> Callable[[], None] | None:
        self._require_up()
        if path not in self._names:
            self._names[path] = _Inode()  # a broken lock is a new file, as on a real disk
            self._locks.pop(path, None)
        if path in self._locks:
            return None
        mine = self._locks[path] = object()

        def let_go() -> None:
            for held in [held for held, owner in self._locks.items() if owner is mine]:
                del self._locks[held]

        return let_go

    def token(self) -> str:
        """A text that never came before on this disk, and comes again in the next test."""
        self._tokens += 1
        return f"{self._tokens:024d}"

    def do(
        self,
        name: str,
        path: Path,
        deed: Callable[[], object],
        *,
        half: Callable[[], object] | None = None,
    ) -> None:
        """One deed: counted, and gone wrong where `fault` says so."""
        self._require_up()
        self.operations += 1
        fault = self.fault(self.operations, name, path)
        if fault is Fault.SHORT and half is not None:
            half()
        if fault in (Fault.FULL, Fault.SHORT):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        if fault is Fault.BROKEN:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        if fault is not Fault.CRASH_BEFORE:
            deed()
        if fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER):
            self._down = True
            raise Crash(f"at deed {self.operations}: {name} {path}")

    def room(self) -> int | None:
        """How many bytes are free; None without end."""
        return (
            None if self.capacity_bytes is None else max(0, self.capacity_bytes - self.used_bytes)
        )

    def _name(self, path: Path, change: _Names) -> None:
        change(self._names)
        self._unsynced.append((path, change))

    def _require_up(self) -> None:
        if self._down:
            raise Crash("the machine has stopped")


class _MemoryFile:
    def __init__(self, disk: MemoryDisk, path: Path, inode: _Inode) -> None:
        self._disk, self._path, self._inode = disk, path, inode

    def write(self, offset: int, data: bytes) -> None:
        half = data[: len(data) // 2]
        self._disk.do(
            "write",
            self._path,
            lambda: self._write(offset, data),
            half=lambda: self._write(offset, half),
        )

    def sync(self) -> None:
        def deed() -> None:
            for offset, written in self._inode.pending:  # what came since, not the whole file anew
                _apply(self._inode.synced, offset, written)
            self._inode.pending = []

        self._disk.do("sync", self._path, deed)

    def truncate(self, size_bytes: int) -> None:
        def deed() -> None:
            del self._inode.data[size_bytes:]
            self._inode.pending.append((size_bytes, None))

        self._disk.do("truncate", self._path, deed)

    def close(self) -> None:
        pass

    def _write(self, offset: int, data: bytes) -> None:
        room = self._disk.room()
        growth = offset + len(data) - len(self._inode.data)
        cut = (
            data if room is None or growth <= room else data[: max(0, len(data) - (growth - room))]
        )
        _apply(self._inode.data, offset, cut)
        self._inode.pending.append((offset, cut))
        self._inode.version += 1
        if len(cut) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))


def _apply(data: bytearray, offset: int, written: bytes | None) -> None:
    if written is None:
        del data[offset:]
        return
    data.extend(bytes(max(0, offset - len(data))))
    data[offset : offset + len(written)] = written


def _after_crash(inode: _Inode, kept: Kept) -> bytearray:
    data = bytearray(inode.synced)
    pending = inode.pending if kept is not Kept.NOTHING else []
    for place, (offset, written) in enumerate(pending, start=1):
        if kept is Kept.HALF and place == len(pending) and written is not None:
            written = written[: len(written) // 2]
        _apply(data, offset, written)
    return data


class MemoryStore(FileStore):
    """The file store over a `MemoryDisk`, with tokens that repeat from run to run."""

    def __init__(
        self, disk: MemoryDisk | None = None, *, folder: Path = Path("/state/shop")
    ) -> None:
        self.disk = MemoryDisk() if disk is None else disk
        super().__init__(folder, disk=self.disk, token=self.disk.token)
