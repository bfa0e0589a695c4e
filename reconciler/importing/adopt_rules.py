"""The rules of an adopted firewall: those that a stack can express, by key, and those that it
cannot, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from reconciler import resources
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.importing.romanization import romanized
from reconciler.model.resource import EMPTY, LiveResource
from reconciler.planner.compare.rule_matching import MEANING
from reconciler.resources import rule

_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,24}")


@dataclass(frozen=True, slots=True)
class AdoptedRules:
    """`written` maps the key to the members of each rule, in the order of the account; `left` are
    the others as text with the reason. `section` is the key under which a firewall has them.
    """

    written: Mapping[str, Mapping[str, Any]] = EMPTY
    left: tuple[tuple[str, str], ...] = ()
    section: str = rule.NAME


NO_RULES = AdoptedRules()


def rules_of(rows: Iterable[LiveResource], *, taken: Collection[str | None] = ()) -> AdoptedRules:
    """The rules of one firewall as a stack has them; `taken` are keys that they may not get."""
    fields = resources.all_kinds()[rule.NAME].fields
    written: dict[str, Mapping[str, Any]] = {}
    left: list[tuple[str, str]] = []
    seen: set[tuple[Any, ...]] = set()
    for row in sorted(rows, key=lambda row: (len(row.id), row.id)):
        shown = row.attributes
        meaning = tuple(shown.get(name) for name in MEANING)
        reason = _unwritable(shown) or (
            msg("another rule allows the same traffic") if meaning in seen else None
        )
        if reason is not None:
            text = " ".join(map(str, meaning))
            left.append((msg("{title}: {rule}", title=shown.get("title"), rule=text), reason))
            continue
        seen.add(meaning)
        key = _new_key(str(shown["title"]), {*written, *taken})
        written[key] = {
            name: each.written(shown[name])
            for name, each in fields.items()
            if shown.get(name) and not (name == "title" and shown[name] == key)
        }
    return AdoptedRules(written, tuple(left))


def _unwritable(shown: Mapping[str, Any]) -> str | None:
    """Why a stack cannot ask for a rule as it is, or None."""
    if not shown.get("title"):
        return msg("it has no title, and every rule in a stack needs one")
    for name in MEANING:
        if shown.get(name) is None:
            return msg("it has no {field}", field=name)
        wrong = resources.problem_with(rule.NAME, name, shown[name])
        if wrong is not None:
            return wrong
    low, _, high = str(shown["ports"]).partition("-")
    return msg("a range of one port must be written as a single port") if low == high else None


def _new_key(title: str, taken: Collection[str | None]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", romanized(title).lower()).strip("-")[:25].strip("-")
    wanted = title if _KEY.fullmatch(title) else plain or rule.SINGULAR
    key, number = wanted, 1
    while key in taken:
        number += 1
        key = f"{wanted[: 24 - len(str(number))]}-{number}"
    return key
