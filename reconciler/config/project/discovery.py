"""The stacks in the folders below one, for the first file of a project."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from reconciler.common import paths
from reconciler.config import stack_folder
from reconciler.config.project.project import StackEntry
from reconciler.config.project.stack_heads import head_of

_SKIPPED = frozenset({"components", "state", "node_modules", "venv"})
"""Folders in which no stack is looked for, besides hidden ones."""

FOLDERS_MAX = 2000
_DEPTH_MAX = 5
_STACK = re.compile(rb"^stack[ \t]*:", re.MULTILINE)


def stacks_below(root: Path) -> tuple[tuple[StackEntry, ...], tuple[Path, ...]]:
    """The stacks in a folder and below it, sorted by path, and the paths of those that are left out
    because an earlier one has their name. What cannot be read as a stack is skipped.
    """
    found: dict[str, StackEntry] = {}
    doubled: list[Path] = []
    known: set[Path] = set()
    for path in _candidates(root):
        head = head_of(path, [])
        if head is None or head.location in known:
            continue
        known.add(head.location)
        if head.name in found:
            doubled.append(path)
        else:
            found[head.name] = StackEntry(head.name, path, head.environments)
    return tuple(found.values()), tuple(doubled)


def _candidates(root: Path) -> Iterator[Path]:
    """The files that name a stack; for one that is alone with that in its folder, the folder."""
    for number, (folder, folders, files) in enumerate(os.walk(root)):
        here = Path(folder)
        if number >= FOLDERS_MAX or len(here.relative_to(root).parts) >= _DEPTH_MAX:
            folders.clear()
        folders[:] = sorted(each for each in folders if each[0] != "." and each not in _SKIPPED)
        naming = [here / name for name in sorted(files) if _names_stack(here / name)]
        yield from (here,) if len(naming) == 1 else naming


def _names_stack(file: Path) -> bool:
    if file.suffix != stack_folder.SUFFIX or file.name.startswith("."):
        return False
    try:
        data = paths.read_ordinary(file, stack_folder.FILE_BYTES_MAX)
    except OSError:
        return False
    return _STACK.search(data) is not None
