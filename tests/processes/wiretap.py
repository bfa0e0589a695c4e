"""A relay in front of a real server, which kills a process at the n-th message that it sends."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

CHUNK = 1 << 20
TIMEOUT_SECONDS = 90.0


class Trigger:
    """Kills a process at its n-th message to any of the servers: before it arrives (`n` odd), or
    after. `count` is how many there were.
    """

    def __init__(self) -> None:
        self.count, self._at = 0, 0
        self._counting, self._known = threading.Lock(), threading.Event()
        self._victim: subprocess.Popen[str] | None = None

    def arm(self, at: int) -> None:
        """Counts from now on; with 0, nobody is killed."""
        self.count, self._at, self._victim = 0, at, None
        self._known.clear()

    def aim(self, victim: subprocess.Popen[str]) -> None:
        """Says whom."""
        self._victim = victim
        self._known.set()

    def __call__(self, send: Callable[[], None]) -> bool:
        """Lets a message through; False if it killed its sender instead, or after it."""
        with self._counting:
            self.count += 1
            is_last, is_before = self.count == self._at, self._at % 2 == 1
        if not (is_last and is_before):
            send()
        if is_last:
            assert self._known.wait(TIMEOUT_SECONDS)
            victim = self._victim
            assert victim is not None
            victim.kill()
        return not is_last


class Relay:
    """Listens on a port of its own, and passes everything on to a server and back."""

    def __init__(self, port: int, trigger: Trigger) -> None:
        self._to, self._trigger = port, trigger
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            for source, target, gate in ((near, far, self._trigger), (far, near, _pass)):
                threading.Thread(target=_pump, args=(source, target, gate), daemon=True).start()


def _pass(send: Callable[[], None]) -> bool:
    send()
    return True


def _pump(
    source: socket.socket, target: socket.socket, gate: Callable[[Callable[[], None]], bool]
) -> None:
    try:
        while data := source.recv(CHUNK):
            if not gate(lambda data=data: target.sendall(data)):  # type: ignore[misc]
                break
    except OSError:
        pass
    finally:
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
