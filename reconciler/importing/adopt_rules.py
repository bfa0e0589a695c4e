"""The rules of a firewall that is taken over: those that a stack can write, by key, and those that
it cannot, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from reconciler import resources
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.resource import EMPTY, LiveResource
from reconciler.planner.compare.rule_matching import MEANING

_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,24}")


@dataclass(frozen=True, slots=True)
class Rules:
    """`written` maps the key to the members of each rule, in the order of the account; `left` are
    the others as text with the reason.
    """

    written: Mapping[str, Mapping[str, Any]] = EMPTY
    left: tuple[tuple[str, str], ...] = ()


NO_RULES = Rules()


def rules_of(rows: Iterable[LiveResource], *, taken: Collection[str | None] = ()) -> Rules:
    """What the rules of one firewall are in a stack; `taken` are keys that they may not get."""
    written: dict[str, Mapping[str, Any]] = {}
    left: list[tuple[str, str]] = []
    seen: set[tuple[Any, ...]] = set()
    for row in sorted(rows, key=lambda row: (len(row.id), row.id)):
        says = row.attributes
        meant = tuple(says.get(name) for name in MEANING)
        reason = _unwritable(says) or (
            msg("another rule allows the same traffic") if meant in seen else None
        )
        if reason is not None:
            left.append((f"{says.get('title')}: {' '.join(str(part) for part in meant)}", reason))
            continue
        seen.add(meant)
        key = _new_key(str(says["title"]), {*written, *taken})
        members: dict[str, Any] = dict(zip(MEANING, meant, strict=True))
        if str(members["ports"]).isdigit():
            members["ports"] = int(str(members["ports"]))
        members |= {"title": says["title"]} if says["title"] != key else {}
        members |= {"description": says["description"]} if says.get("description") else {}
        written[key] = members
    return Rules(written, tuple(left))


def _unwritable(says: Mapping[str, Any]) -> str | None:
    """Why a stack cannot ask for a rule as it is."""
    if not says.get("title"):
        return msg("it has no title, and every rule in a stack needs one")
    for name in MEANING:
        wrong = (
            resources.problem_with("rules", name, says.get(name))
            if says.get(name) is not None
            else msg("it has no {field}", field=name)
        )
        if wrong is not None:
            return wrong
    low, _, high = str(says["ports"]).partition("-")
    return msg("a range of one port must be written as a single port") if low == high else None


def _new_key(title: str, taken: Collection[str | None]) -> str:
    wanted = (
        title
        if _KEY.fullmatch(title)
        else re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:25] or "rule"
    )
    key, number = wanted, 1
    while key in taken:
        number += 1
        key = f"{wanted[: 24 - len(str(number))]}-{number}"
    return key
