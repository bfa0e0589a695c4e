"""HTTP: a `Cloud` served on a socket, keep-alive, one thread a connection, so that no
client waits for the slow answer of another.

A fault that cuts a connection really cuts it, one that sends half an answer sends half, and a slow
one is slow. The path `/_simulator/` steers the cloud; only callers on this machine get it, and only
where the server itself is on loopback.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import signal
import socket
import socketserver
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from http.client import responses
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl

from reconciler.model.http import Request, Response
from reconciler.simulator import control
from reconciler.simulator.answers import Answer
from reconciler.simulator.cloud import ACCESS_KEY, SECRET_KEY, Cloud
from reconciler.simulator.errors import plain_response
from reconciler.simulator.worldfile import WorldNotKept, WorldStore

BODY_BYTES_MAX = 8 * 1024 * 1024
IDLE_SECONDS_MAX = 300.0
STEERING = "/_simulator/"


class ServerError(RuntimeError):
    """The server cannot start; the text is the reason, for people."""


class SimulatorServer(contextlib.AbstractContextManager["SimulatorServer"]):
    """A cloud on a socket, served from background threads until `close`; a context manager.

    `port` 0 takes a free one. `world_file` is read now if it exists and written after each change
    and at the end, whole or not at all; it belongs to this server alone while it runs. Everything
    else is for `Cloud`.
    """

    def __init__(
        self,
        cloud: Cloud | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        world_file: Path | None = None,
        lock_seconds: float = 0.0,
    ) -> None:
        self.cloud = cloud or Cloud()
        with contextlib.ExitStack() as cleanup:
            if world_file is not None:
                world_store = WorldStore(world_file, lock_seconds=lock_seconds)
                cleanup.callback(world_store.close)
                world_store.bind(self.cloud)
            self._server = _bind(self.cloud, host, port)
            if world_file is not None:
                cleanup.callback(lambda: world_store.save(self.cloud.snapshot()))
            cleanup.callback(self._server.stop)
            self._cleanup = cleanup.pop_all()
        self._server.start()

    @property
    def endpoint(self) -> str:
        """The value of IWINV_ENDPOINT."""
        host, port = self._server.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{name}:{port}"

    @property
    def access_key(self) -> str:
        """The value of IWINV_ACCESS_KEY."""
        return self.cloud.access_key

    @property
    def secret_key(self) -> str:
        """The value of IWINV_SECRET_KEY."""
        return self.cloud.secret_key

    @property
    def environment(self) -> dict[str, str]:
        """The variables a client of this server wants."""
        return {
            "IWINV_ENDPOINT": self.endpoint,
            "IWINV_ACCESS_KEY": self.access_key,
            "IWINV_SECRET_KEY": self.secret_key,
        }

    def close(self) -> None:
        """Stop taking requests, cut idle connections, write the world a last time. Again is
        harmless.
        """
        self._cleanup.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(
    cloud: Cloud,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    world_file: Path | None = None,
    out: IO[str] | None = None,
    ready: Callable[[SimulatorServer], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. The first three lines printed are the environment of a client,
    then it is ready.
    """
    stop = threading.Event()
    stream = out or sys.stdout
    with (
        _stopping_on_signals(stop),
        SimulatorServer(cloud, host=host, port=port, world_file=world_file) as server,
    ):
        stream.writelines(f"export {name}={value}\n" for name, value in server.environment.items())
        stream.write(f"# ready on {server.endpoint}; Ctrl-C stops it\n")
        stream.flush()
        if ready is not None:
            ready(server)
        stop.wait()
    with contextlib.suppress(OSError):  # the reader of the output may have ended before us
        stream.write("# stopped\n")
        stream.flush()


@contextlib.contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set the event while this lasts; only the main thread of a process can ask
    for that.
    """

    in_main_thread = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM) if in_main_thread else ()
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def keys_from_environment() -> tuple[str, str]:
    """Access key and secret key of the environment when both are set, else the fixed local ones."""
    access_key, secret_key = os.environ.get("IWINV_ACCESS_KEY"), os.environ.get("IWINV_SECRET_KEY")
    return (access_key, secret_key) if access_key and secret_key else (ACCESS_KEY, SECRET_KEY)


def is_loopback(host: str) -> bool:
    """Whether an address, or the name localhost, stays on this machine."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return host.lower() == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _bind(cloud: Cloud, host: str, port: int) -> _Server:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return _Server(cloud, (host, port), family)
    except OverflowError:
        raise ServerError(f"port {port} is not one; 0 takes a free one, else 1-65535") from None
    except OSError as problem:
        reasons = {
            errno.EADDRINUSE: f"port {port} on {host} is in use by another program; --port 0 takes"
            " a free one",
            errno.EACCES: f"port {port} on {host} needs rights this user does not have; use one"
            " above 1023",
        }
        reason = f"cannot listen on {host} port {port}: {problem.strerror or problem}"
        raise ServerError(reasons.get(problem.errno or 0, reason)) from None


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = os.name == "posix"

    def __init__(self, cloud: Cloud, address: tuple[str, int], family: int) -> None:
        self.address_family = family
        self.cloud = cloud
        self.stopping = threading.Event()
        self.open: set[socket.socket] = set()
        super().__init__(address, _Handler)
        self.steerable = is_loopback(str(self.server_address[0]))
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.05,), name="simulator", daemon=True
        )

    def start(self) -> None:
        """Serve in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop taking requests and end the connections that are still open; their threads then end
        by themselves.
        """
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        problem = sys.exception()
        expected = isinstance(problem, ConnectionError | TimeoutError | _Cut)
        if not expected and not self.stopping.is_set():
            traceback.print_exc(file=sys.stderr)


