"""A repository of Git in a temporary folder, for tests of pull requests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

RULES = """\
version: 1
project: acme
policies: [policies/*.yaml]
stacks:
  shop: {path: shop}
"""
SHOP = "version: 1\nstack: shop\n"
POLICY = "policies:\n  - {name: few, deny: plan.changes.size() > 50}\n"
BASE = {"reconciler.yaml": RULES, "policies/few.yaml": POLICY, "shop/stack.yaml": SHOP}


class Repository:
    """A repository whose first commit is the base; `branch` makes the commit of a pull request."""

    def __init__(self, folder: Path, files: Mapping[str, str | bytes] = BASE) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        self.base = self.commit(files)

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        """What a command prints."""
        environ = {name: text for name, text in os.environ.items() if name[:4] != "GIT_"}
        for part in ("AUTHOR", "COMMITTER"):
            environ |= {f"GIT_{part}_NAME": "Kim", f"GIT_{part}_EMAIL": "kim@example.com"}
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            input=data,
            capture_output=True,
            check=True,
            env=environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        )
        return os.fsdecode(done.stdout).strip()

    def commit(self, files: Mapping[str, str | bytes | None]) -> str:
        """A commit on the current branch with these texts; None removes a file."""
        for name, text in files.items():
            file = self.folder / name
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", "Change")
        return self.git("rev-parse", "HEAD")

    def branch(self, files: Mapping[str, str | bytes | None]) -> str:
        """A commit on a new branch from the base. The base is checked out afterwards."""
        self.git("checkout", "-q", "--detach", self.base)
        commit = self.commit(files)
        self.git("checkout", "-q", "-f", "main")
        return commit
