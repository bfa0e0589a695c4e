"""What is Forgejo's own: pull requests without a branch, labels, small pages, and bots."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from reconciler.model.ports.forge_ports import CommitStatus, ForgeError, PullState, StatusState
from tests.forges.fake_forgejo import FakeForgejo
from tests.forges.fake_server import Answer, Fault
from tests.forges.forge_calls import BOT, HEAD
from tests.forges.forge_kinds import WorldScene, forgejo_forge
from tests.forges.forge_world import ForgeWorld


class Scene(WorldScene):
    """A scene over a fake Forgejo."""

    def __init__(self, fake: FakeForgejo) -> None:
        super().__init__(fake.world, partial(forgejo_forge, fake))
        self.fake = fake


@pytest.fixture
def scene() -> Iterator[Scene]:
    with FakeForgejo(ForgeWorld()) as fake:
        yield Scene(fake)
        assert not fake.violations, fake.violations


def test_pull_request_without_a_branch_is_from_a_stranger(scene: Scene) -> None:
    # Its head is in the repository itself, and everyone who may read it can push one.
    number = scene.open_pull("mallory")
    scene.fake.agit.add(number)
    assert scene.forge(BOT).pull(number).is_fork


@pytest.mark.parametrize(
    "members",
    [
        {"flow": 1, "head": {}},
        {"flow": None, "head": {"ref": "refs/pull/1/head"}},  # Gitea does not have `flow`
        {"flow": None, "head": {"repo_id": None}},  # the fork is gone
        {"flow": 0, "head": {"repo_id": 8}},
    ],
)
def test_pull_request_that_may_be_from_elsewhere_is_from_a_fork(
    scene: Scene, members: dict[str, object]
) -> None:
    number = scene.open_pull("alice")
    row = scene.fake._pull(scene.world.pull(number))
    head = {**row["head"], **members.pop("head")}  # type: ignore[dict-item]
    scene.fake.fail(Fault.BEFORE, answer=Answer(200, row | members | {"head": head}))
    assert scene.forge(BOT).pull(number).is_fork


def test_merged_pull_request_whose_branch_is_gone_is_from_no_fork(scene: Scene) -> None:
    number = scene.open_pull("alice")
    scene.merge(number)
    row = scene.fake._pull(scene.world.pull(number))
    row["head"]["ref"] = f"refs/pull/{number}/head"
    scene.fake.fail(Fault.BEFORE, answer=Answer(200, row))
    assert not scene.forge(BOT).pull(number).is_fork


def test_label_that_the_repository_has_not_finds_nothing(scene: Scene) -> None:
    # Forgejo leaves such a filter out, and lists all issues.
    forge = scene.forge(BOT)
    forge.add_issue("Something", "text", "other")
    assert forge.issues("drift") == ()


def test_later_status_of_a_name_is_the_one_in_any_order(scene: Scene) -> None:
    forge = scene.forge(BOT)
    for state in (StatusState.PENDING, StatusState.SUCCESS):
        forge.set_status(HEAD, CommitStatus("a", state))
    rows = [scene.fake._status(one) for one in scene.world.statuses]
    for order in (rows, rows[::-1]):
        scene.fake.fail(Fault.BEFORE, "^GET", Answer(200, order, {"X-Total-Count": "2"}))
        assert forge.statuses(HEAD)["a"].state is StatusState.SUCCESS


def test_label_is_made_once(scene: Scene) -> None:
    forge = scene.forge(BOT)
    forge.add_issue("One", "text", "drift")
    forge.add_issue("Two", "text", "drift")
    assert scene.world.labels == ["drift"]


def test_instance_with_small_pages_is_read_to_the_end(scene: Scene) -> None:
    type(scene.fake).page_sizes, before = (3, 3), scene.fake.page_sizes
    try:
        forge = scene.forge(BOT)
        numbers = [scene.open_pull("alice") for _ in range(7)]
        assert [one.number for one in forge.open_pulls("main")] == numbers
        for index in range(7):
            forge.set_status(HEAD, CommitStatus(f"s{index}", StatusState.SUCCESS))
        assert len(forge.statuses(HEAD)) == 7
    finally:
        type(scene.fake).page_sizes = before


def test_old_pull_requests_are_not_all_read(scene: Scene) -> None:
    for _ in range(120):
        scene.close(scene.open_pull("alice"))
    scene.wait(31 * 86_400)
    scene.merge(scene.open_pull("alice"))
    assert len(scene.forge(BOT).merged_pulls("main")) == 1
    assert len([line for line in scene.fake.requests if line.endswith("/pulls")]) == 1


@pytest.mark.parametrize(
    ("name", "is_bot"),
    [
        ("forgejo-actions", True),
        ("renovate-bot", True),
        ("Renovate_Bot", True),
        ("talbot", False),
        ("bot-lover", False),
    ],
)
def test_bot_by_its_name(scene: Scene, name: str, is_bot: bool) -> None:
    number = scene.open_pull("alice")
    scene.world.comment(number, name, "hello")
    assert scene.forge(BOT).comments(number)[0].author.is_bot is is_bot


def test_account_of_the_instance_is_a_bot(scene: Scene) -> None:
    # Such as Ghost, who gets the comments of accounts that were deleted.
    number = scene.open_pull("alice")
    scene.world.comment(number, "Ghost", "hello")
    scene.world.account("Ghost").id = -1
    assert scene.forge(BOT).comments(number)[0].author.is_bot


def test_merged_pull_request_keeps_its_state_when_it_is_edited(scene: Scene) -> None:
    number = scene.open_pull("alice")
    scene.merge(number)
    forge = scene.forge(BOT)
    forge.edit_pull(number, title="other", body="text", is_open=False)
    assert (forge.pull(number).title, forge.pull(number).state) == ("other", PullState.MERGED)
    with pytest.raises(ForgeError):
        forge.edit_pull(number, title="other", body="text", is_open=True)


def test_repository_of_a_person_has_no_teams(scene: Scene) -> None:
    answer = Answer(404, {"message": "user redirect does not exist"})
    scene.fake.fail(Fault.BEFORE, "/orgs/", answer)
    with pytest.raises(ForgeError, match="acme has no team infra"):
        scene.forge(BOT).team("infra")


@pytest.mark.parametrize("status", ["error", "warning", "skipped"])
def test_other_states_are_failures(scene: Scene, status: str) -> None:
    forge = scene.forge(BOT)
    forge.set_status(HEAD, CommitStatus("a", StatusState.SUCCESS))
    row = scene.fake._status(scene.world.statuses[0]) | {"status": status}
    scene.fake.fail(Fault.BEFORE, "^GET", Answer(200, [row], {"X-Total-Count": "1"}))
    assert forge.statuses(HEAD)["a"].state is StatusState.FAILURE
