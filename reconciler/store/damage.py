"""Why a state or journal cannot be read, if its bytes show it."""

from __future__ import annotations

import re

from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model.ports import StateDamaged

_CONFLICT = re.compile(rb"^(?:<{7}|={7}|>{7})(?: |\r?$)", re.MULTILINE)


def damaged(message: str, data: bytes, *, name: str, hint: str) -> StateDamaged:
    """The error for a file that cannot be read: that Git changed it, if so, else the message."""
    if _CONFLICT.search(data):
        hint = msg(
            "take one side whole: git checkout --ours -- {folder}\n"
            "then bind what only the other side made: reconciler recover --rebuild",
            folder=pasted(name.rpartition("/")[0] or "."),
        )
        message = msg(
            "{name} contains the conflict markers of a Git merge: two runs wrote it", name=name
        )
        return StateDamaged(message, hint=hint)
    if b"\r\n" in data:
        hint = msg(
            "convert them: sed -i 's/\\r$//' {name}\nthe .gitattributes of docs/how-to/ci.md "
            "prevents it",
            name=pasted(name),
        )
        message = msg("{name} has Windows line endings: Git or an editor changed them", name=name)
        return StateDamaged(message, hint=hint)
    return StateDamaged(message, hint=hint)
