"""What the real program leaves on the screen of a pseudo-terminal, seen by a terminal emulator."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

from tests.cli.sessions import WEB

ROOT = Path(__file__).parents[2]


class Emulator:
    """The program at a terminal of so many columns."""

    def __init__(self, folder: Path, *arguments: str, columns: int = 80, **environ: str) -> None:
        self.screen = pyte.Screen(columns, 40)
        self._stream = pyte.ByteStream(self.screen)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "COLUMNS"))}
        self.process: Any = pexpect.spawn(
            sys.executable,
            ["-m", "reconciler", *arguments],
            env={
                **inherited,
                "TERM": "xterm",
                "LANG": "C.UTF-8",
                "PYTHONPATH": str(ROOT),
                "RECONCILER_SIMULATE": "1",
                **environ,
            },
            cwd=str(folder),
            dimensions=(40, columns),
            timeout=60,
        )

    def until(self, text: str) -> str:
        """Reads until the program has written this text; returns everything on the screen."""
        self.process.expect_exact(text)
        self._stream.feed(self.process.before + self.process.after)
        return self.text

    def end(self) -> int:
        """Reads to the end, and returns the exit code."""
        self.process.expect(pexpect.EOF)
        self._stream.feed(self.process.before)
        self.process.close()
        return int(self.process.exitstatus or 0)

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "web.yaml").write_text(WEB, encoding="utf-8")
    yield tmp_path


def left_over(text: str) -> list[str]:
    """Lines that belong to a live view."""
    signs = (
        "━",
        "─",
        "elapsed",
        " left",
        "[#",
        "Reading the account",
        "Computing the plan",
        "  ..  ",
    )
    return [line for line in text.splitlines() if any(sign in line for sign in signs)]


@pytest.mark.parametrize("columns", [40, 100])
def test_a_run_shows_a_bar_and_leaves_only_what_was_done(folder: Path, columns: int) -> None:
    program = Emulator(folder, "apply", "web.yaml", "--yes", "--time-scale", "30", columns=columns)
    during = program.until(" left")
    assert program.end() == 0

    assert " left" in during and not left_over(program.text), program.text
    assert "ok       +  instances.web" in program.text and not program.screen.cursor.hidden


def test_ctrl_c_leaves_a_clean_terminal_and_the_message(folder: Path) -> None:
    program = Emulator(folder, "apply", "web.yaml", "--yes", "--time-scale", "1", columns=100)
    program.until(" left")
    program.process.setwinsize(40, 60)
    program.process.sendintr()
    program.until("to stop immediately.")
    assert program.end() == 130

    assert not left_over(program.text) and "To continue:" in program.text, program.text
    assert not program.screen.cursor.hidden


def test_a_dumb_terminal_gets_whole_lines(folder: Path) -> None:
    program = Emulator(
        folder, "apply", "web.yaml", "--yes", "--time-scale", "3000", TERM="dumb", NO_COLOR="1"
    )
    program.process.expect(pexpect.EOF)
    text = program.process.before.decode()

    assert "\x1b" not in text and "\r" not in text.replace("\r\n", "") and "started" in text


def test_ctrl_c_while_the_account_is_read_leaves_a_clean_terminal(folder: Path) -> None:
    # Nothing listens at this port for so long that the spinner is shown.
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        program = Emulator(
            folder,
            "plan",
            "web.yaml",
            RECONCILER_SIMULATE="",
            IWINV_ENDPOINT=f"http://127.0.0.1:{listener.getsockname()[1]}",
            IWINV_ACCESS_KEY="A" * 20,
            IWINV_SECRET_KEY="S" * 40,
        )
        during = program.until("API calls")
        program.process.sendintr()
        assert program.end() == 130

    assert left_over(during) and not left_over(program.text), program.text
    assert "Interrupted" in program.text and not program.screen.cursor.hidden
