"""What is checked before anything is sent: lengths, and what goes into a path."""

from __future__ import annotations

import re

from reconciler.common.text import msg
from reconciler.model.ports.forge_ports import (
    COMMENT_CHARACTERS_MAX,
    STATUS_CHARACTERS_MAX,
    CommitStatus,
    ForgeError,
)

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def checked_text(body: str) -> str:
    """The text. Raises `ForgeError` if it is too long."""
    if len(body) > COMMENT_CHARACTERS_MAX:
        text = msg(
            "a text of {count:,} characters is too long for the forge: at most {most:,}",
            count=len(body),
            most=COMMENT_CHARACTERS_MAX,
        )
        raise ForgeError(text)
    return body


def checked_status(status: CommitStatus) -> CommitStatus:
    """The status. Raises `ForgeError` if its text is too long."""
    if len(status.text) > STATUS_CHARACTERS_MAX:
        text = msg(
            "a text of {count:,} characters is too long for a status: at most {most:,}",
            count=len(status.text),
            most=STATUS_CHARACTERS_MAX,
        )
        raise ForgeError(text)
    return status


def checked_commit(commit: str) -> str:
    """A commit. Raises `ForgeError` if it is not its whole id."""
    if not _COMMIT.fullmatch(commit):
        raise ForgeError(msg("{commit} is not the whole id of a commit", commit=commit))
    return commit


def checked_number(id: str) -> int:
    """The id of a comment or an issue. Raises `ForgeError` if it is not a number."""
    if not (id.isascii() and id.isdecimal()):
        raise ForgeError(msg("{id} is not an id of the forge", id=id))
    return int(id)
