"""Every example stack as a newcomer runs it: by `./try`, and written by `init --example` for someone
who has no checkout.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.importing.examples import EXAMPLES
from tests.cli.sessions import SCALE, begin, call

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "stacks"
COMMANDS = {"apply", "plan", "output"}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path)
    monkeypatch.setenv("RECONCILER_TIME_SCALE", "3000")


def commands(readme: str) -> list[list[str]]:
    """The commands of an example's README."""
    return [shlex.split(line[2:]) for line in readme.splitlines() if line.startswith("$ ")]


def test_there_are_at_least_six_examples_and_each_is_described(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {folder.name for folder in FOLDER.iterdir() if folder.is_dir()}
    assert names == set(EXAMPLES) and len(names) >= 6
    for name in names:
        found = commands((FOLDER / name / "README.md").read_text(encoding="utf-8"))
        assert found[0][:2] == ["reconciler", "apply"] and "--simulate" in found[0], name
        assert {command[1] for command in found} <= COMMANDS
    code, out, _ = call(capsys, "init", "--list")
    assert code == 0 and [line.split()[0] for line in out.splitlines()[: len(names)]] == list(
        EXAMPLES
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_written_example_works_with_the_commands_that_it_names(
    capsys: pytest.CaptureFixture[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: someone who installed the program has no checkout and no setting for the local cloud.
    monkeypatch.delenv("RECONCILER_SIMULATE")
    code, out, _ = call(capsys, "init", "--example", name, "my try")
    assert code == 0
    applied = []
    for _, *arguments in commands(Path("my try", "README.md").read_text(encoding="utf-8")):
        if arguments[0] == "apply":
            assert shlex.join(["reconciler", *arguments]) in out
            assert call(capsys, "validate", *without_cloud(arguments[1:]))[0] == 0
            applied.append(arguments[1:])
            arguments.append("--yes")
        code, shown, err = call(capsys, *arguments)
        assert code == 0, shown + err
    for arguments in reversed(applied):
        code, out, err = call(capsys, "plan", *arguments, "--detailed-exitcode")
        assert code == 0, out + err
        code, out, err = call(capsys, "destroy", *arguments, "--yes", "--accept", "delete", *SCALE)
        assert code == 0, out + err


def without_cloud(arguments: list[str]) -> list[str]:
    return [word for word in arguments if word != "--simulate"]


@pytest.mark.parametrize("name", ["environments", "app"])
def test_an_example_is_applied_by_the_script_of_the_checkout(name: str, tmp_path: Path) -> None:
    # Goal: the commands of its README, one after the other, from nothing.
    for entry in ("examples", "reconciler"):
        (tmp_path / entry).symlink_to(ROOT / entry)
    # Set up already: a test changes nothing in the .venv that it runs in.
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "setup").write_text("#!/bin/sh\n")
    (tmp_path / ".ci" / "setup").chmod(0o755)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "try").write_bytes((ROOT / "try").read_bytes())
    ended = subprocess.run(
        ["bash", "try", name],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RECONCILER_TIME_SCALE": "3000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr.count("$ reconciler apply ") == 2
    assert (tmp_path / "state" / name / ".simulator").is_dir()
