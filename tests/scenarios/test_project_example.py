"""The example project, from its first plan to the end of its last stack, and the units that watch it."""

from __future__ import annotations

import configparser
import json
import re
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

ADDED = {"apply": " --yes", "watch": " --metrics watch.prom"}
"""What the session adds to commands of the README."""


def commands() -> list[str]:
    """What the README of the project shows, in its order."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^\$ reconciler (.+)$", text, re.MULTILINE)


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

    shown = {line: run(line + ADDED.get(line.split()[0], "")) for line in commands()}
    assert "no errors" in shown["validate --all"]
    assert "6 stacks: 6 with changes" in shown["plan --all --simulate"]
    assert all(title in shown["plan --all --simulate"] for title in TITLES)
    for environment in ("staging", "prod"):
        applied = shown[f"apply --all --env {environment} --simulate"]
        assert "3 stacks applied" in applied
        assert f"{environment}  Apply complete" in applied
    assert "4 tests passed" in shown["policy test"]
    assert shown["watch --all --simulate"].count(" clean: ") == len(TITLES)
    assert "reconciler_health" in Path("watch.prom").read_text(encoding="utf-8")
    run("plan --all --simulate --detailed-exitcode")

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
    # the request log, the states and the metrics are where the unit may write
    assert service.get("Service", "StateDirectory") == "reconciler"
    assert Path(command[4]).parent == Path("/var/lib/reconciler")
    assert service.get("Service", "WorkingDirectory").startswith("/var/lib/reconciler/")
    assert "XDG_STATE_HOME=/var/lib " in service.get("Service", "Environment")
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
