"""The API's error table (contract#errors) as data, and the problem that each refusal becomes for a
person (contract#rules, contract#authentication).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import LiteralString

from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports import Refused

ERRORS: Mapping[str, int] = {
    "NOT_FOUND": 0x1,
    "CIDR_NOT_VALID": 0x2,
    "CIDR_NOT_REGISTERED": 0x3,
    "IPV6_NOT_SUPPORTED": 0x4,
    "CHECK_REQUEST_IP": 0x5,
    "CHECK_CREDENTIAL": 0x6,
    "CHECK_SIGNATURE": 0x7,
    "INVALID_SIGNATURE": 0x8,
    "CHECK_IP": 0x9,
    "REQUIRED_GET_PARAM_MISSING": 0xA,
    "REQUIRED_POST_PARAM_MISSING": 0xB,
    "DEV_CHECK_RETURN": 0xC,
    "UNAVAILABLE_FLAVOR": 0xD,
    "CHECK_PARAM": 0xE,
    "CHECK_PARAM_ENUM": 0xF,
    "UNAVAILABLE_COMBINATION": 0x10,
    "CHECK_LENGTH": 0x11,
    "UNAVAILABLE_SSH_KEY": 0x12,
    "DELETED_OR_WORKING_INSTANCE": 0x13,
    "EMPTY_SET": 0x14,
    "IN_USE": 0x15,
    "ID_INVALID": 0x16,
    "LIMIT_EXCEEDED": 0x17,
    "CHECK_CONSOLE": 0x18,
}
"""Every error of the published table, name to number. `SUCCESS` is not an error."""

UNCERTAIN: frozenset[str] = frozenset({"DEV_CHECK_RETURN"})
"""Errors that do not say whether the call was executed: a fault on the provider's side
(contract#rules, contract#instances).
"""

REFUSING_STATUSES: frozenset[int] = frozenset({400, 403, 404, 405})
"""The documented 4xx, besides 401 and 429, that prove with their exact error body that nothing was
executed (contract#errors).
"""

CLOCK_SECONDS_MAX = 240.0
"""If the clocks differ by more, the clock is named as the cause of a 401: signatures are valid for
300 s (contract#authentication).
"""

_PASSING = frozenset({401, 403, 429})
"""Statuses that say something about the key, the clock or the quota, and nothing about the call."""

_HEX = re.compile(r"0x([0-9a-fA-F]{1,2})")


def documented(name: object, code: object) -> str | None:
    """The name if name and number are a documented pair; None for an unknown name, or a known one
    with another number.
    """
    if not isinstance(name, str) or not isinstance(code, str):
        return None
    number = _HEX.fullmatch(code)
    if number is None or ERRORS.get(name) != int(number[1], 16):
        return None
    return name


def is_about_the_call(answer: Refused) -> bool:
    """Whether a refusal is the answer to the call itself. A refusal of the key, the address or the
    rate says nothing about the object that was asked for.
    """
    return answer.status not in _PASSING


def is_unknown_key(answer: Refused) -> bool:
    """Whether the cloud does not know the access key. A new signature then changes nothing, unless
    the clock may be the cause.
    """
    ahead = abs(answer.clock_ahead or 0.0)
    return answer.error_code == "CHECK_CREDENTIAL" and ahead <= CLOCK_SECONDS_MAX


def explain(answer: Refused, doing: str) -> Problem:
    """The problem that a refusal becomes; `doing` says what was read."""
    if answer.status == 401:
        return _unauthenticated(answer)
    if answer.status == 403:
        return error(
            "credentials",
            msg(
                "the cloud refused this key or address while {doing} ({code})",
                doing=doing,
                code=answer.error_code or 403,
            ),
            hint=msg(
                "try again first: the cloud also gives this answer for temporary faults of its "
                "own; if it persists, add this machine's address to the key's list in the console"
            ),
        )
    if answer.status == 429:
        return error(
            "cloud",
            msg("the cloud kept answering `too many requests` while {doing}", doing=doing),
            hint=msg("another program is using this account's quota; wait until it ends"),
        )
    return error(
        "cloud",
        msg(
            "the cloud refused {doing} ({code}){details}",
            doing=doing,
            code=answer.error_code or answer.status,
            details=f": {answer.message}" if answer.message else "",
        ),
    )


_CAUSES_OF_401: Mapping[str | None, LiteralString] = {
    "CHECK_CREDENTIAL": "the access key is not known to the cloud",
    "CHECK_SIGNATURE": "the signature was not accepted",
    "INVALID_SIGNATURE": "the signature does not match: the secret key does not belong to the "
    "access key, or the clock is wrong",
}


def _unauthenticated(answer: Refused) -> Problem:
    ahead = answer.clock_ahead
    if ahead is not None and abs(ahead) > CLOCK_SECONDS_MAX:
        return error(
            "clock",
            msg(
                "this machine's clock is {seconds:.0f} s {side} the cloud's, and signatures are "
                "valid for 300 s",
                seconds=abs(ahead),
                side=msg("ahead of") if ahead > 0 else msg("behind"),
            ),
            hint=msg("set the clock (for example by NTP) and run again"),
        )
    return error(
        "credentials",
        msg(
            "{cause} ({code}){clock}",
            cause=msg(_CAUSES_OF_401.get(answer.error_code, "the cloud did not accept the keys")),
            code=answer.error_code or 401,
            clock=""
            if ahead is None
            else msg("; this machine's clock is right to {seconds:.0f} s", seconds=abs(ahead)),
        ),
        hint=msg(
            "check IWINV_ACCESS_KEY and IWINV_SECRET_KEY, and this machine's clock if they are "
            "right"
        ),
    )
