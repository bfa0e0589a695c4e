"""Checks of values, with the same messages for a value from a file and for one that is computed
during an apply. The limits are those of the API contract.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from reconciler.common.text import msg

NAME_MAX = 32
FIREWALL_NAME_MIN = 4
DESCRIPTION_MAX = 50
MARKED_DESCRIPTION_MAX = 34
"""What remains for the user's text before ` rc-` and a nonce of 12 characters."""
RULE_TITLE_MAX = 25
RULE_DESCRIPTION_MAX = 25
COUNT_MAX = 10_000
"""The largest number of objects of one `count` or `for_each`."""

_CIDR = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:/(\d{1,2}))?", re.ASCII)
_PORTS = re.compile(r"([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?", re.ASCII)
_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ufeff]")
_UNSAFE_ID = re.compile(r"[^A-Za-z0-9_.-]")


def _length(value: object, low: int, high: int, what: str) -> str | None:
    if not isinstance(value, str):
        return msg("{what} must be a string", what=what)
    odd = _CONTROL.search(value)
    if odd is not None:
        code = ord(odd.group())
        return msg("{what} contains a control character (U+{code:04X})", what=what, code=code)
    if len(value) > high:
        return msg(
            "{what} has {length} characters; the maximum is {limit}",
            what=what,
            length=len(value),
            limit=high,
        )
    if len(value) < low:
        return msg(
            "{what} has {length} characters; the minimum is {limit}",
            what=what,
            length=len(value),
            limit=low,
        )
    return None


def name(value: object) -> str | None:
    """What is wrong with the name of an instance or block storage at iwinv."""
    return _length(value, 1, NAME_MAX, "the name")


def firewall_name(value: object) -> str | None:
    """What is wrong with the name of a firewall at iwinv."""
    return _length(value, FIREWALL_NAME_MIN, NAME_MAX, msg("the name of a firewall"))


def description(value: object, *, marked: bool) -> str | None:
    """What is wrong with a description of an instance, block storage or firewall."""
    most = MARKED_DESCRIPTION_MAX if marked else DESCRIPTION_MAX
    problem = _length(value, 0, most, "the description")
    if (
        problem is not None
        and marked
        and isinstance(value, str)
        and MARKED_DESCRIPTION_MAX < len(value) <= DESCRIPTION_MAX
    ):
        return msg(
            "{problem} (the marker needs the rest; `marker: false` frees it)", problem=problem
        )
    return problem


def cidr(value: object) -> str | None:
    """What is wrong with an address range: IPv4 with its mask. Host bits are kept
    (contract#security-groups).
    """
    if not isinstance(value, str):
        return msg("the range must be a string such as 10.0.0.0/8")
    found = _CIDR.fullmatch(value)
    if found is None:
        if ":" in value:
            return msg("`{value}` is IPv6, which iwinv does not support in rules", value=value[:50])
        return msg("`{value}` is not an IPv4 range such as 10.0.0.0/8", value=value[:50])
    octets = found.groups()[:4]
    if any(int(octet) > 255 or (len(octet) > 1 and octet[0] == "0") for octet in octets):
        return msg("`{value}` is not an IPv4 range: each part must be 0 to 255", value=value)
    if found[5] is None:
        return msg("`{value}` has no mask: write `{value}/32` for one address", value=value)
    if int(found[5]) > 32 or (len(found[5]) > 1 and found[5][0] == "0"):
        return msg("`{value}` has a mask that is not 0 to 32", value=value)
    return None


def ports(value: object) -> str | None:
    """What is wrong with the ports of a rule: one, or an ascending range, of 1 to 65535."""
    found = _PORTS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        shown = str(value)[:50]
        return msg("`{value}` is not a port (443) or a range (10000-10002)", value=shown)
    low, high = int(found[1]), int(found[2] or found[1])
    if high > 65535 or low > 65535:
        return msg("`{value}` is not within 1-65535", value=value)
    if low > high:
        return msg(
            "`{value}` is in the wrong order: write `{low}-{high}`", value=value, low=high, high=low
        )
    return None


def one_of(*allowed: str) -> Callable[[object], str | None]:
    """A check that a value is one of these texts."""

    def check(value: object) -> str | None:
        if isinstance(value, str) and value in allowed:
            return None
        return msg(
            "`{value}` is not one of {allowed}", value=str(value)[:50], allowed=", ".join(allowed)
        )

    return check


def size(value: object) -> str | None:
    """What is wrong with the size of a block storage, in GB."""
    if isinstance(value, bool) or not isinstance(value, int):
        return msg("the size must be a whole number of GB")
    if 1 <= value <= 20_000:
        return None
    return msg("{value} GB is not an available size (1 to 20,000)", value=value)


def boolean(value: object) -> str | None:
    """What is wrong with a value that must be true or false."""
    if isinstance(value, bool):
        return None
    return msg("`{value}` is neither true nor false", value=str(value)[:50])


def identifier(value: object) -> str | None:
    """What is wrong with an id. It becomes part of a path, and only these characters are known to
    be signed alike (contract#authentication).
    """
    if not isinstance(value, str) or not value or len(value) > 100:
        return msg("an id must be a string of 1 to 100 characters")
    if value != value.strip() and identifier(value.strip()) is None:
        return msg(
            "`{value}` has spaces around the id: use {id}", value=value[:50], id=value.strip()
        )
    if _UNSAFE_ID.search(value) or value[0] == ".":
        return msg("`{value}` is not an id: an id can contain A-Z a-z 0-9 _ - .", value=value[:50])
    return None


KEY_MAX, RULE_KEY_PART_MAX = 16, 18
"""The most characters of a key of `for_each`: of a resource, whose names contain it, and of a rule,
where an IPv4 range fits.
"""


def key(value: object, most: int = KEY_MAX) -> str | None:
    """What is wrong with a key of `for_each`: characters that are allowed in an address, at least
    one and at most `most`.
    """
    if not isinstance(value, str):
        return msg("a key of for_each must be a string")
    if not 1 <= len(value) <= most:
        return msg(
            "the key `{key}` has {length} characters; a key has 1 to {most}",
            key=value[:50],
            length=len(value),
            most=most,
        )
    if '"' in value or "\\" in value or _CONTROL.search(value):
        return msg(
            "the key `{key}` contains a quote, a backslash or a control character", key=value
        )
    return None


def rule_title(value: object) -> str | None:
    """What is wrong with the title of a rule."""
    return _length(value, 1, RULE_TITLE_MAX, "the title")


def rule_description(value: object) -> str | None:
    """What is wrong with the description of a rule."""
    return _length(value, 0, RULE_DESCRIPTION_MAX, "the description")
