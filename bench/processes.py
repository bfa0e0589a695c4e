"""Whole processes: processor time, wall time, memory, and how soon a plan sends its first request.
The best of several runs counts.

Processor time is user and system time of the process. The machine may be shared, so what is
compared is compared in the same run. Byte code is kept from run to run, as it is where the program
is installed: compiling the sources anew takes longer than a small plan.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import replay, stacks

_SCRIPT = Path(sys.executable).with_name("reconciler")
RECONCILER = (str(_SCRIPT),) if _SCRIPT.exists() else (sys.executable, "-m", "reconciler")
BARE = (sys.executable, "-c", "pass")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: seconds of processor and of wall time, and megabytes at its largest."""

    cpu: float
    wall: float
    megabytes: float


def cost(
    command: Sequence[str], *, runs: int, environment: Mapping[str, str] | None = None
) -> Cost:
    """The least of several runs, each figure by itself. Raises where the command fails."""
    launched = (
        sys.executable,
        "-I",
        "-S",
        str(Path(__file__).with_name("launch.py")),
        str(runs),
        *command,
    )
    done = subprocess.run(
        launched,
        capture_output=True,
        text=True,
        check=False,
        env={**_environment(), **(environment or {})},
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return Cost(
        min(one["cpu"] for one in found),
        min(one["wall"] for one in found),
        min(one["megabytes"] for one in found),
    )


def _environment() -> dict[str, str]:
    """The environment as it is, but that Python may write byte code: some machines that run tests
    forbid it.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def starts(folder: Path, *, runs: int = 9) -> dict[str, Cost]:
    """How long it takes to start: a bare interpreter, the shortest commands, and `validate` of a
    small stack.
    """
    small = folder / "small"
    small.mkdir()
    (small / "stack.yaml").write_text(stacks.stack(stacks.servers_for(20)), encoding="utf-8")
    commands = {
        "bare interpreter": BARE,
        "--version": (*RECONCILER, "--version"),
        "--help": (*RECONCILER, "--help"),
        "validate, 20 objects": (*RECONCILER, "validate", str(small)),
    }
    return {name: cost(command, runs=runs) for name, command in commands.items()}


def first_request(folder: Path, *, runs: int = 5) -> float:
    """Seconds from the start of a plan of 20 objects to the connection on which it sends its first
    request.
    """
    small = folder / "small" / "stack.yaml"
    return min(_until_it_connects(folder, small) for _ in range(runs))


def _until_it_connects(folder: Path, stack: Path) -> float:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        environment = {
            **_environment(),
            **replay.variables(folder / "small"),
            "IWINV_ENDPOINT": f"http://127.0.0.1:{port}",
        }
        began = time.perf_counter()
        process = subprocess.Popen(
            (*RECONCILER, "plan", "--no-cache", str(stack)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        try:
            server.settimeout(60.0)
            connection, _ = server.accept()
            took = time.perf_counter() - began
            connection.close()
            return took
        finally:
            process.kill()
            process.wait()


def plan(folder: Path, stack: Path, *, runs: int) -> Cost:
    """`reconciler plan` of a stack whose account answers from a recording (`bench.worlds`)."""
    return cost(
        (sys.executable, "-m", "bench.replay", str(folder), "plan", str(stack)),
        runs=runs,
    )
