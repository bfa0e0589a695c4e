"""One writer at a time: a lock that dies with its process, the story of who holds it, and an epoch
that a holder can lose.

Three files: `lock` is locked, and empty; `holder` tells who, where, which command, at which step;
`epoch` changes whenever a writer comes or the lock is broken. A writer that was stopped for a
while, or whose lock a file server forgot, sees a strange epoch and stops.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import Holder, Locked, LostLock
from reconciler.store import state_format
from reconciler.store.disk import Disk

GRACE_SECONDS = 0.1
"""A writer waits at least so long: `holder_of` holds the lock for an instant where it finds it
free.
"""

_FILE_BYTES_MAX = 64 * 1024
_TEXT_MAX = 1024
_YEAR_9999 = 253402300800


@dataclass(frozen=True, slots=True)
class Held:
    """Who works on a stack, or did until it died: `alive` is whether the lock is held. `holder` is
    None where the story cannot be read.
    """

    holder: Holder | None
    alive: bool


@dataclass(slots=True)
class Lock:
    """The lock, in the hands of the one who has it. `epoch` is what he wrote when he took it;
    another one there means that he lost it.
    """

    disk: Disk
    folder: Path
    holder: Holder
    epoch: bytes
    let_go: Callable[[], None]

    def check(self) -> None:
        """Raises `LostLock` where the lock was broken, or another writer came."""
        try:
            found = self.disk.read(self.folder / "epoch", _FILE_BYTES_MAX)
        except OSError as error:
            raise LostLock(
                f"whether the lock is still held cannot be read: {error}",
                hint="run the command again",
            ) from error
        if found != self.epoch:
            raise LostLock(
                "the lock on this stack was broken by somebody else (`state unlock`)",
                hint="find out who is working on it, then run the command again: it continues from what was recorded",
            )

    def report(self, step: str) -> None:
        """Tells others which step this run is at."""
        self.holder = replace(self.holder, step=step)
        with suppress(OSError):  # only a story: on a full disk it stays at the step before
            _tell(self.disk, self.folder, self.holder)

    def release(self) -> None:
        """Lets the lock go."""
        try:
            with suppress(LostLock, OSError):
                self.check()
                self.disk.remove(self.folder / "holder")
        finally:
            self.let_go()


def take(
    disk: Disk, folder: Path, holder: Holder, *, timeout_seconds: float, token: Callable[[], str]
) -> Lock:
    """Takes the lock of a folder that exists. Raises `Locked`, `OSError`. `token` gives a text that
    never came before.
    """
    let_go = disk.lock(folder / "lock", max(timeout_seconds, GRACE_SECONDS))
    if let_go is None:
        raise _locked(_story(disk, folder))
    try:
        epoch = _raise_epoch(disk, folder, token())
        _tell(disk, folder, holder)
    except BaseException:
        let_go()
        raise
    return Lock(disk, folder, holder, epoch, let_go)


def holder_of(disk: Disk, folder: Path) -> Held | None:
    """Who works on the stack of a folder, without waiting for it; None where nobody does and nobody
    died. Raises nothing.
    """
    with suppress(OSError):
        if disk.read(folder / "holder", _FILE_BYTES_MAX) is None:
            return None
    return Held(_story(disk, folder), alive=_is_held(disk, folder))


def break_lock(disk: Disk, folder: Path, *, token: Callable[[], str]) -> Held | None:
    """Takes the lock from whoever has it, and gives who that was. Raises `OSError`.

    A holder that still runs sees the new epoch before its next request, and stops. The next writer
    locks a new file.
    """
    held = holder_of(disk, folder)
    _raise_epoch(disk, folder, token())
    disk.remove(folder / "lock")
    disk.remove(folder / "holder")
    return held


def _is_held(disk: Disk, folder: Path) -> bool:
    try:
        let_go = disk.lock(folder / "lock", 0.0)
    except OSError:  # not ours to try, as in a folder of another user
        return True
    if let_go is None:
        return True
    let_go()
    return False


def _raise_epoch(disk: Disk, folder: Path, token: str) -> bytes:
    found = (disk.read(folder / "epoch", _FILE_BYTES_MAX) or b"0").split()
    number = int(found[0]) if found and found[0].isdigit() and len(found[0]) < 16 else 0
    epoch = f"{number + 1} {token}\n".encode()
    _swap(disk, folder / "epoch", epoch)
    return epoch


def _tell(disk: Disk, folder: Path, holder: Holder) -> None:
    _swap(disk, folder / "holder", state_format.encode_object(asdict(holder)) + b"\n")


def _swap(disk: Disk, path: Path, data: bytes) -> None:
    # Whole for whoever reads it, not durable: a machine that stops ends its processes as well.
    fresh = path.with_name(path.name + ".new")
    file = disk.create(fresh)
    try:
        file.write(0, data)
    finally:
        file.close()
    disk.rename(fresh, path)


def _story(disk: Disk, folder: Path) -> Holder | None:
    try:
        data = disk.read(folder / "holder", _FILE_BYTES_MAX) or b""
        found: Holder = state_format.CODEC.decode(Holder, state_format.decode_object(data))
    except (OSError, ValueError):
        return None
    if not 0 <= found.since < _YEAR_9999:
        return None
    texts: dict[str, Any] = {
        name: value[:_TEXT_MAX] for name, value in asdict(found).items() if isinstance(value, str)
    }
    return replace(found, **texts)


def _locked(holder: Holder | None) -> Locked:
    hint = msg(
        "wait (--lock-timeout SECONDS), or, if that run hangs or is on a machine that is gone, `reconciler state unlock`"
    )
    if holder is None:
        return Locked("another run works on this stack", holder=None, hint=hint)
    began = time.strftime("%Y-%m-%d %H:%M KST", time.gmtime(holder.since + 9 * 3600))
    step = f", at {holder.step}" if holder.step else ""
    who = f"{holder.user} on {holder.host} (process {holder.pid})"
    return Locked(
        f"{who} works on this stack: `{holder.command}` since {began}{step}",
        holder=holder,
        hint=hint,
    )
