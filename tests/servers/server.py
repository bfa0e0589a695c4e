"""What every server of one process has: start, kill, stall, restart and stop."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from tests.servers.process import (
    Process,
    Unavailable,
    descendants,
    free_port,
    new_folder,
    remove,
    wait_until,
)

START_SECONDS = 60.0
ATTEMPTS = 5


class Server:
    """A server on a free port of loopback, with its files in a temporary folder. It starts on
    creation, which raises `Unavailable` with the end of the server's log if that fails.
    """

    name = "server"
    end_by = signal.SIGTERM

    def __init__(self, *, user: str | None = None) -> None:
        self._user = user
        self.folder = new_folder(self.name, user=user)
        self._process: Process | None = None
        self._is_stalled = False
        self.port = 0
        try:
            self._prepare()
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self) -> None:
        """Starts the server, on the same port as before; nothing if it runs."""
        if self._process is not None and self._process.is_running:
            return
        is_first = self.port == 0
        for attempt in range(ATTEMPTS):
            self.port = free_port() if is_first else self.port
            self._process = Process(
                self._command(),
                folder=self.folder,
                user=self._user,
                environment=self._environment(),
                end_by=self.end_by,
            )
            try:
                wait_until(self._is_ready, seconds=START_SECONDS, process=self._process)
                return
            except Unavailable:
                # The port was taken meanwhile, or processes of a killed server still end.
                if self._process.is_running or attempt == ATTEMPTS - 1:
                    raise
                self._process.stop()
                time.sleep(0.2)

    @property
    def pid(self) -> int | None:
        """The id of its main process, None if it does not run."""
        return self._process.pid if self._process and self._process.is_running else None

    @property
    def pids(self) -> list[int]:
        """The ids of all processes that were started for it and run."""
        return [] if self.pid is None else [self.pid]

    def kill(self) -> None:
        """Ends the server with kill -9; `start` starts it again."""
        self.resume()
        if self._process is not None:
            self._process.kill()

    def stall(self) -> None:
        """Stops all its processes without ending them: connections stay and get no answer."""
        self._is_stalled = True
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets them continue; nothing if they are not stalled."""
        if self._is_stalled:
            self._is_stalled = False
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.is_running:
            for pid in (self._process.pid, *descendants(self._process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def restart(self) -> None:
        """Ends the server in an orderly way, which cuts all connections, and starts it again."""
        self.resume()
        if self._process is not None:
            self._process.stop()
        self.start()

    def stop(self) -> None:
        """Ends the server and removes its folder."""
        self.resume()
        if self._process is not None:
            self._process.stop()
        remove(self.folder)

    def _prepare(self) -> None:
        """Writes the files of the server before its first start."""

    def _command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        return {}

    def _is_ready(self) -> bool:
        raise NotImplementedError
