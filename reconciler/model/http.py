"""The HTTP envelope that both sides of the wire speak: one request, one response, one way to fail.

It is independent of iwinv and imports only the standard library, so that the client and the
simulator can share it without sharing a mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it goes over the wire.

    `path` is the raw path (percent-encoding untouched, no query); `query` keeps order and
    repetition; header names are compared without case; `body` is the exact bytes sent.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """The first value of a header, found without regard to case, or None."""
        return _first(self.headers, name)


@dataclass(frozen=True, slots=True)
class Response:
    """One whole HTTP response."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """The first value of a header, found without regard to case, or None."""
        return _first(self.headers, name)


class WireError(Exception):
    """No whole response came.

    `sent` is False only where it is certain that not one byte of the request left (name not
    resolved, connection refused, TLS refused); everywhere else the other side may have executed the
    request. `reason` is short, for people, without secrets.
    """

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


Send = Callable[[Request], Response]
"""The one function that HTTP is: a Response, or WireError."""

Observer = Callable[[Request, "Response | WireError"], None]
"""Takes each request with what came for it."""


def _first(headers: tuple[tuple[str, str], ...], name: str) -> str | None:
    wanted = name.lower()
    for key, value in headers:
        if key.lower() == wanted:
            return value
    return None
