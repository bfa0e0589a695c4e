"""The contract of the port `Forge`, over all its implementations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.model.ports.forge_ports import (
    COMMENT_CHARACTERS_MAX,
    STATUS_CHARACTERS_MAX,
    CommitStatus,
    ForgeError,
    PullState,
    StatusState,
)
from tests.forges.forge_kinds import KINDS, Scene

BOT = "reconciler[bot]"
MARKER = "<!-- reconciler: shop.prod -->"


@pytest.fixture(params=sorted(KINDS))
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A new forge of each kind."""
    with KINDS[request.param]() as made:
        yield made


def test_pull_request_is_shown_as_it_is_now(scene: Scene) -> None:
    number = scene.open_pull("alice")
    first = scene.forge(BOT).pull(number)
    assert (first.number, first.author.name, first.author.is_bot) == (number, "alice", False)
    assert (first.base, first.state, first.is_fork) == ("main", PullState.OPEN, False)
    assert first.merged_as is None
    assert first.branch
    head = scene.push(number)
    assert scene.forge(BOT).pull(number).head == head != first.head


def test_merged_and_closed_are_different_states(scene: Scene) -> None:
    merged, closed = scene.open_pull("alice"), scene.open_pull("alice")
    commit = scene.merge(merged)
    scene.close(closed)
    forge = scene.forge(BOT)
    assert (forge.pull(merged).state, forge.pull(merged).merged_as) == (PullState.MERGED, commit)
    assert (forge.pull(closed).state, forge.pull(closed).merged_as) == (PullState.CLOSED, None)


def test_fork_is_known_as_one(scene: Scene) -> None:
    assert scene.forge(BOT).pull(scene.open_pull("mallory", is_fork=True)).is_fork


def test_missing_pull_request_is_an_error_with_its_number(scene: Scene) -> None:
    with pytest.raises(ForgeError, match="4711"):
        scene.forge(BOT).pull(4711)


def test_open_pull_requests_of_one_base_in_order(scene: Scene) -> None:
    numbers = [scene.open_pull("alice") for _ in range(3)]
    scene.open_pull("alice", base="release")
    scene.close(numbers[1])
    found = scene.forge(BOT).open_pulls("main")
    assert [one.number for one in found] == [numbers[0], numbers[2]]
    assert scene.forge(BOT).open_pulls("other") == ()


def test_merged_pull_requests_are_the_latest_first_and_not_old(scene: Scene) -> None:
    old, first, second = (scene.open_pull("alice") for _ in range(3))
    scene.merge(old)
    scene.wait(31 * 86_400)
    scene.merge(second)
    scene.merge(first)
    scene.merge(scene.open_pull("alice", base="release"))
    scene.close(scene.open_pull("alice"))
    found = scene.forge(BOT).merged_pulls("main")
    assert [one.number for one in found] == [first, second]
    assert {one.state for one in found} == {PullState.MERGED}


def test_pull_request_of_a_commit_on_the_base(scene: Scene) -> None:
    number, other = scene.open_pull("alice"), scene.open_pull("alice")
    commit, another = scene.merge(number), scene.merge(other)
    forge = scene.forge(BOT)
    assert [one.number for one in forge.pulls_of(commit)] == [number]
    assert [one.number for one in forge.pulls_of(another)] == [other]


def test_comments_are_the_oldest_first_and_know_their_authors(scene: Scene) -> None:
    number = scene.open_pull("alice")
    scene.forge("bob").add_comment(number, "first")
    mine = scene.forge(BOT).add_comment(number, "second")
    assert (mine.body, mine.is_own, mine.is_edited, mine.author.name) == (
        "second",
        True,
        False,
        BOT,
    )
    seen = scene.forge(BOT).comments(number)
    assert [(one.body, one.author.name, one.is_own) for one in seen] == [
        ("first", "bob", False),
        ("second", BOT, True),
    ]
    assert [one.author.is_bot for one in seen] == [False, True]
    assert seen[0].created < seen[1].created
    assert seen[1].id == mine.id
    assert [one.is_own for one in scene.forge("bob").comments(number)] == [True, False]


