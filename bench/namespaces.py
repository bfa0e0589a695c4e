"""Network namespaces: a process with a network of its own, in which only some ports of this machine
can be reached.
"""

from __future__ import annotations

import ctypes
import fcntl
import select
import socket
import struct
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of linux/sched.h
_SET_FLAGS, _IS_UP = 0x8914, 0x1  # SIOCSIFFLAGS and IFF_UP of linux/if.h


def start_apart(
    command: Sequence[str], environment: Mapping[str, str], ports: Sequence[int]
) -> tuple[subprocess.Popen[bytes], bool]:
    """Starts a process in a new network, which reaches those ports of this machine's loopback under
    the same numbers. False: namespaces are not allowed, and it is in the network of this process.
    """
    started: list[tuple[subprocess.Popen[bytes], bool]] = []

    def start() -> None:
        # Of this thread alone; what it starts inherits the network.
        is_apart = ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK) == 0
        listeners = [_listener(port) for port in ports] if is_apart else []
        started.append((subprocess.Popen(command, env=dict(environment)), is_apart))
        for listener in listeners:
            # A socket stays in its network; threads of this one serve it.
            waiting.append(listener)

    waiting: list[socket.socket] = []
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    for listener in waiting:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
    if not started:
        raise OSError(f"{command[0]} was not started")
    return started[0]


def _listener(port: int) -> socket.socket:
    """A listening socket in the network of this thread, whose loopback is up afterwards."""
    made = socket.socket()
    fcntl.ioctl(made, _SET_FLAGS, struct.pack("16sH14s", b"lo", _IS_UP, b""))
    made.bind(("127.0.0.1", port))
    made.listen(64)
    return made


def _serve(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    while True:
        inside, _ = listener.accept()
        try:
            outside = socket.create_connection(("127.0.0.1", port))
        except OSError:
            inside.close()
            continue
        for each in (inside, outside):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_join, args=(inside, outside), daemon=True).start()


def _join(inside: socket.socket, outside: socket.socket) -> None:
    """Copies what comes at one end to the other, until one of them ends."""
    others = {inside: outside, outside: inside}
    with inside, outside, suppress(OSError):
        while True:
            for source in select.select(list(others), (), ())[0]:
                data = source.recv(65536)
                if not data:
                    return
                others[source].sendall(data)
