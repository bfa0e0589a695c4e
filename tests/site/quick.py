"""The program as a command for shells that starts quickly: a server has loaded its modules, and forks
for each call. Process, files, terminal and exit code of a call are its own.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLIENT = """\
#!{python} -IS
import array, json, os, socket, sys
call = socket.socket(socket.AF_UNIX)
call.connect({address!r})
data = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
call.sendmsg([len(data).to_bytes(4, "big")],
             [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
call.sendall(data)
sys.exit(call.recv(1)[0])
"""


@contextmanager
def program(folder: Path) -> Iterator[Path]:
    """A folder with a command `reconciler`, which works until the block ends."""
    address = folder / "calls"
    command = folder / "bin" / "reconciler"
    command.parent.mkdir()
    command.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    command.chmod(0o755)
    start = [sys.executable, "-m", "tests.site.quick", str(address)]
    with subprocess.Popen(start, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        try:
            yield command.parent
        finally:
            server.terminate()


def _serve(address: str) -> None:
    import gc
    import importlib
    import pkgutil

    import reconciler
    from reconciler.config import cel_syntax

    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    cel_syntax.parse("1 + 1")  # makes the tables of the parser
    gc.freeze()  # nothing of this is copied when a call collects garbage
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    calls = socket.socket(socket.AF_UNIX)
    calls.bind(address)
    calls.listen()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        call, _ = calls.accept()
        if os.fork() == 0:
            calls.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            code = _answer(call)
            call.send(bytes([code]))
            os._exit(0)
        call.close()


def _answer(call: socket.socket) -> int:
    """Runs one call with its arguments, folder, environment and standard streams."""
    size, rights, _, _ = call.recvmsg(4, socket.CMSG_SPACE(12))
    files = array.array("i")
    files.frombytes(rights[0][2])
    data = b""
    while len(data) < int.from_bytes(size, "big"):
        data += call.recv(1 << 16)
    arguments, folder, environment = json.loads(data)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["reconciler", *arguments]
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    lines = 1 if os.isatty(1) else -1
    sys.stdout = os.fdopen(1, "w", buffering=lines, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False)
    from reconciler.__main__ import main

    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    _serve(sys.argv[1])
