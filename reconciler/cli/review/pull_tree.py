"""The files of a pull request as a folder that is safe to read.

The tree is the merge of the pull request into its base, made by Git without a working tree. Only
ordinary files that a stack can read are written out. The rules, which are the file of the project
and its policies, are those of the base.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from reconciler.cli.repository.git import Git, GitFailed
from reconciler.cli.review import base_rules, tree_entries
from reconciler.cli.review.tree_entries import Kept, TreeFile
from reconciler.common.dataclass import dataclass
from reconciler.common.text import first_few, msg
from reconciler.config import stack_folder
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_FILES_LISTED_MAX = 5
_SETTINGS = {
    40: "[core]\nrepositoryformatversion = 0\nbare = true\n",
    64: "[core]\nrepositoryformatversion = 1\nbare = true\n[extensions]\nobjectformat = sha256\n",
}
"""The settings of a repository without any, by the length of its ids."""

OWN_BYTES_MAX = 8 * 1024 * 1024
"""The maximum size of all files that a pull request changes or adds."""

OWN_VALUES_MAX = 60_000
"""How many values these files may have, at an estimate."""

_TOO_LARGE = b"# this file is left out, because it is too large for a pull request\n"

_BEFORE_VALUES = (b",", b":", b"\n", b"\r", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")
"""What is before each value of a YAML text: a comma, a colon or the end of a line."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of Git in a repository, by its id. `base` is the commit that it is compared with."""

    repository: Path
    id: str
    base: str


@dataclass(frozen=True, slots=True)
class WrittenTree:
    """A tree that was written to a folder. `changed` are the absolute paths of the files that
    differ from the base, without the rules, which are the base's. `left_out` are the absolute paths
    that were not written. `rules_changed` is whether the tree has other rules than the base, apart
    from new stacks.
    """

    folder: Path
    changed: frozenset[Path]
    left_out: Mapping[Path, Kept]
    rules_changed: bool


def commit_of(repository: Path, revision: str) -> str:
    """The id of the commit that a branch, tag or id names. Raises `Abort` if there is none."""
    git = Git(repository)
    try:
        found = git.run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
    except (GitFailed, ValueError) as failure:
        message = msg("there is no commit {revision}", revision=revision)
        hint = msg("fetch it first; in CI, check out the whole history (fetch-depth: 0)")
        raise Abort(error("pull-request", message, hint=hint)) from failure
    return os.fsdecode(found.strip())


def merged(repository: Path, base_commit: str, head_commit: str) -> Tree:
    """The merge of a pull request's head into the tip of its base. Both are full ids of commits.
    Raises `Abort` if they conflict or are not in the repository, and as `tree_entries.entries`.
    """
    git = Git(repository)
    _require_ids(base_commit, head_commit)
    tree_entries.entries(git, head_commit)  # its size is checked before Git merges it
    try:
        git.run("merge-base", base_commit, head_commit)
    except GitFailed as failure:
        raise tree_entries.missing_objects() from failure
    try:
        with _bare(git, base_commit) as (option, environ):
            out = git.run(
                option,
                *("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"),
                *(base_commit, head_commit),
                environ=environ,
                accepted=frozenset({0, 1}),
            )
    except GitFailed as failure:
        raise tree_entries.failed("merge-tree", failure) from failure
    tree, *files = (os.fsdecode(part) for part in out.split(b"\0") if part)
    if files:
        raise _conflict(files)
    return Tree(repository, tree.strip(), base_commit)


def tree_of(repository: Path, commit: str, base_commit: str) -> Tree:
    """The tree of a commit, to be compared with another one. Both are full ids."""
    _require_ids(commit, base_commit)
    try:
        found = Git(repository).run("rev-parse", "--verify", f"{commit}^{{tree}}")
    except GitFailed as failure:
        raise tree_entries.missing_objects() from failure
    return Tree(repository, os.fsdecode(found.strip()), base_commit)


def changed(tree: Tree, base: str) -> frozenset[Path]:
    """The paths of the files that differ between a tree and a commit, relative to the root of the
    repository.
    """
    _require_ids(base)
    try:
        out = Git(tree.repository).run(
            *("diff-tree", "-r", "-z", "--name-only", "--no-renames"),
            *("--no-ext-diff", "--no-textconv", base, tree.id, "--"),
        )
    except GitFailed as failure:
        raise tree_entries.failed("diff-tree", failure) from failure
    return frozenset(Path(os.fsdecode(name)) for name in out.split(b"\0") if name)


