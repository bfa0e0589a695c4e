"""A repository with pull requests on a forge in memory, and its stacks on the local cloud."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.cli.console import Console
from reconciler.cli.review import pull_planning
from reconciler.cli.review.applying import pull_apply
from reconciler.cli.review.applying.pull_apply import ApplyTerms
from reconciler.cli.review.ci_context import CiContext, ForgePlace
from reconciler.cli.review.review_context import Review
from reconciler.model.abort import Abort
from reconciler.model.review.audit_entry import AuditEntry
from reconciler.render.review import markers
from reconciler.simulator.world import World
from reconciler.simulator.worldfile import load_world
from reconciler.store.place import FolderPlace
from tests.cli import sessions, steering
from tests.doubles.memory_forge import MemoryForge

ME = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com"} | {
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example.com",
}

PROJECT = """\
version: 1
project: shop-infra
stacks:
  network: {path: network}
  shop: {path: shop}
rules:
  - for: "*"
    approvals: {any: 1, delete: 2}
    approvers: [bora, team:infra]
"""

NETWORK = """\
version: 1
stack: network
firewalls:
  web:
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
"""

SHOP = """\
version: 1
stack: shop
firewalls:
  api:
    rules:
      api: {direction: in, protocol: tcp, ports: 8443, cidr: 10.0.0.0/8}
"""


class PullHarness:
    """`repository` is the checkout of a job; `forge` is the forge with the job's token. `before` is
    what the job says about the push.
    """

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.folder, self.repository = folder, folder / "repository"
        self.repository.mkdir()
        self.forge = MemoryForge()
        self.forge.world.teams["infra"] = ["chan", "dana"]
        self.git("init", "-q", "-b", "main")
        self.commit(files)
        self.environ = {"RECONCILER_STATE_DIR": str(folder / "states")}
        self.before: str | None = None

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.repository,
            env={**os.environ, **ME},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str | None], message: str = "Change") -> str:
        """Commits files on the current branch; None removes one. Returns the id."""
        for name, text in files.items():
            path = self.repository / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def open(self, files: Mapping[str, str | None], author: str = "arim") -> int:
        """Opens a pull request with these changes. Returns its number."""
        branch = f"change-{len(self.forge.world.pulls) + 1}"
        self.git("checkout", "-q", "-b", branch, "main")
        head = self.commit(files)
        self.git("checkout", "-q", "main")
        pull = self.forge.world.open_pull(author, branch=branch)
        pull.head = head
        return pull.number

    def push(self, number: int, files: Mapping[str, str | None]) -> None:
        """Adds a commit to a pull request."""
        pull = self.forge.world.pull(number)
        self.git("checkout", "-q", pull.branch)
        pull.head = self.commit(files)
        self.git("checkout", "-q", "main")

    def merge(self, number: int) -> None:
        """Merges a pull request into the base branch."""
        pull = self.forge.world.pull(number)
        self.git("merge", "-q", "--no-ff", "-m", f"Merge {number}", pull.branch)
        self.forge.world.merge(number)
        pull.merged_as = self.git("rev-parse", "HEAD")

    @property
    def review(self) -> Review:
        """A job on the checkout."""
        return Review(
            Console(),
            self.forge,
            CiContext(
                ForgePlace("files", "forge"), before=self.before, run_url="https://ci.example/run/7"
            ),
            self.repository,
            environ=self.environ,
            local={"simulate": True, "time_scale": 3000},
        )

    def plan(self, number: int, out: Path | None = None) -> int:
        """`ci plan`. Returns its exit code."""
        try:
            return pull_planning.plan(self.review, number, out=out)
        except Abort as stop:
            Console().problems(stop.problems)
            return stop.exit_code

    def apply(self, number: int | None = None, **terms: object) -> int:
        """`ci apply`. Returns its exit code."""
        try:
            return pull_apply.apply(self.review, number, "main", ApplyTerms(**terms))  # type: ignore[arg-type]
        except Abort as stop:
            Console().problems(stop.problems)
            return stop.exit_code

    def approve(self, number: int, title: str, person: str = "bora") -> None:
        """A person approves the plan that the comment about a stack shows."""
        id = self.plans(number, title)[0][:12]
        self.forge.world.comment(number, person, f"/approve {id}")

    def plans(self, number: int, title: str) -> tuple[str, ...]:
        """The ids of the plans that the comment about a stack has shown, the latest first."""
        return markers.plans_of_comment(self.comment(number, title))

    def comments(self, number: int) -> dict[str, str]:
        """The comments of the job by title; there is one for each."""
        found = [each.body for each in self.forge.comments(number) if each.is_own]
        by_title = {markers.title_of_comment(body) or "": body for body in found}
        assert len(by_title) == len(found), found
        return by_title

    def comment(self, number: int, title: str) -> str:
        """The comment of the job about one stack."""
        return self.comments(number)[title]

    def statuses(self, number: int) -> dict[str, str]:
        """The states of the statuses of a pull request's head, by name."""
        found = self.forge.statuses(self.forge.world.pull(number).head)
        return {name: each.state.value for name, each in found.items()}

    def audit(self) -> list[AuditEntry]:
        """The entries of the audit log."""
        trail = FolderPlace(self.folder / "states" / ".simulator").audit.entries()
        assert trail.fault is None
        return [each.entry for each in trail.records]

    @property
    def world(self) -> World:
        """The local cloud."""
        return load_world(self._world_file)

    def ports(self, firewall: str) -> set[str]:
        """The ports of the rules of a firewall in the account."""
        found = next(each for each in self.world.firewalls.values() if each.title == firewall)
        return {str(rule.port) for rule in found.rules}

    def close_all_ports(self, firewall: str) -> None:
        """Removes the rules of a firewall by hand."""

        def act(world: World) -> None:
            for key, each in world.firewalls.items():
                if each.title == firewall:
                    world.firewalls[key] = replace(each, rules=())

        steering.change(str(self._world_file), act)

    @property
    def _world_file(self) -> Path:
        return self.folder / "states" / ".simulator" / "world.json"

    def firewalls(self) -> set[str]:
        """The titles of the firewalls in the account; none if it was never used."""
        if not self._world_file.exists():
            return set()
        return {each.title for each in self.world.firewalls.values()}


@pytest.fixture
def pulls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PullHarness:
    """A repository with two stacks and rules."""
    sessions.begin(monkeypatch, tmp_path)
    monkeypatch.delenv("RECONCILER_SIMULATE")
    files = {
        "reconciler.yaml": PROJECT,
        "network/stack.yaml": NETWORK,
        "shop/stack.yaml": SHOP,
    }
    return PullHarness(tmp_path, files)
