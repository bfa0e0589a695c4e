"""First passwords: the one secret of an answer that may be kept, in a file that the user named.
It is kept before anything else is recorded (safety#secrets).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from reconciler.common.secret import Secret
from reconciler.common.text import Text, msg
from reconciler.model.ports import RecordFailed
from reconciler.resources.instance import CREATE as CREATE_INSTANCE
from reconciler.schedule.task import Task

KeepPassword: TypeAlias = Callable[[str, str, str, str], None]
"""Keeps address, id, user name and password; durable when it returns. Raises `RecordFailed`."""


def first_login(result: Any) -> tuple[str, str] | None:
    """User name and first password of the one instance in a create's receipt, or None if it holds
    none (contract#instances, receipts).
    """
    row = result[0] if isinstance(result, list | tuple) and len(result) == 1 else result
    account = row.get("default_account") if isinstance(row, Mapping) else None
    if not isinstance(account, Mapping) or not isinstance(account.get("password"), Secret):
        return None
    password, name = account["password"].reveal(), account.get("username")
    # A masked password is all asterisks.
    if not isinstance(password, str) or not password or not password.strip("*"):
        return None
    return name if isinstance(name, str) else "", password


def kept(
    keep: KeepPassword | None, task: Task, result: Any
) -> tuple[RecordFailed | None, Text | None]:
    """Keeps the first password of a new instance before the instance is recorded. Returns what
    failed, and a notice for the user.

    A failure is returned and not raised, because the instance must be recorded in any case.
    """
    id, address = task.target, str(task.step.address)
    if keep is None or task.operation != CREATE_INSTANCE or id is None:
        return None, None
    login = first_login(result)
    if login is None:
        why = msg("{address}: the cloud's answer contained no first password", address=address)
        return None, why
    try:
        keep(address, id, *login)
    except RecordFailed as failure:
        return failure, None
    return None, None
