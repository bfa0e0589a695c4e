"""The file of `apply --first-passwords`: it is new, only its owner can read it, and each line is on
the disk before its instance is recorded.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.ports import RecordFailed


class FirstPasswords:
    """One line of JSON for each instance: `{"address", "id", "username", "password"}`. The file is
    never read.

    It is created before anything is sent, and deleted at the end if it is empty. Stops if a file of
    that name exists, or none can be created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = 0
        try:
            self._descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
            os.fchmod(self._descriptor, 0o600)
            _sync_folder(path.parent)
        except FileExistsError:
            hint = msg("name a new file: passwords are never added to an existing file")
            raise Abort(
                error(
                    "usage", msg("--first-passwords: {path} already exists", path=path), hint=hint
                )
            ) from None
        except OSError as failure:
            raise Abort(
                error(
                    "state-write",
                    msg(
                        "--first-passwords: {path} cannot be created: {reason}",
                        path=path,
                        reason=failure.strerror or failure,
                    ),
                )
            ) from failure

    def __enter__(self) -> FirstPasswords:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
        if not self._kept:
            with suppress(OSError):
                self._path.unlink()

    @property
    def kept(self) -> int:
        """How many passwords the file contains."""
        return self._kept

    def keep(self, address: str, id: str, username: str, password: str) -> None:
        """Adds a line, which is on the disk when this returns. Raises `RecordFailed`."""
        row = {"address": address, "id": id, "username": username, "password": password}
        rest = memoryview(
            (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        )
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
        except OSError as failure:
            message = msg(
                "the first password of {address} ({id}) cannot be written to {path}: {reason}",
                address=address,
                id=id,
                path=self._path,
                reason=failure.strerror or failure,
            )
            hint = msg(
                "the instance is recorded; set a new password in the console, or replace it with "
                "--replace {address}",
                address=pasted(address),
            )
            raise RecordFailed(message, hint=hint) from failure
        self._kept += 1


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
