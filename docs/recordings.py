"""Records the command line at a pseudo-terminal, on the local cloud: what people type, and what
the program shows.

Durations and ids differ between two recordings; `same` compares pictures without them.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pexpect
from terminal_picture import Frame, Screen, texts

from reconciler.simulator import Cloud, SimulatorServer
from reconciler.simulator.faults import Fault

ROOT = Path(__file__).resolve().parents[1]
COLUMNS, LINES = 100, 44
STACK = """\
version: 1
stack: shop

firewalls:
  web:
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}
      out: {direction: out, protocol: tcp, ports: 1-65535, cidr: 0.0.0.0/0}

instances:
  web:
    count: 2
    zone: kr1-z01
    flavor: std_1.2-g1
    image: {os: ubuntu, version: "22.04"}
    ssh_keys: [deploy]
    firewall: web
"""
CTRL_C = "\x03"
ERASURE = re.compile(r"(?=\r\x1b\[\d+A\x1b\[J)")
"""Before it, the lines at the bottom of the terminal are whole."""
Act = tuple[str, str]
"""What is waited for on the screen, and what is typed then: nothing only takes a frame."""


class Session:
    """A terminal in a folder with a stack; `frames` is what it has shown."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        (folder / "shop").mkdir(parents=True)
        self.write(STACK)
        self.environ = {
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm-256color",
            **({"RECONCILER_SIMULATE": "1"} if environ is None else environ),
        }
        self.clear()

    def write(self, text: str) -> None:
        """Writes the stack file."""
        (self.folder / "shop" / "stack.yaml").write_text(text, encoding="utf-8")

    def clear(self) -> None:
        """An empty terminal."""
        self.screen, self.frames = Screen(COLUMNS, LINES), list[Frame]()
        self._unseen = list[str]()

    def run(self, command: str, *acts: Act, shown: float = 6.0, code: int = 0) -> None:
        """Types a command and answers it. Its end is shown for so many seconds.

        Raises AssertionError if it ends with another exit code.
        """
        self.screen.write("$ ")
        self._take(0.7)
        self.screen.write(command)
        self._take(0.9)
        self.screen.write("\r\n")
        child = pexpect.spawn(
            sys.executable,
            ["-m", "reconciler", *command.split()[1:]],
            cwd=self.folder,
            dimensions=(LINES, COLUMNS),
            encoding="utf-8",
            env=self.environ,
        )
        for wanted, typed in acts:
            self._until(child, wanted)
            self._take(4.0 if typed else 1.2)
            if typed:
                child.send(typed)
            if typed.endswith("\r"):
                self._until(child, rf"{wanted}\s*{typed[:-1]}")
                self._take(0.8)
        self._until(child, None)
        child.close()
        assert child.exitstatus == code, f"{command}: {child.exitstatus}\n{self.screen.text}"
        self._take(shown)

    def _take(self, seconds: float) -> None:
        self.frames.append(self.screen.frame(seconds))

    def _until(self, child: pexpect.spawn, wanted: str | None) -> None:
        """Reads until the screen shows it, or to the end. On a busy machine much comes at once, and
        nothing that was shown is passed over.
        """
        while wanted is None or not re.search(wanted, self.screen.text, re.DOTALL):
            while not self._unseen:
                try:
                    data = child.read_nonblocking(65536, timeout=120)
                except pexpect.EOF:
                    assert wanted is None, f"{wanted} did not come:\n{self.screen.text}"
                    return
                self._unseen += filter(None, ERASURE.split(data))
            self.screen.write(self._unseen.pop(0))


def first_apply(folder: Path) -> dict[str, list[Frame]]:
    """The first apply with the answer at the question, the list, and an edit that needs consent."""
    session, found = Session(folder), {}
    session.environ["RECONCILER_TIME_SCALE"] = "10"  # what is under way is seen if it takes seconds
    waiting = r"instances.web\[{}\] +create instance: waiting.*"
    under_way = r"ok +\+ +firewalls.web .*" + waiting.format(0) + waiting.format(1) + "1 of 3"
    session.run("reconciler apply shop", (r"or no to cancel:", "yes\r"), (under_way, ""))
    found["first_apply"] = session.frames
    session.clear()
    session.run("reconciler ls shop")
    found["ls"] = session.frames[-1:]
    session.clear()
    session.write(STACK.replace("std_1.2-g1", "std_2.4-g1").replace("203.0.113.7/32", "0.0.0.0/0"))
    session.run("reconciler apply shop", (r"or no to cancel:", "no\r"), code=4)
    found["consent"] = session.frames[-1:]
    return found


def interrupted(folder: Path) -> dict[str, list[Frame]]:
    """A run that is stopped twice while an answer is pending, `recover`, and the rest."""
    slow = Fault(instant="answer_slow", method="POST", route="createInstance", nth=1, seconds=240)
    with SimulatorServer(Cloud(faults=[slow])) as cloud:
        session = Session(folder, cloud.environment)
        session.run(
            "reconciler apply shop --yes",
            (r"web\[0\] +create instance: sent.*1 of 3", CTRL_C),
            (r"Interrupted: starting", CTRL_C),
            shown=3.0,
            code=130,
        )
        session.run("reconciler recover shop")
        return {"recover": session.frames}


def mistake(folder: Path) -> dict[str, list[Frame]]:
    """A file with two mistakes."""
    session = Session(folder)
    session.write(STACK.replace("flavor:", "flavour:").replace("ports: 22,", "ports: 70000,"))
    session.run("reconciler validate shop", code=1)
    return {"error": session.frames[-1:]}


STORIES: tuple[Callable[[Path], dict[str, list[Frame]]], ...] = (first_apply, interrupted, mistake)


def recordings() -> dict[str, list[Frame]]:
    """The frames of every recording by its name."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place, ThreadPoolExecutor() as pool:
        folders = [Path(place) / story.__name__ for story in STORIES]
        made = pool.map(lambda story, folder: story(folder), STORIES, folders)
        return {name: frames for found in made for name, frames in found.items()}


CHANGING = (
    (r"[━─]+", "-"),
    (r"\d+(\.\d+)? (s|ms|min)\b", "N s"),
    (r"about \d+ API calls|\d+ API calls", "N API calls"),
    (r"\b\d+ \w{3} \d\d:\d\d KST|\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "DATE"),
    (r"\brc-[a-z0-9]{12}\b", "MARKER"),
    (r"127\.0\.0\.1:\d+", "LOCAL"),
    (r"203\.0\.113\.1\d\b", "ADDRESS"),
)


def same(one: str, other: str) -> bool:
    """Whether two pictures of a recording show the same, durations, times and ids aside."""
    return _lasting(one) == _lasting(other)


def _lasting(svg: str) -> list[str]:
    found = [re.sub(r"<defs>.*</defs>|<use [^>]*>", "", svg, flags=re.DOTALL)]
    # A frame on the way shows what a busy machine has reached; the end is always the same.
    for text in texts(svg)[-1:]:
        for pattern, stand_in in CHANGING:
            text = re.sub(pattern, stand_in, text)
        found.append(text)
    return found
