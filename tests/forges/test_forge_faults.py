"""The adaptors of GitLab and Forgejo when something goes wrong: what they repeat, what they say, and
what they never do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest
import requests

from reconciler.forge.forge_wire import WireLimits
from reconciler.model.ports.forge_ports import CommitStatus, ForgeError, StatusState
from tests.forges.fake_server import Answer, Fault
from tests.forges.forge_calls import ALL, BOT, HEAD, ONCE, READS, REPEATED, WRITES, faulty
from tests.forges.forge_calls import FaultyScene as Scene

KINDS = ("forgejo", "gitlab")


@pytest.fixture(params=KINDS)
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with faulty(request.param) as made:
        yield made


FAULTS = [Fault.BEFORE, Fault.AFTER, Fault.CUT, Fault.CUT_AFTER]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_the_same_twice_is_sent_again(scene: Scene, fault: Fault) -> None:
    for name, call in (READS | REPEATED).items():
        scene.waited.clear()
        scene.fake.fail(fault, WRITES.get(name, "^GET "), times=2)
        call(scene.forge())
        assert scene.waited == [1.0, 3.0], name


@pytest.mark.parametrize("fault", FAULTS)
def test_what_would_be_there_twice_is_sent_once(scene: Scene, fault: Fault) -> None:
    def count() -> int:
        world = scene.world
        return len(world.comments) + len(world.issues) + len(world.pulls)

    for name, call in ONCE.items():
        before = count()
        scene.fake.fail(fault, WRITES[name])
        with pytest.raises(ForgeError, match="may have taken effect"):
            call(scene.forge())
        assert count() - before == (fault in (Fault.AFTER, Fault.CUT_AFTER)), name
    assert scene.waited == []


def test_limit_of_the_forge_is_waited_for_as_it_says(scene: Scene) -> None:
    answer = Answer(429, {"message": "slow down"}, {"Retry-After": "7"})
    for name, call in ALL.items():
        scene.waited.clear()
        scene.fake.fail(Fault.BEFORE, WRITES.get(name, "."), answer, times=2)
        call(scene.forge())
        assert scene.waited == [7.0, 7.0], name


def test_limit_for_a_long_time_is_an_error(scene: Scene) -> None:
    scene.fake.fail(Fault.BEFORE, answer=Answer(429, {"message": "x"}, {"Retry-After": "3600"}))
    with pytest.raises(ForgeError, match="no more requests for 60 min"):
        scene.forge().pull(1)
    assert scene.waited == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, text="<html>Welcome</html>", kind="text/html"),
        Answer(200, text='{"id": 1', kind="application/json"),
        Answer(200, text="[" * 100_000, kind="application/json"),
        Answer(200, {"unexpected": True}),
        Answer(200, {"id": "1", "state": 3, "author": []}),
        Answer(200, ["text"]),
        Answer(200),
        Answer(200, text='"text"'),
        Answer(200, text="null"),
    ],
    ids=["page", "cut", "deep", "empty", "types", "list", "nothing", "text", "null"],
)
def test_answer_of_another_form_is_an_error(scene: Scene, answer: Answer) -> None:
    for name, call in ALL.items():
        scene.fake._faults.clear()
        scene.fake.fail(Fault.BEFORE, WRITES.get(name, "."), answer, times=9)
        try:
            call(scene.forge())
        except ForgeError:
            continue
        # That an edit was done needs no more than an object, and a removal nothing.
        assert name == "remove_comment" or (name in REPEATED and isinstance(answer.data, dict))


def test_answer_that_takes_too_long_is_an_error(scene: Scene) -> None:
    scene.fake.fail(Fault.STALL, times=99)
    limits = WireLimits(read_seconds=0.05, whole_seconds=0.2)
    with pytest.raises(ForgeError, match="no answer in time"):
        scene.forge(limits=limits).pull(1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(scene: Scene, status: int) -> None:
    # The other server is a fake, too: it would note a request.
    with faulty(scene.kind) as other:
        headers = {"Location": f"{other.fake.api_url}/user"}
        answer = Answer(status, {"message": "moved"}, headers)
        for name, call in ALL.items():
            scene.fake._faults.clear()
            scene.fake.fail(Fault.BEFORE, WRITES.get(name, "."), answer, times=9)
            with pytest.raises(ForgeError, match="the address has moved"):
                call(scene.forge())
        assert other.fake.requests == []


def test_next_page_on_another_server_is_not_asked_for() -> None:
    # GitLab names the next page by its whole address, which python-gitlab would follow.
    with faulty("gitlab") as scene, faulty("gitlab") as other:
        link = f'<{other.fake.api_url}/user>; rel="next"'
        scene.fake.fail(Fault.BEFORE, "/notes$", Answer(200, [], {"Link": link}))
        assert scene.forge().comments(1) == ()
        assert [line for line in scene.fake.requests if "notes" in line] == [
            "GET /projects/acme%2Finfra/merge_requests/1/notes"
        ] * 2
        assert other.fake.requests == []


def test_refused_token_names_its_variable(scene: Scene) -> None:
    forge = scene.forge()
    scene.fake._tokens.clear()
    with pytest.raises(ForgeError, match=f"the token in {scene.kind.upper()}_TOKEN"):
        forge.pull(1)


def test_missing_permission_is_an_error_with_a_hint(scene: Scene) -> None:
    scene.world.account(BOT).may_not.add("statuses")
    with pytest.raises(ForgeError, match=r"POST .*/statuses/a+ failed: .* \(HTTP 403\)") as failure:
        REPEATED["set_status"](scene.forge())
    assert "permissions" in str(failure.value.hint)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 502, 302])
def test_no_error_shows_the_token(
    scene: Scene, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = scene.fake.token(BOT)
    said = f"bad {token} here {token}"
    headers = {"Location": f"http://127.0.0.2:9/{token}", "X-Echo": token}
    answer = Answer(status, {"message": said, "error": {"token": [said]}}, headers)
    for name, call in ALL.items():
        forge = scene.forge()
        with scene.fake._lock:
            scene.fake._faults.clear()
        scene.fake.fail(Fault.BEFORE, WRITES.get(name, "."), answer, times=9)
        shown = [repr(forge), repr(vars(forge))]
        try:
            call(forge)
        except ForgeError as failure:
            shown += [str(failure), repr(failure), str(failure.hint), str(failure.__cause__)]
            assert failure.__suppress_context__ or failure.__context__ is None
        assert token not in "\n".join(shown), name
    assert token not in caplog.text


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.STALL])
def test_no_failure_of_the_connection_shows_the_token(
    scene: Scene, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scene.fake.fail(fault, times=99)
    forge = scene.forge(limits=WireLimits(read_seconds=0.02, whole_seconds=0.1))
    with pytest.raises(ForgeError) as failure:
        forge.pull(1)
    shown = f"{failure.value!r} {failure.value.hint} {forge!r} {caplog.text}"
    assert scene.fake.token(BOT) not in shown


def test_netrc_does_not_replace_the_token(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    def netrc(url: str, raise_errors: bool = False) -> tuple[str, str]:
        return "mallory", "password"

    monkeypatch.setattr(requests.sessions, "get_netrc_auth", netrc)
    assert scene.forge().pull(1).number == 1


def test_nothing_is_sent_for_a_project_that_cannot_be_one(scene: Scene) -> None:
    adaptor = type(scene.forge())
    for project in (
        "acme",
        "/infra",
        "acme/..",
        "../x/y",
        "acme/in fra",
        "acme/infra?x",
        "acme//a",
    ):
        with pytest.raises(ForgeError, match="is not a"):
            adaptor(scene.fake.api_url, project, None)  # type: ignore[call-arg]
    assert scene.fake.requests == []


def test_what_cannot_be_sent_is_refused_before(scene: Scene) -> None:
    forge, long = scene.forge(), "x" * 60_001
    calls: list[Callable[[], object]] = [
        lambda: forge.add_comment(1, long),
        lambda: forge.edit_comment(1, "1", long),
        lambda: forge.edit_comment(1, "../1", "text"),
        lambda: forge.remove_comment(1, "x"),
        lambda: forge.add_pull("absorb", "main", "t", long),
        lambda: forge.edit_issue("1/2", title="t", body="b", is_open=True),
        lambda: forge.statuses("main"),
        lambda: forge.pulls_of("../../x"),
        lambda: forge.set_status("a" * 39, CommitStatus("a", StatusState.SUCCESS)),
        lambda: forge.set_status(HEAD, CommitStatus("a", StatusState.SUCCESS, "x" * 141)),
    ]
    for call in calls:
        with pytest.raises(ForgeError, match=r"too long|not the whole id|not an id"):
            call()
    assert scene.fake.requests == []
