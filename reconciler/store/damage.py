"""What became of a state or journal that cannot be read, as far as its bytes tell."""

from __future__ import annotations

import re
import shlex

from reconciler.common.text import msg
from reconciler.model.ports import StateDamaged

_CONFLICT = re.compile(rb"^(?:<{7}|={7}|>{7})(?: |\r?$)", re.MULTILINE)


def damaged(message: str, data: bytes, *, name: str, hint: str) -> StateDamaged:
    """What to say of a file that cannot be read; what Git did to it, where that is why."""
    if _CONFLICT.search(data):
        hint = msg(
            "take one side whole: git checkout --ours -- {folder}\n",
            folder=shlex.quote(name.rpartition("/")[0] or "."),
        )
        hint += "then bind what only the other side made: reconciler recover --rebuild"
        return StateDamaged(
            f"{name} contains the conflict markers of a Git merge: two runs wrote it", hint=hint
        )
    if b"\r\n" in data:
        hint = msg(
            "turn them back: sed -i 's/\\r$//' {name}\nthe .gitattributes of docs/how-to/ci.md keeps them as they are",
            name=shlex.quote(name),
        )
        return StateDamaged(
            f"{name} has Windows line endings: Git or an editor changed them", hint=hint
        )
    return StateDamaged(message, hint=hint)
