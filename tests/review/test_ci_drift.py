"""`ci drift` over stacks on the local cloud, a forge in memory and a bare remote repository."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import program
from reconciler.cli.many import many_plans
from reconciler.cli.review import forge_choice
from reconciler.cli.subcommands.review import ci_drift_command
from reconciler.model.ports.forge_ports import PullState
from reconciler.render.project.shown_project import ShownProject, ShownStack
from reconciler.render.review.drift_issue import LABEL
from tests.cli.sessions import SCALE, WEB, begin, call
from tests.doubles.memory_forge import MemoryForge
from tests.forges.forge_world import IssueRecord, PullRecord

SHOP = WEB.replace(" ${vars.note}", "")
PROJECT = """\
version: 1
project: infra
stacks:
  shop: {path: shop/web.yaml}
  blog: {path: blog/web.yaml}
"""
THEN = 'rules: [{for: "*", drift: {then: pull-request}}]\n'
BRANCH = "reconciler/drift/shop"
JOB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/infra",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SERVER_URL": "https://forge.example",
    "GITHUB_RUN_ID": "412",
}


def git(*arguments: str, folder: str = ".") -> str:
    who = ("-c", "user.name=Kim", "-c", "user.email=kim@example.com")
    done = subprocess.run(
        ["git", "-C", folder, *who, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(project: str, message: str = "Change") -> None:
    Path("reconciler.yaml").write_text(project)
    git("add", "-A", "--", "*.yaml")
    git("commit", "-q", "--allow-empty", "-m", message)
    git("push", "-q", "origin", "main")


@pytest.fixture
def forge(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> MemoryForge:
    """Two stacks that are applied, in a checkout of a bare repository, and the job's forge."""
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    files = {"shop/web.yaml": SHOP, "blog/web.yaml": SHOP.replace("stack: shop", "stack: blog")}
    begin(monkeypatch, checkout, {"reconciler.yaml": PROJECT, **files})
    git("init", "-q", "--bare", "-b", "main", str(tmp_path / "remote.git"))
    git("init", "-q", "-b", "main")
    git("remote", "add", "origin", str(tmp_path / "remote.git"))
    commit(PROJECT)
    assert call(capsys, "apply", "--all", "--yes", *SCALE)[0] == 0
    made = MemoryForge()
    monkeypatch.setattr(forge_choice, "open_place", lambda place, environ, report: made)
    monkeypatch.setattr(ci_drift_command, "_pause", lambda seconds: None)
    return made


def change(capsys: pytest.CaptureFixture[str], text: str, stack: str = "shop") -> None:
    """A person changes the description of a server in the console."""
    words = ("set", "instance", f"{stack}-web", f"description={text}")
    assert call(capsys, "simulator", "do", *words, "--stack", f"{stack}/web.yaml")[0] == 0


