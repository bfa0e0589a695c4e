"""The commands of `ci` in a job of GitHub Actions, over HTTP, on a fake that is held to the official
description.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from reconciler.forge.github import ACTIONS_ACCOUNT
from tests.cli.sessions import SCALE, call
from tests.forges.fake_github import FakeGitHub
from tests.review.pulls import NETWORK, PullHarness

RULE = "      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}\n"


@pytest.fixture
def fake(pulls: PullHarness, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    """The fake with the pull requests, and the variables of a job."""
    world = pulls.forge.world
    world.now = time.time()
    pulls.forge = pulls.forge.as_(ACTIONS_ACCOUNT)
    with FakeGitHub(world) as made:
        monkeypatch.chdir(pulls.repository)
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": world.project,
            "GITHUB_API_URL": made.api_url,
            "GITHUB_TOKEN": made.token(ACTIONS_ACCOUNT),
            "GITHUB_REF": "refs/heads/main",
            "RECONCILER_SIMULATE": "1",
            "RECONCILER_STATE_DIR": str(pulls.folder / "states"),
        }.items():
            monkeypatch.setenv(name, value)
        yield made
        assert not made.violations


def test_pull_request_is_planned_approved_and_applied(
    fake: FakeGitHub,
    pulls: PullHarness,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = pulls.open({"network/stack.yaml": NETWORK + RULE})
    for _ in range(2):  # the second run edits what the first one wrote
        assert call(capsys, "ci", "plan", "--pull", str(number), *SCALE)[0] == 0
    (comment,) = fake.world.comments_of(number)
    assert comment.author == ACTIONS_ACCOUNT
    monkeypatch.setenv("GITHUB_TOKEN", fake.token("bora"))
    id = pulls.plans(number, "network")[0]
    assert call(capsys, "ci", "approve", id, "--pull", str(number))[0] == 0
    monkeypatch.setenv("GITHUB_TOKEN", fake.token(ACTIONS_ACCOUNT))
    pulls.merge(number)
    code, _, err = call(capsys, "ci", "apply", "--base", "main", *SCALE)
    assert (code, "Apply complete" in err) == (0, True)
    assert pulls.firewalls() == {"network-web"}
    assert set(pulls.statuses(number).values()) == {"success"}


def test_missing_permission_is_an_error_with_a_way_out(
    fake: FakeGitHub, pulls: PullHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    pulls.open({"network/stack.yaml": NETWORK + RULE})
    fake.world.account(ACTIONS_ACCOUNT).may_not.add("statuses")
    code, out, err = call(capsys, "ci", "plan", "--pull", "1", *SCALE)
    assert code == 1
    assert "[forge]" in err
    assert "statuses: write" in err
    assert fake.token(ACTIONS_ACCOUNT) not in out + err


def test_missing_token_is_an_error_with_a_way_out(
    fake: FakeGitHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    code, _, err = call(capsys, "ci", "plan", "--pull", "1", *SCALE)
    assert code == 1
    assert "GITHUB_TOKEN" in err
    assert fake.requests == []
