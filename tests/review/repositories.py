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
POLICY = "- {name: few, deny: plan.changes.size() > 50, say: too many}\n"
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

    def blob(self, text: str) -> str:
        """The id of a blob with that text."""
        data = text.encode("utf-8", "surrogateescape")
        return self.git("hash-object", "-w", "--stdin", data=data)

    def tree(self, entries: Mapping[str, tuple[str, str]], *, blobs: bool = False) -> str:
        """The id of a tree. Each entry has its mode and its text; for a folder the id of a tree,
        and with `blobs` the id of a blob.
        """
        kinds = {"040000": "tree", "160000": "commit"}
        lines = []
        for name, (mode, text) in entries.items():
            kind = kinds.get(mode, "blob")
            id = text if kind == "tree" or blobs else self.blob(text)
            id = self.base if kind == "commit" else id
            lines.append(f"{mode} {kind} {id}\t{name}\0")
        return self.git("mktree", "-z", data="".join(lines).encode("utf-8", "surrogateescape"))

    def committed(self, entries: Mapping[str, tuple[str, str]]) -> str:
        """A commit on the base with further entries in its root, which Git does not check."""
        base = self.git("ls-tree", "-z", self.base)
        fields = (line.partition("\t") for line in base.split("\0") if line)
        root = {name: (head.split()[0], head.split()[2]) for head, _, name in fields}
        tree = self.tree({**root, **entries}, blobs=True)
        return self.git("commit-tree", tree, "-p", self.base, "-m", "Change")

    def planted(
        self,
        entries: Mapping[str, tuple[str, str]],
        files: Mapping[str, str | bytes | None] | None = None,
    ) -> str:
        """A commit on the base with files, and with entries of any mode and name."""
        parent = self.branch(files or {})
        self.git("read-tree", parent)
        lines = []
        for name, (mode, text) in entries.items():
            id = self.base if mode == "160000" else self.blob(text)
            lines.append(f"{mode} {id} 0\t{name}\0")
        data = "".join(lines).encode("utf-8", "surrogateescape")
        self.git("update-index", "-z", "--add", "--index-info", data=data)
        tree = self.git("write-tree")
        self.git("read-tree", self.base)
        return self.git("commit-tree", tree, "-p", self.base, "-m", "Change")
