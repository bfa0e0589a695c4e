"""How requests reach one forge: with a token, to its address only, and with errors that contain no
token.

`requests` passes headers such as `PRIVATE-TOKEN` on to another host, so redirects are never
followed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import urllib3

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.forge.forge_retry import ForgeRefusal, ForgeUnreachable, ForgeWaits, send
from reconciler.forge.forge_token import ForgeToken
from reconciler.model.ports.forge_ports import ForgeError

ROWS_MAX = 20_000
"""The longest list that is read."""

_CONNECT_SECONDS = 10.0
_BODY_BYTES_MAX = 64 << 20
_CHUNK_BYTES = 1 << 16
_TEXT_CHARACTERS_MAX = 200
_STATUS = re.compile(r"/statuses/\w+$", re.ASCII)


@dataclass(frozen=True, slots=True)
class WireLimits:
    """How long an answer may take: until its first byte and between two, and as a whole."""

    read_seconds: float = 30.0
    whole_seconds: float = 60.0


class ForgeStatusError(ForgeError):
    """A forge answered with a status of an error or a redirect. `status` is its number."""

    def __init__(self, message: str, status: int, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class TokenHeader(requests.auth.AuthBase):
    """Puts a token into a header. With it, `requests` looks into no `.netrc`."""

    def __init__(self, header: str, prefix: str, token: ForgeToken) -> None:
        self._header, self._prefix, self._token = header, prefix, token

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers[self._header] = self._prefix + self._token.reveal()
        return prepared


class ForgeWire:
    """Sends requests below the address `base`. `place` names the repository for people."""

    def __init__(
        self,
        base: str,
        token: ForgeToken,
        *,
        place: str,
        waits: ForgeWaits,
        limits: WireLimits | None = None,
    ) -> None:
        self.base = base.rstrip("/")
        self._token, self._place, self._waits = token, place, waits
        self._limits = limits or WireLimits()
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        auth: Any = None,
        **_others: Any,
    ) -> requests.Response:
        """The answer to a request, if it is a success with JSON or with nothing. Raises
        `ForgeError`. Other options of `requests` are ignored: whoever calls does not choose
        timeouts or redirects.
        """
        method = method.upper()
        what = f"{method} {urlsplit(url).path}"
        if not url.startswith(self.base + "/"):
            text = msg("{place} names an address of another server", place=self._place)
            raise ForgeError(text, hint=msg("name the forge by the address that it has itself"))
        options = {"params": params, "json": json, "headers": headers, "auth": auth}

        def attempt() -> requests.Response:
            return self._once(method, url, options)

        # A POST makes something new, except for a status, which replaces that of its name.
        is_repeatable = method != "POST" or _STATUS.search(url) is not None
        try:
            return send(self._place, self._waits, attempt, is_repeatable=is_repeatable)
        except ForgeRefusal as refusal:
            raise self._refused(what, refusal, is_repeatable=is_repeatable) from None
        except ForgeUnreachable as lost:
            raise self._lost(
                what, lost.reason, is_unsure=lost.was_sent and not is_repeatable
            ) from None

    def _once(self, method: str, url: str, options: dict[str, Any]) -> requests.Response:
        try:
            with self._session.request(
                method,
                url,
                allow_redirects=False,
                stream=True,
                timeout=(_CONNECT_SECONDS, self._limits.read_seconds),
                **options,
            ) as answer:
                # What `content` and `json` give from here on.
                answer._content = self._body(answer)
        except requests.RequestException as failure:
            raise ForgeUnreachable(reason(failure), was_sent=may_be_sent(failure)) from None
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            text = msg("the connection broke ({error})", error=type(failure).__name__)
            raise ForgeUnreachable(text, was_sent=True) from None
        try:
            found = answer.json() if answer.content else None
        except (ValueError, RecursionError):
            if answer.status_code < 300:
                raise ForgeUnreachable(msg("the answer is not JSON"), was_sent=True) from None
            found = None
        if answer.status_code >= 300:
            named = {name.lower(): value for name, value in answer.headers.items()}
            raise ForgeRefusal(answer.status_code, named, self._text_of(found))
        return answer

    def _body(self, answer: requests.Response) -> bytes:
        until = time.monotonic() + self._limits.whole_seconds
        found = bytearray()
        for chunk in answer.iter_content(_CHUNK_BYTES):
            found += chunk
            if len(found) > _BODY_BYTES_MAX:
                raise ForgeUnreachable(msg("the answer is too large"), was_sent=True)
            if time.monotonic() > until:
                seconds = self._limits.whole_seconds
                text = msg("the answer took more than {seconds:.0f} s", seconds=seconds)
                raise ForgeUnreachable(text, was_sent=True)
        return bytes(found)

    def _text_of(self, data: Any) -> str:
        """What the forge says of a refusal: one short line without our token."""
        if not isinstance(data, dict):
            return ""
        text = data.get("message") or data.get("error_description") or data.get("error") or ""
        line = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
        line = "".join(letter for letter in " ".join(line.split()) if letter.isprintable())
        token = self._token.reveal()
        for form in sorted({quote(token, safe=""), json.dumps(token)[1:-1]} - {token}):
            line = line.replace(form, "(token)")
        return self._token.hide(line)[:_TEXT_CHARACTERS_MAX]

    def _refused(self, what: str, refusal: ForgeRefusal, *, is_repeatable: bool) -> ForgeError:
        status = refusal.status
        if status >= 500:
            text = msg("the forge has an error (HTTP {status})", status=status)
            return self._lost(what, text, is_unsure=not is_repeatable)
        if 300 <= status < 400:
            message = msg(
                "{place}: {request} failed: the address has moved", place=self._place, request=what
            )
            moved = msg(
                "if the repository was renamed, use its new name; otherwise check the address of "
                "the forge"
            )
            return ForgeStatusError(message, status, hint=moved)
        if status == 401:
            message = msg(
                "{place} does not accept the token in {name}",
                place=self._place,
                name=self._token.name,
            )
            renew = msg(
                "set {name} to a token that is valid and not expired", name=self._token.name
            )
            return ForgeStatusError(message, status, hint=renew)
        message = msg(
            "{place}: {request} failed: {reason} (HTTP {status})",
            place=self._place,
            request=what,
            reason=refusal.text or msg("refused"),
            status=status,
        )
        hint: str | None = None
        if status in (403, 404):
            hint = msg(
                "check that the token in {name} has the permissions of docs/reference/forges.md",
                name=self._token.name,
            )
        return ForgeStatusError(message, status, hint=hint)

    def _lost(self, what: str, why: str, *, is_unsure: bool) -> ForgeError:
        if is_unsure:
            text = msg(
                "{place}: {request} failed, but may have taken effect: {reason}",
                place=self._place,
                request=what,
                reason=why,
            )
        else:
            text = msg(
                "{place}: {request} failed: {reason}", place=self._place, request=what, reason=why
            )
        return ForgeError(text, hint=msg("run the command again"))


def json_of(answer: requests.Response) -> Any:
    """The JSON of an answer that `request` gave; None if it has no content."""
    return answer.json() if answer.content else None


def may_be_sent(failure: requests.RequestException) -> bool:
    """Whether a request may have reached the forge: not if there was no connection."""
    if isinstance(
        failure,
        requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.InvalidURL,
    ):
        return False
    causes = (failure, *failure.args)
    return not any(
        isinstance(getattr(cause, "reason", cause), urllib3.exceptions.NewConnectionError)
        for cause in causes
    )


def reason(failure: requests.RequestException) -> str:
    """A short reason for people. The library's own has the whole address, and the password of a
    proxy.
    """
    if isinstance(failure, requests.exceptions.SSLError):
        return msg("no secure connection: its certificate was not accepted")
    if isinstance(failure, requests.exceptions.ProxyError):
        return msg("no connection through the proxy of the environment")
    if isinstance(failure, requests.Timeout):
        return msg("no answer in time")
    if not may_be_sent(failure):
        return msg("no connection")
    return msg("the connection broke ({error})", error=type(failure).__name__)
