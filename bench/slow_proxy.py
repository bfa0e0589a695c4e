"""A connection to a server that answers later: each piece of a request arrives so many seconds
after it was sent. What is sent while another piece is on its way is not delayed further.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from contextlib import AbstractContextManager, suppress
from types import TracebackType

_PIECE = 1 << 16


class SlowProxy(AbstractContextManager["SlowProxy"]):
    """Listens on a free port of loopback, in threads, until the end of the block."""

    def __init__(self, port: int, seconds: float) -> None:
        self._target, self._seconds = port, seconds
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                pieces: queue.Queue[tuple[float, bytes]] = queue.Queue()
                for target, arguments in (
                    (self._receive, (client, pieces)),
                    (_send, (server, pieces)),
                    (_copy, (server, client)),
                ):
                    threading.Thread(target=target, args=arguments, daemon=True).start()

    def _receive(self, client: socket.socket, pieces: queue.Queue[tuple[float, bytes]]) -> None:
        piece = b"-"
        while piece:
            try:
                piece = client.recv(_PIECE)
            except OSError:
                piece = b""
            pieces.put((time.monotonic() + self._seconds, piece))


def _send(server: socket.socket, pieces: queue.Queue[tuple[float, bytes]]) -> None:
    with suppress(OSError):
        while True:
            due, piece = pieces.get()
            time.sleep(max(due - time.monotonic(), 0.0))
            if not piece:
                server.shutdown(socket.SHUT_WR)
                return
            server.sendall(piece)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    for one in (source, target):
        one.close()
