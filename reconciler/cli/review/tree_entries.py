"""The entries of a tree of Git, as far as a stack can read them: which files are written out, which
are left out, and which make the whole tree refused.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
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


_HARMFUL = re.compile(rb"(?:^|/)(?:|\.|\.\.|\.git)(?:/|$)", re.IGNORECASE)
"""A name that leads out of the folder, or into the repository's own."""

_ENDS = (b".yaml", b".yml", b".rego", b".json")


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
    left_out: dict[PurePosixPath, Kept] = {}
    blobs: dict[PurePosixPath, str] = {}
    for mode, blob, name in _listed(git, tree):
        reason, is_wanted = _not_plain(name), is_read(name)
        if reason is not None and is_wanted:
            raise refused(reason)
        path = PurePosixPath(name)
        if mode.startswith(_ORDINARY):
            blobs[path] = blob
        elif reason is None:  # else no stack can name it
            left_out[path] = Kept.SUBMODULE if mode == _SUBMODULE else Kept.LINK
        if len(blobs) + len(left_out) > FILES_MAX:
            raise refused(msg("it has more than {limit} YAML files and links", limit=FILES_MAX))
    require_distinct({*blobs, *left_out})
    sizes = _sizes(git, blobs)
    left_out |= {path: Kept.TOO_LARGE for path in blobs if sizes[path] > FILE_BYTES_MAX}
    files = {
        path: TreeFile(path, blob, sizes[path])
        for path, blob in blobs.items()
        if path not in left_out
    }
    if sum(file.size for file in files.values()) > TREE_BYTES_MAX:
        raise refused(msg("its YAML files are larger than 64 MiB together"))
    return TreeEntries(files, left_out)


def _sizes(git: Git, blobs: Mapping[PurePosixPath, str]) -> Mapping[PurePosixPath, int]:
    """The sizes of files in bytes."""
    given = "".join(f"{blob}\n" for blob in blobs.values()).encode("ascii")
    form = "--batch-check=%(objectsize)"
    try:
        found = git.run("cat-file", form, "--buffer", data=given).split(b"\n")
    except GitFailed as failure:
        raise failed("cat-file", failure) from failure
    if not all(map(bytes.isdigit, found[: len(blobs)])):
        raise missing_objects()
    return dict(zip(blobs, map(int, found[: len(blobs)]), strict=True))


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


def _listed(git: Git, tree: str) -> Iterator[tuple[str, str, str]]:
    """Mode, id and name of each entry that is not a folder, without the ordinary files that no
    stack reads.
    """
    count = 0
    try:
        with git.stream("ls-tree", "-r", "-z", "--full-tree", tree) as out:
            for record in _records(out):
                count += 1
                head, _, name = record.partition(b"\t")
                if _HARMFUL.search(name) is not None:
                    raise refused(_harm(os.fsdecode(name)))
                if count > ENTRIES_MAX:
                    raise refused(msg("it has more than {limit} files", limit=ENTRIES_MAX))
                if name.endswith(_ENDS) or not head.startswith(_ORDINARY.encode()):
                    mode, _, blob = head.decode("ascii").split()
                    text = os.fsdecode(name)
                    if is_read(text) or not mode.startswith(_ORDINARY):
                        yield mode, blob, text
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


def _harm(name: str) -> str:
    """Why a tree with such a name is refused, as Git would not check it out."""
    shown = ascii(name[:200])
    if ".git" in name.lower().split("/"):
        return msg("{name} would change the repository itself", name=shown)
    return msg("{name} leads out of the repository", name=shown)


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
