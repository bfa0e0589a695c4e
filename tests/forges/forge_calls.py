"""Every operation of the port, as a call, for tests of what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from reconciler.forge.forge_retry import ForgeWaits
from reconciler.forge.forge_token import ForgeToken
from reconciler.forge.forge_wire import WireLimits
from reconciler.forge.forgejo import ForgejoForge
from reconciler.forge.gitlab import GitLabForge
from reconciler.model.ports.forge_ports import CommitStatus, Forge, StatusState
from tests.forges.fake_forgejo import FakeForgejo
from tests.forges.fake_gitlab import FakeGitLab
from tests.forges.fake_server import FakeForge
from tests.forges.forge_world import ForgeWorld

BOT = "reconciler[bot]"
HEAD = "a" * 40
DONE = CommitStatus("reconciler/shop", StatusState.SUCCESS, "applied")

Call: TypeAlias = Callable[[Forge], object]

READS: dict[str, Call] = {
    "pull": lambda forge: forge.pull(1),
    "open_pulls": lambda forge: forge.open_pulls("main"),
    "merged_pulls": lambda forge: forge.merged_pulls("main"),
    "pulls_of": lambda forge: forge.pulls_of(HEAD),
    "comments": lambda forge: forge.comments(1),
    "statuses": lambda forge: forge.statuses(HEAD),
    "team": lambda forge: forge.team("infra"),
    "issues": lambda forge: forge.issues("drift"),
}
REPEATED: dict[str, Call] = {
    "edit_comment": lambda forge: forge.edit_comment(1, forge.comments(1)[-1].id, "new"),
    "remove_comment": lambda forge: forge.remove_comment(1, forge.comments(1)[-1].id),
    "set_status": lambda forge: forge.set_status(HEAD, DONE),
    "edit_issue": lambda forge: forge.edit_issue(
        forge.issues("drift")[0].id, title="t", body="b", is_open=False
    ),
    "edit_pull": lambda forge: forge.edit_pull(1, title="t", body="b", is_open=False),
}
"""Writes that are the same when they are sent twice."""

ONCE: dict[str, Call] = {
    "add_comment": lambda forge: forge.add_comment(1, "text"),
    "add_issue": lambda forge: forge.add_issue("Drift", "text", "drift"),
    "add_pull": lambda forge: forge.add_pull("absorb", "main", "Absorb", "text"),
}
ALL = READS | REPEATED | ONCE
WRITES = {
    "add_comment": "^POST .*/(notes|comments)$",
    "add_issue": "^POST .*/issues$",
    "add_pull": "^POST .*/(merge_requests|pulls)$",
    "edit_comment": "^(PUT|PATCH) ",
    "remove_comment": "^DELETE ",
    "set_status": "^POST .*/statuses/",
    "edit_issue": "^(PUT|PATCH) ",
    "edit_pull": "^(PUT|PATCH) ",
}
"""The request of each write."""


@dataclass
class FaultyScene:
    """A fake forge, and what its clients were made to wait for."""

    kind: str
    fake: FakeForge
    waited: list[float] = field(default_factory=list)

    @property
    def world(self) -> ForgeWorld:
        """What the fake shows."""
        return self.fake.world

    def wait(self, seconds: float) -> None:
        """Waits in the time of the world."""
        self.waited.append(seconds)
        self.world.wait(seconds)

    def forge(self, account: str = BOT, *, limits: WireLimits | None = None) -> Forge:
        """The port, with the token of an account."""
        waits = ForgeWaits(lambda: self.world.now, self.wait)
        token = ForgeToken(self.fake.token(account), f"{self.kind.upper()}_TOKEN")
        adaptor = GitLabForge if self.kind == "gitlab" else ForgejoForge
        return adaptor(self.fake.api_url, self.world.project, token, waits=waits, limits=limits)


@contextmanager
def faulty(kind: str) -> Iterator[FaultyScene]:
    """A fake forge with a pull request, comments, an issue and a team."""
    fake = FakeGitLab if kind == "gitlab" else FakeForgejo
    with fake(ForgeWorld()) as made:
        scene = FaultyScene(kind, made)
        scene.world.open_pull("alice")
        scene.world.comment(1, "bob", "first")
        scene.world.comment(1, BOT, "ours")
        scene.world.open_issue(BOT, "Drift", "text", ["drift"])
        scene.world.teams["infra"] = ["bob"]
        scene.world.account("bob")
        yield scene
        assert not made.violations, made.violations
