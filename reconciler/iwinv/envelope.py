"""The envelope: one HTTP response becomes one answer, and any bytes become one of the three
(contract#envelope, contract#errors, safety#requests).

A request that certainly was not executed is distinguished from one that may have been. Only an
answer that the contract gives before execution is `Refused`; whatever cannot be read as documented
is `NoAnswer`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from reconciler.common import decoding
from reconciler.common.secret import Secret
from reconciler.common.text import msg
from reconciler.iwinv import errors
from reconciler.iwinv.clock import moment
from reconciler.model import http
from reconciler.model.ports import Accepted, Answer, NoAnswer, Refused

BODY_BYTES_MAX = 8 * 1024 * 1024
"""The largest body that is read: a page has 100 rows, an unpaged list of 10,000 objects about 5
MiB.
"""

PARTS_MAX = 300_000
"""How many lists and objects a body may contain, counting brackets within texts: an empty one takes
twenty times its bytes in memory.
"""

_MESSAGE_LENGTH_MAX = 300
_RETRY_AFTER_SECONDS_MAX = 3600.0
_SECRET_MEMBERS = frozenset({"password", "link"})
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_META = ("count", "page_no", "page_size", "total")


class _Unreadable(ValueError):
    """The body is not unambiguous JSON."""


def judge(response: http.Response) -> Answer:
    """The answer in a response, whatever was asked."""
    try:
        body = decode(response.body)
    except _Unreadable as failure:
        return _without_body(response, str(failure))
    if not isinstance(body, Mapping):
        return _without_body(response, msg("the body is JSON, but not an object"))
    if 200 <= response.status < 300:
        return _of_success_status(response.status, body)
    return _of_error_status(response, body)


def judge_failure(failure: http.WireError) -> NoAnswer:
    """The answer without a response: it is only known whether the request was sent."""
    return NoAnswer(failure.reason, sent=failure.sent)


def decode(body: bytes) -> Any:
    """The JSON of a body, with secrets wrapped. Raises ValueError for anything that is not plain,
    unambiguous JSON in UTF-8.
    """
    if len(body) > BODY_BYTES_MAX:
        raise _Unreadable(msg("the body is too large"))
    if body.count(b"[") + body.count(b"{") > PARTS_MAX:
        raise _Unreadable(msg("the body contains too many parts"))
    try:
        text = body.decode("utf-8-sig")
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError as failure:
        raise _Unreadable(msg("the body is not UTF-8")) from failure
    except RecursionError as failure:
        raise _Unreadable(msg("the body is nested too deeply")) from failure
    except _Unreadable:
        raise
    except ValueError as failure:
        raise _Unreadable(
            msg("the body is not JSON") if body.strip() else msg("the body is empty")
        ) from failure
    # `\ud800` alone is legal in JSON, but not a character: it could not be written to a file or a
    # terminal.
    return _without_surrogates(found) if _SURROGATE.search(body) else found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unreadable(msg("the body contains a duplicate member"))
    for member in _SECRET_MEMBERS & found.keys():
        if found[member] is not None:
            found[member] = Secret(found[member])
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Unreadable(msg("the body contains {name}, which is not JSON", name=name))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _of_success_status(status: int, body: Mapping[str, Any]) -> Answer:
    if body.get("code") == "0x00" and body.get("error_code") == "SUCCESS" and "result" in body:
        meta = {
            name: number
            for name in _META
            if (number := decoding.integer(body.get(name))) is not None
        }
        return Accepted(status, body["result"], meta)
    name = errors.documented(body.get("error_code"), body.get("code"))
    if name is not None and name not in errors.UNCERTAIN:
        return Refused(status, name, _message(body))
    reason = msg(
        "an answer with status {status} that is neither a success nor a documented error",
        status=status,
    )
    return NoAnswer(reason, status, name)


def _of_error_status(response: http.Response, body: Mapping[str, Any]) -> Answer:
    status = response.status
    name = errors.documented(body.get("error_code"), body.get("code"))
    if status == 429:
        return Refused(status, name, _message(body), retry_after=_retry_after(response))
    if status == 401:
        return Refused(status, name, _message(body))
    if status in errors.REFUSING_STATUSES and name is not None and name not in errors.UNCERTAIN:
        return Refused(status, name, _message(body))
    if status == 422 and _is_validation(body):
        return Refused(status, None, _validation_message(body))
    if name is None:
        reason = msg("the cloud answered with status {status}", status=status)
    else:
        reason = msg("the cloud answered with status {status} ({name})", status=status, name=name)
    return NoAnswer(reason, status, name)


def _without_body(response: http.Response, reason: str) -> Answer:
    """429 and 401 are given before execution whatever their body is; nothing else is known."""
    if response.status == 429:
        return Refused(429, None, "too many requests", retry_after=_retry_after(response))
    if response.status == 401:
        return Refused(401, None, "not authenticated")
    message = msg(
        "the cloud answered with status {status}, and {reason}",
        status=response.status,
        reason=reason,
    )
    return NoAnswer(message, response.status)


def _is_validation(body: Mapping[str, Any]) -> bool:
    """The form without envelope: `{"message", "errors": {field: [text]}}` (contract#errors, seen on
    hosted services).
    """
    found = body.get("errors")
    if (
        not isinstance(body.get("message"), str)
        or not isinstance(found, Mapping)
        or not found
        or "code" in body
    ):
        return False
    return all(
        isinstance(texts, list) and all(isinstance(text, str) for text in texts)
        for texts in found.values()
    )


def _validation_message(body: Mapping[str, Any]) -> str:
    details = "; ".join(
        f"{field}: {', '.join(texts)}" for field, texts in sorted(body["errors"].items())
    )
    return f"{body['message']} ({details})"[:_MESSAGE_LENGTH_MAX]


def _message(body: Mapping[str, Any]) -> str:
    """The cloud's words: the outer message, or the one in an object under `result`, cut short."""
    found = body.get("message")
    if not isinstance(found, str) or not found:
        inner = body.get("result")
        found = inner.get("message") if isinstance(inner, Mapping) else None
    return found[:_MESSAGE_LENGTH_MAX] if isinstance(found, str) else ""


def _retry_after(response: http.Response) -> float | None:
    """The seconds that a 429 asks to wait, given as such or as a date (compared with `Date`); None
    if it gives neither.
    """
    value = (response.header("Retry-After") or "").strip()
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return min(float(value), _RETRY_AFTER_SECONDS_MAX)
    until, now = moment(value), moment(response.header("Date") or "")
    return (
        None
        if until is None or now is None
        else min(max(until - now, 0.0), _RETRY_AFTER_SECONDS_MAX)
    )
