"""Absorbed drift as a branch of the repository. The working tree, the index and the current branch
stay as they are, no hook runs, and nothing is sent anywhere.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from reconciler.cli.repository.git import Git, GitFailed
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error

PREFIX = "reconciler/drift/"
"""The names of the branches begin with it."""

MARK = "Written-by: reconciler watch"
"""The line by which a commit is recognized as a former one, which may be replaced."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch with absorbed drift. `is_new` is whether this call made or changed it."""

    name: str
    commit: str
    is_new: bool


def name_of(title: str) -> str:
    """The branch of a stack's title: `reconciler/drift/shop.prod`."""
    return PREFIX + title.replace("/", ".")


def write(texts: Mapping[str, tuple[str, str]], title: str, message: str) -> Branch:
    """The branch with these texts, given by file as before and after, on top of the current commit.

    Stops if the files are in no repository, differ from the current commit, or the branch has a
    commit of somebody else.
    """
    files = {Path(file).resolve(): pair for file, pair in texts.items()}
    root = Path(_git(next(iter(files)).parent, "rev-parse", "--show-toplevel")).resolve()
    head = _git(root, "rev-parse", "--verify", "HEAD^{commit}")
    name = name_of(title)
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(root, "read-tree", head, environ=index)
        for file, (before, after) in sorted(files.items()):
            mode = _mode_of(root, head, file, before)
            blob = _git(root, "hash-object", "-w", "--no-filters", "--stdin", data=after)
            path = file.relative_to(root).as_posix()
            _git(root, "update-index", "--cacheinfo", f"{mode},{blob},{path}", environ=index)
        tree = _git(root, "write-tree", environ=index)
    old = _tip(root, name)
    _require_free(root, name)
    if old is not None:
        _require_ours(root, name, old)
        if _is_same(root, old, head, tree):
            return Branch(name, old, is_new=False)
    who = _identity(root)
    text = f"{message}\n\n{MARK}\n"
    commit = _git(root, "commit-tree", tree, "-p", head, data=text, environ=who)
    _git(root, "update-ref", f"refs/heads/{name}", commit, old or "")
    return Branch(name, commit, is_new=True)


def _mode_of(root: Path, head: str, file: Path, before: str) -> str:
    """The mode of a file in the current commit, which must have the text that was read."""
    if not file.is_relative_to(root):
        raise _refused(msg("{file} is not in the repository of the others", file=file.name))
    path = file.relative_to(root).as_posix()
    entry = _git(root, "ls-tree", "-z", head, "--", path)
    if not entry:
        raise _refused(msg("{file} is not in the current commit", file=path))
    mode, _, blob = entry.partition("\t")[0].split(" ")
    committed = _git(root, "cat-file", "blob", blob, strip=False).removeprefix("\ufeff")
    if committed != before:
        raise _refused(msg("{file} has changes that are not committed", file=path))
    return mode


def _tip(root: Path, name: str) -> str | None:
    found = _git(root, "for-each-ref", "--format=%(objectname)", f"refs/heads/{name}")
    return found or None


def _require_free(root: Path, name: str) -> None:
    """Stops if somebody has checked the branch out: it would move under their files."""
    lines = _git(root, "worktree", "list", "--porcelain").splitlines()
    if f"refs/heads/{name}" in {line.rpartition(" ")[2] for line in lines}:
        raise _refused(msg("the branch {name} is checked out", name=name))


def _require_ours(root: Path, name: str, commit: str) -> None:
    if MARK not in _git(root, "log", "-1", "--format=%B", commit):
        raise _refused(msg("the branch {name} has a commit of somebody else", name=name))


def _is_same(root: Path, commit: str, head: str, tree: str) -> bool:
    found = _git(root, "log", "-1", "--format=%P %T", commit).split()
    return found == [head, tree]


def _identity(root: Path) -> Mapping[str, str]:
    """Who commits: as Git is configured, else the program."""
    environ: dict[str, str] = {}
    for key, name in (("user.name", "NAME"), ("user.email", "EMAIL")):
        try:
            value = _git(root, "config", "--get", key)
        except Abort:
            value = ""
        if not value:
            value = "reconciler" if name == "NAME" else "reconciler@localhost"
            environ |= {f"GIT_AUTHOR_{name}": value, f"GIT_COMMITTER_{name}": value}
    return environ


def _refused(message: str) -> Abort:
    hint = msg("commit or discard what is open in the repository; nothing was written")
    return Abort(error("absorb", message, hint=hint))


def _git(
    folder: Path,
    *arguments: str,
    data: str | None = None,
    environ: Mapping[str, str] | None = None,
    strip: bool = True,
) -> str:
    """What Git prints. Stops if it fails."""
    try:
        given = None if data is None else data.encode()
        found = Git(folder).run(*arguments, data=given, environ=environ)
    except GitFailed as failure:
        if failure.exit_code is None:
            raise _refused(msg("git cannot be run: {reason}", reason=failure)) from None
        message = msg("git {command} failed: {reason}", command=arguments[0], reason=failure)
        raise _refused(message) from None
    text = found.decode("utf-8", errors="surrogateescape")
    return text.strip() if strip else text
