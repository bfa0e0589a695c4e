"""The gate: what is checked before a request reaches an operation (contract#authentication,
contract#limits).

Rate limit, then missing headers, then credential, clock, signature, source address: in that order,
which is the contract's own proposal. The signature is over the raw path as received; the clock is
the real one, never the scaled one.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import re
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlencode

from reconciler.model.http import Request, Response
from reconciler.simulator.errors import (
    ApiError,
    found,
    refuse_if,
    too_many,
)
from reconciler.simulator.switches import Switches

SCOPES_MAX = 1_000


def signature(secret_key: str, timestamp: str, path: str) -> str:
    """Lower-case hex HMAC-SHA256 over the digits of the timestamp immediately followed by
    the path.
    """
    return hmac.new(
        secret_key.encode(), (timestamp + path).encode("utf-8", "surrogateescape"), hashlib.sha256
    ).hexdigest()


def signed_request(
    keys: tuple[str, str],
    method: str,
    path: str,
    *,
    now: float,
    query: Mapping[str, str] | None = None,
    body: object = None,
) -> Request:
    """A request signed now with an access key and a secret key: a mapping becomes a form, text is
    JSON; for tests and stories that have no client of their own.
    """
    access_key, secret_key = keys
    timestamp = str(int(now))
    headers = [
        ("X-iwinv-Timestamp", timestamp),
        ("X-iwinv-Credential", access_key),
        ("X-iwinv-Signature", signature(secret_key, timestamp, path)),
    ]
    content = b""
    if isinstance(body, Mapping):
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        content = urlencode({str(name): str(value) for name, value in body.items()}).encode()
    elif isinstance(body, str):
        headers.append(("Content-Type", "application/json"))
        content = body.encode()
    return Request(method, path, tuple((query or {}).items()), tuple(headers), content)


def check_caller(
    request: Request, peer: str, *, now: float, keys: tuple[str, str], switches: Switches
) -> None:
    """Raise the ApiError that this caller deserves, or return."""
    access_key, secret_key = keys
    credential = found(request.header("X-iwinv-Credential") or None, "CHECK_CREDENTIAL")
    timestamp = request.header("X-iwinv-Timestamp") or ""
    sent = request.header("X-iwinv-Signature") or ""
    usable = re.fullmatch(r"[0-9]{1,15}", timestamp) and re.fullmatch(r"[0-9a-f]{64}", sent)
    refuse_if(not usable, "CHECK_SIGNATURE")
    known = hmac.compare_digest(credential.encode("utf-8", "replace"), access_key.encode())
    refuse_if(not known, "CHECK_CREDENTIAL")
    off = abs(int(now) - int(timestamp))
    refuse_if(off > switches.clock_skew_limit, "INVALID_SIGNATURE", "X-iwinv-Timestamp")
    matches = hmac.compare_digest(sent, signature(secret_key, timestamp, request.path))
    refuse_if(not matches, "INVALID_SIGNATURE")
    if switches.allowlist and not _allowed(peer, switches.allowlist):
        raise ApiError("CHECK_IP", message="허용되지 않은 IP입니다.")


def _allowed(peer: str, allowlist: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
        return any(address in ipaddress.ip_network(each, strict=False) for each in allowlist)
    except ValueError:
        return False


class Quota:
    """Counts calls per window; the window's length is divided by the time scale."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[float]] = {}

    def admit(
        self, request: Request, now: float, scale: float, switches: Switches
    ) -> Response | None:
        """Count this call, or give the 429 that refuses it."""
        limit = switches.rate_limit
        if limit is None:
            return None
        sliding = switches.rate_window == "sliding"
        length = switches.rate_seconds / scale
        key = request.header("X-iwinv-Credential") or ""
        scope = key if switches.rate_scope == "key" else "account"
        # unknown keys are inventions of strangers; forgetting them all costs nothing
        if len(self._calls) > SCOPES_MAX:
            self._calls = {name: each for name, each in self._calls.items() if name == scope}
        calls = self._calls.setdefault(scope, deque())
        start = now - length if sliding else math.floor(now / length) * length
        # a sliding window frees a slot exactly its length after the call; a fixed one starts afresh
        while calls and (calls[0] < start or (sliding and calls[0] == start)):
            calls.popleft()
        refused = len(calls) >= limit
        if not refused or switches.rate_counts_refused:
            calls.append(now)
        if not refused:
            return None
        oldest = calls[len(calls) - limit] if sliding else start
        wait = math.ceil((oldest + length - now) * scale)
        return too_many(max(1, wait), switches, envelope=switches.rate_body == "envelope")