class _Cut(Exception):
    """The connection is to be cut here and now."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS_MAX
    server: _Server

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Every method is answered by the cloud, even one that nobody has heard of."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the cloud keeps its own log."""

    def _answer(self) -> None:
        try:
            request = self._request()
        except ValueError as problem:
            self.close_connection = True
            self._send(plain_response(400, {"message": str(problem)}))
            return
        self._deliver(self._answer_to(request, str(self.client_address[0])))

    def _answer_to(self, request: Request, peer: str) -> Answer:
        try:
            if request.path.startswith(STEERING):
                return Answer(self._steer(request, peer))
            return self.server.cloud.exchange(request, peer=peer)
        except WorldNotKept as failure:
            text = f"simulator: {failure}"
            sys.stderr.write(f"{text}\n")
        # a bug here must look like an error of the provider, not like a connection without answer
        except Exception:
            text = "simulator: internal error, see its output"
            traceback.print_exc(file=sys.stderr)
        return Answer(plain_response(500, {"message": text}))

    def _steer(self, request: Request, peer: str) -> Response:
        named = self.headers.get("Host") or ""
        host = named.rpartition(":")[0] or named
        if not self.server.steerable or not is_loopback(peer) or not is_loopback(host):
            return plain_response(
                403, {"message": "the simulator is steered from this machine only"}
            )
        if not self._is_of_our_own():
            return plain_response(
                403, {"message": "the simulator is not steered by pages of other origins"}
            )
        return control.steer(self.server.cloud, request)

    def _is_of_our_own(self) -> bool:
        """Whether no browser says that a page of another origin sends this: programs send neither
        of these headers.
        """
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site")
        own = f"http://{self.headers.get('Host')}"
        return site in (None, "same-origin", "none") and origin in (None, own)

    def _request(self) -> Request:
        path, _, query = self.path.partition("?")
        return Request(
            method=self.command,
            path=path,
            query=tuple(parse_qsl(query, keep_blank_values=True, max_num_fields=1_000)),
            headers=tuple(self.headers.items()),
            body=self._body(),
        )

    def _body(self) -> bytes:
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            return b"".join(self._chunks())
        text = self.headers.get("Content-Length") or "0"
        if not text.isdecimal() or int(text) > BODY_BYTES_MAX:
            raise ValueError("Content-Length is not usable")
        return self._read(int(text))

    def _chunks(self) -> Iterable[bytes]:
        left = BODY_BYTES_MAX
        while True:
            line = self.rfile.readline(1_026).partition(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError:
                raise ValueError("a chunk has no size") from None
            left -= size
            if size < 0 or left < 0:
                raise ValueError("the body is too large")
            if size == 0:
                while self.rfile.readline(65_537).strip():
                    pass
                return
            yield self._read(size)
            self.rfile.readline(3)

    def _read(self, size: int) -> bytes:
        body = self.rfile.read(size) if size else b""
        if len(body) < size:
            raise _Cut
        return body

    def _deliver(self, answer: Answer) -> None:
        """Send an answer late, cut or whole, as it says."""
        if answer.delay:
            self.server.stopping.wait(answer.delay)
        if answer.response is not None:
            self._send(answer.response, keep=answer.keep)
        if answer.response is None or answer.keep is not None:
            raise _Cut

    def _send(self, response: Response, *, keep: int | None = None) -> None:
        phrase = responses.get(response.status, "Unknown")
        headers = [*response.headers, ("Content-Length", str(len(response.body)))]
        if response.header("Date") is None:
            headers.append(("Date", self.date_time_string()))
        if self.close_connection or self.server.stopping.is_set():
            self.close_connection = True
            headers.append(("Connection", "close"))
        head = (
            f"HTTP/1.1 {response.status} {phrase}\r\n"
            + "".join(f"{name}: {value}\r\n" for name, value in headers)
            + "\r\n"
        )
        body = b"" if self.command == "HEAD" else response.body[:keep]
        self.wfile.write(head.encode("latin-1", "replace") + body)
