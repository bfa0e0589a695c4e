"""The workflows for GitHub, run as they are: from a pull request to the account, and back by an
issue about drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.forge.github import ACTIONS_ACCOUNT
from tests.forges.fake_github import FakeGitHub
from tests.pipelines.actions_runner import ActionsEvent, ActionsForge, ActionsRunner
from tests.pipelines.pipeline_world import PIPELINES, SHOP_FILE, PipelineWorld
from tests.servers import places
from tests.servers.places import Place

pytestmark = [pytest.mark.servers("whole pipelines"), places.each("postgres")]

PERMISSIONS = {"statuses": "statuses", "issues": "issues", "pull-requests": "pull_requests"}
"""By permission of a workflow: its name in the fake."""


class GitHubStory:
    """Events of GitHub about a world. The rights of the job's token are those of its job."""

    def __init__(self, world: PipelineWorld, fake: FakeGitHub) -> None:
        self.world, self.fake = world, fake
        self.token = fake.token(ACTIONS_ACCOUNT)
        forge = ActionsForge(
            ("GITHUB",),
            ("GITHUB_ACTIONS",),
            world.world.project,
            fake.url,
            fake.api_url,
            world.git.url,
            self.token,
            world.secrets,
        )
        folder = PIPELINES / "github" / ".github" / "workflows"
        self.runner = ActionsRunner(folder, forge, world.machine, self._grant)

    def _grant(self, rights: Mapping[str, str]) -> None:
        account = self.fake.world.account(ACTIONS_ACCOUNT)
        account.may_not = {"members"} | {
            own for name, own in PERMISSIONS.items() if rights.get(name) != "write"
        }
        self.world.readers = {self.token: ""} if "contents" in rights else {}

    def pull(self, number: int) -> dict[str, bool]:
        """A pull request was opened or pushed to."""
        record = self.world.world.pull(number)
        name = "mallory/infra" if record.is_fork else self.world.world.project
        head = {"sha": record.head, "ref": record.branch, "repo": {"full_name": name}}
        pull = {"number": number, "head": head, "base": {"ref": "main"}}
        payload = {"action": "synchronize", "pull_request": pull}
        merge = f"refs/pull/{number}/merge"
        commit = self.world.world.git("rev-parse", merge)
        return self.runner.send(
            ActionsEvent("pull_request", payload, merge, commit, is_fork=record.is_fork)
        )

    def comment(self, number: int, person: str, text: str) -> dict[str, bool]:
        """A person comments."""
        self.world.world.comment(number, person, text)
        issue = {"number": number, "pull_request": {"url": f"{self.fake.url}/pull/{number}"}}
        payload = {"action": "created", "issue": issue, "comment": {"body": text}}
        return self._on_main("issue_comment", payload)

    def merge(self, number: int) -> dict[str, bool]:
        """A pull request is merged."""
        before = self.world.world.tip("main")
        after = self.world.world.merge(number)
        payload = {"ref": "refs/heads/main", "before": before, "after": after}
        return self._on_main("push", payload)

    def clock(self, workflow: str) -> dict[str, bool]:
        """The time of a workflow's schedule has come."""
        [row] = self.runner.files[workflow]["on"]["schedule"]
        return self._on_main("schedule", {"schedule": row["cron"]})

    def _on_main(self, name: str, payload: Mapping[str, object]) -> dict[str, bool]:
        tip = self.world.world.tip("main")
        return self.runner.send(ActionsEvent(name, payload, "refs/heads/main", tip))


@pytest.fixture
def story(tmp_path: Path, place: Place) -> Iterator[GitHubStory]:
    """A repository on the fake of GitHub."""
    world = PipelineWorld(tmp_path, place)
    try:
        with world.git, FakeGitHub(world.world) as fake:
            yield GitHubStory(world, fake)
            assert not fake.violations
    finally:
        world.close()


def test_from_a_pull_request_to_the_account_and_back(story: GitHubStory) -> None:
    world = story.world
    number = world.open("shop", {"shop/stack.yaml": SHOP_FILE})
    assert story.pull(number) == {"plan": True}, world.printed
    assert world.statuses(number) == {
        "reconciler/shop": "pending",
        "reconciler/approved": "pending",
    }
    assert story.comment(number, "bora", "Looks good") == {}
    assert story.comment(number, "bora", f"/approve {world.plan_id(number)}") == {"approve": True}
    assert world.statuses(number)["reconciler/approved"] == "success"
    assert world.firewalls() == set()

    assert story.merge(number) == {"apply": True}, world.printed
    assert world.firewalls() == {"shop-web"}
    assert set(world.statuses(number).values()) == {"success"}
    assert story.clock("reconciler-apply.yml") == {"apply": True}

    world.change_by_hand()
    for _ in range(2):
        assert story.clock("reconciler-drift.yml") == {"drift": True}, world.printed
    [issue] = world.issues()
    assert "shop" in issue.title
    world.require_secrets_kept(story.token)


def test_lost_event_is_caught_up_on_schedule(story: GitHubStory) -> None:
    world = story.world
    number = world.open("shop", {"shop/stack.yaml": SHOP_FILE})
    assert story.pull(number) == {"plan": True}
    world.world.comment(number, "bora", f"/approve {world.plan_id(number)}")
    world.world.merge(number)
    assert story.clock("reconciler-apply.yml") == {"apply": True}
    assert world.firewalls() == {"shop-web"}


def test_fork_is_validated_only(story: GitHubStory) -> None:
    world = story.world
    number = world.open_fork({"shop/stack.yaml": SHOP_FILE.replace("443", "99999")})
    requests = len(story.fake.requests)
    assert story.pull(number) == {"validate-fork": False}
    assert "99999" in world.printed
    assert len(story.fake.requests) == requests
    assert world.world.comments_of(number) == []
    assert story.comment(number, "bora", "/approve 0123456789ab") == {"approve": True}
    assert "from a fork" in world.printed
    assert world.firewalls() == set()


def test_job_of_a_fork_has_no_secrets(story: GitHubStory) -> None:
    world = story.world
    story.pull(world.open_fork({"shop/stack.yaml": SHOP_FILE}))
    environments = world.machine.environments
    assert "GITHUB_BASE_REF=main" in environments
    for secret in (*world.secrets.values(), story.token):
        assert secret not in environments
