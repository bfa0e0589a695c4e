"""The files of a stack: one file, or the `*.yaml` files of a folder. A file that may belong to the
stack but is not read is reported.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from reconciler.common import paths
from reconciler.common.text import msg
from reconciler.model.diagnostics import Place, Problem, error

SUFFIX = ".yaml"
_ALIKE = frozenset({".yaml", ".yml"})

_FORM = msg("a stack is one YAML file, or a folder of *.yaml files")


class Files(NamedTuple):
    """The files of a stack, sorted. `alike` are other YAML files of the folder, which are not read
    (`common.yml`).
    """

    read: tuple[Path, ...] = ()
    alike: tuple[Path, ...] = ()


def files(path: Path, problems: list[Problem]) -> Files:
    """The files of the stack at a path. Reports a path without a stack, and a file of the folder
    that cannot be read.
    """
    try:
        if path.is_dir():
            return _in_folder(path, problems)
        if path.is_file():
            return Files((path,) if _stays(path, problems) else ())
        if path.exists():
            problems.append(
                missing(path, msg("{path} is neither a file nor a folder", path=path), None)
            )
        elif path.is_symlink():
            problems.append(_broken(path))
        else:
            problems.append(
                missing(
                    path,
                    msg("{path} does not exist", path=path),
                    msg("name the stack's file or folder"),
                )
            )
    except (OSError, ValueError) as failure:
        problems.append(
            missing(
                path,
                msg("{path} cannot be read: {reason}", path=path, reason=reason(failure)),
                None,
            )
        )
    return Files()


def _in_folder(folder: Path, problems: list[Problem]) -> Files:
    read: list[Path] = []
    alike: list[Path] = []
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in _ALIKE or file.name.startswith(".") or file.is_dir():
            continue
        if file.is_file():
            (read if file.suffix == SUFFIX else alike).append(file)
        elif file.is_symlink() and not file.exists():
            problems.append(_broken(file))
        else:
            problems.append(
                missing(
                    file,
                    msg("{file} is not a regular file", file=file),
                    msg("replace it with a file, or move it out of the folder"),
                )
            )
    if not read and not problems:
        problems.append(
            missing(
                folder,
                msg("{folder} contains no *.yaml file", folder=folder),
                _renaming(alike[0]) if alike else _FORM,
            )
        )
    return Files(tuple(file for file in read if _stays(file, problems)), tuple(alike))


def _stays(file: Path, problems: list[Problem]) -> bool:
    """Whether a file is not a link to a place outside the repository, which messages would quote."""
    if not file.is_symlink() or not paths.leaves_repository(file, file.parent):
        return True
    problems.append(
        missing(
            file,
            msg("{file} is not read: it is a link to a file outside the repository", file=file),
            msg("replace the link with the file itself"),
        )
    )
    return False


def unread(file: Path) -> Problem:
    """The problem that a file of the folder contains part of the stack but is not read."""
    return missing(
        file,
        msg(
            "{file} contains part of a stack, but only *.yaml files of the folder are read",
            file=file,
        ),
        _renaming(file),
    )


def _renaming(file: Path) -> str:
    return msg(
        "rename {old} to {new}, or move it out of the folder",
        old=file.name,
        new=f"{file.stem}{SUFFIX}",
    )


def _broken(link: Path) -> Problem:
    return missing(
        link,
        msg(
            "{link} is a link to {target}, which does not exist", link=link, target=link.readlink()
        ),
        msg("restore the target, or delete the link"),
    )


def missing(path: Path, message: str, hint: str | None) -> Problem:
    """The problem that a file or folder does not exist or cannot be read."""
    return error("file-missing", message, place=Place(str(path), 1, 1), hint=hint)


def reason(failure: Exception) -> str:
    """The reason that the system gave."""
    return failure.strerror if isinstance(failure, OSError) and failure.strerror else str(failure)
