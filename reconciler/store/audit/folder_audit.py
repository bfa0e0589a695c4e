"""The audit log in a folder: one file for each entry, which is linked to its position as a whole
and never replaced.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from reconciler.common.text import msg
from reconciler.model.ports import RecordFailed, StateDamaged
from reconciler.model.ports.audit_ports import AuditRecord, AuditTrail
from reconciler.model.review.audit_entry import AuditEntry
from reconciler.store.audit import FOLDER
from reconciler.store.audit.audit_chain import (
    RECORD_BYTES_MAX,
    hash_of,
    record_of,
    sealed,
    trail_of,
)
from reconciler.store.disk import Disk, write_whole

_FOR_GIT = {".gitignore": "*.new\n", ".gitattributes": "* -text -merge\n"}
"""A commit of the states contains the log."""

_DIGITS = 12
_END = ".json"
_DRAFT = ".new"
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class FolderAudit:
    """The audit log beside the states in a folder. `token` gives a text that was never given
    before.
    """

    def __init__(self, disk: Disk, states: Path, token: Callable[[], str]) -> None:
        self._disk, self._token = disk, token
        self._folder = states / FOLDER

    @property
    def location(self) -> str:
        """The path of the folder."""
        return str(self._folder)

    def append(self, entry: AuditEntry) -> AuditRecord:
        """Appends an entry durably. Raises `RecordFailed`."""
        token = self._token()
        draft = self._folder / f"{token}{_DRAFT}"
        try:
            self._disk.make_folder(self._folder)
            self._disk.add_for_git(self._folder, _FOR_GIT)
            try:
                data = self._linked(entry, draft, token)
            finally:
                with suppress(OSError):
                    self._disk.remove(draft)
        except OSError as error:
            raise _failed(error) from error
        try:
            self._disk.sync_folder(self._folder)
        except OSError as error:
            message = msg(
                "it is not known whether the entry of the audit log is on the disk: {reason}",
                reason=error,
            )
            raise RecordFailed(message, hint=msg("check the disk, then read the log")) from error
        return record_of(data)

    def entries(self) -> AuditTrail:
        """The whole log. Raises `StateDamaged`, `StateNewer`."""
        texts, others = dict[int, bytes](), list[str]()
        try:
            for name in self._names():
                position = _position(name)
                if position is None:
                    others.append(name)
                    continue
                data = self._disk.read(self._folder / name, RECORD_BYTES_MAX + 1)
                if data is not None:
                    texts[position] = data
        except OSError as error:
            message = msg("the audit log cannot be read: {reason}", reason=error)
            hint = msg("fix the permissions of the folder {folder}", folder=self._folder)
            raise StateDamaged(message, hint=hint) from error
        return trail_of(texts, others)

    def _linked(self, entry: AuditEntry, draft: Path, token: str) -> bytes:
        """The record, at the first position that was free. Raises `OSError`."""
        last = max(filter(None, map(_position, self._names())), default=0)
        before = self._read(last) if last else None
        while True:
            previous = None if before is None else hash_of(before)
            data = sealed(entry, last + 1, previous, token)
            write_whole(self._disk, draft, data)
            try:
                self._disk.link(draft, self._path(last + 1))
            except FileExistsError:
                before, last = self._read(last + 1), last + 1
                if before == data:  # a file system on a network did it, and its answer was lost
                    return data
                continue
            return data

    def _read(self, position: int) -> bytes:
        data = self._disk.read(self._path(position), RECORD_BYTES_MAX + 1)
        if data is None:
            text = msg("entry {position} is gone", position=position)
            raise FileNotFoundError(errno.ENOENT, text, str(self._path(position)))
        return data

    def _path(self, position: int) -> Path:
        return self._folder / f"{position:0{_DIGITS}d}{_END}"

    def _names(self) -> list[str]:
        names = self._disk.names(self._folder)
        return [name for name in names if name[0] != "." and not name.endswith(_DRAFT)]


def _position(name: str) -> int | None:
    """The position of a file; None if it is not an entry."""
    digits = name.removesuffix(_END)
    if len(name) == _DIGITS + len(_END) and digits.isascii() and digits.isdecimal():
        return int(digits) or None
    return None


def _failed(error: OSError) -> RecordFailed:
    message = msg("the entry cannot be added to the audit log: {reason}", reason=error)
    hint = msg("free up disk space or fix the permissions of the folder")
    if error.errno in _NO_LINKS:
        hint = msg(
            "check the permissions of the folder; if its file system has no hard links, use "
            "another one, or a database or bucket (RECONCILER_STATE)"
        )
    return RecordFailed(message, hint=hint)
