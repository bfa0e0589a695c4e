"""Pipes in the arguments of a command: `-`, `/dev/stdin`, `<(...)` and named pipes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from reconciler.common.text import msg
from reconciler.config.inputs import piped
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error

_NAME = re.compile(r"[a-z][a-z0-9-]*")
"""What may be the name of a stack: no path to a file of one."""


@contextmanager
def readable(stacks: Sequence[str], given: dict[str, Any]) -> Iterator[None]:
    """Lets a command read the pipes that its arguments name, while the block runs. Replaces names
    of descriptors in the options by those that messages show. Stops if a pipe is named twice.
    """
    files = given.get("variable_files", ())
    names = (*stacks, *files)
    twice = piped.repeated(names)
    if twice is not None:
        raise stop_usage(
            msg("{name} is given twice, but a pipe can be read only once", name=twice),
            msg("write one of them to a file first"),
        )
    if files:
        given["variable_files"] = tuple(map(piped.spelled, files))
    with piped.named(names):
        yield


def shared(files: Sequence[str]) -> AbstractContextManager[None]:
    """Keeps what is read from the files of variables for all stacks of a command."""
    return piped.named(files)


def path_of(stack: str) -> Path:
    """The path of a stack in messages, and beside which its state is. If there is no such path, a
    name of the project of the current folder names its stack. Raises `Abort` if the file of
    the project has mistakes.
    """
    path = Path(piped.spelled(stack))
    if _NAME.fullmatch(stack) is None or os.path.lexists(path):
        return path
    from reconciler.config.project import project_file

    entry = project_file.load(Path()).stacks.get(stack)
    return path if entry is None else entry.path


def saved_from(path: str, file: str, stack: str) -> None:
    """Stops if the saved plan in `file` is that of a stack from a pipe, and `path`, the stack that
    is given with it, is the default. Its text is not in the plan, and is compared with the plan.
    """
    if path == "." and piped.is_descriptor(stack):
        raise stop_usage(
            msg("{file} is the plan of a stack from a pipe, which is not in the file", file=file),
            msg("pipe the same stack into `reconciler apply --plan {file} -`", file=file),
        )


def pasted(path: Path) -> str:
    """A path in a command to paste: a descriptor as the command line named it."""
    return piped.given(path) if piped.is_named(path) else str(path)


def stop_usage(message: str, hint: str | None = None) -> Abort:
    """A mistake in options or arguments (exit 64) that is found only after they are parsed."""
    return Abort(error("usage", message, hint=hint))
