"""The API's error table (contract#errors), as data."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
"""Every error of the published table, name to number. `SUCCESS` is no error."""

UNCERTAIN: frozenset[str] = frozenset({"DEV_CHECK_RETURN"})
"""Errors that do not say whether the call was executed: a fault on the provider's side
(contract#rules, contract#instances).
"""

REFUSING_STATUSES: frozenset[int] = frozenset({400, 403, 404, 405})
"""The documented 4xx besides 401 and 429 whose exact error body says that nothing was executed
(contract#errors).
"""

_HEX = re.compile(r"0x([0-9a-fA-F]{1,2})")


def documented(name: object, code: object) -> str | None:
    """The name, where name and number are a documented pair; None for anything unknown, or a known
    name with another number.
    """
    if not isinstance(name, str) or not isinstance(code, str):
        return None
    number = _HEX.fullmatch(code)
    if number is None or ERRORS.get(name) != int(number[1], 16):
        return None
    return name
