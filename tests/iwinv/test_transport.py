"""HTTP for real, against raw sockets on loopback: one request is one send, and `sent` is False only
where nothing can have left.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.iwinv import transport
from reconciler.iwinv.client import HttpClient
from reconciler.iwinv.clock import SystemClock
from reconciler.iwinv.endpoint import parse
from reconciler.iwinv.network import ThreadNetwork
from reconciler.iwinv.quota.quota_log import MemoryQuotaLog
from reconciler.iwinv.signing import Keys
from reconciler.iwinv.transport import HttpTransport
from reconciler.model import http
from reconciler.model.ports import NoAnswer
from reconciler.model.resource_type import Call

BODY = b'{"code": "0x00"}'
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\nX-Thing: yes\r\n\r\n" + BODY


@dataclass
class Raw:
    """A server that answers each request on its connections with the next piece of bytes, then does
    what was said.
    """

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def send(self) -> HttpTransport:
        return HttpTransport(parse(f"http://127.0.0.1:{self.port}"))


@contextmanager
def raw_server(*answers: bytes | None, close_after: bool = False) -> Iterator[Raw]:
    """Answers in turn; None cuts the connection without a byte. `close_after` closes after every
    answer.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    raw = Raw(listener.getsockname()[1])
    left = iter(answers)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            raw.connections += 1
            with connection:
                connection.settimeout(5.0)
                while request := _read_request(connection):
                    raw.requests.append(request)
                    answer = next(left, None)
                    if answer is None:
                        break
                    connection.sendall(answer)
                    if close_after:
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield raw
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _read_request(connection: socket.socket) -> bytes:
    found = b""
    try:
        while b"\r\n\r\n" not in found:
            if not (chunk := connection.recv(65536)):
                return b""
            found += chunk
        head, _, body = found.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ),
            0,
        )
        while len(body) < length:
            body += connection.recv(65536)
    except OSError:
        return b""
    return head + b"\r\n\r\n" + body


def get(path: str = "/v1/zones", *query: tuple[str, str]) -> http.Request:
    return http.Request("GET", path, query, (("X-iwinv-Credential", "access"),))


def post(body: bytes = b"") -> http.Request:
    return http.Request("POST", "/v1/instances", (), (("Content-Type", "application/json"),), body)


def test_a_request_is_sent_unchanged_and_its_response_returned_whole() -> None:
    with raw_server(GOOD) as raw:
        response = raw.send(get("/v1/flavors/std_2.4-g1", ("zone_id", "kr1-z01"), ("name", "웹 &")))
    assert (response.status, response.body, response.header("x-thing")) == (200, BODY, "yes")
    head = raw.requests[0].decode()
    assert head.startswith(
        "GET /v1/flavors/std_2.4-g1?zone_id=kr1-z01&name=%EC%9B%B9+%26 HTTP/1.1\r\n"
    )
    assert "X-iwinv-Credential: access\r\n" in head
    assert "Accept-Encoding: identity\r\n" in head
    assert "Cookie" not in head


def test_a_body_is_sent_byte_by_byte_and_an_empty_one_as_none() -> None:
    with raw_server(GOOD, GOOD) as raw:
        raw.send(post("웹".encode()))
        raw.send(post())
    assert raw.requests[0].endswith(b"\r\n\r\n" + "웹".encode())
    assert b"Content-Length: 0" in raw.requests[1]


def test_reads_keep_a_connection_and_each_write_has_one_of_its_own() -> None:
    with raw_server(GOOD, GOOD, GOOD, GOOD) as raw:
        send = raw.send
        for request in (get(), get()):
            send(request)
        assert raw.connections == 1
        for request in (post(), post()):
            send(request)
        assert raw.connections == 3


