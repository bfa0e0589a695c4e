"""Follows a page: writes the files that it shows and runs its commands, in order, in a real shell at
a terminal.

A page says what a reader does beside its commands in comments, which no reader sees:

    <!-- file: PATH -->    the next fence is the text of this file
    <!-- run: COMMANDS --> an edit by hand, or the failure that the page is about
    <!-- exit: N -->       the first command of the next fence ends with this code
    <!-- skip: REASON -->  the next fence is not run
"""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pexpect

_PARTS = re.compile(
    r"^<!-- (?P<word>file|run|exit|skip): (?P<value>.*?) -->$"
    r"|^(?P<fence>`{3,}|~{3,})(?P<language>\w*)\n(?P<text>.*?)^(?P=fence)",
    re.MULTILINE | re.DOTALL,
)
_QUESTION = r"[Tt]ype `?([\w./-]+)`?[^\n]*: $"
_CHOICE = r"\?[^\n]*\[[^]\n]*\] $"
SECONDS = 60


@dataclass(frozen=True)
class Step:
    """One thing that the reader does: a command with the exit code that it ends with, or a file."""

    command: str
    exit_code: int | None = 0
    path: str | None = None


def steps(page: Path) -> Iterator[Step]:
    """What the reader of a page does, in order."""
    given: dict[str, str] = {}
    for part in _PARTS.finditer(page.read_text(encoding="utf-8")):
        if part["word"] == "run":
            yield Step(part["value"], exit_code=None)
        elif part["word"]:
            given[part["word"]] = part["value"]
        else:
            if "file" in given:
                yield Step(part["text"], path=given["file"])
            elif part["language"] == "console" and "skip" not in given:
                code = int(given.get("exit", "0"))
                for number, command in enumerate(commands(part["text"])):
                    yield Step(command, exit_code=0 if number else code)
            given.clear()


def commands(text: str) -> list[str]:
    """The commands of a fence: lines after `$ `, with their continuation lines."""
    return [
        found.replace("\n> ", "\n")
        for found in re.findall(r"^\$ (.+(?:(?<=\\)\n> .+)*)$", text, re.MULTILINE)
    ]


def follow(page: Path, folder: Path, environment: Mapping[str, str], answer: str = "") -> str:
    """Does what a page says in a folder, and returns what the terminal shows. Questions are answered
    as they ask to be. Raises AssertionError at the first command that ends with another code.
    """
    script = folder / ".page.sh"
    script.write_text("".join(_lines(page)), encoding="utf-8")
    terminal = pexpect.spawn(
        "bash", [str(script)], cwd=str(folder), env=dict(environment),
        encoding="utf-8", codec_errors="replace", timeout=SECONDS, dimensions=(50, 400),
    )  # fmt: skip
    terminal.logfile_read = shown = io.StringIO()
    while terminal.expect([_QUESTION, _CHOICE, pexpect.EOF]) < 2:
        assert isinstance(terminal.match, re.Match)
        terminal.sendline(terminal.match[1] if terminal.match.re.groups else answer)
    terminal.close()
    script.unlink()
    assert terminal.exitstatus == 0, f"{page.name}:\n{shown.getvalue()[-3000:]}"
    return shown.getvalue().replace("\r\n", "\n")


def _lines(page: Path) -> Iterator[str]:
    for step in steps(page):
        if step.path is not None:
            yield f"cat > {shlex.quote(step.path)} <<'END_OF_FILE'\n{step.command}END_OF_FILE\n"
            continue
        yield f"printf '\\n%s\\n' {shlex.quote('$ ' + step.command)}\n{step.command}\ncode=$?\n"
        if step.exit_code is not None:
            yield f'[ "$code" = {step.exit_code} ] || {{ echo "exit $code, not {step.exit_code}"; exit 1; }}\n'
