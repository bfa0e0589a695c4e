"""Whether a value is one that a field can have: the same words for a value in a file and for one
filled in during an apply.

Limits are the contract's (4, 8, 16, 17).
"""

from __future__ import annotations

import re
from collections.abc import Callable

NAME_MAX = 32
FIREWALL_NAME_MIN = 4
DESCRIPTION_MAX = 50
MARKED_DESCRIPTION_MAX = 34
"""What is left for the user's text where ` rc-` and a nonce of 12 characters follow it."""
RULE_TITLE_MAX = 25
RULE_DESCRIPTION_MAX = 25
COUNT_MAX = 10_000
"""The most objects that one `count` or `for_each` makes."""

_CIDR = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:/(\d{1,2}))?", re.ASCII)
_PORTS = re.compile(r"([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?", re.ASCII)
_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ufeff]")
_UNSAFE_ID = re.compile(r"[^A-Za-z0-9_.-]")


def _length(value: object, low: int, high: int, what: str) -> str | None:
    if not isinstance(value, str):
        return f"{what} is a text"
    odd = _CONTROL.search(value)
    if odd is not None:
        return f"{what} contains a control character (U+{ord(odd.group()):04X})"
    if len(value) > high:
        return f"{what} is {len(value)} characters long; the most is {high}: {len(value) - high} too many"
    if len(value) < low:
        return f"{what} is {len(value)} characters long; the least is {low}"
    return None


def name(value: object) -> str | None:
    """What is wrong with the remote name of a server or volume."""
    return _length(value, 1, NAME_MAX, "the name")


def firewall_name(value: object) -> str | None:
    """What is wrong with the remote name of a firewall."""
    return _length(value, FIREWALL_NAME_MIN, NAME_MAX, "the name of a firewall")


def description(value: object, *, marked: bool) -> str | None:
    """What is wrong with a description of a server, volume or firewall."""
    most = MARKED_DESCRIPTION_MAX if marked else DESCRIPTION_MAX
    problem = _length(value, 0, most, "the description")
    if (
        problem is not None
        and marked
        and isinstance(value, str)
        and MARKED_DESCRIPTION_MAX < len(value) <= DESCRIPTION_MAX
    ):
        return f"{problem} (the rest is reserved for the marker; `marker: false` frees it)"
    return problem


def cidr(value: object) -> str | None:
    """What is wrong with an address range: IPv4 with its mask; host bits are kept as they are
    (contract#security-groups).
    """
    if not isinstance(value, str):
        return "the range is a text such as 10.0.0.0/8"
    found = _CIDR.fullmatch(value)
    if found is None:
        if ":" in value:
            return f"`{value[:50]}` is IPv6, which the cloud's rules do not support"
        return f"`{value[:50]}` is not an IPv4 range such as 10.0.0.0/8"
    octets = found.groups()[:4]
    if any(int(octet) > 255 or (len(octet) > 1 and octet[0] == "0") for octet in octets):
        return f"`{value}` is not an IPv4 range: each part is 0 to 255"
    if found[5] is None:
        return f"`{value}` has no mask: write `{value}/32` for one address"
    if int(found[5]) > 32 or (len(found[5]) > 1 and found[5][0] == "0"):
        return f"`{value}` has a mask that is not 0 to 32"
    return None


def ports(value: object) -> str | None:
    """What is wrong with the ports of a rule: one, or an ascending range, of 1 to 65535."""
    found = _PORTS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return f"`{str(value)[:50]}` is not a port (443) or a range (10000-10002)"
    low, high = int(found[1]), int(found[2] or found[1])
    if high > 65535 or low > 65535:
        return f"`{value}` is not within 1-65535"
    if low > high:
        return f"`{value}` descends: write `{high}-{low}`"
    return None


def one_of(*allowed: str) -> Callable[[object], str | None]:
    """A check that a value is one of these texts."""

    def check(value: object) -> str | None:
        if isinstance(value, str) and value in allowed:
            return None
        return f"`{str(value)[:50]}` is not one of {', '.join(allowed)}"

    return check


def size(value: object) -> str | None:
    """What is wrong with the size of a volume, in GB."""
    if isinstance(value, bool) or not isinstance(value, int):
        return "the size is a whole number of GB"
    return None if 1 <= value <= 20_000 else f"{value} GB is not an available size (1 to 20,000)"


def boolean(value: object) -> str | None:
    """What is wrong with a value that must be true or false."""
    return None if isinstance(value, bool) else f"`{str(value)[:50]}` is neither true nor false"


def identifier(value: object) -> str | None:
    """What is wrong with an id: it becomes part of a path, and only these characters are known to
    be signed alike (contract#authentication).
    """
    if not isinstance(value, str) or not value or len(value) > 100:
        return "an id is a text of 1 to 100 characters"
    if value != value.strip() and identifier(value.strip()) is None:
        return f"`{value[:50]}` has blanks around the id: use {value.strip()}"
    if _UNSAFE_ID.search(value) or value[0] == ".":
        return f"`{value[:50]}` is not an id: it may contain A-Z a-z 0-9 _ - ."
    return None


def key(value: object) -> str | None:
    """What is wrong with a key of `for_each`: 1 to 16 characters that can stand in an address."""
    if not isinstance(value, str):
        return "a key of for_each is a text"
    if not 1 <= len(value) <= 16:
        return f"the key `{value[:50]}` is {len(value)} characters long; a key has 1 to 16"
    if '"' in value or "\\" in value or _CONTROL.search(value):
        return f"the key `{value}` contains a quote, a backslash or a control character"
    return None


def rule_title(value: object) -> str | None:
    """What is wrong with the title of a rule."""
    return _length(value, 1, RULE_TITLE_MAX, "the title")


def rule_description(value: object) -> str | None:
    """What is wrong with the description of a rule."""
    return _length(value, 0, RULE_DESCRIPTION_MAX, "the description")
