"""One writer at a time: a lock that dies with its process, a record of its holder, and an epoch by
which a holder notices that it lost the lock.

Three files: `lock` is locked, and empty; `holder` names the user, the machine, the command and its
step; `epoch` changes with every new writer and when the lock is broken. A writer that was stopped
for a while, or whose lock a file server forgot, reads a different epoch and stops.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import Held, Holder, Locked, LostLock, holder_text
from reconciler.store import state_format
from reconciler.store.disk import Disk

GRACE_SECONDS = 0.1
"""A writer waits at least this long, because `holder_of` takes a free lock for an instant."""

_FILE_BYTES_MAX = 64 * 1024
_TEXT_MAX = 1024
_YEAR_9999 = 253402300800


@dataclass(slots=True)
class Lock:
    """A held lock. `epoch` is the token written on acquisition; a different token on disk means
    that the lock was lost.
    """

    disk: Disk
    folder: Path
    holder: Holder
    epoch: bytes
    unlock: Callable[[], None]

    def check(self) -> None:
        """Raises `LostLock` if the lock was broken, or if there is another writer."""
        try:
            found = self.disk.read(self.folder / "epoch", _FILE_BYTES_MAX)
        except OSError as error:
            message = msg("the epoch of the lock cannot be read: {reason}", reason=error)
            raise LostLock(message, hint=msg("run the command again")) from error
        if found != self.epoch:
            hint = msg(
                "find out who is working on it, then run the command again: it continues from what "
                "was recorded"
            )
            message = msg("the lock on this stack was broken by somebody else (`state unlock`)")
            raise LostLock(message, hint=hint)

    def report(self, step: str) -> None:
        """Records the step of this run, for others."""
        self.holder = replace(self.holder, step=step)
        with suppress(OSError):  # for people only: on a full disk the step before stays
            _write_holder(self.disk, self.folder, self.holder)

    def release(self) -> None:
        """Releases the lock."""
        try:
            with suppress(LostLock, OSError):
                self.check()
                self.disk.remove(self.folder / "holder")
        finally:
            self.unlock()


def take(
    disk: Disk, folder: Path, holder: Holder, *, timeout_seconds: float, token: Callable[[], str]
) -> Lock:
    """Takes the lock of a folder that exists. Raises `Locked`, `OSError`. `token` gives a text that
    was never given before.
    """
    unlock = disk.lock(folder / "lock", max(timeout_seconds, GRACE_SECONDS))
    if unlock is None:
        raise _locked(_holder(disk, folder))
    try:
        epoch = _raise_epoch(disk, folder, token())
        _write_holder(disk, folder, holder)
    except BaseException:
        unlock()
        raise
    return Lock(disk, folder, holder, epoch, unlock)


def holder_of(disk: Disk, folder: Path) -> Held | None:
    """Who works on the stack of a folder, or died while working; None if nobody. It does not wait
    and raises nothing.
    """
    with suppress(OSError):
        if disk.read(folder / "holder", _FILE_BYTES_MAX) is None:
            return None
    return Held(_holder(disk, folder), alive=_is_held(disk, folder))


def break_lock(disk: Disk, folder: Path, *, token: Callable[[], str]) -> Held | None:
    """Breaks the lock and returns who held it. Raises `OSError`.

    A holder that still runs reads the new epoch before its next request, and stops. The next writer
    locks a new file.
    """
    held = holder_of(disk, folder)
    _raise_epoch(disk, folder, token())
    disk.remove(folder / "lock")
    disk.remove(folder / "holder")
    return held


def _is_held(disk: Disk, folder: Path) -> bool:
    try:
        unlock = disk.lock(folder / "lock", 0.0)
    except OSError:  # not allowed to try, as in a folder of another user
        return True
    if unlock is None:
        return True
    unlock()
    return False


def _raise_epoch(disk: Disk, folder: Path, token: str) -> bytes:
    found = (disk.read(folder / "epoch", _FILE_BYTES_MAX) or b"0").split()
    number = int(found[0]) if found and found[0].isdigit() and len(found[0]) < 16 else 0
    epoch = f"{number + 1} {token}\n".encode()
    _swap(disk, folder / "epoch", epoch)
    return epoch


def _write_holder(disk: Disk, folder: Path, holder: Holder) -> None:
    _swap(disk, folder / "holder", state_format.encode_object(asdict(holder)) + b"\n")


def _swap(disk: Disk, path: Path, data: bytes) -> None:
    # Atomic for readers, not durable: a machine that stops ends its processes as well.
    fresh = path.with_name(path.name + ".new")
    file = disk.create(fresh)
    try:
        file.write(0, data)
    finally:
        file.close()
    disk.rename(fresh, path)


def _holder(disk: Disk, folder: Path) -> Holder | None:
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
        "wait (--lock-timeout SECONDS), or, if that run does not respond or its machine is gone, "
        "`reconciler state unlock`"
    )
    return Locked(holder_text.title(holder, None, 0.0), holder=holder, hint=hint)
