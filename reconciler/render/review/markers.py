"""The hidden lines of our own comments, and the names of statuses.

The first line of a comment says which stack it is about, the second one which plans it has shown.
They are for finding a comment again. The ids of earlier plans decide only that a short id which
fits one of them approves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

STATUS_PREFIX: Final = "reconciler/"
"""How the names of all statuses begin."""

APPROVED_STATUS: Final = "reconciler/approved"
"""The name of the status that says whether an approval is missing in a pull request."""

EARLIER_MAX = 100
"""How many earlier plans a comment remembers."""

LETTERS = 32
"""How many letters of an id a comment remembers: two plans with the same ones cannot be found."""

_STACK_APPROVED: Final = "reconciler/stack/approved"
"""The name of the status of a stack that is called `approved`."""

_MARKER = re.compile(r"<!-- reconciler: ([a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)?) -->\s*(?:\n|\Z)")
_PLANS = re.compile(r"[^\n]*\n<!-- plans:((?: [0-9a-f]{12,64}){1,101}) -->[ \t]*\r?(?:\n|\Z)")
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#&+=%-]{1,500}")
_VOLATILE = "<!-- reconciler: run -->"


def status_name(title: str) -> str:
    """The name of a stack's status: `reconciler/shop.prod`. It is never that of the approvals,
    whatever a pull request calls its stacks.
    """
    name = f"{STATUS_PREFIX}{_flat(title)}"
    return _STACK_APPROVED if name == APPROVED_STATUS else name


def title_of_status(name: str) -> str | None:
    """The title of the stack whose status has this name; None if it is not one of a stack."""
    if not name.startswith(STATUS_PREFIX) or name == APPROVED_STATUS:
        return None
    if name == _STACK_APPROVED:
        return APPROVED_STATUS.removeprefix(STATUS_PREFIX)
    return name.removeprefix(STATUS_PREFIX).replace(".", "/")


def marker(title: str) -> str:
    """The first line of the comment about a stack."""
    return f"<!-- reconciler: {_flat(title)} -->"


def title_of_comment(body: str) -> str | None:
    """The title of the stack that a comment is about; None if it has no marker."""
    found = _MARKER.match(body)
    return None if found is None else found[1].replace(".", "/")


def plans_line(current: str | None, earlier: Iterable[str]) -> str | None:
    """The second line of a comment: the id of its plan and those before it. None without any."""
    ids = [each[:LETTERS] for each in ((current or ""), *earlier) if each]
    return f"<!-- plans: {' '.join(ids[: EARLIER_MAX + 1])} -->" if ids else None


def plans_of_comment(body: str | None) -> tuple[str, ...]:
    """The ids of the plans that a comment has shown, `LETTERS` of each, the latest first."""
    found = None if body is None else _PLANS.match(body)
    return () if found is None else tuple(found[1].split())


def volatile(line: str) -> str:
    """A line at the end of a comment, such as the link to the run. A comment that differs only
    in it is not written again.
    """
    return f"\n{_VOLATILE}\n{line}\n"


def link(name: str, url: str) -> str:
    """A link to a page; nothing if that is not the address of one."""
    return f"[{name}](<{url}>)." if _URL.fullmatch(url) else ""


def is_same(body: str, other: str) -> bool:
    """Whether two texts of a comment say the same, however the forge keeps spaces at the ends of
    lines.
    """
    return _lasting(body) == _lasting(other)


def lasting(body: str) -> str:
    """The text of a comment without the line at its end that `volatile` makes."""
    return "\n".join(_lasting(body))


def _lasting(body: str) -> list[str]:
    head, line, _ = body.rpartition(f"\n{_VOLATILE}")  # the last one is our own
    lines = [each.rstrip() for each in (head if line else body).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _flat(title: str) -> str:
    return title.replace("/", ".")
