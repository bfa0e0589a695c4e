"""The two sides of a process test: the local cloud on a socket, which can strike at a request, and
the real program beside it. What is killed, stopped or signalled is a process; the commands before
and after it run in the process of the test.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from reconciler.cli import composition, program
from reconciler.commands import plan as planning
from reconciler.commands.context import Planned
from reconciler.config import loader
from reconciler.model.http import Request
from reconciler.model.state import State
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.simulator import Cloud, SimulatorServer
from reconciler.simulator.answers import Answer
from reconciler.store.folder_store import FileStore
from tests.processes.launcher import moved
from tests.stackfiles import WEB_HEAD

PYTHON = sys.executable
BYTECODE = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
"""Where compiled modules go: as for the tests themselves."""
LAUNCHER = Path(__file__).parent / "launcher.py"
TIME_SCALE = 2000.0
RATE = 60.0
"""Times as fast, where a fence has to be waited for; a request that the machine delays by 5 s is
then too old to be taken.
"""

TIMEOUT_SECONDS = 90.0
PAST_THE_FENCE_SECONDS = 600.0

STACK = (
    WEB_HEAD
    + """\
instances:
  web:
    zone: kr1-z01
    flavor: std_2.4-g1
    image: {os: ubuntu, version: "22.04"}
    ssh_keys: [deploy]
    firewall: web
    description: 웹 서버
"""
)

Strike = Callable[["StruckCloud", Request, int], "Answer | None"]
"""Called with each request before it is executed: None lets it through, an answer takes its place.
"""


class StruckCloud(Cloud):
    """A cloud that tells of every request before it is executed. `requests` are those that came,
    `strike` may end them.
    """

    def __init__(self, **options: object) -> None:
        self.requests: list[Request] = []
        self.strike: Strike | None = None
        self._counting = threading.Lock()
        super().__init__(**options)  # type: ignore[arg-type]

    def exchange(self, request: Request, *, peer: str = "127.0.0.1") -> Answer:
        """The request is counted, struck where the test says so, else executed."""
        with self._counting:
            self.requests.append(request)
            number = len(self.requests)
        found = self.strike(self, request, number) if self.strike is not None else None
        return super().exchange(request, peer=peer) if found is None else found

    def twice(self) -> list[str]:
        """The creates that were sent again with the same marker: there must be none."""
        bodies = [
            request.body
            for request in self.requests
            if request.method == "POST" and b" rc-" in request.body.replace(b"%20", b" ")
        ]
        return sorted({body.decode(errors="replace") for body in bodies if bodies.count(body) > 1})

    def execute(self, request: Request) -> Answer:
        """Executes a request that was struck."""
        return super().exchange(request)


CUT = Answer(None, "the connection is cut")


class Killer:
    """Kills the process that sent a request: the n-th read or write since it was armed, before or
    after the cloud has executed it.
    """

    def __init__(self, what: str, number: int, *, done: bool) -> None:
        self._reads, self._left, self._done = what == "read", number, done
        self._victim: subprocess.Popen[str] | None = None
        self._known = threading.Event()

    def aim(self, victim: subprocess.Popen[str]) -> subprocess.Popen[str]:
        """Says whom."""
        self._victim = victim
        self._known.set()
        return victim

    def __call__(self, cloud: StruckCloud, request: Request, number: int) -> Answer | None:
        """Strikes, or lets the request through."""
        if (request.method == "GET") != self._reads:
            return None
        self._left -= 1
        if self._left:
            return None
        if self._done:
            cloud.execute(request)
        assert self._known.wait(TIMEOUT_SECONDS) and self._victim is not None
        kill(self._victim)
        return CUT


@dataclass
class Desk:
    """A folder with a stack, the cloud it is about, and the clock of both."""

    folder: Path
    cloud: StruckCloud
    server: SimulatorServer
    epoch: float
    offset: list[float] = field(default_factory=lambda: [0.0])
    rate: float = 1.0

    @property
    def environment(self) -> dict[str, str]:
        """All that the program gets to see of the machine."""
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder / "home"),
            "XDG_STATE_HOME": str(self.folder / "home" / "state"),
            "XDG_CACHE_HOME": str(self.folder / "home" / "cache"),
            "RECONCILER_TIME_SCALE": str(TIME_SCALE),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **{name: os.environ[name] for name in BYTECODE if name in os.environ},
            "TEST_CLOCK_EPOCH": repr(self.epoch),
            "TEST_CLOCK_RATE": repr(self.rate),
            "TEST_CLOCK_OFFSET": repr(self.offset[0]),
            **self.server.environment,
        }

    @property
    def store(self) -> FileStore:
        """Where the program keeps its state."""
        return FileStore(self.folder / "state" / "shop")

    @property
    def state(self) -> State:
        """The state as it lies on the disk now."""
        found = self.store.read()
        assert found is not None
        return found

    def write(self, text: str) -> None:
        """Writes the stack file."""
        (self.folder / "shop.yaml").write_text(text, encoding="utf-8")

    def advance(self, seconds: float) -> None:
        """Both clocks go ahead."""
        self.offset[0] += seconds

    def planned(self) -> Planned:
        """What an apply would do, planned in this process: a check of the end needs no process of
        its own.
        """
        path = self.folder / "shop.yaml"
        with (
            self._clock(),
            composition.connect(
                path, self.environment, simulated=False, time_scale=None, problems=[]
            ) as connection,
        ):
            stack = loader.load_stack(
                path, environment=None, variables=loader.VariableSources(process=self.environment)
            ).stack
            return planning.plan(stack, connection, self.store, PlanOptions())

    def _clock(self) -> AbstractContextManager[object]:
        """This process on the clock of the desk, as the launcher moves that of others."""
        ours = types.SimpleNamespace(
            time=lambda: moved(self.epoch, self.rate, self.offset[0]), monotonic=time.monotonic
        )
        return mock.patch("reconciler.iwinv.clock.time", ours)

    def start(
        self, *arguments: str, more: Mapping[str, str] | None = None, **options: object
    ) -> subprocess.Popen[str]:
        """Starts the program; its output is gathered."""
        streams: dict[str, object] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **options,
        }
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            [PYTHON, LAUNCHER, *arguments],
            cwd=self.folder,
            env={**self.environment, **(more or {})},
            text=True,
            encoding="utf-8",
            **streams,
        )

    def run(self, *arguments: str, more: Mapping[str, str] | None = None) -> Ended:
        """Runs the program to its end in this process: nothing happens to it from outside."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with (
            self._clock(),
            mock.patch.dict(os.environ, {**self.environment, **(more or {})}, clear=True),
            contextlib.chdir(self.folder),
            Path(os.devnull).open(encoding="utf-8") as nothing,
            mock.patch("sys.stdin", nothing),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = program.run(arguments)
        return checked(Ended(code, _written(out), _written(err)))

    def apply(self, *options: str) -> Ended:
        """One `apply --yes`."""
        return self.run("apply", "shop.yaml", "--yes", *options)


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that it said."""
        return self.out + self.err


def ended(process: subprocess.Popen[str]) -> Ended:
    """Waits for a process, and looks that it never showed a traceback."""
    try:
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"it did not end:\n{out}\n{err}") from None
    return checked(Ended(process.returncode, out or "", err or ""))


def checked(found: Ended) -> Ended:
    """What it said, which is never a traceback."""
    assert "Traceback" not in found.text and "error[internal]" not in found.text, found.text
    return found


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    written: io.BytesIO = stream.buffer  # type: ignore[assignment]
    return written.getvalue().decode("utf-8")


@contextmanager
def desk(
    folder: Path,
    text: str = STACK,
    *,
    rate: float = 1.0,
    switches: Mapping[str, object] | None = None,
) -> Iterator[Desk]:
    """A stack, a cloud with an object of somebody else in it, and a clock."""
    epoch, offset = time.time(), [0.0]
    cloud = StruckCloud(
        time_scale=TIME_SCALE,
        clock=lambda: moved(epoch, rate, offset[0]),
        switches={"rate_limit": "off", **(switches or {})},
    )
    with SimulatorServer(cloud) as server:
        made = Desk(folder, cloud, server, epoch, offset, rate)
        made.write(text)
        yield made


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL, and it is really dead when this returns."""
    process.send_signal(signal.SIGKILL)
    process.wait(TIMEOUT_SECONDS)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Until a condition holds; fails the test where it does not come to that."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


