"""Where the file of a project is."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.common import paths

PROJECT_FILE = "reconciler.yaml"
"""The name of the file of a project, which is part of no stack."""


def find(stack: Path) -> Path | None:
    """The file of the project: the nearest in the stack's folder and those above it, up to the root
    of the repository; None if there is none. A path below the current folder stays relative.
    """
    try:
        start = (stack if stack.is_dir() else stack.parent).resolve()
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        return None
    for folder in (start, *start.parents):
        file = folder / PROJECT_FILE
        if os.path.lexists(file):
            return Path(paths.shown_path(str(folder))) / PROJECT_FILE
        if (folder / ".git").exists():
            break
    return None
