"""The pipeline for GitLab, run as it is: from a merge request to the account, and back by an issue
about drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.forges.fake_gitlab import FORK_ID, PROJECT_ID, FakeGitLab
from tests.pipelines.gitlab_runner import GitLabPipeline, GitLabProject, GitLabRunner
from tests.pipelines.pipeline_world import PIPELINES, SHOP_FILE, PipelineWorld
from tests.servers import places
from tests.servers.places import Place

pytestmark = [pytest.mark.servers("whole pipelines"), places.each("postgres")]

JOB_TOKEN = "glcbt-job-token-1f2e3d"
MAIN = "+refs/heads/main:refs/remotes/origin/main"


class GitLabStory:
    """The pipelines of a project in a world."""

    def __init__(self, world: PipelineWorld, fake: FakeGitLab) -> None:
        self.world, self.fake = world, fake
        self.token = fake.token("reconciler_bot")
        world.secrets["GITLAB_TOKEN"] = self.token
        world.readers = {JOB_TOKEN}
        self.project = GitLabProject(
            world.world.project,
            PROJECT_ID,
            fake.url,
            fake.api_url,
            world.git.address,
            JOB_TOKEN,
            {"reconciler": world.secrets},
        )
        file = PIPELINES / "gitlab" / ".gitlab-ci.yml"
        self.runner = GitLabRunner(file, self.project, world.machine)

    def pull(self, number: int) -> dict[str, bool]:
        """A merge request was opened or pushed to. That of a fork runs in the fork, which has none
        of the secrets.
        """
        world = self.world.world
        record = world.pull(number)
        source = FORK_ID if record.is_fork else PROJECT_ID
        variables = {
            "CI_MERGE_REQUEST_IID": str(number),
            "CI_MERGE_REQUEST_PROJECT_ID": str(PROJECT_ID),
            "CI_MERGE_REQUEST_PROJECT_PATH": world.project,
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(source),
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": world.git("merge-base", "main", record.head),
        }
        ref = f"refs/merge-requests/{number}/head"
        self.runner.project = (
            replace(self.project, id=FORK_ID, secrets={}) if record.is_fork else self.project
        )
        pipeline = GitLabPipeline("merge_request_event", record.head, f"+{ref}:{ref}", variables)
        ended = self.runner.send(pipeline)
        self.runner.project = self.project
        return ended

    def comment(self, number: int, person: str, text: str) -> dict[str, bool]:
        """A person comments, and the webhook triggers a pipeline."""
        self.world.world.comment(number, person, text)
        payload = {
            "object_kind": "note",
            "object_attributes": {"note": text},
            "merge_request": {"iid": number},
        }
        return self._on_main("trigger", payload=payload)

    def merge(self, number: int) -> dict[str, bool]:
        """A merge request is merged."""
        before = self.world.world.tip("main")
        self.world.world.merge(number)
        return self._on_main("push", {"CI_COMMIT_BEFORE_SHA": before})

    def clock(self, job: str) -> dict[str, bool]:
        """The time of a schedule has come."""
        return self._on_main("schedule", {"RECONCILER_JOB": job})

    def _on_main(
        self,
        source: str,
        variables: dict[str, str] | None = None,
        payload: Mapping[str, object] | None = None,
    ) -> dict[str, bool]:
        known = {"CI_COMMIT_BRANCH": "main", **(variables or {})}
        commit = self.world.world.tip("main")
        return self.runner.send(GitLabPipeline(source, commit, MAIN, known, payload))


@pytest.fixture
def story(tmp_path: Path, place: Place) -> Iterator[GitLabStory]:
    """A repository on the fake of GitLab."""
    world = PipelineWorld(tmp_path, place)
    try:
        with world.git, FakeGitLab(world.world) as fake:
            yield GitLabStory(world, fake)
            assert not fake.violations
    finally:
        world.close()


def test_from_a_merge_request_to_the_account_and_back(story: GitLabStory) -> None:
    world = story.world
    number = world.open("shop", {"shop/stack.yaml": SHOP_FILE})
    assert story.pull(number) == {"plan": True}, world.printed
    assert world.statuses(number) == {
        "reconciler/shop": "pending",
        "reconciler/approved": "pending",
    }
    before = len(story.fake.requests)
    assert story.comment(number, "bora", "Looks good: `/approve` it") == {"approve": True}
    assert len(story.fake.requests) == before
    text = f"\\/approve {world.plan_id(number)}"
    assert story.comment(number, "bora", text) == {"approve": True}
    assert world.statuses(number)["reconciler/approved"] == "success"
    assert world.firewalls() == set()

    assert story.merge(number) == {"apply": True}, world.printed
    assert world.firewalls() == {"shop-web"}
    assert set(world.statuses(number).values()) == {"success"}
    assert story.clock("apply") == {"apply": True}

    world.change_by_hand()
    for _ in range(2):
        assert story.clock("drift") == {"drift": True}, world.printed
    [issue] = world.issues()
    assert "shop" in issue.title
    world.require_secrets_kept(story.token, JOB_TOKEN)


def test_fork_is_validated_only(story: GitLabStory) -> None:
    world = story.world
    number = world.open_fork({"shop/stack.yaml": SHOP_FILE.replace("443", "99999")})
    assert story.pull(number) == {"validate-fork": False}
    assert "99999" in world.printed
    assert story.fake.requests == []
    assert "CI_MERGE_REQUEST_IID" in world.machine.environments
    for secret in (*world.secrets.values(), story.token):
        assert secret not in world.machine.environments
