"""Every example of every help page can be pasted into bash, zsh and fish, and works there."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import string
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from reconciler.cli import program
from reconciler.cli.console import Console
from reconciler.common import timing
from reconciler.common.suggestions import command_line
from reconciler.simulator.worldfile import packaged_world, world_to_data
from tests.cli import help_examples
from tests.cli.help_examples import Example, examples
from tests.cli.sessions import begin

SHELLS: Mapping[str, Sequence[str]] = {
    "bash": ("bash", "--norc", "--noprofile"),
    "zsh": ("zsh", "-f"),
    "fish": ("fish", "--no-config"),
}
NOTE = """\
#!/bin/sh
{ printf '%s' "${0##*/}"; for word; do printf '\\037%s' "$word"; done; printf '\\n'; } >> "$NOTES"
"""
"""A program that only notes how it was called."""

BAIT = ("instances.web0", "instances.web1", "instances.webs")
"""Files that match an address with an index which is not quoted."""

READ = "shop.json"
"""A file that an example reads from a pipe."""


def installed(shell: str) -> str:
    """The shell; the test is skipped if it is not installed."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    return shell


def calls(shell: str, lines: Sequence[str], folder: Path) -> list[list[list[str]]]:
    """For each line, the calls of programs that a shell makes of it: name and arguments."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("reconciler", "dot", "xdg-open", "next-line"):
        (programs / name).write_text(NOTE, encoding="utf-8")
        (programs / name).chmod(0o755)
    (folder / ".ssh").mkdir()
    for name in (*BAIT, READ):
        (folder / name).touch()
    notes = folder / "notes"
    subprocess.run(
        [*SHELLS[shell], "-c", "".join(f"next-line\n{line}\n" for line in lines)],
        cwd=folder,
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "NOTES": str(notes),
            "LC_ALL": "C.UTF-8",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    found: list[list[list[str]]] = []
    for line in notes.read_text(encoding="utf-8").splitlines():
        words = line.split("\x1f")
        if words == ["next-line"]:
            found.append([])
        else:
            found[-1].append(words)
    return found


def lines_for(shell: str) -> list[str]:
    """The lines of all help pages that are meant for a shell."""
    return [
        each.line
        for each in examples()
        if all(
            only == shell or not each.line.startswith(start)
            for start, only in help_examples.ONLY_IN.items()
        )
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_an_example_arrives_as_it_is_written(shell: str, tmp_path: Path) -> None:
    lines = lines_for(installed(shell))
    found = calls(shell, lines, tmp_path)
    assert len(found) == len(lines)
    for line, made in zip(lines, found, strict=True):
        called = [words[1:] for words in made if words[0] == "reconciler"]
        assert called == [arguments(line)] if "reconciler " in line else not called, line


def arguments(line: str) -> list[str]:
    """The arguments of `reconciler` in a line, as its writer means them."""
    inner = line.partition("$(")[2].partition(")")[0] or line.partition("<(")[2].partition(")")[0]
    words = shlex.split(inner or line)
    ends = [number for number, word in enumerate(words) if word in (">", ">>", "|", "<")]
    return words[1 : min(ends, default=len(words))]


@cache
def prepared(place: str, root: Path) -> Path:
    """A folder with the files of a place, applied to its local cloud."""
    folder = root / place.replace(" ", "-")
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        begin(patch, folder, help_examples.PLACES[place])
        patch.setattr(timing, "IN_FLIGHT_MAX", 1)  # ids and addresses go by the order of arrival
        for line in help_examples.APPLIED.get(place, ()):
            assert program.run([*shlex.split(line), "--time-scale", "3000"]) == 0
        if place == "in an account":
            world = folder / "state" / ".simulator" / "world.json"
            world.parent.mkdir(parents=True)
            data = world_to_data(packaged_world("company"))
            world.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the prepared folders are."""
    return tmp_path_factory.mktemp("examples")


RUN = [each for each in dict.fromkeys(examples()) if "reconciler " in each.line]


@pytest.mark.parametrize("example", RUN, ids=lambda example: example.line)
def test_an_example_works(
    example: Example,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = example.line.removeprefix("reconciler ")
    if line.startswith(tuple(help_examples.NOT_RUN)):
        return
    folder = tmp_path / "here"
    shutil.copytree(prepared(example.place, root), folder)
    begin(monkeypatch, folder)
    monkeypatch.setenv("RECONCILER_TIME_SCALE", "3000")
    for start, commands in help_examples.BEFORE.items():
        for command in commands if line.startswith(start) else ():
            assert program.run(shlex.split(command)) == 0
    for start, files in help_examples.EDITED.items():
        for name, text in files.items() if line.startswith(start) else ():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
            if name.startswith("../"):
                monkeypatch.setenv("RECONCILER_STATE_DIR", str(folder / "state"))
    command, name = next(
        (copy for start, copy in help_examples.COPIES.items() if line.startswith(start)), ("", "")
    )
    if command:
        capsys.readouterr()
        assert program.run(shlex.split(command)) == 0
        (folder / name).write_text(capsys.readouterr().out, encoding="utf-8")
        monkeypatch.setattr(
            sys, "stdin", io.TextIOWrapper(io.BytesIO((folder / name).read_bytes()))
        )
    if "init" not in line:
        monkeypatch.setattr(Console, "can_ask", True)
        monkeypatch.setattr(Console, "confirm", lambda *_, **__: True)
    expected = next(
        (code for start, (code, _) in help_examples.REFUSED.items() if line.startswith(start)), 0
    )
    code = program.run(arguments(example.line))
    shown = capsys.readouterr()
    assert code == expected, shown.out + shown.err


WORDS = [
    pattern.format(character)
    for character in [*string.punctuation, " ", "가", "é"]
    for pattern in ("{}", "{}a", "a{}", "a{}b", "a={}", "={}", "{0}{0}")
    # A backslash is in no address, and fish reads two of them in quotes as one.
    if character != "\\"
]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_word_of_a_hint_is_read_as_it_was(shell: str, tmp_path: Path) -> None:
    addresses = ["instances.web[0]", 'instances.web["한글"]', "~/a b/stack.yaml", "it's", ""]
    words = [*WORDS, *addresses]
    line = command_line(["reconciler", *words])
    assert calls(installed(shell), [line], tmp_path) == [[["reconciler", *words]]]
