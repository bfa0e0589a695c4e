"""What sessions at the command line share: an environment of their own on the local cloud, commands
run in this process, a terminal.
"""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.cli import program
from tests import hints

SCHEMAS = Path(__file__).parents[2] / "schemas"
SCALE = ("--time-scale", "3000")
SETTINGS = ("RECONCILER_TIME_SCALE", "RECONCILER_STATE", "RECONCILER_STATE_DIR")
CREDENTIALS = ("IWINV_ACCESS_KEY", "IWINV_SECRET_KEY", "IWINV_ENDPOINT")
WEB = """\
version: 1
stack: shop
variables:
  note: {type: string, default: first}
firewalls:
  web:
    icmp: true
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
instances:
  web:
    zone: kr1-z01
    flavor: std_2.4-g1
    image: {os: ubuntu, version: "22.04"}
    ssh_keys: [deploy]
    firewall: web
    description: 웹 서버 ${vars.note}
outputs:
  ip: {value: "${instances.web.public_ip}"}
"""
"""One server behind one firewall, for the sessions that need no other stack."""


def begin(
    monkeypatch: pytest.MonkeyPatch, folder: Path, files: Mapping[str, str] | None = None
) -> None:
    """Begins a session: in that folder with those files, on the local cloud, with no key and no
    setting of whoever runs the tests.
    """
    for name in (*CREDENTIALS, *SETTINGS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECONCILER_SIMULATE", "1")
    monkeypatch.chdir(folder)
    for name, text in (files or {}).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """One command: its exit code, stdout and stderr. None may end with a traceback, and the hints
    that it prints work when pasted.
    """
    code, out, err = _run(capsys, arguments)

    def paste(pasted: Sequence[str]) -> tuple[int, str]:
        code, out, err = _run(capsys, pasted)
        return code, out + err

    hints.paste_all(arguments, out + err, paste)
    return code, out, err


def _run(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> tuple[int, str, str]:
    capsys.readouterr()
    code = program.run(arguments)
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err and "internal" not in shown.err, shown.err
    return code, shown.out, shown.err


def write(text: str) -> None:
    """Writes the file of the stack `WEB` anew."""
    Path("web.yaml").write_text(text, encoding="utf-8")


def apply(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    """Applies that file with --yes."""
    return call(capsys, "apply", "web.yaml", "--yes", *SCALE, *options)


def validator(name: str) -> Draft202012Validator:
    """Checks a JSON document against the schema of that name."""
    return Draft202012Validator(
        json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    )


class Terminal:
    """The real program at a pseudo-terminal; `text` is what it has shown so far."""

    def __init__(
        self,
        *arguments: str,
        program: Sequence[str] = ("-m", "reconciler"),
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
        ahead: str = "",
    ) -> None:
        """Starts it. `program` is what Python runs, `environ` all that it sees, `folder` where;
        `ahead` was typed before it began.
        """
        self._master, child = pty.openpty()
        command = [sys.executable, *program, *arguments]
        own = {"TERM": "xterm", "COLUMNS": "100", "PYTHONPATH": str(SCHEMAS.parent)}
        surroundings = {**(os.environ if environ is None else environ), **own}
        self.type(ahead)
        self._process = subprocess.Popen(
            command,
            stdin=child,
            stdout=child,
            stderr=child,
            env=surroundings,
            cwd=folder,
            start_new_session=True,
        )
        os.close(child)
        self.text = ""
        self._read_to = 0

    def until(self, wanted: str | None, *, seconds: float = 120.0) -> None:
        """Reads until the text has come since the last call, or to the end."""
        while wanted is None or (at := self.text.find(wanted, self._read_to)) < 0:
            if not select.select([self._master], [], [], seconds)[0]:
                raise AssertionError(f"{wanted!r} did not come; there is:\n{self.text}")
            try:
                data = os.read(self._master, 65536)
            except OSError:  # EIO: the other end is closed
                data = b""
            if not data:
                assert wanted is None, self.text
                return
            self.text += data.decode("utf-8", "replace")
        self._read_to = at + len(wanted)

    def type(self, text: str) -> None:
        """Types it."""
        os.write(self._master, text.encode())

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """Ctrl-C, or another signal."""
        self._process.send_signal(number)

    def until_it_waits(self) -> None:
        """Waits until the program reads what is typed: a signal that comes between the question and
        the reading is seen only after the next key, which a person would press. Only on Linux.
        """
        stat = Path(f"/proc/{self._process.pid}/stat")
        before: list[str] = []
        for _ in range(200):
            if not stat.exists():
                return
            fields = stat.read_text("utf-8").rpartition(")")[2].split()
            now = [fields[0], fields[11], fields[12]]  # state, and the time used
            if now[0] == "S" and now == before:
                return
            before = now
            select.select([], [], [], 0.02)

    def hang_up(self) -> int:
        """Closes the terminal, which tells the program so, and gives the exit code."""
        os.close(self._master)
        self._process.send_signal(signal.SIGHUP)
        return self._process.wait(timeout=120)

    def end(self) -> int:
        """Reads to the end, and gives the exit code."""
        self.until(None)
        os.close(self._master)
        return self._process.wait(timeout=120)
