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
    assert code == 0 and "1 to create" in out and "(3 requests)" in err
    assert "reconciler/network  pending: 1 to create" in err  # what is missing is in the log, too
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
    code, _, err = call(capsys, "ci", "apply", "--base", "nope", *SCALE)
    assert code == 1 and "nope" in err


def test_an_approval_says_that_the_rules_decide_whether_it_counts(
    pulls: PullHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    number = pulls.open({"network/stack.yaml": NETWORK + RULE})
    assert call(capsys, "ci", "plan", "--pull", "1", *SCALE)[0] == 0
    id = pulls.plans(number, "network")[0]
    code, out, _ = call(capsys, "ci", "approve", id, "--pull", "1")
    assert code == 0 and f"Wrote the approval of plan {id[:12]}" in out
    assert "The next `reconciler ci apply --pull 1` says whether it counts" in out


def test_a_folder_that_cannot_be_written_stops_before_anything_is_planned(
    pulls: PullHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    pulls.open({"network/stack.yaml": NETWORK + RULE})
    Path("taken").write_text("", encoding="utf-8")
    code, out, err = call(capsys, "ci", "plan", "--pull", "1", "--out", "taken/plans", *SCALE)
    assert code == 64 and "name a folder that can be written with --out" in err
    assert "to create" not in out and pulls.statuses(1) == {}


def test_a_base_that_was_not_fetched_has_the_command_that_fetches_it(
    pulls: PullHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    pulls.open({"network/stack.yaml": NETWORK + RULE})
    pulls.git("checkout", "-q", "--detach", "main")
    pulls.git("branch", "-m", "main", "other")
    code, _, err = call(capsys, "ci", "plan", "--pull", "1", *SCALE)
    assert code == 1 and "the base branch main is not in this copy of the repository" in err
    assert "`git fetch origin main:refs/remotes/origin/main`" in err


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
