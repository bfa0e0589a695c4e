"""Reading the members of a file that people or a pipeline wrote."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from reconciler.common.text import msg
from reconciler.forge.folder.review_folder import ReviewFolder
from reconciler.model.ports.forge_ports import PullState, StatusState

Choice = TypeVar("Choice", PullState, StatusState)

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class ReviewMembers:
    """The members of a file. Every method raises `ForgeError` with the file and the member."""

    def __init__(self, folder: ReviewFolder, path: Path, value: Mapping[str, Any]) -> None:
        self._folder, self._path, self._value = folder, path, value

    def text(self, member: str, default: str | None = None) -> str:
        """A text or a whole number as text. Without a default it has to be there."""
        found = self._value.get(member)
        if found is None:
            if default is None:
                raise self._folder.damaged(self._path, msg("`{member}` is missing", member=member))
            return default
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        if not isinstance(found, str) or (default is None and not found.strip()):
            raise self._folder.damaged(self._path, msg("`{member}` is not a text", member=member))
        return found

    def flag(self, member: str) -> bool:
        """Whether a member is true."""
        found = self._value.get(member, False)
        if found in (True, "true"):
            return True
        if found in (False, "false", None):
            return False
        raise self._folder.damaged(
            self._path, msg("`{member}` is neither true nor false", member=member)
        )

    def commit(self, member: str) -> str:
        """The name of a commit."""
        found = self.text(member)
        if not _COMMIT.fullmatch(found):
            raise self._folder.damaged(
                self._path,
                msg("`{member}` is not the whole id of a commit", member=member),
            )
        return found

    def moment(self, member: str) -> float:
        """A time in ISO 8601 with its zone, as unix seconds."""
        try:
            found = datetime.datetime.fromisoformat(self.text(member))
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise self._folder.damaged(
                self._path,
                msg(
                    "`{member}` is not a time like {example}",
                    member=member,
                    example="2026-11-30T14:05:00Z",
                ),
            )
        return found.timestamp()

    def choice(self, member: str, kind: type[Choice], default: Choice | None = None) -> Choice:
        """One of the values of an enumeration."""
        given = self.text(member, default.value if default is not None else None)
        for one in kind:
            if one.value == given:
                return one
        raise self._folder.damaged(
            self._path,
            msg(
                "`{member}` is not one of {choices}",
                member=member,
                choices=", ".join(one.value for one in kind),
            ),
        )