def test_no_redirect_is_followed() -> None:
    with raw_server(GOOD) as elsewhere:
        there = f"http://127.0.0.1:{elsewhere.port}/v1/zones".encode()
        with raw_server(
            b"HTTP/1.1 302 Found\r\nLocation: " + there + b"\r\nContent-Length: 0\r\n\r\n"
        ) as raw:
            assert raw.send(get()).status == 302
        assert elsewhere.requests == []


def test_cookies_are_not_kept() -> None:
    cookie = (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/\r\nContent-Length: 16\r\n\r\n" + BODY
    )
    with raw_server(cookie, GOOD) as raw:
        send = raw.send
        send(get())
        send(get())
    assert b"session=1" not in raw.requests[1]


def test_netrc_and_proxies_of_the_environment_are_not_for_loopback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NETRC", f"{tmp_path}/netrc")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login canary password canary\n")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with raw_server(GOOD) as raw:
        assert raw.send(get()).status == 200
    assert b"Authorization" not in raw.requests[0]


CUTS: list[tuple[str, bytes | None]] = [
    ("no byte", None),
    ("half a status line", b"HTTP/1.1 2"),
    ("no end of the headers", b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n"),
    ("half a body", b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"),
    ("half a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"),
    ("no last chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"),
    ("garbage in place of a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    ("not HTTP", b"SSH-2.0-x\r\n"),
    ("endless headers", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n"),
]


@pytest.mark.parametrize(("name", "answer"), CUTS, ids=[row[0] for row in CUTS])
@pytest.mark.parametrize("request_", [get(), post(b"{}")], ids=["read", "write"])
def test_a_cut_answer_is_one_send_that_may_have_been_executed(
    name: str, answer: bytes | None, request_: http.Request
) -> None:
    with raw_server(answer, close_after=True) as raw:
        with pytest.raises(http.WireError) as caught:
            raw.send(request_)
        assert caught.value.sent
        assert len(raw.requests) == 1
        assert "127.0.0.1" not in caught.value.reason


def test_a_kept_connection_that_the_server_closed_does_not_cost_a_second_send() -> None:
    with raw_server(GOOD, GOOD, close_after=True) as raw:
        send = raw.send
        send(get())
        send(post(b"{}"))
    assert [request.split(b" ")[0] for request in raw.requests] == [b"GET", b"POST"]


def test_a_whole_chunked_answer_is_read() -> None:
    with raw_server(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n"
        + BODY[:8]
        + b"\r\n8\r\n"
        + BODY[8:]
        + b"\r\n0\r\n\r\n"
    ) as raw:
        assert raw.send(get()).body == BODY


def test_an_answer_of_unstated_length_ends_with_its_connection() -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\n\r\n" + BODY, close_after=True) as raw:
        assert raw.send(get()).body == BODY


def test_a_body_is_not_decompressed() -> None:
    with raw_server(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 16\r\n\r\n" + BODY
    ) as raw:
        assert raw.send(get()).body == BODY


def test_an_answer_that_is_too_large_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "BODY_BYTES_MAX", 10)
    with raw_server(GOOD) as raw, pytest.raises(http.WireError, match="too large"):
        raw.send(get())


def test_an_answer_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WHOLE_SECONDS_MAX", -1.0)
    with raw_server(GOOD) as raw, pytest.raises(http.WireError, match="took more"):
        raw.send(get())


def test_an_answer_that_never_comes_is_given_up_and_may_have_been_executed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS_MAX", 0.05)
    with raw_server(b"") as raw, pytest.raises(http.WireError, match="no answer") as caught:
        raw.send(post())
    assert caught.value.sent


def test_without_a_listener_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(http.WireError, match="no connection") as caught:
        HttpTransport(parse(f"http://127.0.0.1:{port}"))(post())
    assert not caught.value.sent


def test_with_an_unknown_host_name_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(http.WireError, match="resolved") as caught:
        HttpTransport(parse("https://api.example.invalid"))(post())
    assert not caught.value.sent
    assert "api.example" not in caught.value.reason


def test_without_tls_the_call_fails_and_no_key_is_sent_in_the_clear() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_in_the_clear() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(GOOD)

        thread = threading.Thread(target=answer_in_the_clear, daemon=True)
        thread.start()
        with pytest.raises(http.WireError):
            HttpTransport(parse(f"https://127.0.0.1:{listener.getsockname()[1]}"))(get())
        thread.join(5.0)
    assert len(heard) == 1
    assert b"access" not in heard[0]


def test_certificates_that_are_not_there_are_named_and_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Goal: it was told as an answer that was cut, after five attempts, and as a request that may
    # have been executed.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/none/such.pem")
    with pytest.raises(http.WireError, match="REQUESTS_CA_BUNDLE") as caught:
        HttpTransport(parse("https://api.example.invalid"))(get())
    assert not caught.value.sent


def test_with_a_refused_certificate_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import requests
    from urllib3.exceptions import MaxRetryError, SSLError

    def refuse(*arguments: object, **options: object) -> None:
        broken = SSLError(ssl.SSLCertVerificationError("self-signed certificate"))
        raise requests.exceptions.SSLError(MaxRetryError(None, "/v1/zones", broken))  # type: ignore[arg-type]

    monkeypatch.setattr(requests.Session, "send", refuse)
    with pytest.raises(http.WireError, match="certificate") as caught:
        HttpTransport(parse("https://api.example.invalid"))(post())
    assert not caught.value.sent


def _answer_in_the_clear(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(GOOD)


def _hang_up(connection: socket.socket) -> None:
    pass


def _refuse_the_tunnel(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")


def _open_the_tunnel_and_hang_up(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")


UNSENT = [
    ("no TLS", "", _answer_in_the_clear),
    ("hangs up in the handshake", "", _hang_up),
    ("proxy hangs up", "proxy", _hang_up),
    ("proxy refuses", "proxy", _refuse_the_tunnel),
    ("tunnel to nowhere", "proxy", _open_the_tunnel_and_hang_up),
    ("nobody listens", "", None),
    ("no proxy listens", "proxy", None),
]


@contextmanager
def _peer(serve: Callable[[socket.socket], None] | None) -> Iterator[int]:
    """The port of a server that serves each connection like that; of none without."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while serve is not None:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), connection:
                serve(connection)

    if serve is None:
        listener.close()
    else:
        threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1] if serve is not None else _free_port()
    if serve is not None:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.mark.parametrize(("name", "through", "serve"), UNSENT, ids=[row[0] for row in UNSENT])
def test_a_request_whose_connection_was_not_opened_takes_no_slot_of_the_quota(
    name: str,
    through: str,
    serve: Callable[[socket.socket], None] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Goal: plans without a network must not make the next one wait for the quota.
    for variable in (
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ):
        monkeypatch.delenv(variable, raising=False)
    with _peer(serve) as port:
        if through:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        host = "api.example.invalid" if through else f"127.0.0.1:{port}"
        log = MemoryQuotaLog(limit=1)
        send = HttpTransport(parse(f"https://{host}"))
        client = HttpClient(ThreadNetwork(send, 1), SystemClock(), Keys("access", "secret"), log)
        for token in range(5):
            assert client.ready_in() == 0.0
            client.send(token, Call("POST", "/v1/instances"))
            arrived = client.next(5.0)
            assert arrived is not None and isinstance(arrived[1], NoAnswer)
            assert not arrived[1].sent, arrived[1].reason
        client.close()
    assert min(log.taken(time.time())) == float("inf")  # the other 59 are not for this log


def test_the_http_library_is_loaded_with_the_first_request_only() -> None:
    ours = "reconciler.iwinv.client, reconciler.iwinv.quota.quota_log, reconciler.iwinv.refresh, reconciler.iwinv.transport"
    code = f"import sys, {ours}; sys.exit(any(name in sys.modules for name in ('requests', 'urllib3', 'filelock')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
