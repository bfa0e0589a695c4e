"""The adaptor of GitHub when something goes wrong: what it repeats, what it says, and what it never
does.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from reconciler.forge.forge_retry import (
    LIMIT_WAIT_SECONDS_MAX,
    ForgeRefusal,
    ForgeUnreachable,
    ForgeWaits,
)
from reconciler.forge.forge_token import ForgeToken
from reconciler.forge.github import ACTIONS_ACCOUNT, GitHubForge
from reconciler.forge.github_link import GitHubLimits
from reconciler.model.ports.forge_ports import (
    COMMENT_CHARACTERS_MAX,
    CommitStatus,
    ForgeError,
    Person,
    StatusState,
)
from tests.forges.fake_github import FakeGitHub
from tests.forges.fake_server import Answer, Fault
from tests.forges.forge_world import ForgeWorld

BOT = "reconciler[bot]"
HEAD = "a" * 40
DONE = CommitStatus("reconciler/shop", StatusState.SUCCESS, "applied")


@dataclass
class Scene:
    """A fake GitHub, and what its clients were made to wait for."""

    fake: FakeGitHub
    waited: list[float] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)

    @property
    def world(self) -> ForgeWorld:
        return self.fake.world

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.world.wait(seconds)

    def forge(self, account: str = BOT, *, limits: GitHubLimits | None = None) -> GitHubForge:
        waits = ForgeWaits(lambda: self.world.now, self.wait, self.reports.append)
        token = ForgeToken(self.fake.token(account), "GITHUB_TOKEN")
        return GitHubForge(self.fake.api_url, self.world.project, token, waits=waits, limits=limits)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with FakeGitHub(ForgeWorld()) as fake:
        made = Scene(fake)
        made.world.open_pull("alice")
        made.world.comment(1, "bob", "first")
        made.world.teams["infra"] = ["bob"]
        made.world.account("bob")
        yield made
        assert not fake.violations


READS: dict[str, Callable[[GitHubForge], object]] = {
    "pull": lambda forge: forge.pull(1),
    "open_pulls": lambda forge: forge.open_pulls("main"),
    "merged_pulls": lambda forge: forge.merged_pulls("main"),
    "pulls_of": lambda forge: forge.pulls_of(HEAD),
    "comments": lambda forge: forge.comments(1),
    "statuses": lambda forge: forge.statuses(HEAD),
    "team": lambda forge: forge.team("infra"),
    "issues": lambda forge: forge.issues("drift"),
}
REPEATED: dict[str, Callable[[GitHubForge], object]] = {
    "edit_comment": lambda forge: forge.edit_comment(1, _comment(forge), "new"),
    "remove_comment": lambda forge: forge.remove_comment(1, _comment(forge)),
    "set_status": lambda forge: forge.set_status(HEAD, DONE),
    "edit_issue": lambda forge: forge.edit_issue(_issue(forge), title="t", body="b", is_open=True),
    "edit_pull": lambda forge: forge.edit_pull(1, title="t", body="b", is_open=True),
}
ONCE: dict[str, Callable[[GitHubForge], object]] = {
    "add_comment": lambda forge: forge.add_comment(1, "text"),
    "add_issue": lambda forge: forge.add_issue("Drift", "text", "drift"),
    "add_pull": lambda forge: forge.add_pull("absorb", "main", "Absorb", "text"),
}
ALL = READS | REPEATED | ONCE
PATHS = {"add_issue": "POST .*/issues$", "add_pull": "POST .*/pulls$"}
"""The request of an operation that sends several."""


def _comment(forge: GitHubForge) -> str:
    return forge.comments(1)[-1].id


def _issue(forge: GitHubForge) -> str:
    return forge.issues("drift")[0].id


@pytest.fixture
def prepared(scene: Scene) -> Scene:
    """The scene, with an own comment and an issue."""
    scene.world.comment(1, BOT, "ours")
    scene.world.open_issue(BOT, "Drift", "text", ["drift"])
    return scene


def pattern(name: str) -> str:
    if name in ONCE:
        return PATHS.get(name, "POST /repos")
    return "GET " if name in READS else "(PATCH|DELETE|POST) /repos"


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER, Fault.CUT, Fault.CUT_AFTER])
@pytest.mark.parametrize("name", sorted(READS | REPEATED))
def test_what_may_be_sent_twice_is_sent_again(prepared: Scene, name: str, fault: Fault) -> None:
    prepared.fake.fail(fault, pattern(name), times=2)
    ALL[name](prepared.forge())
    assert prepared.waited == [1.0, 3.0]


@pytest.mark.parametrize("name", sorted(READS | REPEATED))
def test_an_error_that_lasts_is_reported_after_some_attempts(prepared: Scene, name: str) -> None:
    prepared.fake.fail(Fault.BEFORE, pattern(name), Answer(503, text="<html>"), times=99)
    with pytest.raises(ForgeError, match="the forge has an error \\(HTTP 503\\)") as failure:
        ALL[name](prepared.forge())
    assert prepared.waited == [1.0, 3.0, 8.0]
    assert "may have taken effect" not in str(failure.value)


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER, Fault.CUT, Fault.CUT_AFTER])
@pytest.mark.parametrize("name", sorted(ONCE))
def test_what_would_be_there_twice_is_sent_once(scene: Scene, name: str, fault: Fault) -> None:
    # The forge may have written it: only who looks for it knows.
    scene.fake.fail(fault, pattern(name))
    with pytest.raises(ForgeError, match="may have taken effect"):
        ALL[name](scene.forge())
    written = len(scene.world.comments) + len(scene.world.issues) + len(scene.world.pulls) - 2
    assert written == (fault in (Fault.AFTER, Fault.CUT_AFTER))
    assert scene.waited == []


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("answer", [
    Answer(429, {"message": "slow down"}, {"Retry-After": "7"}),
    Answer(403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "7"}),
    Answer(403, {"message": "API rate limit exceeded"}, {"X-RateLimit-Remaining": "0"}),
    Answer(403, {"message": "You have exceeded a secondary rate limit. Please wait."}),
])  # fmt: skip
def test_request_that_was_not_taken_waits_and_says_so(
    prepared: Scene, name: str, answer: Answer
) -> None:
    prepared.fake.fail(Fault.BEFORE, pattern(name), answer)
    ALL[name](prepared.forge())
    assert prepared.waited == [7.0 if answer.headers.get("Retry-After") else 60.0]
    assert prepared.reports == [
        f"127.0.0.1:{prepared.fake.port}/acme/infra accepts no more requests for now; "
        f"waiting {prepared.waited[0]:.0f} s"
    ]


def test_limit_that_ends_at_a_moment(scene: Scene) -> None:
    ends = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(scene.world.now) + 40)}
    scene.fake.fail(Fault.BEFORE, answer=Answer(403, {"message": "no"}, ends))
    scene.forge().pull(1)
    assert scene.waited == [41.0]


@pytest.mark.parametrize("seconds", ["301", "99999999999999999999"])
def test_limit_that_lasts_too_long_is_an_error(scene: Scene, seconds: str) -> None:
    scene.fake.fail(Fault.BEFORE, answer=Answer(429, {"message": "x"}, {"Retry-After": seconds}))
    with pytest.raises(ForgeError, match=r"accepts no more requests for \d+ min") as failure:
        scene.forge().pull(1)
    assert scene.waited == []
    assert failure.value.hint


def test_limits_one_after_another_wait_within_the_bound(scene: Scene) -> None:
    answer = Answer(429, {"message": "x"}, {"Retry-After": "100"})
    scene.fake.fail(Fault.BEFORE, answer=answer, times=99)
    with pytest.raises(ForgeError):
        scene.forge().pull(1)
    assert sum(scene.waited) <= LIMIT_WAIT_SECONDS_MAX
    assert len(scene.waited) == 3


@pytest.mark.parametrize("name", sorted(ALL))
def test_token_that_is_refused(prepared: Scene, name: str) -> None:
    forge = prepared.forge()
    prepared.fake._tokens.clear()
    with pytest.raises(ForgeError, match="does not accept the token in GITHUB_TOKEN") as failure:
        ALL[name](forge)
    assert "GITHUB_TOKEN" in str(failure.value.hint)


@pytest.mark.parametrize(
    ("name", "missing", "permission"),
    [
        ("add_comment", {"issues", "pull_requests"}, "issues: write or pull-requests: write"),
        ("set_status", {"statuses"}, "statuses: write"),
        ("team", {"members"}, "members: read"),
        ("edit_pull", {"pull_requests"}, "pull-requests: write"),
        ("add_issue", {"issues"}, "issues: write or pull-requests: write"),
    ],
)
def test_permission_that_is_missing_is_named(
    scene: Scene, name: str, missing: set[str], permission: str
) -> None:
    scene.world.account(BOT).may_not |= missing
    with pytest.raises(ForgeError, match="may not do it") as failure:
        ALL[name](scene.forge())
    assert f"the permission {permission};" in str(failure.value.hint)
    assert scene.waited == []


def test_permission_that_github_does_not_name(scene: Scene) -> None:
    wrong = {"X-Accepted-GitHub-Permissions": "run this command"}
    scene.fake.fail(Fault.BEFORE, answer=Answer(403, {"message": "no"}, wrong))
    with pytest.raises(ForgeError) as failure:
        scene.forge().statuses(HEAD)
    assert "the permission statuses: read;" in str(failure.value.hint)


def test_actions_that_may_not_open_pull_requests(scene: Scene) -> None:
    scene.world.account(BOT).may_not.add("pull_requests")
    with pytest.raises(ForgeError) as failure:
        scene.forge().add_pull("absorb", "main", "Absorb", "text")
    assert "allow GitHub Actions to create pull requests" in str(failure.value.hint)


def test_label_that_github_dropped_is_noticed(scene: Scene) -> None:
    # Without it the issue would not be found again, and each run would open another.
    scene.world.labels.append("drift")
    scene.world.account(BOT).may_not.add("issues")
    with pytest.raises(ForgeError, match="without its label drift"):
        scene.forge().add_issue("Drift", "text", "drift")
    assert [one.is_open for one in scene.world.issues.values()] == [False]


def test_missing_repository_names_the_permission(scene: Scene) -> None:
    token = ForgeToken(scene.fake.token(BOT), "GITHUB_TOKEN")
    forge = GitHubForge(scene.fake.api_url, "acme/other", token)
    with pytest.raises(ForgeError, match="may not see it") as failure:
        forge.pull(1)
    assert "pull-requests: read" in str(failure.value.hint)


def test_refused_text_is_passed_on(scene: Scene) -> None:
    with pytest.raises(ForgeError, match="a pull request already exists for change-1"):
        scene.forge().add_pull("change-1", "main", "again", "text")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, text="<html>proxy</html>", kind="text/html"),
        Answer(200, text='{"data": '),
        Answer(200, text="[" * 100_000),
        Answer(200, text="null"),
        Answer(200, data=7),
        Answer(200, data=[7]),
        Answer(200, data=[{}]),
        Answer(200, data={"number": "1"}),
        Answer(202, data={}),
        Answer(204),
    ],
)
def test_answer_of_another_form_is_an_error(scene: Scene, answer: Answer) -> None:
    scene.fake.fail(Fault.BEFORE, answer=answer, times=999)
    for read in READS.values():
        with pytest.raises(ForgeError, match=r"127\.0\.0\.1"):
            read(scene.forge())


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(prepared: Scene, status: int) -> None:
    with FakeGitHub(ForgeWorld()) as other:
        for place in (other.api_url, prepared.fake.api_url):
            headers = {"Location": place + "/repos/acme/infra/pulls/1"}
            answer = Answer(status, {"message": "Moved"}, headers)
            for name in sorted(ALL):
                prepared.fake.fail(Fault.BEFORE, pattern(name), answer)
                with pytest.raises(ForgeError, match="the address has moved"):
                    ALL[name](prepared.forge())
        assert other.requests == []


def test_pages_are_asked_for_at_the_same_forge(scene: Scene) -> None:
    with FakeGitHub(ForgeWorld()) as other:
        link = {"Link": f'<{other.api_url}/repos/acme/infra/issues/1/comments?page=2>; rel="next"'}
        scene.fake.fail(Fault.BEFORE, answer=Answer(200, [], link))
        assert [one.body for one in scene.forge().comments(1)] == []
        assert other.requests == []
    assert scene.fake.requests == ["GET /repos/acme/infra/issues/1/comments"] * 2


def test_list_without_an_end_is_an_error(scene: Scene) -> None:
    row = scene.fake._comment(scene.world.comments_of(1)[0])
    answer = Answer(200, [row] * 100, {"Link": '<x>; rel="next"'})
    scene.fake.fail(Fault.BEFORE, "/comments", answer, times=99)
    with pytest.raises(ForgeError, match="more than 3,000 rows"):
        scene.forge().comments(1)
    assert len(scene.fake.requests) == 31


def test_comments_on_a_page_boundary_that_come_twice_are_one(scene: Scene) -> None:
    row = scene.fake._comment(scene.world.comments_of(1)[0])
    scene.fake.fail(Fault.BEFORE, "/comments", Answer(200, [row], {"Link": '<x>; rel="next"'}))
    scene.fake.fail(Fault.BEFORE, "/comments", Answer(200, [row]))
    assert len(scene.forge().comments(1)) == 1


def test_slow_answer_ends_in_time(scene: Scene) -> None:
    scene.fake.fail(Fault.STALL, times=9)
    forge = scene.forge(limits=GitHubLimits(read_seconds=0.05))
    with pytest.raises(ForgeError, match="no answer in time"):
        forge.pull(1)
    with pytest.raises(ForgeError, match="may have taken effect"):
        forge.add_comment(1, "text")


def test_answer_that_takes_too_long_as_a_whole(scene: Scene) -> None:
    forge = scene.forge(limits=GitHubLimits(whole_seconds=-1))
    with pytest.raises(ForgeError, match="took more than"):
        forge.pull(1)


def test_huge_page_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.forge.github_link._BODY_BYTES_MAX", 1 << 20)
    answer = Answer(200, text='["' + "x" * (1 << 21) + '"]')
    scene.fake.fail(Fault.BEFORE, answer=answer, times=9)
    with pytest.raises(ForgeError, match="too large"):
        scene.forge().comments(1)


def test_forge_that_is_not_there(scene: Scene) -> None:
    token = ForgeToken("t", "GITHUB_TOKEN")
    waited: list[float] = []
    with FakeGitHub(ForgeWorld()) as gone:
        pass
    waits = ForgeWaits(lambda: 0.0, waited.append)
    forge = GitHubForge(gone.api_url, "acme/infra", token, waits=waits)
    with pytest.raises(ForgeError, match="no connection") as failure:
        forge.add_comment(1, "text")
    # Nothing was sent, so it may be sent again.
    assert waited == [1.0, 3.0, 8.0]
    assert "may have taken effect" not in str(failure.value)


def causes(failure: BaseException | None) -> list[str]:
    """What a view can show of a failure and its causes, which are all our own."""
    found = []
    while failure is not None:
        assert isinstance(failure, ForgeError | ForgeRefusal | ForgeUnreachable)
        found += [str(failure), repr(failure), repr(vars(failure))]
        failure = failure.__cause__ or failure.__context__
    return found


def test_token_is_in_no_error_log_or_text(
    prepared: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    forge = prepared.forge()
    token = prepared.fake.token(BOT)
    shown = [repr(forge), str(forge.place)]
    for status in (400, 401, 403, 404, 422, 500):
        answer = Answer(status, {"message": f"no: {token}", "errors": [token, {"message": token}]})
        for name in sorted(ALL):
            if (name, status) == ("remove_comment", 404):
                continue  # it is gone, which is what was wanted
            prepared.fake.fail(Fault.BEFORE, pattern(name), answer, times=4)
            with pytest.raises(ForgeError) as failure:
                ALL[name](forge)
            prepared.fake._faults.clear()
            shown += [str(failure.value.hint), *causes(failure.value)]
    for fault in (Fault.CUT, Fault.CUT_AFTER):
        prepared.fake.fail(fault, times=4)
        with pytest.raises(ForgeError) as failure:
            forge.pull(1)
        shown += causes(failure.value)
    for name in sorted(ALL):
        ALL[name](forge)
    shown += [caplog.text, *prepared.reports]
    assert not any(token in text for text in shown)


def test_edit_of_another_account_is_seen_as_edited(scene: Scene) -> None:
    # Who may write to the repository can edit the comments of others.
    (made,) = scene.world.comments_of(1)
    scene.world.edit_comment(made.id, "/approve 788e4c1d2f90")
    (found,) = scene.forge().comments(1)
    assert (found.author.name, found.is_edited) == ("bob", True)


@pytest.mark.parametrize("has_graphql", [True, False])
def test_account_of_github_actions(scene: Scene, has_graphql: bool) -> None:
    scene.fake.has_graphql = has_graphql
    forge = scene.forge(ACTIONS_ACCOUNT)
    forge.add_comment(1, "ours")
    scene.world.comment(1, "reconciler[bot]", "another app's")
    scene.world.comment(1, "github-actions", "a person of that name")
    assert [one.is_own for one in forge.comments(1)] == [False, True, False, False]
    forge.comments(1)
    assert scene.fake.requests.count("GET /user") == 1


def test_account_of_another_app(scene: Scene) -> None:
    forge = scene.forge("acme-infra[bot]")
    forge.add_comment(1, "ours")
    scene.world.comment(1, ACTIONS_ACCOUNT, "not ours")
    assert [one.is_own for one in forge.comments(1)] == [False, True, False]


@pytest.mark.parametrize("request_", ["GET /user", "POST /graphql"])
def test_account_that_cannot_be_read_is_not_guessed(scene: Scene, request_: str) -> None:
    # A wrong guess would write a second comment beside our own.
    scene.fake.fail(Fault.BEFORE, request_, times=9)
    with pytest.raises(ForgeError, match="reading the account of the token"):
        scene.forge(ACTIONS_ACCOUNT).comments(1)


def test_person_is_known_by_the_id(scene: Scene) -> None:
    forge = scene.forge("bob")
    assert forge.comments(1)[0].is_own
    account = scene.world.account("bob")
    scene.world.accounts["robert"] = account
    account.name = "robert"
    scene.world.comments_of(1)[0].author = "robert"
    assert forge.comments(1)[0].is_own


def test_author_that_was_deleted(scene: Scene) -> None:
    row = {**scene.fake._comment(scene.world.comments_of(1)[0]), "user": None}
    scene.fake.fail(Fault.BEFORE, "/comments", Answer(200, [row]))
    (found,) = scene.forge().comments(1)
    assert (found.author, found.is_own) == (Person("(deleted)"), False)


def test_half_of_a_surrogate_pair_is_replaced(scene: Scene) -> None:
    row = {**scene.fake._comment(scene.world.comments_of(1)[0]), "body": "a\ud800b"}
    scene.fake.fail(Fault.BEFORE, "/comments", Answer(200, text=json.dumps([row])))
    assert scene.forge().comments(1)[0].body == "a?b"


def test_fork_that_was_deleted_is_still_a_fork(scene: Scene) -> None:
    row = scene.fake._pull(scene.world.pull(1), "pull-request")
    row["head"]["repo"] = None
    scene.fake.fail(Fault.BEFORE, "/pulls/1", Answer(200, row))
    assert scene.forge().pull(1).is_fork


def test_trial_merge_of_an_open_pull_request_is_no_merge(scene: Scene) -> None:
    assert scene.fake._pull(scene.world.pull(1), "pull-request")["merge_commit_sha"]
    assert scene.forge().pull(1).merged_as is None
    assert scene.forge().pulls_of(scene.world.pull(1).head) == ()


def test_long_history_of_pull_requests_is_not_read_to_its_end(scene: Scene) -> None:
    for _ in range(100):
        scene.world.merge(scene.world.open_pull("alice").number)
    scene.world.wait(31 * 86_400)
    for _ in range(120):
        scene.world.merge(scene.world.open_pull("alice").number)
    found = scene.forge().merged_pulls("main")
    assert [one.number for one in found] == list(range(221, 121, -1))
    assert scene.fake.requests == ["GET /repos/acme/infra/pulls"] * 2


@pytest.mark.parametrize("commit", ["", "main", "a" * 39, "A" * 40, "../../user", "a" * 40 + "\n"])
def test_what_is_no_commit_is_not_sent(scene: Scene, commit: str) -> None:
    for call in (
        scene.forge().statuses,
        scene.forge().pulls_of,
        lambda text: scene.forge().set_status(text, DONE),
    ):
        with pytest.raises(ForgeError):
            call(commit)
    assert scene.fake.requests == []


def test_text_that_is_too_long_is_not_sent(scene: Scene) -> None:
    forge, long = scene.forge(), "x" * (COMMENT_CHARACTERS_MAX + 1)
    for call in (
        lambda: forge.add_comment(1, long),
        lambda: forge.edit_comment(1, "7", long),
        lambda: forge.add_issue("t", long, "l"),
        lambda: forge.add_pull("b", "main", "t", long),
    ):
        with pytest.raises(ForgeError, match="60,001 characters"):
            call()
    assert scene.fake.requests == []


def test_text_that_is_no_id_is_not_sent(scene: Scene) -> None:
    forge = scene.forge()
    for id in ("", "x", "7/../8", "-7", "７"):
        with pytest.raises(ForgeError, match="not an id of the forge"):
            forge.edit_comment(1, id, "b")
        with pytest.raises(ForgeError, match="not an id of the forge"):
            forge.remove_comment(1, id)
        with pytest.raises(ForgeError, match="not an id of the forge"):
            forge.edit_issue(id, title="t", body="b", is_open=True)
    assert scene.fake.requests == []


def test_write_that_would_be_there_twice_opens_a_connection(scene: Scene) -> None:
    # An idle connection may be dead: whether the request arrived would not be known.
    forge = scene.forge()
    forge.pull(1)
    forge.statuses(HEAD)
    assert scene.fake.connections == 1
    forge.add_comment(1, "text")
    assert scene.fake.connections == 2


def test_page_of_long_comments_is_read(scene: Scene) -> None:
    long = "가" * COMMENT_CHARACTERS_MAX
    for _ in range(40):
        scene.world.comment(1, "bob", long)
    assert [one.body for one in scene.forge().comments(1)] == ["first", *[long] * 40]


def test_names_are_quoted_in_paths(scene: Scene) -> None:
    with pytest.raises(ForgeError):
        scene.forge().team("../../../user?x=1#y")
    assert scene.fake.requests == ["GET /orgs/acme/teams/..%2F..%2F..%2Fuser%3Fx%3D1%23y/members"]
    scene.forge().add_issue("t", "b", "kind/drift %2F한글")
    assert scene.world.labels == ["kind/drift %2F한글"]


def test_many_threads_use_one_forge(scene: Scene) -> None:
    forge = scene.forge()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(lambda i: forge.add_comment(1, f"text {i}"), range(40)))
    finally:
        sys.setswitchinterval(interval)
    assert [one.body for one in made] == [f"text {i}" for i in range(40)]


def test_pull_request_with_the_label_is_no_issue(scene: Scene) -> None:
    scene.world.pull(1).labels.append("drift")
    scene.forge().add_issue("Drift", "text", "drift")
    assert [one.title for one in scene.forge().issues("drift")] == ["Drift"]


def test_every_described_operation_is_called(scene: Scene) -> None:
    forge = scene.forge("bob")
    scene.world.open_issue("bob", "Drift", "text", ["drift"])
    for name in sorted(ALL):
        ALL[name](forge)
    forge.add_issue("t", "b", "another label")
    assert scene.fake.used == scene.fake.description.names
