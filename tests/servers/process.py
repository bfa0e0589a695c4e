"""A process of a server: its log, its readiness and its end."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

LOG_LINES = 30
PAUSE = 0.05
STOP_SECONDS = 10.0
MEMORY, MEMORY_BYTES = Path("/dev/shm"), 2 << 30

KEEPER = 'read -r word || { kill -s "$1" "$2"; sleep 1; kill -s KILL "$2"; rm -rf "$3"; }'
"""Waits for the end of its input, which comes when whoever holds the other end of the pipe is gone,
then ends the process and removes its folder. A line on its input ends it without that.
"""


class Unavailable(RuntimeError):
    """A server is not installed, or did not start; the message says why."""


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(is_ready: Callable[[], bool], *, seconds: float, process: Process) -> None:
    """Returns as soon as the process is ready. Raises `Unavailable` with the end of its log if it
    ends before, or is not ready in time.
    """
    limit = time.monotonic() + seconds
    while not is_ready():
        if not process.is_running:
            raise Unavailable(f"{process.name} ended while starting\n{process.log_end()}")
        if time.monotonic() > limit:
            raise Unavailable(
                f"{process.name} was not ready after {seconds:.0f} s\n{process.log_end()}"
            )
        time.sleep(PAUSE)


def answers(port: int) -> bool:
    """Whether something accepts connections at the port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_open_to_all(path: Path) -> bool:
    """Whether every user may enter the folder and all folders above it."""
    return all(each.stat().st_mode & stat.S_IXOTH for each in (path, *path.parents))


def other_user() -> str | None:
    """The user for servers that refuse to run as root; None if we are not root."""
    return "nobody" if os.geteuid() == 0 else None


def new_folder(name: str, *, user: str | None = None) -> Path:
    """A new temporary folder that belongs to the user; its path is short enough for sockets.

    It is in memory if there is room: a server of tests writes and syncs thousands of small files.
    `SERVERS_FOLDER` names a folder on the disk instead, for those who measure.
    """
    named = os.environ.get("SERVERS_FOLDER")
    roots = [Path(named)] if named else [MEMORY, Path(tempfile.gettempdir()), Path("/tmp")]
    root = next((each for each in roots if _is_fit(each)), roots[-1])
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root))
    if user is not None:
        give(folder, user)
    return folder


def _is_fit(root: Path) -> bool:
    has_room = root.is_dir() and (root != MEMORY or shutil.disk_usage(root).free >= MEMORY_BYTES)
    return has_room and is_open_to_all(root)


def give(path: Path, user: str) -> None:
    """Makes the user the owner."""
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)


def clean_environment() -> dict[str, str]:
    """The environment of a server: none of the settings of database and cloud clients."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PG", "AWS_", "LC_", "CEPH_", "PYTHONPATH"))
    }
    return kept | {"LANG": "C", "LC_ALL": "C"}


def run(command: Sequence[str | Path], *, user: str | None = None, folder: Path) -> str:
    """Runs a command of a server's set-up and returns what it prints. Raises `Unavailable` with
    the end of its output if it fails or takes over a minute.
    """
    try:
        done = subprocess.run(
            list(command),
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
            **_as(user),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{Path(command[0]).name} failed: {error}") from error
    if done.returncode != 0:
        raise Unavailable(f"{Path(command[0]).name} failed\n{_end(done.stdout)}")
    return str(done.stdout)


def descendants(pid: int) -> list[int]:
    """The ids of the processes that the process started, and of those that they started."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    pairs = [(int(child), int(parent)) for child, parent in map(str.split, listed.splitlines())]
    found = [pid]
    for known in found:
        found += [child for child, parent in pairs if parent == known]
    return found[1:]


def end(pids: Sequence[int]) -> None:
    """Kills processes that are not children of this one, and waits until they have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + STOP_SECONDS
    while _run(pids):
        assert time.monotonic() < deadline, f"{pids} do not end"
        time.sleep(0.01)


def _run(pids: Sequence[int]) -> bool:
    """Whether one of them runs, be it only to its end."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,stat="], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    rows = (row.split() for row in listed.splitlines())
    return any(int(pid) in pids and not state.startswith("Z") for pid, state in rows)


def _as(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _end(text: str) -> str:
    return "\n".join(text.splitlines()[-LOG_LINES:])


class Process:
    """One process of a server, started on creation; the end of its log explains a failure.

    If the one who started it dies, even of kill -9, the process is ended by its id and its folder
    is removed.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        end_by: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = Path(command[0]).name
        self._folder, self._end_by = folder, end_by
        self._log = folder / f"{self.name}.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                list(command),
                cwd=folder,
                env=clean_environment() | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **_as(user),
            )
        name = end_by.name.removeprefix("SIG")
        self._keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "keeper", name, str(self.pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def log_end(self) -> str:
        """The last lines of what the process wrote."""
        return _end(self._log.read_text(encoding="utf-8", errors="replace"))

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal; nothing if the process has ended."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Ends the process at once, as a crash of the machine does."""
        self._process.kill()
        self._wait()

    def stop(self) -> None:
        """Ends the process in an orderly way, and at once if that takes over 10 s."""
        if self.is_running:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(self._end_by)
        self._wait()

    def _wait(self) -> None:
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        if self._keeper.poll() is None:
            self._keeper.communicate(b"done\n", STOP_SECONDS)


def remove(folder: Path) -> None:
    """Removes the folder of a server that has ended."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(PAUSE)
