"""First passwords: the one secret of an answer that may be kept, in a file that the user named,
before all else is recorded (safety#secrets).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from reconciler.common.secret import Secret
from reconciler.model.ports import RecordFailed

Keeper: TypeAlias = Callable[[str, str, str, str], None]
"""Keeps address, id, user name and password; durable when it returns. Raises `RecordFailed`."""


def first_login(result: Any) -> tuple[str, str] | None:
    """User name and first password of the one server in a create's receipt, or None where it holds
    none (contract#instances, receipts).
    """
    row = result[0] if isinstance(result, list | tuple) and len(result) == 1 else result
    account = row.get("default_account") if isinstance(row, Mapping) else None
    if not isinstance(account, Mapping) or not isinstance(account.get("password"), Secret):
        return None
    password, name = account["password"].reveal(), account.get("username")
    # masked: stars stand for it
    if not isinstance(password, str) or not password or not password.strip("*"):
        return None
    return name if isinstance(name, str) else "", password


def kept(
    keep: Keeper | None, operation: str, address: str, id: str | None, result: Any
) -> tuple[RecordFailed | None, str | None]:
    """Keeps the first password of a new server, before the server is recorded; what failed, and
    what there is to tell.

    A failure is given and not raised, since the server is to be recorded all the same.
    """
    if keep is None or operation != "instance.create" or id is None:
        return None, None
    login = first_login(result)
    if login is None:
        return None, f"{address}: the cloud's answer contained no first password"
    try:
        keep(address, id, *login)
    except RecordFailed as failure:
        return failure, None
    return None, None