def test_comments_of_another_pull_request_are_not_shown(scene: Scene) -> None:
    one, two = scene.open_pull("alice"), scene.open_pull("alice")
    scene.forge(BOT).add_comment(one, "hello")
    assert scene.forge(BOT).comments(two) == ()


def test_comment_of_another_account_with_our_marker_is_not_our_own(scene: Scene) -> None:
    number = scene.open_pull("alice")
    scene.forge("mallory").add_comment(number, MARKER + "\n/approve 788e4c1d2f90")
    (found,) = scene.forge(BOT).comments(number)
    assert (found.is_own, found.author.name) == (False, "mallory")


def test_edited_comment_is_known_as_edited(scene: Scene) -> None:
    number = scene.open_pull("alice")
    bob = scene.forge("bob")
    made = bob.add_comment(number, "looks good")
    assert not scene.forge(BOT).comments(number)[0].is_edited
    bob.edit_comment(number, made.id, "/approve 788e4c1d2f90")
    (found,) = scene.forge(BOT).comments(number)
    assert (found.body, found.is_edited, found.id) == ("/approve 788e4c1d2f90", True, made.id)
    assert found.created == made.created


def test_removed_comment_is_gone_and_may_be_removed_again(scene: Scene) -> None:
    number = scene.open_pull("alice")
    forge = scene.forge(BOT)
    made, other = forge.add_comment(number, "one"), forge.add_comment(number, "two")
    forge.remove_comment(number, made.id)
    forge.remove_comment(number, made.id)
    assert [one.id for one in forge.comments(number)] == [other.id]


def test_edit_of_a_missing_comment_is_an_error(scene: Scene) -> None:
    number = scene.open_pull("alice")
    forge = scene.forge(BOT)
    made = forge.add_comment(number, "one")
    forge.remove_comment(number, made.id)
    with pytest.raises(ForgeError):
        forge.edit_comment(number, made.id, "two")


def test_longest_comment_comes_back_as_it_was_written(scene: Scene) -> None:
    number = scene.open_pull("alice")
    head = MARKER + "\n한글 \U0001f600 <b>&amp;</b> \"'` \\n | e\u0301\n\n"
    body = head + "가" * (COMMENT_CHARACTERS_MAX - len(head))
    made = scene.forge(BOT).add_comment(number, body)
    assert made.body == body
    assert scene.forge("bob").comments(number)[0].body == body
    other = "나" * COMMENT_CHARACTERS_MAX
    scene.forge(BOT).edit_comment(number, made.id, other)
    assert scene.forge("bob").comments(number)[0].body == other


def test_more_comments_than_a_page_has_are_all_read(scene: Scene) -> None:
    number = scene.open_pull("alice")
    bob, forge = scene.forge("bob"), scene.forge(BOT)
    for index in range(205):
        bob.add_comment(number, f"comment {index}")
    assert [one.body for one in forge.comments(number)] == [f"comment {i}" for i in range(205)]


def test_latest_status_of_each_name(scene: Scene) -> None:
    number = scene.open_pull("alice")
    forge = scene.forge(BOT)
    head = forge.pull(number).head
    assert forge.statuses(head) == {}
    waiting = CommitStatus("reconciler/shop.prod", StatusState.PENDING, "2 to change")
    done = CommitStatus(
        "reconciler/shop.prod", StatusState.SUCCESS, "적용됨", "https://ci.example/1"
    )
    failed = CommitStatus("reconciler/network", StatusState.FAILURE, "denied")
    for status in (waiting, failed, done):
        forge.set_status(head, status)
    assert forge.statuses(head) == {done.name: done, failed.name: failed}
    forge.set_status(head, waiting)
    assert scene.forge("bob").statuses(head)[waiting.name] == waiting


def test_statuses_of_another_commit_are_not_shown(scene: Scene) -> None:
    number = scene.open_pull("alice")
    forge = scene.forge(BOT)
    forge.set_status(forge.pull(number).head, CommitStatus("a", StatusState.SUCCESS))
    assert forge.statuses(scene.push(number)) == {}


