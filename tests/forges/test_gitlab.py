"""What is GitLab's own: quick actions, bots, statuses, and which commit a merge is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import cast

import pytest

from reconciler.forge.gitlab import GitLabForge
from reconciler.model.ports.forge_ports import CommitStatus, ForgeError, StatusState
from tests.forges.fake_gitlab import FakeGitLab
from tests.forges.fake_server import Answer, Fault
from tests.forges.forge_calls import BOT, HEAD
from tests.forges.forge_kinds import WorldScene, gitlab_forge
from tests.forges.forge_world import ForgeWorld

WAITING = CommitStatus("reconciler/shop.prod", StatusState.PENDING, "2 to change")


class Scene(WorldScene):
    """A scene over a fake GitLab."""

    def __init__(self, fake: FakeGitLab) -> None:
        super().__init__(fake.world, partial(gitlab_forge, fake))
        self.fake = fake


@pytest.fixture
def scene() -> Iterator[Scene]:
    with FakeGitLab(ForgeWorld()) as fake:
        yield Scene(fake)
        assert not fake.violations, fake.violations


@pytest.mark.parametrize(
    "body",
    [
        "/approve 788e4c1d2f90",
        "text\n/close\n",
        "text\r\n/merge\r\n",
        "\\/approve 788e4c1d2f90",
        "\\\\/approve",
        "```\n/label x\n```",
        "ends with space \n\n",
        "<!-- end -->",
        "<!-- end --><!-- end -->\n",
        "/etc/passwd",
        "\n\n  text",
    ],
)
def test_text_comes_back_as_it_was_written_and_does_nothing(scene: Scene, body: str) -> None:
    number = scene.open_pull("alice")
    forge = scene.forge(BOT)
    plain = body.replace("\r\n", "\n")
    made = forge.add_comment(number, body)
    assert made.body == plain
    assert forge.comments(number)[0].body == plain
    forge.edit_comment(number, made.id, body + "!" + body)
    assert forge.comments(number)[0].body == plain + "!" + plain
    issue = forge.add_issue("Drift", body, "drift")
    assert forge.issues("drift")[0].body == plain
    forge.edit_issue(issue.id, title="Drift", body=body, is_open=True)
    assert forge.issues("drift")[0].body == plain
    forge.edit_pull(number, title="t", body=body, is_open=True)
    forge.add_pull("absorb", "main", "t", body)
    assert scene.fake.quick_actions == []


def test_approval_of_a_person_is_read_with_its_backslash(scene: Scene) -> None:
    # What a person writes on the page, where `/approve` alone would be taken by GitLab.
    number = scene.open_pull("alice")
    scene.world.comment(number, "bob", "\\/approve 788e4c1d2f90")
    assert scene.forge(BOT).comments(number)[0].body == "/approve 788e4c1d2f90"


def test_line_to_copy_is_shown_as_a_person_has_to_write_it(scene: Scene) -> None:
    # A fence shows the backslash, so what is copied from our comment is what GitLab leaves alone.
    number = scene.open_pull("alice")
    forge = scene.forge(BOT)
    forge.add_comment(number, "To approve:\n\n```text\n/approve 788e4c1d2f90\n```")
    (stored,) = scene.world.comments_of(number)
    copied = stored.body.splitlines()[3]
    assert copied == "\\/approve 788e4c1d2f90"
    scene.world.comment(number, "bob", scene.fake._stored(copied))
    assert forge.comments(number)[-1].body == "/approve 788e4c1d2f90"


@pytest.mark.parametrize("label", ["None", "Any", "none"])
def test_label_with_a_meaning_of_its_own_is_still_a_label(scene: Scene, label: str) -> None:
    forge = scene.forge(BOT)
    forge.add_issue("Other", "text", "other")
    scene.world.open_issue("alice", "No label", "text", [])
    assert forge.issues(label) == ()


def test_text_that_gitlab_took_for_a_quick_action_is_an_error(scene: Scene) -> None:
    number = scene.open_pull("alice")
    answer = Answer(202, {"commands_changes": {}, "summary": ["Approved."]})
    scene.fake.fail(Fault.BEFORE, "^POST .*/notes$", answer)
    with pytest.raises(ForgeError, match="made no comment"):
        scene.forge(BOT).add_comment(number, "text")


def test_notes_of_the_system_are_no_comments(scene: Scene) -> None:
    assert scene.forge(BOT).comments(scene.open_pull("alice")) == ()


def test_service_account_is_a_bot_by_its_profile(scene: Scene) -> None:
    number = scene.open_pull("alice")
    scene.world.account("deployer", is_bot=True)
    scene.world.comment(number, "deployer", "/approve")
    scene.world.comment(number, "bob", "hello")
    scene.world.comment(number, "bob", "again")
    forge = scene.forge("bob")
    assert [one.author.is_bot for one in forge.comments(number)] == [True, False, False]
    looked = [line for line in scene.fake.requests if "/users/" in line]
    assert len(looked) == 2
    forge.comments(number)
    assert [line for line in scene.fake.requests if "/users/" in line] == looked


@pytest.mark.parametrize(
    ("name", "is_bot"),
    [
        ("project_123_bot", True),
        ("group_45_bot_2e5fd8ab", True),
        ("service_account_group_9_b8b9", True),
        ("projectbot", False),
    ],
)
def test_bot_of_an_access_token_by_its_name(scene: Scene, name: str, is_bot: bool) -> None:
    number = scene.open_pull("alice")
    scene.world.account(name)
    scene.world.comment(number, name, "hello")
    assert scene.forge(BOT).comments(number)[0].author.is_bot is is_bot


def test_account_that_cannot_be_looked_at_is_no_person(scene: Scene) -> None:
    number = scene.open_pull("alice")
    scene.world.comment(number, "bob", "/approve")
    scene.fake.fail(Fault.BEFORE, "/users/", Answer(404, {"message": "404 User Not Found"}))
    assert scene.forge(BOT).comments(number)[0].author.is_bot


def test_author_of_a_pull_request_without_a_mark_is_looked_at(scene: Scene) -> None:
    # Versions before 18.6 do not have it.
    scene.fake.marks_bots_of_pulls = False
    scene.world.account("deployer", is_bot=True)
    assert scene.forge(BOT).pull(scene.open_pull("deployer")).author.is_bot
    assert not scene.forge(BOT).pull(scene.open_pull("alice")).author.is_bot


@pytest.mark.parametrize("takes_pending_again", [False, True])
def test_text_of_a_pending_status_can_change(scene: Scene, takes_pending_again: bool) -> None:
    scene.fake.takes_pending_again = takes_pending_again
    forge = scene.forge(BOT)
    other = CommitStatus(WAITING.name, StatusState.PENDING, "3 to change", "https://ci.example/2")
    done = CommitStatus(WAITING.name, StatusState.SUCCESS, "applied")
    for status in (WAITING, other, WAITING, done, other, done):
        forge.set_status(HEAD, status)
        found = forge.statuses(HEAD)[WAITING.name]
        assert (found.state, found.text) == (status.state, status.text)


def test_other_refusals_of_a_status_are_errors(scene: Scene) -> None:
    answer = Answer(400, {"message": {"name": ["is too long"]}})
    scene.fake.fail(Fault.BEFORE, "/statuses/", answer)
    with pytest.raises(ForgeError, match="is too long"):
        scene.forge(BOT).set_status(HEAD, WAITING)
    assert len(scene.fake.requests) == 1


def test_address_that_is_too_long_for_a_status_is_not_sent(scene: Scene) -> None:
    status = CommitStatus("a", StatusState.SUCCESS, url="https://ci.example/" + "x" * 250)
    with pytest.raises(ForgeError, match="255 characters"):
        scene.forge(BOT).set_status(HEAD, status)
    assert scene.fake.requests == []


def test_canceled_status_is_a_failure(scene: Scene) -> None:
    forge = scene.forge(BOT)
    forge.set_status(HEAD, WAITING)
    link = cast("GitLabForge", forge)
    link._call(
        "post", f"{link._project}/statuses/{HEAD}", {"name": WAITING.name, "state": "canceled"}
    )
    assert forge.statuses(HEAD)[WAITING.name].state is StatusState.FAILURE


@pytest.mark.parametrize(
    ("members", "merged_as"),
    [
        ({"merge_commit_sha": "m", "squash_commit_sha": "q", "sha": "h"}, "m"),
        ({"merge_commit_sha": None, "squash_commit_sha": "q", "sha": "h"}, "q"),
        ({"merge_commit_sha": None, "squash_commit_sha": None, "sha": "h"}, "h"),
    ],
    ids=["merge", "squash", "fast-forward"],
)
def test_commit_of_each_way_to_merge(
    scene: Scene, members: dict[str, str | None], merged_as: str
) -> None:
    number = scene.open_pull("alice")
    scene.merge(number)
    row = scene.fake._pull(scene.world.pull(number), "APIEntitiesMergeRequest")
    scene.fake.fail(Fault.BEFORE, f"/merge_requests/{number}$", Answer(200, row | members))
    assert scene.forge(BOT).pull(number).merged_as == merged_as


def test_merge_request_of_a_fork_that_is_gone_is_from_a_fork(scene: Scene) -> None:
    number = scene.open_pull("alice")
    row = scene.fake._pull(scene.world.pull(number), "APIEntitiesMergeRequest")
    gone = Answer(200, row | {"source_project_id": None})
    scene.fake.fail(Fault.BEFORE, f"/merge_requests/{number}$", gone)
    assert scene.forge(BOT).pull(number).is_fork


def test_commit_of_an_open_merge_request_came_from_none(scene: Scene) -> None:
    number = scene.open_pull("alice")
    forge = scene.forge(BOT)
    assert forge.pulls_of(forge.pull(number).head) == ()


def test_blocked_account_is_in_no_team(scene: Scene) -> None:
    scene.set_team("acme/infra", ["bob", "carol", "dave"])
    rows = [
        scene.fake._user(name, "APIEntitiesMember") | {"access_level": 30}
        for name in ("bob", "carol", "dave")
    ]
    rows[1]["state"], rows[2]["membership_state"] = "blocked", "awaiting"
    scene.fake.fail(Fault.BEFORE, "/groups/acme%2Finfra/members", Answer(200, rows))
    assert scene.forge(BOT).team("acme/infra") == {"bob"}
