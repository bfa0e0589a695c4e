"""Four machines, one quota: does the server ever count more than 60 requests in a minute?

    python -m bench.quota

Each machine is a process with a home and a clock of its own, up to 300 s wrong, and with a network
of its own where namespaces are allowed (as root). It sends as fast as the shared quota lets it. The
server counts each request at a random moment between its arrival and its answer. `--scale 10` makes
every minute six seconds long.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.namespaces import start_apart
from reconciler.cli.quota import quota_choice
from reconciler.common.timing import QUOTA_CALLS, QUOTA_SECONDS
from reconciler.iwinv.client import HttpClient, Pacing
from reconciler.iwinv.clock import SystemClock
from reconciler.iwinv.endpoint import parse
from reconciler.iwinv.network import ThreadNetwork
from reconciler.iwinv.quota.quota_record import Priority
from reconciler.iwinv.signing import Keys
from reconciler.iwinv.transport import HttpTransport
from reconciler.model.diagnostics import Problem
from reconciler.model.resource_type import Call
from reconciler.store.objects import place_url
from tests.servers import places

SHIFT_SECONDS = 300.0
LATENCY_SECONDS = (0.05, 0.5)
KEYS = Keys("bench-access-key", "bench-secret-key")
ANSWER = b'{"code": "0x00", "error_code": "SUCCESS", "result": []}'


class ShiftedClock(SystemClock):
    """The clock of a machine that is so many seconds ahead."""

    def __init__(self, shift: float) -> None:
        self._shift = shift

    def time(self) -> float:
        """Unix seconds, as that machine believes."""
        return super().time() + self._shift


@dataclass(frozen=True, slots=True)
class Setting:
    """What the machines have in common: windows last a minute divided by `scale`."""

    place: places.Place
    machines: int = 4
    scale: float = 1.0
    priorities: tuple[str, ...] = ()

    @property
    def window(self) -> float:
        """The seconds of a window."""
        return QUOTA_SECONDS / self.scale

    def of_machine(self, number: int, port: int, homes: Path) -> dict[str, Any]:
        """What a machine must know. The clocks of the first and the last are the most wrong."""
        spread = max(self.machines - 1, 1)
        return {
            "home": str(homes / str(number)),
            "name": str(number),
            "scale": self.scale,
            "server": port,
            "shift": SHIFT_SECONDS * (2 * number / spread - 1),
            "url": self.place.url,
            "priority": (self.priorities or ("person",) * self.machines)[number],
        }


@dataclass(slots=True)
class CountingServer:
    """A server that counts each request of a machine at a moment within it."""

    scale: float
    arrivals: list[tuple[float, str]] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serves while the block runs."""
        chance, lock = random.Random(1), threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(handler) -> None:
                with lock:
                    latency = chance.uniform(*LATENCY_SECONDS) / self.scale
                    before = chance.uniform(0.0, latency)
                time.sleep(before)
                with lock:
                    self.arrivals.append((time.monotonic(), handler.headers["User-Agent"]))
                time.sleep(latency - before)
                with suppress(OSError):  # the machine was killed meanwhile
                    handler.send_response(200)
                    handler.send_header("Content-Length", str(len(ANSWER)))
                    handler.end_headers()
                    handler.wfile.write(ANSWER)

            def log_message(handler, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


@dataclass(frozen=True, slots=True)
class Counted:
    """What the server counted: the most in any window, the part of the quota that was used, each
    machine's sends, and by how much the share of one is off the mean.
    """

    most: int
    used: float
    sends: tuple[int, ...]
    apart: float
    networks: int
    kills: int = 0


def most_in(times: list[float], seconds: float) -> int:
    """The most arrivals in any window of that length, both ends counted."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] < at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


class Fleet:
    """The machines of one run."""

    def __init__(self, setting: Setting, port: int, homes: Path) -> None:
        self._setting, self._port, self._homes = setting, port, homes
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self.networks = 0

    def start(self, number: int) -> None:
        """Starts a machine, or starts it again after it was killed."""
        setting = self._setting
        told = setting.of_machine(number, self._port, self._homes)
        command = (sys.executable, "-m", "bench.quota", "--machine", json.dumps(told))
        environment = {**os.environ, **setting.place.environment}
        ports = (self._port, setting.place.server.port)
        self._running[number], is_apart = start_apart(command, environment, ports)
        self.networks += is_apart

    def kill(self, number: int) -> None:
        """Ends a machine as a power cut does."""
        process = self._running.pop(number)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        """Ends all machines."""
        for number in tuple(self._running):
            self.kill(number)


def none(fleet: Fleet, window: int) -> int:
    """No trouble."""
    return 0


def run(
    setting: Setting,
    windows: float,
    trouble: Callable[[Fleet, int], int] = none,
) -> Counted:
    """Runs the machines for so many windows from the first request on. `trouble` is called at the
    begin of each window, and returns how many machines it killed.
    """
    server = CountingServer(setting.scale)
    kills = 0
    with server.running(), tempfile.TemporaryDirectory(prefix="quota-") as homes:
        fleet = Fleet(setting, server.port, Path(homes))
        try:
            for number in range(setting.machines):
                fleet.start(number)
            while len(server.arrivals) < setting.machines:
                time.sleep(0.01)
            began = server.arrivals[0][0]
            for window in range(int(windows)):
                kills += trouble(fleet, window)
                time.sleep(max(0.0, began + (window + 1) * setting.window - time.monotonic()))
        finally:
            fleet.end()
        found = [each for each in server.arrivals if each[0] <= began + windows * setting.window]
    times = sorted(at for at, _ in found)
    counts = Counter(name for _, name in found)
    sends = tuple(counts[str(number)] for number in range(setting.machines))
    mean = sum(sends) / len(sends)
    return Counted(
        most=most_in(times, setting.window),
        used=len(times) / (QUOTA_CALLS * windows),
        sends=sends,
        apart=max(abs(each - mean) for each in sends) / mean,
        networks=fleet.networks,
        kills=kills,
    )


def machine(told: dict[str, Any], end: threading.Event) -> None:
    """One machine: sends reads as fast as the quota lets it, until it is killed or must end."""
    scale, port = float(told["scale"]), int(told["server"])
    choice = quota_choice.QuotaChoice(
        Path(told["home"]),
        Priority[str(told["priority"]).upper()],
        address=place_url.parse(str(told["url"])),
    )
    problems: list[Problem] = []
    clock = ShiftedClock(float(told["shift"]))
    transport = HttpTransport(parse(f"http://127.0.0.1:{port}"), agent=str(told["name"]))
    opened = quota_choice.opened(choice, KEYS.digest, time_scale=scale, problems=problems)
    with opened as log:
        pacing = Pacing(scale, random.SystemRandom().random)
        client = HttpClient(ThreadNetwork(transport, 4), clock, KEYS, log, pacing=pacing)
        tokens = itertools.count()
        while not end.is_set():
            wait = client.ready_in()
            if wait > 0.0:
                client.next(min(wait, 1.0))
            else:
                client.send(next(tokens), Call("GET", "/v1/zones"))
        client.close()


def killer(setting: Setting) -> Callable[[Fleet, int], int]:
    """Kills one machine in each window but the first, at any moment, and starts it again."""
    chance = random.Random(7)

    def strike(fleet: Fleet, window: int) -> int:
        if window == 0:
            return 0
        time.sleep(chance.uniform(0.0, 0.9) * setting.window)
        victim = chance.randrange(setting.machines)
        fleet.kill(victim)
        fleet.start(victim)
        return 1

    return strike


def absence(setting: Setting, windows: int) -> Callable[[Fleet, int], int]:
    """Kills the database at the begin of the second window, and starts it again later."""

    def strike(fleet: Fleet, window: int) -> int:
        if window == 1:
            setting.place.server.kill()
        if window == 1 + windows:
            setting.place.server.start()
        return 0

    return strike


def main() -> int:
    """0 if the server never counted more than the quota, and the shares are right; else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.quota", description=__doc__)
    parser.add_argument("--machine", help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--windows", type=int, default=10)
    parser.add_argument("--place", choices=("postgres", "pgbouncer"), default="postgres")
    parser.add_argument(
        "--run", choices=("even", "killed", "away", "away-long", "mixed"), action="append"
    )
    options = parser.parse_args()
    if options.machine:
        machine(json.loads(options.machine), threading.Event())
    wrong = 0
    print("run        machines  networks  windows  kills  most  used  off the mean  sends")
    for name in options.run or ("even", "killed", "away", "away-long", "mixed"):
        with places.Places() as all_places:
            place = all_places.fresh(options.place)
            windows, setting = options.windows, Setting(place, scale=options.scale)
            trouble: Callable[[Fleet, int], int] = none
            if name == "killed":
                trouble = killer(setting)
            elif name.startswith("away"):
                away = 3 if name == "away-long" else 1
                setting = Setting(place, machines=2, scale=options.scale)
                windows, trouble = 4 + away, absence(setting, away)
            elif name == "mixed":
                setting = Setting(place, 3, options.scale, ("person", "ci", "watch"))
                windows = min(windows, 5)
            found = run(setting, windows, trouble)
        right = found.most <= QUOTA_CALLS
        if name == "even":
            right = right and found.used >= 0.95 and found.apart <= 0.15
        wrong += not right
        print(
            f"{name:<9}  {setting.machines:>8}  {found.networks:>8}  {windows:>7}  "
            f"{found.kills:>5}  {found.most:>4}  {found.used:>4.0%}  {found.apart:>12.0%}  "
            f"{' '.join(map(str, found.sends))}{'' if right else '  WRONG'}",
            flush=True,
        )
    print("as it should be" if not wrong else f"{wrong} runs are WRONG")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
