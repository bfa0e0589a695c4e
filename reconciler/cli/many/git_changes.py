"""Which files changed since a commit, as Git shows it (commands#several-stacks)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import copy
from pathlib import Path

from reconciler.cli.repository.git import Git, GitFailed
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error


def changed_since(revision: str, folder: Path, environ: Mapping[str, str]) -> frozenset[Path]:
    """The absolute paths of all files that differ from the commit where this branch left
    `revision`: committed, uncommitted and new ones. Raises `Abort` if Git cannot tell.
    """
    if not revision or revision.startswith("-"):
        raise _stop(msg("--changed-since needs a commit, not {text!r}", text=revision))
    git = _Git(folder, environ)
    root = Path(os.fsdecode(git.run("rev-parse", "--show-toplevel").rstrip(b"\n")))
    commit = git.commit(revision)
    base = git.base(commit, revision)
    differing = git.without_filters().run(
        *("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"),
        *(base, "--", str(root)),
    )
    new = git.run(
        "ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", str(root)
    )
    names = [*differing.split(b"\0"), *new.split(b"\0")]
    return frozenset(root / os.fsdecode(name) for name in names if name)


def branches(folder: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The branches and tags that a commit can be named by. Raises `Abort` if Git cannot tell."""
    form = "--format=%(refname:short)"
    found = _Git(folder, environ).run(
        "for-each-ref", form, "refs/heads", "refs/remotes", "refs/tags"
    )
    return tuple(os.fsdecode(found).split())


class _Git:
    """Git in one folder, with the errors of `--changed-since`."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._git = Git(folder, environ)

    def run(self, *arguments: str) -> bytes:
        """What a command prints. Raises `Abort` if it fails."""
        try:
            return self._git.run(*arguments)
        except GitFailed as failure:
            if failure.exit_code is None:
                raise _not_run(failure) from failure
            raise _stop(
                msg("git cannot list the changed files: {reason}", reason=failure),
                msg("run the command inside the repository, or name the stacks"),
            ) from failure

    def without_filters(self) -> _Git:
        """The same for a command that reads files of the working tree."""
        other = copy(self)
        try:
            other._git = self._git.without_filters()
        except GitFailed as failure:
            raise _not_run(failure) from failure
        return other

    def commit(self, revision: str) -> str:
        """The id of the commit that a revision names."""
        try:
            found = self._git.run(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
            )
        except GitFailed as failure:
            if failure.exit_code is None:
                raise _not_run(failure) from failure
            raise _stop(
                msg("--changed-since: there is no commit {revision}", revision=revision),
                msg("fetch it first; in CI, check out the whole history (fetch-depth: 0)"),
            ) from failure
        return os.fsdecode(found.strip())

    def base(self, commit: str, revision: str) -> str:
        """The commit where the current branch left another one."""
        try:
            return os.fsdecode(self._git.run("merge-base", commit, "HEAD").strip())
        except GitFailed as failure:
            if failure.exit_code is None:
                raise _not_run(failure) from failure
            raise _stop(
                msg(
                    "--changed-since: {revision} and the current commit have no common commit",
                    revision=revision,
                ),
                msg("fetch the history; in CI, check out the whole of it (fetch-depth: 0)"),
            ) from failure


def _not_run(failure: GitFailed) -> Abort:
    return _stop(
        msg("git cannot be run: {reason}", reason=failure),
        msg("install git, or name the stacks"),
    )


def _stop(message: str, hint: str | None = None) -> Abort:
    problem: Problem = error("usage", message, hint=hint)
    return Abort(problem)
