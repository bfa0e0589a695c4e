"""What the stories of all forges share: a bare repository that is served over HTTP, the forge, the
states in PostgreSQL, a local cloud, the people, and the search for secrets.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.render.review import markers
from reconciler.simulator import Cloud, SimulatorServer
from reconciler.simulator.world import World
from tests.forges.git_world import GitWorld
from tests.pipelines.git_server import GitServer
from tests.pipelines.job_machine import JobMachine
from tests.review.pulls import ME
from tests.servers.places import Place

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = ROOT / "examples" / "ci"
SPEED = 3000.0
PROJECT_FILE = """\
version: 1
project: shop-infra
stacks:
  shop: {path: shop}
rules:
  - for: "*"
    approvals: {any: 1, delete: 2}
    approvers: [bora]
"""
SHOP_FILE = """\
version: 1
stack: shop
firewalls:
  web:
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
"""


class PipelineWorld:
    """One repository with everything around it. The bot is the account of the jobs' token.

    `secrets` are those that the owner of the repository gives to the CI system. Nothing else that
    a job gets is secret but its token.
    """

    def __init__(self, folder: Path, place: Place) -> None:
        self.folder, self.bare, self.clone = folder, folder / "infra.git", folder / "clone"
        self._git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=folder)
        self._git("config", "http.receivepack", "true", cwd=self.bare)
        self._git("clone", "-q", str(self.bare), str(self.clone), cwd=folder)
        self._git("checkout", "-q", "-b", "main")
        self.commit({"reconciler.yaml": PROJECT_FILE, "README.md": "Infrastructure\n"})
        self._git("push", "-q", "origin", "main")
        self.world = GitWorld(self.bare, start=time.time())
        self.readers: set[str] = set()
        self.git = GitServer(self.bare, self.world.project, self._may)
        self.cloud = Cloud(
            time_scale=SPEED, access_key="ACCESS-KEY-OF-SHOP-1f", secret_key="secret-key-of-shop-9c"
        )
        self.server = SimulatorServer(self.cloud)
        user, password = place.environment["PGUSER"], place.environment["PGPASSWORD"]
        self.secrets = {
            "IWINV_ACCESS_KEY": self.cloud.access_key,
            "IWINV_SECRET_KEY": self.cloud.secret_key,
            "RECONCILER_STATE": place.url.replace("://", f"://{user}@"),
            "PGPASSWORD": password,
        }
        self.machine = JobMachine(
            folder / "machine",
            {"IWINV_ENDPOINT": self.server.endpoint, "RECONCILER_TIME_SCALE": str(SPEED)},
        )

    def close(self) -> None:
        """Ends the local cloud."""
        self.server.close()

    def _may(self, password: str, what: str) -> bool:
        return what == "read" and password in self.readers

    # people

    def commit(self, files: Mapping[str, str]) -> str:
        """Commits files on the current branch of the clone. Returns the id."""
        for name, text in files.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self._git("add", "-A")
        self._git("commit", "-q", "-m", "Change")
        return self._git("rev-parse", "HEAD")

    def open(self, branch: str, files: Mapping[str, str], author: str = "arim") -> int:
        """Pushes a branch and opens a pull request, with the refs that a forge makes for it."""
        self._git("checkout", "-q", "-b", branch, "origin/main")
        self.commit(files)
        self._git("push", "-q", "origin", branch)
        number = self.world.open_pull(author, branch=branch, title="Open the shop").number
        self._refs(number)
        return number

    def open_fork(self, files: Mapping[str, str]) -> int:
        """A stranger opens a pull request from a fork: its commit is under `refs/pull` only."""
        self._git("checkout", "-q", "-b", "stranger", "origin/main")
        self.commit(files)
        self._git("push", "-q", "origin", "stranger")
        number = self.world.open_pull("mallory", branch="stranger", is_fork=True).number
        self._refs(number)
        self._git("push", "-q", "origin", "--delete", "stranger")
        return number

    def _refs(self, number: int) -> None:
        """The refs of GitHub and of GitLab for a pull request: its head, and its trial merge."""
        git, head, base = self.world.git, self.world.pull(number).head, self.world.tip("main")
        tree = git("merge-tree", "--write-tree", base, head)
        made = git("commit-tree", tree, "-p", base, "-p", head, "-m", "Trial merge")
        for name in ("pull", "merge-requests"):
            git("update-ref", f"refs/{name}/{number}/head", head)
            git("update-ref", f"refs/{name}/{number}/merge", made)

    def plan_id(self, number: int) -> str:
        """The id of the plan that the comment shows."""
        return markers.plans_of_comment(self.comment(number))[0]

    def change_by_hand(self) -> None:
        """Somebody opens a port in the console."""

        def act(world: World) -> None:
            for key, each in world.firewalls.items():
                if each.title == "shop-web":
                    world.firewalls[key] = replace(each, rules=())

        self.cloud.change(act)

    # what is there

    def comment(self, number: int) -> str:
        """The one comment of the jobs about the stack."""
        [found] = [
            each.body
            for each in self.world.comments_of(number)
            if markers.title_of_comment(each.body) == "shop"
        ]
        return found

    def statuses(self, number: int) -> dict[str, str]:
        """The latest statuses of a pull request's head, by name."""
        found = reversed(self.world.statuses_of(self.world.pull(number).head))
        return {each.name: each.state.value for each in found}

    def firewalls(self) -> set[str]:
        """The titles of the firewalls in the account."""
        return {each.title for each in self.cloud.snapshot().firewalls.values()}

    def issues(self) -> list[Any]:
        """All issues."""
        return list(self.world.issues.values())

    @property
    def printed(self) -> str:
        """What all steps printed."""
        return "\n".join(f"{each.job}, {each.name}:\n{each.printed}" for each in self.machine.steps)

    def require_secrets_kept(self, *tokens: str) -> None:
        """Looks for the tokens, keys and passwords in everything that others can read."""
        artifacts = b"\n".join(
            each.read_bytes() for each in self.machine.artifacts.rglob("*") if each.is_file()
        )
        assert b"shop-web" in artifacts
        world = self.world
        places = {
            "printed": self.printed,
            "arguments": self.machine.arguments,
            "comments": "\n".join(each.body for each in world.comments.values()),
            "statuses": "\n".join(f"{each.text} {each.url}" for each in world.statuses),
            "issues": "\n".join(f"{each.title} {each.body}" for each in world.issues.values()),
            "artifacts": artifacts.decode("utf-8", "replace"),
        }
        keys = [text for name, text in self.secrets.items() if name != "RECONCILER_STATE"]
        found = [
            (name, secret)
            for name, text in places.items()
            for secret in (*keys, *tokens)
            if secret in text
        ]
        assert not found

    def _git(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.clone,
            env={**os.environ, **ME},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()
