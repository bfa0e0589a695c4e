"""The entries of a tree of Git, as far as a stack can read them: which files are written out, which
are left out, and which make the whole tree refused.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Iterator
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import IO

from reconciler.cli.repository.git import Git, GitFailed
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config import stack_folder
from reconciler.config.project.location import PROJECT_FILE
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error

FILES_MAX = 10_000
"""How many files are written out."""

FILE_BYTES_MAX = 1024 * 1024
"""The maximum size of a file that is written out."""

TREE_BYTES_MAX = 64 * 1024 * 1024
"""The maximum size of all files that are written out."""

ENTRIES_MAX = 300_000
"""How many entries a tree has at most, with those that no stack reads."""

_LIST_BYTES_MAX = 64 * 1024 * 1024
_DEPTH_MAX = 32
_PATH_BYTES_MAX = 1000
_PART_BYTES = 1024 * 1024
_ORDINARY, _SUBMODULE = "100", "160000"
"""How the modes of ordinary files begin, and the mode of a submodule."""

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Characters that a name must not have: they separate folders on another system, or change how the
name is shown.
"""


class Kept(Enum):
    """Why a file or folder is not written out."""

    LINK = "link"
    SUBMODULE = "submodule"
    TOO_LARGE = "too large"
    RULES = "rules of the base"


@dataclass(frozen=True, slots=True)
class TreeFile:
    """An ordinary file of a tree. `size` is in bytes."""

    path: PurePosixPath
    blob: str
    size: int


@dataclass(frozen=True, slots=True)
class TreeEntries:
    """What is written out of a tree, and what is not, by path."""

    files: dict[PurePosixPath, TreeFile]
    left_out: dict[PurePosixPath, Kept]


def entries(git: Git, tree: str) -> TreeEntries:
    """The files of a tree that a stack can read, and what is left out. Raises `Abort` if the tree
    is too large, or has a name that must not be written.
    """
    files: dict[PurePosixPath, TreeFile] = {}
    left_out: dict[PurePosixPath, Kept] = {}
    total = 0
    for mode, blob, size, name in _listed(git, tree):
        _require_harmless(name)
        is_ordinary = mode.startswith(_ORDINARY)
        if is_ordinary and not is_read(name):
            continue
        reason = _not_plain(name)
        if reason is not None and is_read(name):
            raise refused(reason)
        path = PurePosixPath(name)
        if not is_ordinary:
            if reason is None:  # else no stack can name it
                left_out[path] = Kept.SUBMODULE if mode == _SUBMODULE else Kept.LINK
        elif not size.isdecimal():
            raise missing_objects()
        elif int(size) > FILE_BYTES_MAX:
            left_out[path] = Kept.TOO_LARGE
        else:
            files[path] = TreeFile(path, blob, int(size))
            total += int(size)
        if len(files) + len(left_out) > FILES_MAX:
            raise refused(msg("it has more than {limit} YAML files and links", limit=FILES_MAX))
        if total > TREE_BYTES_MAX:
            raise refused(msg("its YAML files are larger than 64 MiB together"))
    require_distinct({*files, *left_out})
    return TreeEntries(files, left_out)


def is_read(name: str) -> bool:
    """Whether a stack, a component, a project or a policy can be in a file of that name."""
    last = name.rpartition("/")[2]
    return last.endswith((".yaml", ".yml", ".rego")) or stack_folder.is_auto(Path(last))


def is_project_file(path: PurePosixPath) -> bool:
    """Whether a file would be read as that of a project, also where case does not count."""
    return unicodedata.normalize("NFC", path.name).casefold() == PROJECT_FILE


def missing_objects() -> Abort:
    """The problem that a commit or file is not in this copy of the repository."""
    message = msg("a commit or file of the pull request is not in this copy of the repository")
    return Abort(error("pull-request", message, hint=_whole_history()))


def _whole_history() -> str:
    return msg("check out the whole history, without a filter (fetch-depth: 0)")


def refused(reason: str) -> Abort:
    """The problem that the files of a pull request are not read, because of a reason."""
    message = msg("the files of the pull request are not read: {reason}", reason=reason)
    return Abort(error("pull-request", message))


def _listed(git: Git, tree: str) -> Iterator[tuple[str, str, str, str]]:
    """Mode, id, size and name of each entry that is not a folder."""
    count = 0
    try:
        with git.stream("ls-tree", "-r", "-z", "-l", "--full-tree", tree) as out:
            for record in _records(out):
                count += 1
                if count > ENTRIES_MAX:
                    raise refused(msg("it has more than {limit} files", limit=ENTRIES_MAX))
                head, _, name = record.partition(b"\t")
                mode, _, blob, size = head.decode("ascii").split()
                yield mode, blob, size, os.fsdecode(name)
    except GitFailed as failure:
        raise failed("ls-tree", failure) from failure


def failed(command: str, failure: GitFailed) -> Abort:
    """The problem that a command of Git failed."""
    message = msg("git {command} failed: {reason}", command=command, reason=failure)
    return Abort(error("pull-request", message, hint=_whole_history()))


def _records(out: IO[bytes]) -> Iterator[bytes]:
    rest, size = b"", 0
    while part := out.read(_PART_BYTES):
        size += len(part)
        if size > _LIST_BYTES_MAX:
            raise refused(msg("the names of its files are longer than 64 MiB together"))
        *whole, rest = (rest + part).split(b"\0")
        yield from whole


def _require_harmless(name: str) -> None:
    """Refuses what Git itself would not check out."""
    parts = name.split("/")
    if name.startswith("/") or not {"", ".", ".."}.isdisjoint(parts):
        raise refused(msg("{name} leads out of the repository", name=ascii(name[:200])))
    if ".git" in name.lower() and any(part.lower() == ".git" for part in parts):
        raise refused(msg("{name} would change the repository itself", name=ascii(name[:200])))


def _not_plain(name: str) -> str | None:
    """Why a file of that name is not written, or None."""
    shown = ascii(name[:200])
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return msg("the name {name} is not UTF-8", name=shown)
    if _FORBIDDEN.search(name) is not None:
        return msg("the name {name} has a character that is not allowed", name=shown)
    if name.count("/") >= _DEPTH_MAX or length > _PATH_BYTES_MAX:
        return msg("{name} is in more than {limit} folders", name=shown, limit=_DEPTH_MAX)
    return None


def require_distinct(files: Collection[PurePosixPath]) -> None:
    """Refuses names that are one where case does not count, and a file that is also a folder."""
    known: dict[str, PurePosixPath] = {}
    for path in files:
        for each in (path, *path.parents[:-1]):
            first = known.setdefault(unicodedata.normalize("NFC", str(each)).casefold(), each)
            if first != each or (each != path and each in files):
                names = {"one": ascii(str(first)), "other": ascii(str(each))}
                raise refused(msg("{one} and {other} cannot both be written", **names))
