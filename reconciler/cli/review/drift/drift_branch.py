"""The drift of a stack as a branch at the remote repository: found there, written and pushed. Only
a branch of our own name whose last commit is our own is ever replaced.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from reconciler.cli.repository.git import Git, GitFailed
from reconciler.cli.watching import branch as branches
from reconciler.cli.watching.branch import Branch
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error

_PROTOCOLS = tuple(
    part
    for protocol in ("https", "http", "ssh", "file")
    for part in ("-c", f"protocol.{protocol}.allow=always")
)
_CONNECTION = (
    "GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT",
    "GIT_SSL_KEY", "GIT_SSL_NO_VERIFY", "GIT_PROXY_SSL_CAINFO", "GIT_HTTP_USER_AGENT",
)  # fmt: skip
"""The variables of Git that say how a remote repository is reached."""

_USER_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")


@dataclass(frozen=True, slots=True)
class RemoteBranches:
    """The branches with drift at a remote repository. `folder` is in the checkout."""

    folder: Path
    remote: str
    environ: Mapping[str, str]

    def url(self) -> str | None:
        """The URL of the remote repository, or None if the folder is in no repository or has no
        such remote.
        """
        try:
            return self._run("remote", "get-url", self.remote).strip()
        except Abort:
            return None

    def tip(self, name: str) -> str | None:
        """The last commit of a branch there, which is then known here too; None if there is no such
        branch. Raises `Abort`.
        """
        found = self._run("ls-remote", self.remote, f"refs/heads/{name}").split()
        if not found:
            return None
        self._run("fetch", "--no-tags", "--no-write-fetch-head", self.remote, f"refs/heads/{name}")
        return found[0]

    def is_own(self, commit: str) -> bool:
        """Whether reconciler wrote a commit."""
        return branches.MARK in self._run("log", "-1", "--format=%B", commit).splitlines()

    def put(self, texts: Mapping[str, tuple[str, str]], title: str, message: str) -> Branch:
        """The branch with these texts, given by file as before and after. If it has the same change
        already, nothing is written. Raises `Abort`.
        """
        name = branches.name_of(title)
        tip = self.tip(name)
        if tip is not None and not self.is_own(tip):
            raise _refused(msg("the branch {name} has a commit of somebody else", name=name))
        if tip is not None and self._has(tip, texts):
            return Branch(name, tip, is_new=False)
        made = branches.write(texts, title, message)
        self._run(
            "push",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
            f"--force-with-lease=refs/heads/{name}:{tip or ''}",
            self.remote,
            f"{made.commit}:refs/heads/{name}",
        )
        return Branch(name, made.commit, is_new=True)

    def _has(self, tip: str, texts: Mapping[str, tuple[str, str]]) -> bool:
        """Whether a commit changes exactly these files in exactly this way."""
        root = Path(self._run("rev-parse", "--show-toplevel").removesuffix("\n")).resolve()
        files = {
            Path(file).resolve().relative_to(root).as_posix(): pair for file, pair in texts.items()
        }
        changed = self._run("diff-tree", "-r", "-z", "--no-commit-id", "--name-only", tip)
        if set(filter(None, changed.split("\0"))) != files.keys():
            return False
        return all(
            self._text(f"{tip}^", path) == before and self._text(tip, path) == after
            for path, (before, after) in files.items()
        )

    def _text(self, commit: str, path: str) -> str:
        return self._run("cat-file", "blob", f"{commit}:{path}").removeprefix("\ufeff")

    def _run(self, *arguments: str) -> str:
        connection = {name: self.environ[name] for name in _CONNECTION if name in self.environ}
        git = Git(self.folder, self.environ)
        try:
            return os.fsdecode(git.run(*_PROTOCOLS, *arguments, environ=connection))
        except GitFailed as failure:
            reason = _USER_IN_URL.sub("", str(failure))
            message = msg("git {command} failed: {reason}", command=arguments[0], reason=reason)
            raise _refused(message) from None


def _refused(message: str) -> Abort:
    hint = msg("check that the job may write branches; the drift is reported in an issue instead")
    return Abort(error("absorb", message, hint=hint))
