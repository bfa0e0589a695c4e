"""The workflows for GitHub and Forgejo, run as they are: from a pull request to the account, and back
by an issue about drift.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.forge.github import ACTIONS_ACCOUNT
from tests.forges.fake_forgejo import FakeForgejo
from tests.forges.fake_github import FakeGitHub
from tests.pipelines.actions_story import ActionsStory
from tests.pipelines.pipeline_world import SHOP_FILE, PipelineWorld
from tests.servers import places
from tests.servers.places import Place

pytestmark = [pytest.mark.servers("whole pipelines"), places.each("postgres")]

GITHUB = ("github/.github/workflows", ("GITHUB",), ("GITHUB_ACTIONS",))
FORGEJO = (
    "forgejo/.forgejo/workflows",
    ("GITHUB", "FORGEJO"),
    ("GITHUB_ACTIONS", "GITEA_ACTIONS", "FORGEJO_ACTIONS"),
)


@pytest.fixture(params=["github", "forgejo"])
def story(tmp_path: Path, place: Place, request: pytest.FixtureRequest) -> Iterator[ActionsStory]:
    """A repository on the fake of a forge."""
    world = PipelineWorld(tmp_path, place)
    is_github = request.param == "github"
    try:
        with world.git, (FakeGitHub if is_github else FakeForgejo)(world.world) as fake:
            yield ActionsStory(
                world,
                fake,
                ACTIONS_ACCOUNT if is_github else "reconciler-bot",
                GITHUB if is_github else FORGEJO,
                grants=is_github,
            )
            assert not fake.violations
    finally:
        world.close()


def test_from_a_pull_request_to_the_account_and_back(story: ActionsStory) -> None:
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
    world.require_secrets_kept(*story.tokens)


def test_lost_event_is_caught_up_on_schedule(story: ActionsStory) -> None:
    world = story.world
    number = world.open("shop", {"shop/stack.yaml": SHOP_FILE})
    assert story.pull(number) == {"plan": True}
    world.world.comment(number, "bora", f"/approve {world.plan_id(number)}")
    world.world.merge(number)
    assert story.clock("reconciler-apply.yml") == {"apply": True}
    assert world.firewalls() == {"shop-web"}


def test_fork_is_validated_only(story: ActionsStory) -> None:
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


def test_job_of_a_fork_has_no_secrets(story: ActionsStory) -> None:
    world = story.world
    story.pull(world.open_fork({"shop/stack.yaml": SHOP_FILE}))
    environments = world.machine.environments
    assert "GITHUB_BASE_REF=main" in environments
    for secret in (*world.secrets.values(), *story.tokens):
        assert secret not in environments
