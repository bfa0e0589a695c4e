"""Completion in real shells: what is completed there arrives at the program as it is meant."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pexpect
import pytest

from reconciler.cli.program import program

SHELLS = {"bash": ("-i",), "zsh": ("-d", "-i"), "fish": ("-i",)}
INSTALL = {
    "bash": "source <(reconciler completion bash)",
    "zsh": "reconciler completion zsh > ~/.zfunc/_reconciler",
    "fish": "reconciler completion fish > ~/.config/fish/completions/reconciler.fish",
}
"""The lines of `reconciler completion --help` that install the completion."""

RC = {
    "bash": (".bashrc", INSTALL["bash"]),
    "zsh": (".zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit"),
}
"""The lines that the page gives for a file of the shell."""

SHOP = """\
version: 1
stack: shop
instances:
  web: {zone: kr1-z01, flavor: std_2.4-g1, image: {os: ubuntu, version: "22.04"}, count: 1}
  city:
    {zone: kr1-z01, flavor: std_2.4-g1, image: {os: ubuntu, version: "22.04"}, for_each: {한글: 1}}
"""
NET = "version: 1\nstack: net\nenvironments: {prod: {}, staging: {}}\n"
CASES = (
    ("plan net.yaml --env=pr", ["plan", "net.yaml", "--env=prod"]),
    ("plan my\\ st", ["plan", "my stack/"]),
    ("import --stack shop instances.w", ["import", "--stack", "shop", "instances.web[0]"]),
    ("--chdir shop import instances.web\\[", ["--chdir", "shop", "import", "instances.web[0]"]),
    ("--chdir shop import 'instances.c", ["--chdir", "shop", "import", 'instances.city["한글"]']),
    ('--chdir shop import "instances.c', ["--chdir", "shop", "import", 'instances.city["한글"]']),
    ("plan shop --accept=gone=instances.w", ["plan", "shop", "--accept=gone=instances.web[0]"]),
    (
        "plan shop --accept gone=instances.c",
        ["plan", "shop", "--accept", 'gone=instances.city["한글"]'],
    ),
)
"""What is typed before the tabulator key, and the arguments that the program gets."""

STUB = """\
#!{python}
import json, os, sys
if "_RECONCILER_COMPLETE" in os.environ or sys.argv[1:2] == ["completion"]:
    from reconciler.__main__ import main
    main()
with open({log!r}, "a", encoding="utf-8") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
print("DO" + "NE", sum(1 for _ in open({log!r})), flush=True)
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with stacks and, first in PATH, a `reconciler` that completes and else only notes
    its arguments in this file.
    """
    (tmp_path / "my stack").mkdir()
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "stack.yaml").write_text(SHOP, encoding="utf-8")
    (tmp_path / "net.yaml").write_text(NET, encoding="utf-8")
    found, programs = tmp_path / "log", tmp_path / "bin"
    programs.mkdir()
    stub = programs / "reconciler"
    stub.write_text(STUB.format(python=sys.executable, log=str(found)), encoding="utf-8")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("INPUTRC", os.devnull)
    monkeypatch.delenv("RECONCILER_STATE_DIR", raising=False)
    return found


def typed(shell: str, folder: Path, log: Path, keys: Sequence[str]) -> list[list[str]]:
    """The arguments that the program gets when these keys are pressed, each followed by Enter."""
    install(shell, folder)
    child = pexpect.spawn(
        shell, list(SHELLS[shell]), cwd=folder, timeout=60, encoding="utf-8", dimensions=(50, 200)
    )
    child.send("reconciler ready\r")
    child.expect("DONE 1")
    for number, text in enumerate(keys, 2):
        child.send(f"reconciler {text}\r")
        child.expect(f"DONE {number}\r")
    child.close(force=True)
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()][1:]


@pytest.mark.parametrize("shell", SHELLS)
def test_completed_values_arrive_as_they_are_meant(shell: str, tmp_path: Path, log: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    found = typed(shell, tmp_path, log, [f"{text}\t" for text, _ in CASES])
    assert found == [arguments for _, arguments in CASES]
    assert sorted(path.name for path in (tmp_path / "shop").iterdir()) == ["stack.yaml"]


def install(shell: str, home: Path) -> None:
    """Does what the help page says for a shell."""
    page = " ".join((program.commands["completion"].help or "").split())
    assert INSTALL[shell] in page
    if shell in RC:
        name, line = RC[shell]
        assert line in page
        (home / name).write_text(f"{line}\n", encoding="utf-8")
    if " > " in INSTALL[shell]:
        target = Path(INSTALL[shell].partition(" > ")[2]).parent
        assert f"mkdir -p {target}" in page
        subprocess.run(
            ["bash", "-c", f"mkdir -p {target}; {INSTALL[shell]}"], check=True, timeout=60
        )