def write_out(tree: Tree, rules_commit: str, folder: Path) -> WrittenTree:
    """Writes the files of a tree that stacks can read to an empty folder, with the rules of a
    commit, which is that of the base. Raises `Abort` if the tree must not be written, before
    anything is.

    Of the tree's own rules only new entries of `stacks:` are taken. The folder gets an empty
    `.git`, so that nothing outside of it is read.
    """
    _require_ids(rules_commit)
    git = Git(tree.repository)
    found, base = tree_entries.entries(git, tree.id), tree_entries.entries(git, rules_commit)
    names = base_rules.project_files(base)
    rules = base_rules.rules(
        base,
        found,
        _texts(git, (base.files[path] for path in names if path in base.files)),
        _texts(git, (found.files[path] for path in names if path in found.files)),
    )
    files = {path: file for path, file in found.files.items() if path not in rules.others}
    left_out = {path: kept for path, kept in found.left_out.items() if path not in rules.others}
    tree_entries.require_distinct({*files, *rules.texts, *rules.policies, *left_out})
    (folder / ".git").mkdir()
    for path, data in rules.texts.items():
        _write(folder, path, data)
    known = [file for path, file in files.items() if file == base.files.get(path)]
    for path, data in _blobs(git, (*known, *rules.policies.values())):
        _write(folder, path, data)
    own = sorted(set(files.values()) - {*known}, key=lambda file: file.size)
    left_out |= _write_own(folder, _blobs(git, own))
    for path, kept in left_out.items():
        _stand_in(folder, path, kept)
    left_out |= {path: Kept.RULES for path in rules.others if path not in base.files}
    return WrittenTree(
        folder,
        _changed_in(folder, tree, rules_commit, rules),
        {folder / path: kept for path, kept in left_out.items()},
        rules.has_changed,
    )


def _write_own(
    folder: Path, blobs: Iterable[tuple[PurePosixPath, bytes]]
) -> dict[PurePosixPath, Kept]:
    """Writes the files of the pull request itself, the small ones first. What together is more than
    it takes a moment to read is left out.
    """
    size = values = 0
    left_out = {}
    for path, data in blobs:
        size += len(data)
        values += 1 + sum(map(data.count, _BEFORE_VALUES))
        if size > OWN_BYTES_MAX or values > OWN_VALUES_MAX:
            left_out[path] = Kept.TOO_LARGE
        else:
            _write(folder, path, data)
    return left_out


def _stand_in(folder: Path, path: PurePosixPath, kept: Kept) -> None:
    """Puts something in the place of what is not written that no stack can be loaded with: an empty
    file that is too large to be read, or else a named pipe, because nothing but an ordinary file is
    read. A stack would miss its part silently otherwise.
    """
    file = folder / path
    if kept is Kept.TOO_LARGE:
        _write(folder, path, _TOO_LARGE)
        os.truncate(file, stack_folder.FILE_BYTES_MAX + 1)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(file, 0o600)


def _changed_in(
    folder: Path, tree: Tree, rules_commit: str, rules: base_rules.BaseRules
) -> frozenset[Path]:
    names = {PurePosixPath(path) for path in changed(tree, rules_commit)}
    return frozenset(folder / path for path in (names - rules.others) | rules.new)


def _texts(git: Git, files: Iterable[TreeFile]) -> dict[PurePosixPath, bytes]:
    return dict(_blobs(git, tuple(files)))


def _blobs(git: Git, files: Sequence[TreeFile]) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The content of files, read by one command."""
    if not files:
        return
    with tempfile.TemporaryFile() as given:
        given.write("".join(f"{file.blob}\n" for file in files).encode("ascii"))
        given.seek(0)
        try:
            with git.stream("cat-file", "--batch", "--buffer", given=given) as out:
                for file in files:
                    head = out.readline(200).split()
                    if head[1:] != [b"blob", str(file.size).encode()]:
                        raise tree_entries.missing_objects()
                    data = out.read(file.size + 1)[: file.size]
                    if len(data) != file.size:
                        raise tree_entries.missing_objects()
                    yield file.path, data
        except GitFailed as failure:
            raise tree_entries.failed("cat-file", failure) from failure


def _write(folder: Path, path: PurePosixPath, data: bytes) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags, 0o600), "wb") as out:
        out.write(data)


def _require_ids(*commits: str) -> None:
    for commit in commits:
        if _COMMIT.fullmatch(commit) is None:
            message = msg("{text} is not the full id of a commit", text=ascii(commit[:80]))
            raise Abort(error("pull-request", message))


@contextmanager
def _bare(git: Git, commit: str) -> Iterator[tuple[str, dict[str, str]]]:
    """An option and variables by which Git sees the objects of a repository, and nothing else of
    it: no settings and no attributes, which could name programs for a merge.
    """
    found = git.run(
        *("rev-parse", "--path-format=absolute", "--git-path", "objects", "--git-path", "shallow")
    )
    objects, shallow = os.fsdecode(found).splitlines()
    environ = {"GIT_OBJECT_DIRECTORY": objects}
    if Path(shallow).exists():
        environ["GIT_SHALLOW_FILE"] = shallow
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        for name in ("objects", "refs"):
            (Path(folder) / name).mkdir()
        (Path(folder) / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
        (Path(folder) / "config").write_text(_SETTINGS[len(commit)], encoding="ascii")
        yield f"--git-dir={folder}", environ


def _conflict(files: list[str]) -> Abort:
    names = first_few([ascii(name)[1:-1] for name in files], _FILES_LISTED_MAX)
    message = msg("the pull request conflicts with its base: {files}", files=names)
    hint = msg("merge the base into the branch of the pull request, and resolve the conflicts")
    return Abort(error("pull-request", message, hint=hint))
