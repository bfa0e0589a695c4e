"""Which files changed since a commit, as Git shows it (commands#several-stacks)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error

_SECONDS_MAX = 60
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
"""A repository may name a program that watches its files: it is not started."""


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
    differing = git.run(
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
    """Git in one folder."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = {**environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}

    def run(self, *arguments: str) -> bytes:
        """What a command prints. Raises `Abort` if it fails."""
        done = self._done(arguments)
        if done.returncode:
            raise _stop(
                msg("git cannot list the changed files: {reason}", reason=_reason(done)),
                msg("run the command inside the repository, or name the stacks"),
            )
        return done.stdout

    def commit(self, revision: str) -> str:
        """The id of the commit that a revision names."""
        done = self._done(
            ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        )
        if done.returncode:
            raise _stop(
                msg("--changed-since: there is no commit {revision}", revision=revision),
                msg("fetch it first; in CI, check out the whole history (fetch-depth: 0)"),
            )
        return os.fsdecode(done.stdout.strip())

    def base(self, commit: str, revision: str) -> str:
        """The commit where the current branch left another one."""
        done = self._done(("merge-base", commit, "HEAD"))
        if done.returncode:
            raise _stop(
                msg(
                    "--changed-since: {revision} and the current commit have no common commit",
                    revision=revision,
                ),
                msg("fetch the history; in CI, check out the whole of it (fetch-depth: 0)"),
            )
        return os.fsdecode(done.stdout.strip())

    def _done(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                ["git", *_SAFE, *arguments],
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS_MAX,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as failure:
            raise _stop(
                msg("git cannot be run: {reason}", reason=failure),
                msg("install git, or name the stacks"),
            ) from failure


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else msg("exit code {code}", code=done.returncode)


def _stop(message: str, hint: str | None = None) -> Abort:
    problem: Problem = error("usage", message, hint=hint)
    return Abort(problem)