def test_longest_text_of_a_status(scene: Scene) -> None:
    forge = scene.forge(BOT)
    head = forge.pull(scene.open_pull("alice")).head
    status = CommitStatus("reconciler/a", StatusState.PENDING, "가" * STATUS_CHARACTERS_MAX)
    forge.set_status(head, status)
    assert forge.statuses(head) == {status.name: status}


def test_more_statuses_than_a_page_has_are_all_read(scene: Scene) -> None:
    forge = scene.forge(BOT)
    head = forge.pull(scene.open_pull("alice")).head
    wanted = {f"reconciler/{i:03}": StatusState.SUCCESS for i in range(120)}
    for name, state in wanted.items():
        forge.set_status(head, CommitStatus(name, state))
    assert {name: one.state for name, one in forge.statuses(head).items()} == wanted


def test_team_is_its_members(scene: Scene) -> None:
    scene.set_team("infra", ["bob", "carol"])
    scene.set_team("nobody", [])
    assert scene.forge(BOT).team("infra") == {"bob", "carol"}
    assert scene.forge(BOT).team("nobody") == frozenset()


def test_missing_team_is_an_error_with_its_name(scene: Scene) -> None:
    with pytest.raises(ForgeError, match="ghosts"):
        scene.forge(BOT).team("ghosts")


def test_issues_of_a_label(scene: Scene) -> None:
    forge = scene.forge(BOT)
    assert forge.issues("drift") == ()
    first = forge.add_issue("Drift in shop.prod", "한글 **text**", "drift")
    other = forge.add_issue("Something else", "", "other")
    second = scene.forge("bob").add_issue("By hand", "text", "drift")
    assert (first.title, first.is_open, first.is_own) == ("Drift in shop.prod", True, True)
    found = forge.issues("drift")
    assert [(one.id, one.is_own) for one in found] == [(first.id, True), (second.id, False)]
    assert found[0].body == "한글 **text**"
    assert [one.id for one in forge.issues("other")] == [other.id]


def test_closed_issue_is_still_listed_and_can_be_opened(scene: Scene) -> None:
    forge = scene.forge(BOT)
    made = forge.add_issue("Drift", "text", "drift")
    forge.edit_issue(made.id, title="No drift", body="over", is_open=False)
    (found,) = forge.issues("drift")
    assert (found.id, found.title, found.body, found.is_open) == (
        made.id,
        "No drift",
        "over",
        False,
    )
    forge.edit_issue(made.id, title="Drift", body="back", is_open=True)
    (found,) = forge.issues("drift")
    assert (found.title, found.body, found.is_open) == ("Drift", "back", True)


def test_pull_requests_are_no_issues(scene: Scene) -> None:
    forge = scene.forge(BOT)
    made = forge.add_issue("Drift", "text", "drift")
    scene.open_pull("alice")
    assert [one.id for one in forge.issues("drift")] == [made.id]


def test_pull_request_can_be_opened_edited_and_closed(scene: Scene) -> None:
    forge = scene.forge(BOT)
    branch = forge.pull(scene.open_pull("alice")).branch
    scene.close(scene.forge(BOT).open_pulls("main")[0].number)
    made = forge.add_pull(branch, "main", "Absorb drift", "text")
    assert (made.branch, made.base, made.title) == (branch, "main", "Absorb drift")
    assert (made.author.name, made.state, made.is_fork) == (BOT, PullState.OPEN, False)
    forge.edit_pull(made.number, title="Absorb more", body="other", is_open=True)
    assert forge.pull(made.number).title == "Absorb more"
    forge.edit_pull(made.number, title="Absorb more", body="over", is_open=False)
    assert forge.pull(made.number).state is PullState.CLOSED


def test_second_pull_request_of_a_branch_is_an_error(scene: Scene) -> None:
    forge = scene.forge(BOT)
    branch = forge.pull(scene.open_pull("alice")).branch
    with pytest.raises(ForgeError):
        forge.add_pull(branch, "main", "again", "text")


def test_place_names_the_repository(scene: Scene) -> None:
    assert scene.forge(BOT).place.endswith("acme/infra")