def look(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    return call(capsys, "ci", "drift", *arguments, *SCALE)


def issues(forge: MemoryForge) -> list[IssueRecord]:
    return forge.world.issues_with(LABEL)


def pulls(forge: MemoryForge) -> list[PullRecord]:
    return list(forge.world.pulls.values())


def test_an_issue_is_kept_for_each_stack_with_drift(
    forge: MemoryForge, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = look(capsys)
    assert code == 0 and not issues(forge) and err == ""
    change(capsys, "by `hand` @kim")
    code, out, _ = look(capsys, "--detailed-exitcode")
    assert code == 2 and "shop: opened the issue  https://forge.example/" in out
    (issue,) = issues(forge)
    assert issue.title == "Drift of shop" and issue.author == "reconciler[bot]"
    assert issue.body.startswith("<!-- reconciler-drift: infra shop -->\n<!-- drift: ")
    assert "**Drift: 1 resource changed outside.**" in issue.body
    assert "https://forge.example/acme/infra/actions/runs/412" in issue.body
    fenced = issue.body.partition("```diff\n")[2].partition("```")[0]
    assert "by `hand` @kim" in fenced and issue.body.count("@kim") == 1
    assert "reconciler absorb --all --stack shop/web.yaml\n" in issue.body

    monkeypatch.setenv("GITHUB_RUN_ID", "413")
    assert "shop: the issue is up to date" in look(capsys)[1]
    assert "runs/412" in issues(forge)[0].body  # nothing else is new, so nothing is written

    # a stack that cannot be read closes nothing, and the other one is still reported
    Path("shop/web.yaml").write_text(SHOP.replace("443", "nonsense"))
    change(capsys, "also by hand", "blog")
    code, out, _ = look(capsys)
    assert code == 1 and "blog: opened the issue" in out
    assert [each.is_open for each in issues(forge)] == [True, True]

    Path("shop/web.yaml").write_text(SHOP.replace("웹 서버", "by `hand` @kim"))
    code, out, _ = look(capsys, "shop")
    assert code == 0 and "shop: closed the issue" in out
    assert [each.is_open for each in issues(forge)] == [False, True]
    assert call(capsys, "apply", "blog/web.yaml", "--yes", *SCALE)[0] == 0
    assert "blog: closed the issue" in look(capsys)[1]
    assert not any(each.is_open for each in issues(forge)) and not pulls(forge)


def test_a_stack_that_needs_a_decision_closes_nothing(
    forge: MemoryForge, capsys: pytest.CaptureFixture[str]
) -> None:
    change(capsys, "by hand")
    look(capsys)
    words = ("delete", "instance", "shop-web", "--stack", "shop/web.yaml")
    assert call(capsys, "simulator", "do", *words)[0] == 0
    capsys.readouterr()
    code = program.run(["ci", "drift", *SCALE])  # its hint is for `apply`
    assert code == 3 and "issue" not in capsys.readouterr().out and issues(forge)[0].is_open


def test_a_run_that_is_at_work_changes_nothing(
    forge: MemoryForge, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(capsys, "by hand")
    look(capsys)
    shown = many_plans.shown_project

    def busy(each: ShownStack) -> ShownStack:
        assert each.shown is not None
        header = replace(each.shown.header, provisional="kim applies")
        return replace(each, shown=replace(each.shown, header=header))

    def provisional(*arguments: Any, **options: Any) -> ShownProject:
        found = shown(*arguments, **options)
        return replace(found, stacks=tuple(map(busy, found.stacks)))

    monkeypatch.setattr(many_plans, "shown_project", provisional)
    assert call(capsys, "apply", "shop/web.yaml", "--yes", *SCALE)[0] == 0
    assert "issue" not in look(capsys)[1] and issues(forge)[0].is_open


def test_a_forge_that_does_not_answer(
    forge: MemoryForge, capsys: pytest.CaptureFixture[str]
) -> None:
    change(capsys, "by hand")
    forge.fail("issues", times=9)
    code, out, err = look(capsys)
    assert code == 1 and "by hand" in out and "error[forge]" in err


def test_a_pull_request_is_kept_if_the_rules_say_so(
    forge: MemoryForge, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    remote = str(tmp_path / "remote.git")
    change(capsys, "before the rule")
    look(capsys)
    commit(PROJECT + THEN)
    change(capsys, "by hand")
    code, out, _ = look(capsys)
    assert code == 0 and "shop: opened the pull request" in out
    assert "shop: closed the issue" in out and not issues(forge)[0].is_open
    (pull,) = pulls(forge)
    assert (pull.branch, pull.base, pull.title) == (BRANCH, "main", "Absorb drift of shop")
    assert "description: by hand" in git("show", f"{BRANCH}:shop/web.yaml", folder=remote)
    assert git("diff", "--name-only", "main", BRANCH, folder=remote) == "shop/web.yaml"
    assert git("rev-parse", "HEAD") == git("rev-parse", "main", folder=remote)
    assert git("status", "--porcelain", "--", "*.yaml") == ""

    # again, in a fresh checkout and after another commit: nothing is new
    tip = git("rev-parse", BRANCH, folder=remote)
    git("update-ref", "-d", f"refs/heads/{BRANCH}")
    commit(PROJECT + THEN, "Something else")
    _, out, _ = look(capsys)
    assert "shop: the pull request has the drift" in out and len(pulls(forge)) == 1
    assert git("rev-parse", BRANCH, folder=remote) == tip

    # other drift replaces the commit, a closed pull request is left closed for the same drift
    change(capsys, "by hand, twice")
    look(capsys)
    assert git("rev-list", "--count", f"main..{BRANCH}", folder=remote) == "1"
    assert "by hand, twice" in git("show", f"{BRANCH}:shop/web.yaml", folder=remote)
    forge.world.close(pull.number)
    _, out, _ = look(capsys)
    assert "somebody closed the pull request" in out and "shop: opened the issue" in out
    assert pull.state is PullState.CLOSED and issues(forge)[0].is_open

    change(capsys, "thrice")
    assert "shop: opened the pull request" in look(capsys)[1]
    assert call(capsys, "apply", "shop/web.yaml", "--yes", *SCALE)[0] == 0
    _, out, _ = look(capsys)
    assert "shop: closed the pull request" in out
    assert [each.state for each in pulls(forge)] == [PullState.CLOSED, PullState.CLOSED]
    assert not any(each.is_open for each in issues(forge))


def test_branches_of_others_and_a_refused_push(
    forge: MemoryForge, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    remote = str(tmp_path / "remote.git")
    commit(PROJECT + THEN)
    git("push", "-q", "origin", f"HEAD:refs/heads/{BRANCH}")
    theirs = git("rev-parse", BRANCH, folder=remote)
    change(capsys, "by hand")
    code, out, err = look(capsys)
    assert code == 1 and "has a commit of somebody else" in err
    assert "shop: opened the issue" in out and not pulls(forge)
    assert git("rev-parse", BRANCH, folder=remote) == theirs

    git("update-ref", "-d", f"refs/heads/{BRANCH}", folder=remote)
    hook = Path(remote) / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    hook.chmod(0o755)
    code, out, err = look(capsys)
    assert code == 1 and "git push failed" in err and not pulls(forge)
    assert "the issue is up to date" in out and issues(forge)[0].is_open
    assert git("for-each-ref", "--format=%(refname)", folder=remote) == "refs/heads/main"

    # a person adds a commit to the branch: it is not closed and not replaced
    hook.unlink()
    git("update-ref", "-d", f"refs/heads/{BRANCH}")
    look(capsys)
    (pull,) = pulls(forge)
    git("checkout", "-q", BRANCH)
    git("commit", "-q", "--allow-empty", "-m", "And this")
    git("push", "-q", "origin", BRANCH)
    git("checkout", "-q", "main")
    assert call(capsys, "apply", "shop/web.yaml", "--yes", *SCALE)[0] == 0
    assert "pull request" not in look(capsys)[1] and pull.state is PullState.OPEN


def test_the_password_in_the_address_of_the_remote_is_not_shown(
    forge: MemoryForge, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(PROJECT + THEN)
    change(capsys, "by hand")
    for password in ("hunter2", "hunter2%0a"):  # Git shows an address that it cannot parse
        git("remote", "set-url", "origin", f"http://kim:{password}@127.0.0.1:1/infra.git")
        code, out, err = look(capsys)
        assert code == 1 and "git ls-remote failed" in err and "hunter2" not in out + err


def test_outside_of_a_job_the_forge_has_to_be_named(
    forge: MemoryForge, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in JOB:
        monkeypatch.delenv(name)
    code, _, err = look(capsys)
    assert code == 1 and "error[pull-request]" in err and "--forge" in err


def test_the_branch_to_merge_into_has_to_be_known(
    forge: MemoryForge, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(PROJECT + THEN)
    change(capsys, "by hand")
    monkeypatch.setenv("GITHUB_REF", "refs/tags/v1")
    code, out, err = look(capsys)
    assert code == 1 and "name it with --base BRANCH" in err and "shop: opened the issue" in out
    code, out, _ = look(capsys, "--base", "main")
    assert code == 0 and "shop: opened the pull request" in out
