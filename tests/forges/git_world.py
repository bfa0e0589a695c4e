"""A world whose commits are those of a real repository: a pull request's head is the tip of its
branch, and a merge is a merge.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from reconciler.model.ports.forge_ports import PullState
from tests.forges.forge_world import PROJECT, START, ForgeWorld, PullRecord, Refused, Why

_PERSON = {
    "GIT_AUTHOR_NAME": "Forge",
    "GIT_AUTHOR_EMAIL": "forge@forge.example",
    "GIT_COMMITTER_NAME": "Forge",
    "GIT_COMMITTER_EMAIL": "forge@forge.example",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class GitWorld(ForgeWorld):
    """A world over a repository, which people push to. What they pushed is seen when a pull request
    is read.
    """

    def __init__(self, repository: Path, project: str = PROJECT, *, start: float = START) -> None:
        super().__init__(project, start=start)
        self.repository = repository

    def git(self, *arguments: str) -> str:
        """What a command of Git prints. Raises `Refused` if it fails."""
        ended = subprocess.run(
            ["git", "-C", str(self.repository), *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **_PERSON},
            check=False,
        )
        if ended.returncode != 0:
            raise Refused(Why.INVALID, ended.stderr.strip() or ended.stdout.strip())
        return ended.stdout.strip()

    def tip(self, branch: str) -> str:
        """The commit of a branch. Raises `Refused` if there is none."""
        return self.git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")

    def pull(self, number: int) -> PullRecord:
        with self.lock:
            self._renew()
            return super().pull(number)

    def all_pulls(self) -> list[PullRecord]:
        with self.lock:
            self._renew()
            return super().all_pulls()

    def merge(self, number: int) -> str:
        """Merges by a merge commit. Raises `Refused` if there is a conflict."""
        with self.lock:
            record = self.pull(number)
            base = self.tip(record.base)
            tree = self.git("merge-tree", "--write-tree", base, record.head)
            message = f"Merge pull request #{number}: {record.title}"
            made = self.git("commit-tree", tree, "-p", base, "-p", record.head, "-m", message)
            self.git("update-ref", f"refs/heads/{record.base}", made, base)
            super().merge(number)
            record.merged_as = made
            return made

    def push(self, number: int) -> str:
        raise NotImplementedError("push to the repository")

    def head_of(self, branch: str) -> str:
        return self.tip(branch)

    def _renew(self) -> None:
        """Sees what was pushed. A branch that was deleted keeps its last commit."""
        for record in self.pulls.values():
            if record.state is PullState.OPEN and not record.is_fork:
                try:
                    head = self.tip(record.branch)
                except Refused:
                    continue
                if head != record.head:
                    record.head, record.updated = head, self.now
