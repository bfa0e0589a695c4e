"""`watch` at the command line: several stacks, JSON, a branch with the drift, notices."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.subcommands.project import watch_command
from reconciler.cli.watching import notices as notices_module
from reconciler.commands.watch import watch_pass
from tests.cli.sessions import SCALE, WEB, begin, call, validator

SHOP = WEB.replace(" ${vars.note}", "")
PROJECT = """\
version: 1
project: infra
stacks:
  shop: {path: shop/web.yaml}
  blog: {path: blog/web.yaml}
rules:
  - for: "*"
    drift: {then: pull-request, revert: [rules]}
notify:
  - {on: [drifted, clean], to: "env:TEAM_WEBHOOK"}
"""


@pytest.fixture(autouse=True)
def project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    files = {
        "reconciler.yaml": PROJECT,
        "shop/web.yaml": SHOP,
        "blog/web.yaml": SHOP.replace("stack: shop", "stack: blog"),
    }
    begin(monkeypatch, tmp_path, files)
    monkeypatch.setenv("TEAM_WEBHOOK", "json://127.0.0.1:9/")
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], check=True)
    who = ["-c", "user.name=Kim", "-c", "user.email=kim@example.com"]
    subprocess.run(["git", *who, "commit", "-qm", "One"], check=True)
    assert call(capsys, "apply", "--all", "--yes", *SCALE)[0] == 0


def drift(capsys: pytest.CaptureFixture[str]) -> None:
    change = ("simulator", "do", "set", "instance", "shop-web", "description=by hand")
    assert call(capsys, *change, "--stack", "shop/web.yaml")[0] == 0


def notices(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []

    def send(
        wanted: object, environ: object, health: str, write: Callable[[], tuple[str, str]]
    ) -> tuple[()]:
        sent.append(write()[0])
        return ()

    monkeypatch.setattr(notices_module, "send", send)
    return sent


def test_a_pass_over_all_stacks_reports_each_change_of_health_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = notices(monkeypatch)
    code, out, _ = call(capsys, "watch", "--all", *SCALE)
    assert code == 0 and [line.split(":")[0] for line in out.splitlines()] == [
        "shop  clean",
        "blog  clean",
    ]
    drift(capsys)
    for _ in range(2):
        code, out, _ = call(capsys, "watch", "--all", "--detailed-exitcode", *SCALE)
        assert code == 2 and "instances.web  left: the rules do not list it" in out
    assert sorted(sent) == [
        "infra: blog is clean (simulated)",
        "infra: shop is clean (simulated)",
        "infra: shop is drifted (simulated)",
    ]


def test_the_drift_is_on_a_branch_for_a_pull_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notices(monkeypatch)
    drift(capsys)
    code, out, _ = call(capsys, "watch", "shop", "--format", "json", *SCALE)
    document = json.loads(out)
    validator("watch").validate(document)
    (stack,) = document["stacks"]
    assert code == 0 and stack["health"] == "drifted"
    assert stack["problems"] == []
    assert stack["branch"] == "reconciler/drift/shop"
    shown = subprocess.run(
        ["git", "show", "reconciler/drift/shop:shop/web.yaml"], capture_output=True, check=True
    ).stdout.decode()
    assert "description: by hand" in shown
    assert Path("shop/web.yaml").read_text("utf-8") == SHOP


def test_a_stack_with_a_mistake_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notices(monkeypatch)
    Path("shop/web.yaml").write_text(SHOP.replace("cidr: 0.0.0.0/0", "cidr: none"))
    code, out, _ = call(capsys, "watch", "--all", *SCALE)
    assert code == 1 and "shop  failed" in out and "blog  clean" in out


@pytest.mark.parametrize("every", ["0", "10", "5s", "8d", "1w", "-1m", "soon"])
def test_a_wrong_interval_is_a_usage_error(every: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "watch", f"--every={every}")
    assert code == 64 and "10m" in err


def test_passes_repeat_until_they_are_stopped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notices(monkeypatch)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch_command, "_sleep", sleep)
    code, out, err = call(capsys, "watch", "blog", "--every", "10m", *SCALE)
    assert code == 0 and out.count("blog  clean") == 2 and slept == [600.0, 600.0]
    assert "Next pass in 10 min" in err


def test_each_pass_reads_the_rules_of_the_project_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, slept = notices(monkeypatch), list[float]()
    drift(capsys)
    rule = "then: pull-request, revert: [rules]"
    Path("reconciler.yaml").write_text(PROJECT.replace(rule, "revert: []"))

    def sleep(seconds: float) -> None:
        Path("reconciler.yaml").write_text(PROJECT)
        slept.append(seconds)
        if len(slept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch_command, "_sleep", sleep)
    code, out, _ = call(capsys, "watch", "shop", "--every", "10m", *SCALE)
    assert code == 0 and sent and out.count("shop  drifted") == 2
    assert out.count("Written to the branch") == 1


def test_a_signal_during_a_revert_ends_the_passes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notices(monkeypatch)
    honest = watch_pass.watch

    def struck(watched: Any, connection: Any, run: Any, emit: Any) -> Any:
        with run.interrupts:
            signal.raise_signal(signal.SIGINT)
        return honest(watched, connection, run, emit)

    monkeypatch.setattr(watch_pass, "watch", struck)
    code, out, _ = call(capsys, "watch", "--all", "--every", "10m", *SCALE)
    assert code == 130 and "shop  clean" in out and "blog" not in out
