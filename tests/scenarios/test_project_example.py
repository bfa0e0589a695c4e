"""The example project, from its first plan to the end of its last stack, and the units that watch it."""

from __future__ import annotations

import configparser
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli import program
from tests.cli.sessions import begin

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "project"
TITLES = {
    f"{name}/{env}" for name in ("network", "shop", "monitoring") for env in ("staging", "prod")
}


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("state"))
    (folder / ".git").mkdir()
    begin(monkeypatch, folder)
    monkeypatch.delenv("RECONCILER_SIMULATE")
    monkeypatch.setenv("RECONCILER_TIME_SCALE", "3000")
    return folder


def test_the_project_lives_from_its_first_plan_to_its_last_destroy(
    capsys: pytest.CaptureFixture[str], project: Path
) -> None:
    def run(line: str, *, ends: int = 0) -> str:
        capsys.readouterr()
        code = program.run(shlex.split(line))
        shown = "".join(capsys.readouterr())
        assert code == ends, shown
        return shown

    assert "no errors" in run("validate --all")
    first = json.loads(run("plan --all --simulate --format json"))
    assert {stack["title"] for stack in first["stacks"]} == TITLES
    assert first["order"] == [
        ["network/staging", "network/prod"],
        ["shop/staging", "monitoring/staging", "monitoring/prod"],
        ["shop/prod"],
    ]
    assert "3 stacks applied" in run("apply --all --env staging --simulate --yes")
    assert "3 stacks applied" in run("apply --all --env prod --simulate --yes")
    run("plan --all --simulate --detailed-exitcode")
    run("policy test")
    assert run("watch --all --simulate").count(" clean: ") == len(TITLES)

    destroy = "destroy --all --env staging --simulate --yes --accept delete"
    run("freeze stacks/monitoring --env staging --simulate --reason audit")
    assert "error[frozen]" in run(destroy, ends=4)
    run("unfreeze stacks/monitoring --env staging --simulate")
    assert "`keep-production` denies" in run(destroy.replace("staging", "prod"), ends=4)
    (project / "policies" / "production.yaml").unlink()
    run("destroy --all --simulate --yes --accept delete")
    assert json.loads(run("ls --account --simulate -o json"))["objects"] == []


def units() -> list[Path]:
    return sorted((EXAMPLE / "systemd").iterdir())


def parsed(unit: Path) -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=True, interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read(unit, encoding="utf-8")
    return found


def test_the_units_start_one_pass_over_all_stacks() -> None:
    service, timer = map(parsed, units())
    assert service.get("Service", "Type") == "oneshot"
    command = shlex.split(service.get("Service", "ExecStart"))
    assert command[1:4] == ["watch", "--all", "--metrics"]
    assert timer.get("Timer", "OnUnitInactiveSec") == "10min"
    assert timer.get("Install", "WantedBy") == "timers.target"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    # Goal: only the path of the program is another one here.
    for unit in units():
        text = unit.read_text(encoding="utf-8").replace("/usr/local/bin/reconciler", sys.executable)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    ended = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / unit.name) for unit in units())],
        capture_output=True,
        text=True,
        check=False,
    )
    own = [line for line in ended.stderr.splitlines() if "reconciler-watch" in line]
    assert not own, ended.stderr
