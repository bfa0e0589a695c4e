"""Decoding the rows of API answers: each value gets its normal form, or a ValueError says what is
wrong.

The API mixes numbers and texts, nulls and empty texts, ids and objects that contain an id
(contract#values, contract#instances, contract#block-storages).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reconciler.common.text import msg

_DIGITS = re.compile(r"[0-9]{1,18}")
_ID = re.compile(r"[!-~]{1,200}")
_PATH_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
"""The ids that are allowed in a path, which is signed as it is sent (contract#authentication,
contract#values).
"""


def mapping(row: Any, what: str) -> Mapping[str, Any]:
    """The row itself. Raises ValueError if it is not an object."""
    if not isinstance(row, Mapping):
        raise ValueError(
            msg("{what} is {found}, but an object is expected", what=what, found=_kind_of(row))
        )
    return row


def identifier(row: Mapping[str, Any], member: str) -> str:
    """The id under that member; whole numbers become decimal text. Raises ValueError if there is
    none.
    """
    found = optional_id(row.get(member))
    if found is None:
        raise ValueError(msg("a row has no usable {member}", member=member))
    return found


def path_id(row: Mapping[str, Any], member: str) -> str:
    """The id of an object that is addressed by its path. Raises ValueError if there is none that is
    allowed in a path.
    """
    found = identifier(row, member)
    if not can_stand_in_path(found):
        raise ValueError(
            msg(
                "the {member} {found!r} contains characters that cannot be sent safely",
                member=member,
                found=found,
            )
        )
    return found


def can_stand_in_path(value: Any) -> bool:
    """Whether a value is an id that is allowed in a path."""
    return isinstance(value, str) and _PATH_ID.fullmatch(value) is not None


def optional_id(value: Any) -> str | None:
    """An id as text, or None: for null, for empty text, and for what cannot be an id."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if 0 <= value < 10**18 else None
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    return None


def text(value: Any) -> str | None:
    """A text, or None for null, empty text and other types (contract#values: null and "" are
    equal).
    """
    return value if isinstance(value, str) and value else None


def integer(value: Any) -> int | None:
    """A whole number, also if it comes as text or as `20.0`; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else None
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value.strip())
    return None


def embedded_id(row: Mapping[str, Any], member: str, id_member: str) -> str | None:
    """The id in an embedded object (`zone: {zone_id}`), or beside it (`zone_id`), or the member if
    that is the id itself; else None.
    """
    value = row.get(member)
    if isinstance(value, Mapping):
        return optional_id(value.get(id_member))
    return optional_id(value) or optional_id(row.get(id_member))


def ids(value: Any, id_member: str) -> tuple[str, ...] | None:
    """The ids of a list of ids, or of objects that contain one (contract#instances: accept both);
    None if it is not a list. Raises ValueError for other items.
    """
    if not isinstance(value, list | tuple):
        return None
    found = []
    for item in value:
        one = (
            optional_id(item.get(id_member) or item.get("id"))
            if isinstance(item, Mapping)
            else optional_id(item)
        )
        if one is None:
            raise ValueError(
                msg(
                    "a list contains {found}, but a {member} is expected",
                    found=_kind_of(item),
                    member=id_member,
                )
            )
        found.append(one)
    return tuple(found)


def only_row(result: Any, what: str) -> Mapping[str, Any]:
    """The one row of an answer. Raises ValueError if there is not exactly one."""
    rows = result if isinstance(result, list | tuple) else [result]
    if len(rows) != 1 or not isinstance(rows[0], Mapping):
        raise ValueError(
            msg(
                "the answer contains {count} rows, but one {what} is expected",
                count=len(rows),
                what=what,
            )
        )
    return rows[0]


def made_id(result: Any, member: str) -> str:
    """The id of the object that a create made. Raises ValueError if the receipt does not contain
    exactly one id, and names those that it contains.
    """
    rows = result if isinstance(result, list | tuple) else [result]
    found = [
        one
        for row in rows
        if isinstance(row, Mapping) and (one := optional_id(row.get(member))) is not None
    ]
    found = [one for one in found if can_stand_in_path(one)]
    if len(found) != 1 or len(rows) != 1:
        named = ", ".join(found[:10]) or "none"
        raise ValueError(
            msg(
                "the receipt must contain exactly one {member}, not {found}",
                member=member,
                found=named,
            )
        )
    return found[0]


def _kind_of(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
