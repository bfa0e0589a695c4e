"""The commands of `ci` as they are typed, and the hints that they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.review import forge_choice
from tests.cli.sessions import SCALE, call
from tests.review.pulls import NETWORK, PullHarness

RULE = "      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}\n"


@pytest.fixture(autouse=True)
def job(pulls: PullHarness, monkeypatch: pytest.MonkeyPatch) -> PullHarness:
    """The commands run in the checkout of a job of GitHub."""
    monkeypatch.chdir(pulls.repository)
    monkeypatch.setenv("RECONCILER_SIMULATE", "1")
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(pulls.folder / "states"))
    monkeypatch.setattr(forge_choice, "open_place", lambda place, environ, report: pulls.forge)
    pulls.git("remote", "add", "origin", "https://github.com/acme/infra.git")
    return pulls


def test_a_plan_an_approval_and_an_apply(
    pulls: PullHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    number = pulls.open({"network/stack.yaml": NETWORK + RULE})
    code, out, err = call(
        capsys,
        "ci",
        "plan",
        "--pull",
        "1",
        "--out",
        "plans",
        "--report-url",
        "https://ci.example/r",
        *SCALE,
    )
    assert "https://ci.example/r" in pulls.comment(number, "network")
    assert code == 0 and "1 to create" in out and "3 changes written" in err
    names = sorted(each.name for each in Path("plans").iterdir())
    assert names == ["network.plan", "plans.html", "plans.json", "plans.md"]
    id = pulls.plans(number, "network")[0]
    assert (
        id[:12] in call(capsys, "state", "plans", "network", *SCALE)[1]
    )  # any machine can show it
    bora = pulls.forge.as_("bora")
    forge, pulls.forge = pulls.forge, bora
    assert call(capsys, "ci", "approve", id, "--pull", "1")[0] == 0
    pulls.forge = forge
    pulls.merge(number)
    code, _, err = call(capsys, "ci", "apply", "--base", "main", *SCALE)
    assert code == 0 and "Apply complete" in err and pulls.firewalls() == {"network-web"}


def test_an_id_that_the_pull_request_does_not_show(
    pulls: PullHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    pulls.open({"network/stack.yaml": NETWORK + RULE})
    assert call(capsys, "ci", "plan", "--pull", "1", *SCALE)[0] == 0
    code, _, err = call(capsys, "ci", "approve", "788e4c1d2f90", "--pull", "1")
    assert (
        code == 1
        and "shows no plan 788e4c1d2f90" in err
        and pulls.plans(1, "network")[0][:12] in err
    )
    assert call(capsys, "ci", "approve", "788e", "--pull", "1")[0] == 64
    assert call(capsys, "ci", "plan")[0] == 64  # for no pull request
    assert call(capsys, "ci", "apply")[0] == 64


def test_a_base_without_a_project_is_refused(
    pulls: PullHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    pulls.commit({"reconciler.yaml": None})
    pulls.open({"network/stack.yaml": NETWORK + RULE})
    code, _, err = call(capsys, "ci", "plan", "--pull", "1", *SCALE)
    assert code == 1 and "init --project" in err
    assert pulls.statuses(1) == {"reconciler/approved": "failure"}


def test_states_that_would_be_lost_with_the_job_are_refused(
    pulls: PullHarness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pulls.open({"network/stack.yaml": NETWORK + RULE})
    monkeypatch.delenv("RECONCILER_STATE_DIR")
    code, _, err = call(capsys, "ci", "plan", "--pull", "1", *SCALE)
    assert code == 5 and "set RECONCILER_STATE" in err
