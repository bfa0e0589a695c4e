"""Requests to GitHub's REST API, through PyGithub's `Requester`, which only this module imports.

PyGithub's objects are not used. They send requests that nobody sees when an attribute is missing,
read statuses at a path that the official description does not have, and leave the values of wrong
answers unchecked. Of its own habits these are off: it sleeps between requests, sends a POST again
after an error, follows redirects without their query, and waits for a 202 without end.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import github
import requests
import urllib3
from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    Requester,
    RequestsResponse,
)

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.forge.forge_retry import (
    ForgeRefusal,
    ForgeUnreachable,
    ForgeWaits,
    send,
)
from reconciler.forge.forge_token import ForgeToken
from reconciler.forge.forge_wire import may_be_sent, reason
from reconciler.model.ports.forge_ports import ForgeError

PAGE_ROWS = 100
"""How many rows to ask for: the most that GitHub returns in a page."""

API_VERSION = "2022-11-28"

_CONNECT_SECONDS = 10
_READ_SECONDS = 30.0
_WHOLE_SECONDS = 60.0
_BODY_BYTES_MAX = 64 << 20
_CHUNK_BYTES = 1 << 16
_TEXT_CHARACTERS_MAX = 300
_CREATING = threading.Lock()


@dataclass(frozen=True, slots=True)
class GitHubLimits:
    """How long an answer may take: until its first byte and between two, and as a whole."""

    read_seconds: float = _READ_SECONDS
    whole_seconds: float = _WHOLE_SECONDS


@dataclass(frozen=True, slots=True)
class GitHubAnswer:
    """An answer below 400: its JSON, None if it has none, and its headers in lower case."""

    data: Any
    headers: Mapping[str, str]


class GitHubLink:
    """Requests of one token to one API. Every method raises `ForgeRefusal`, `ForgeUnreachable` and
    `ForgeError` as `forge_retry.send` does, and `ValueError` for an answer of another form.
    """

    def __init__(
        self,
        api_url: str,
        token: ForgeToken,
        *,
        place: str,
        waits: ForgeWaits,
        limits: GitHubLimits | None = None,
    ) -> None:
        self._token, self._place, self._waits = token, place, waits
        self._requester = _requester(api_url, token, limits or GitHubLimits())
        # A requester has one connection, which keeps the request that it is about to send.
        self._sending = threading.Lock()

    @property
    def graphql_url(self) -> str:
        """The address of the GraphQL API beside this one."""
        return self._requester.graphql_url

    def get(self, path: str, parameters: Mapping[str, str | int] | None = None) -> GitHubAnswer:
        """Reads. `path` begins with `/`, and is quoted."""
        return self._send("GET", path, parameters, None, is_repeatable=True)

    def write(
        self, verb: str, path: str, data: Mapping[str, Any] | None, *, is_repeatable: bool
    ) -> GitHubAnswer:
        """Writes. `is_repeatable` is whether sending it twice is the same as once."""
        return self._send(verb, path, None, data, is_repeatable=is_repeatable)

    def pages(
        self, path: str, parameters: Mapping[str, str | int], *, pages_max: int
    ) -> Iterator[list[Any]]:
        """The pages of a list, at most so many; the last one may say that there are more.

        They are asked for by number: the address that GitHub gives for the next page is not
        followed, so that the token is sent nowhere else.
        """
        for number in range(1, pages_max + 1):
            answer = self.get(path, {**parameters, "per_page": PAGE_ROWS, "page": number})
            if not isinstance(answer.data, list):
                raise ValueError(msg("it is not a list"))
            yield answer.data
            if 'rel="next"' not in answer.headers.get("link", ""):
                return

    def rows(
        self, path: str, parameters: Mapping[str, str | int] | None = None, *, pages_max: int = 30
    ) -> list[Any]:
        """All rows of a list. Raises `ForgeError` if it has more pages than that."""
        found: list[Any] = []
        for page in self.pages(path, parameters or {}, pages_max=pages_max + 1):
            found += page
            if len(found) > pages_max * PAGE_ROWS:
                text = msg(
                    "{place} has more than {count:,} rows in a list, which is too many to read",
                    place=self._place,
                    count=pages_max * PAGE_ROWS,
                )
                raise ForgeError(text)
        return found

    def _send(
        self,
        verb: str,
        path: str,
        parameters: Mapping[str, str | int] | None,
        data: Mapping[str, Any] | None,
        *,
        is_repeatable: bool,
    ) -> GitHubAnswer:
        def attempt() -> GitHubAnswer:
            return self._once(verb, path, dict(parameters or {}), data)

        return send(self._place, self._waits, attempt, is_repeatable=is_repeatable)

    def _once(
        self, verb: str, path: str, parameters: dict[str, Any], data: Mapping[str, Any] | None
    ) -> GitHubAnswer:
        lost: ForgeUnreachable | None = None
        status, text = 0, ""
        headers: dict[str, Any] = {}
        try:
            with self._sending:
                status, headers, text = self._requester.requestJson(
                    verb, path, parameters, {"Accept": "application/vnd.github+json"}, data
                )
        except requests.RequestException as failure:
            lost = ForgeUnreachable(reason(failure), was_sent=may_be_sent(failure))
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            text = msg("the connection broke ({error})", error=type(failure).__name__)
            lost = ForgeUnreachable(text, was_sent=True)
        if lost is not None:
            # Raised here, it has no context. A view shows causes, and what libraries raise has
            # addresses in it.
            raise lost
        try:
            found = json.loads(text) if text.strip() else None
        except (ValueError, RecursionError):
            if status < 400:
                text = msg("the answer is not JSON")
                raise ForgeUnreachable(text, was_sent=True) from None
            found = None
        if status >= 400:
            raise ForgeRefusal(status, headers, self._token.hide(_text(found)))
        return GitHubAnswer(found, headers)


def _requester(api_url: str, token: ForgeToken, limits: GitHubLimits) -> Requester:
    """A requester whose connections are our own. PyGithub takes their classes from a place that
    is common to all requesters, and only while one is made.
    """

    class Plain(HTTPRequestsConnectionClass):
        def getresponse(self) -> RequestsResponse:
            return _answer(self, limits)

    class Secure(HTTPSRequestsConnectionClass):
        def getresponse(self) -> RequestsResponse:
            return _answer(self, limits)

    with _CREATING:
        Requester.injectConnectionClasses(Plain, Secure)
        try:
            made = github.Github(
                auth=github.Auth.Token(token.reveal()),
                base_url=api_url,
                user_agent="iwinv-reconciler",
                retry=0,
                seconds_between_requests=0,
                seconds_between_writes=0,
                api_version=API_VERSION,
            )
        finally:
            Requester.resetConnectionClasses()
    return made.requester


class _Answer(RequestsResponse):
    """An answer whose body was read."""

    def __init__(self, response: requests.Response, body: bytes) -> None:
        super().__init__(response)
        self._body = body

    def read(self) -> str:
        return self._body.decode("utf-8", "replace")


def _answer(
    connection: HTTPRequestsConnectionClass | HTTPSRequestsConnectionClass, limits: GitHubLimits
) -> RequestsResponse:
    """Sends the request of a connection once. Raises `ForgeRefusal` for a redirect.

    A POST opens a new connection: an idle one that was just closed would leave its outcome unknown.
    """
    if connection.verb == "POST":
        connection.session.close()
    with connection.session.request(
        connection.verb,
        f"{connection.protocol}://{connection.host}:{connection.port}{connection.url}",
        headers=connection.headers,
        data=connection.input,
        timeout=(_CONNECT_SECONDS, limits.read_seconds),
        verify=connection.verify,
        allow_redirects=False,
        stream=True,
    ) as response:
        status = response.status_code
        if 300 <= status < 400 or status == 202:
            headers = {name.lower(): value for name, value in response.headers.items()}
            raise ForgeRefusal(status, headers)
        return _Answer(response, _body(response, limits))


def _body(response: requests.Response, limits: GitHubLimits) -> bytes:
    """The body. Raises `ForgeUnreachable` if it is too large or takes too long."""
    until = time.monotonic() + limits.whole_seconds
    found = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        found += chunk
        if len(found) > _BODY_BYTES_MAX:
            raise ForgeUnreachable(msg("the answer is too large"), was_sent=True)
        if time.monotonic() > until:
            text = msg("the answer took more than {seconds:.0f} s", seconds=limits.whole_seconds)
            raise ForgeUnreachable(text, was_sent=True)
    return bytes(found)


def _text(data: Any) -> str:
    """What GitHub says about an error, in one short line."""
    if not isinstance(data, dict):
        return ""
    parts = [data.get("message")]
    errors = data.get("errors")
    for one in errors if isinstance(errors, list) else ():
        if isinstance(one, dict):
            parts.append(
                one.get("message")
                or " ".join(str(one[key]) for key in ("field", "code") if key in one)
            )
        else:
            parts.append(one)
    texts = [" ".join(part.split()) for part in parts if isinstance(part, str) and part.strip()]
    line = "; ".join(texts)
    return "".join(letter for letter in line if letter.isprintable())[:_TEXT_CHARACTERS_MAX]
