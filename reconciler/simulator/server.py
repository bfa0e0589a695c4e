"""HTTP: a `Cloud` served on a socket, keep-alive, one thread a connection, so that nobody waits for
anybody's slow answer.

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
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO
from urllib.parse import parse_qsl

from reconciler.model.http import Request, Response
from reconciler.simulator import control
from reconciler.simulator.answers import Answer
from reconciler.simulator.cloud import ACCESS_KEY, SECRET_KEY, Cloud
from reconciler.simulator.errors import plain_response
from reconciler.simulator.keeper import Keeper, WorldNotKept

BODY_BYTES_MAX = 8 * 1024 * 1024
IDLE_SECONDS_MAX = 300.0
STEERING = "/_simulator/"


class ServerError(RuntimeError):
    """The server cannot start; the text says why, for people."""


class SimulatorServer:
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
        self._keeper = (
            Keeper(world_file, lock_seconds=lock_seconds) if world_file is not None else None
        )
        try:
            if self._keeper is not None:
                self._keeper.bind(self.cloud)
            self._server = _bind(self.cloud, host, port)
        except BaseException:
            if self._keeper is not None:
                self._keeper.close()
            raise
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="simulator",
            daemon=True,
        )
        self._thread.start()
        self._closed = False

    @property
    def endpoint(self) -> str:
        """What IWINV_ENDPOINT says."""
        host, port = self._server.server_address[:2]
        return f"http://{_bracketed(str(host))}:{port}"

    @property
    def access_key(self) -> str:
        """What IWINV_ACCESS_KEY says."""
        return self.cloud.access_key

    @property
    def secret_key(self) -> str:
        """What IWINV_SECRET_KEY says."""
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
        if self._closed:
            return
        self._closed = True
        self._server.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.cut_connections()
        if self._keeper is not None:
            try:
                self._keeper.save(self.cloud.snapshot())
            finally:
                self._keeper.close()

    def __enter__(self) -> SimulatorServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        while not stop.wait(0.2):
            pass
    with contextlib.suppress(OSError):  # whoever read the output may be gone before us
        stream.write("# stopped\n")
        stream.flush()


@contextlib.contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set the event while this lasts; only the main thread of a process can ask
    for that.
    """

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {
        number: signal.signal(number, ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)
    }
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
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _bind(cloud: Cloud, host: str, port: int) -> _Server:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return _Server(cloud, (host, port), family)
    except OverflowError:
        raise ServerError(f"port {port} is not one; 0 takes a free one, else 1-65535") from None
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            raise ServerError(
                f"port {port} on {host} is in use by another program; --port 0 takes a free one"
            ) from None
        if problem.errno == errno.EACCES:
            raise ServerError(
                f"port {port} on {host} needs rights this user does not have; use one above 1023"
            ) from None
        raise ServerError(
            f"cannot listen on {host} port {port}: {problem.strerror or problem}"
        ) from None


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = os.name == "posix"

    def __init__(self, cloud: Cloud, address: tuple[str, int], family: int) -> None:
        self.address_family = family
        self.cloud = cloud
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)
        self.steerable = is_loopback(str(self.server_address[0]))

    def process_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        if isinstance(request, socket.socket):
            with self._open_lock:
                self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        super().shutdown_request(request)
        if isinstance(request, socket.socket):
            with self._open_lock:
                self._open.discard(request)

    def cut_connections(self) -> None:
        """End the connections that are still open; their threads then end by themselves."""
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        problem = sys.exception()
        if isinstance(problem, ConnectionError | TimeoutError | _Cut) or self.stopping.is_set():
            return
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

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the cloud keeps its own log."""

    def _answer(self) -> None:
        try:
            request = self._request()
        except ValueError as problem:
            self.close_connection = True
            self._send(plain_response(HTTPStatus.BAD_REQUEST, {"message": str(problem)}))
            return
        peer = str(self.client_address[0])
        if request.path.startswith(STEERING):
            self._send(self._steer(request, peer))
        else:
            self._deliver(self._exchange(request, peer))

    def _exchange(self, request: Request, peer: str) -> Answer:
        try:
            return self.server.cloud.exchange(request, peer=peer)
        except WorldNotKept as failure:
            sys.stderr.write(f"simulator: {failure}\n")
            return Answer(
                plain_response(
                    HTTPStatus.INTERNAL_SERVER_ERROR, {"message": f"simulator: {failure}"}
                )
            )
        # a mistake of ours must look like one of the provider, not like a hung connection
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return Answer(
                plain_response(
                    HTTPStatus.INTERNAL_SERVER_ERROR,
                    {"message": "simulator: internal error, see its output"},
                )
            )

    def _steer(self, request: Request, peer: str) -> Response:
        host = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host") or ""
        if not self.server.steerable or not is_loopback(peer) or not is_loopback(host):
            return plain_response(
                HTTPStatus.FORBIDDEN, {"message": "the simulator is steered from this machine only"}
            )
        if not self._is_of_our_own():
            return plain_response(
                HTTPStatus.FORBIDDEN,
                {"message": "the simulator is not steered by pages of other origins"},
            )
        try:
            return control.steer(self.server.cloud, request)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return plain_response(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                {"message": "simulator: internal error, see its output"},
            )

    def _is_of_our_own(self) -> bool:
        """Whether no browser says that a page of another origin sends this: programs send neither
        of these headers.
        """
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site")
        return site in (None, "same-origin", "none") and origin in (
            None,
            f"http://{self.headers.get('Host')}",
        )

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
        """Send an answer the way it is meant to arrive."""
        if answer.delay:
            self.server.stopping.wait(answer.delay)
        if answer.response is None:
            raise _Cut
        self._send(answer.response, keep=answer.keep)
        if answer.keep is not None:
            raise _Cut

    def _send(self, response: Response, *, keep: int | None = None) -> None:
        try:
            phrase = HTTPStatus(response.status).phrase
        except ValueError:
            phrase = "Unknown"
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
        body = (
            b""
            if self.command == "HEAD"
            else response.body
            if keep is None
            else response.body[:keep]
        )
        self.wfile.write(head.encode("latin-1", "replace") + body)
