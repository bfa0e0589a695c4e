"""What the forge of files takes from its surroundings: the person, and the commits of branches."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from reconciler.common.text import msg
from reconciler.forge.files import FilesForge, FolderOutside
from reconciler.forge.forge_retry import ForgeWaits
from reconciler.model.ports.forge_ports import ForgeError, Person

PERSON_VARIABLE = "RECONCILER_PERSON"
"""The variable with the name that own comments have; without it, the user of this machine."""

_GIT_SECONDS = 60.0


def open_folder(
    folder: str, environment: Mapping[str, str], waits: ForgeWaits | None = None
) -> FilesForge:
    """The forge in a folder. Raises `ForgeError` if the folder is in the repository of the current
    folder, where a pull request could bring its own approvals.
    """
    root = Path(os.path.normpath(Path(folder).expanduser().absolute()))
    repository = _repository(Path.cwd())
    if repository is not None and _is_inside(root, repository):
        raise ForgeError(
            msg("{folder} is in the repository whose changes it is about", folder=str(root)),
            hint=msg("choose a folder that only the pipeline and the approvers can write"),
        )
    outside = FolderOutside(Person(_person(environment)), _head_of, waits or ForgeWaits())
    return FilesForge(root, str(root), outside)


def _person(environment: Mapping[str, str]) -> str:
    name = environment.get(PERSON_VARIABLE, "").strip()
    if not name:
        try:
            name = getpass.getuser()
        except (OSError, KeyError, ImportError):
            name = ""
    if not name or not name.isprintable():
        raise ForgeError(
            msg("who writes to the forge is not known"),
            hint=msg("set {name} to your name", name=PERSON_VARIABLE),
        )
    return name


def _repository(start: Path) -> Path | None:
    folder = start.resolve()
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)


def _is_inside(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder)
    except (OSError, RuntimeError):  # links in a circle
        return True


def _head_of(branch: str) -> str:
    """The commit of a branch in the repository of the current folder, as it was fetched last."""
    for prefix in ("refs/remotes/origin/", "refs/heads/"):
        try:
            done = subprocess.run(
                ["git", "rev-parse", "--verify", "--quiet", f"{prefix}{branch}^{{commit}}"],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=_GIT_SECONDS,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired):
            break
        if done.returncode == 0:
            return done.stdout.strip()
    raise ForgeError(
        msg("the branch {branch} is not in this repository", branch=branch),
        hint=msg("fetch or push it before"),
    )