def names(requests: Sequence[Request]) -> list[str]:
    """Requests as short lines."""
    return [f"{request.method} {request.path}" for request in requests]


def bring_to_the_end(place: Desk, said: str) -> list[str]:
    """The runs after a kill, with the answers of `recover` where no evidence proves it. At most two
    more runs; gives the answers.
    """
    answers: list[str] = []
    place.advance(PAST_THE_FENCE_SECONDS)
    for _ in range(2):
        done = place.apply()
        if done.code == 0:
            return answers
        assert done.code == 3, f"{said}: {done.text}"
        asked = [intent for intent, result in place.state.open.values() if result != "accepted"]
        # The truth of the world: whatever bears the marker was made, and is proved without a
        # person; what does not was not made.
        assert not any(_bears(place, intent.nonce) for intent in asked), f"{said}: {done.text}"
        answers += [intent.address for intent in asked]
        found = place.run(
            "recover",
            "shop.yaml",
            *(word for intent in asked for word in ("--not-created", intent.address)),
        )
        assert found.code == 0, f"{said}: {found.text}"
    done = place.apply()
    assert done.code == 0, f"{said}: {done.text}"
    return answers


def _bears(place: Desk, nonce: str | None) -> bool:
    world = place.cloud.snapshot()
    texts = [server.description for server in world.instances.values()] + [
        group.content for group in world.firewalls.values()
    ]
    return nonce is not None and any((text or "").endswith(f"rc-{nonce}") for text in texts)
