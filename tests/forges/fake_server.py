"""What the fake forges have in common: a server on loopback that shows a `ForgeWorld`, held to the
forge's official description, with faults.
"""

from __future__ import annotations

import json
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.forges.described import Description, NotDescribed, Operation
from tests.forges.forge_world import Account, ForgeWorld

ABUSE = 418
"""The status of an answer to a request that the description does not have."""


@dataclass(frozen=True)
class Request:
    """A request; `path` is without the prefix of the API."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def data(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body or b"{}")

    def one(self, name: str, default: str = "") -> str:
        """A parameter of the query."""
        return self.query.get(name, [default])[0]


@dataclass(frozen=True)
class Answer:
    """An answer: JSON, or a text of another kind. No body if both are None."""

    status: int = 200
    data: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    kind: str = "application/json; charset=utf-8"


class Fault(Enum):
    """How a request goes wrong."""

    BEFORE = "the answer is given instead of the effect"
    AFTER = "the request takes effect, and then the answer is given instead of its own"
    CUT = "the connection is cut without an effect"
    CUT_AFTER = "the connection is cut after the effect"
    STALL = "no answer comes until the server ends"


@dataclass
class PlannedFault:
    """A fault of the next `times` requests whose method and path match."""

    fault: Fault
    pattern: re.Pattern[str]
    answer: Answer
    times: int


class FakeForge(ABC):
    """A server that shows a world. Use it as a context manager.

    `violations` has what was not as described; a test ends with `assert not fake.violations`.
    `requests` has each request as `METHOD /path`, `used` the operations that were called, and
    `connections` counts the connections.
    """

    prefix = ""
    """What the paths of the API begin with."""

    def __init__(self, world: ForgeWorld, description: Description, *, port: int = 0) -> None:
        self.world, self.description = world, description
        self.violations: list[str] = []
        self.requests: list[str] = []
        self.used: set[str] = set()
        self.connections = 0
        self._tokens: dict[str, str] = {}
        self._faults: list[PlannedFault] = []
        self._lock = threading.RLock()
        self._ended = threading.Event()
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    # for tests

    @property
    def url(self) -> str:
        """The address of the pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        """The address of the API."""
        return self.url + self.prefix

    def token(self, account: str) -> str:
        """A token of an account."""
        with self._lock:
            self.world.account(account)
            token = self.token_text(account)
            self._tokens[token] = account
            return token

    def token_text(self, account: str) -> str:
        """What the token of an account is."""
        return "token-of-" + re.sub(r"\W", "-", account)

    def fail(
        self, fault: Fault, pattern: str = ".", answer: Answer | None = None, *, times: int = 1
    ) -> None:
        """Lets the next requests go wrong whose `METHOD /path` matches. The answer is 500 for
        `BEFORE` and 502 for `AFTER` unless it is given.
        """
        if answer is None:
            status = 502 if fault is Fault.AFTER else 500
            answer = Answer(status, text="<html>Server Error</html>", kind="text/html")
        with self._lock:
            self._faults.append(PlannedFault(fault, re.compile(pattern), answer, times))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    # for each forge

    @abstractmethod
    def sender(self, request: Request) -> Account | Answer:
        """Who sends a request of the API, or the answer to one without a valid token."""

    @abstractmethod
    def answer(self, request: Request, account: Account) -> Answer:
        """The answer of the API."""

    def page(self, request: Request) -> Answer:
        """A page for people."""
        return Answer(404, text="<h1>Not found</h1>", kind="text/html; charset=utf-8")

    def account_of(self, token: str) -> Account | None:
        """The account of a token."""
        with self._lock:
            name = self._tokens.get(token)
        return None if name is None else self.world.account(name)

    # serving

    def serve(self, request: Request, *, is_api: bool) -> Answer | None:
        """The answer; None if the connection is to be cut."""
        line = f"{request.method} {request.path}"
        if not is_api:
            return self.page(request)
        with self._lock:
            self.requests.append(line)
            fault = self._next_fault(line)
        if fault is not None:
            if fault.fault is Fault.STALL:
                self._ended.wait()
                return None
            if fault.fault in (Fault.AFTER, Fault.CUT_AFTER):
                self._described(request)
            return None if fault.fault in (Fault.CUT, Fault.CUT_AFTER) else fault.answer
        return self._described(request)

    def _next_fault(self, line: str) -> PlannedFault | None:
        for fault in self._faults:
            if fault.times > 0 and fault.pattern.search(line):
                fault.times -= 1
                return fault
        return None

    def _described(self, request: Request) -> Answer:
        """The answer, with both held to the description."""
        kind = request.headers.get("content-type", "")
        try:
            operation = self.operation(request, kind)
            account = self.sender(request)
            made = account if isinstance(account, Answer) else self.answer(request, account)
            if operation is not None:
                data = json.loads(json.dumps(made.data))
                if isinstance(data, list):
                    # The rows of a page are made alike: some of a long one are enough.
                    data = data[:10] + data[10:][-10:]
                self.description.answer(operation, made.status, data)
        except NotDescribed as violation:
            with self._lock:
                self.violations.append(str(violation))
            return Answer(ABUSE, {"message": str(violation)})
        return made

    def operation(self, request: Request, kind: str) -> Operation | None:
        """The described operation of a request; None for one that is outside the description by
        its nature. Raises `NotDescribed`.
        """
        found = self.description.request(
            request.method, request.path, request.query, request.body, kind
        )
        with self._lock:
            self.used.add(found.name)
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error of the server."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: FakeForge

    def setup(self) -> None:
        self.fake.connections += 1
        super().setup()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        prefix = self.fake.prefix
        is_api = bool(prefix) and parts.path.startswith(prefix + "/")
        request = Request(
            self.command,
            parts.path[len(prefix) :] if is_api else parts.path,
            parse_qs(parts.query, keep_blank_values=True),
            {key.lower(): value for key, value in self.headers.items()},
            body,
        )
        answer = self.fake.serve(request, is_api=is_api)
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        body = b""
        if answer.text is not None:
            body = answer.text.encode()
        elif answer.data is not None:
            body = json.dumps(answer.data, ensure_ascii=False).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", answer.kind)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""
