"""Fingerprints: what an object was when a plan was made, the same for a saved plan and for the
precondition of a write (planning#precondition).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from reconciler.common.text import msg
from reconciler.model.resource import EMPTY, Account, LiveResource
from reconciler.model.resource_type import ANYTHING
from reconciler.resources import block_storage as storage_kind
from reconciler.resources import firewall as firewall_kind
from reconciler.resources import instance as instance_kind
from reconciler.resources import rule as rule_kind

_STEADY = ("id", "name", "description", "zone", "made", "type", "size", rule_kind.OWNER)
"""What does not change while the cloud works on an object."""

_PASSING = frozenset({"status", "volumes"})
"""`status` changes by itself, and `power` says what matters of it; `volumes` are compared as a set.
"""

_SETS = {"kind", "volumes", "attached", "members", firewall_kind.NAME, rule_kind.NAME}
"""What is not compared as one value."""

_LABELS = {"nonce": "marker", "made": "creation time"}
_SHOWN_MAX = 80


def of(live: LiveResource, account: Account) -> dict[str, Any]:
    """All that was read of an object, and what is attached to it, as far as the account was read.

    It contains `kind`, `id`, `nonce` and the attributes. While the cloud works on an object, only
    the attributes that do not change meanwhile are included, and `power` only if it is on or off.

    An instance also has `volumes` (its block storages by the instance's row, None if the row does
    not list them), `attached` (by the list of block storages) and `firewalls`. A firewall also has
    `members` and `rules`.
    """
    names = (
        sorted(set(live.attributes) - _PASSING)
        if live.ready
        else [name for name in _STEADY if name in live.attributes]
    )
    found: dict[str, Any] = {"kind": live.kind, "id": live.id, "nonce": live.nonce}
    found |= {name: live.attributes[name] for name in names}
    if found.get("power", "") is None:
        del found["power"]
    if live.kind == instance_kind.NAME:
        shown = live.attributes.get("volumes")
        found["volumes"] = (
            tuple(sorted(map(str, shown))) if isinstance(shown, tuple | list) else None
        )
        found["attached"] = _block_storages_on(live.id, account)
        found[firewall_kind.NAME] = tuple(sorted(set(account.firewalls_of(live.id))))
    elif live.kind == firewall_kind.NAME:
        found["members"] = (
            tuple(sorted(account.members[live.id])) if live.id in account.members else None
        )
        found[rule_kind.NAME] = _rules_of(live.id, account)
    return found


def digests(account: Account, ids: Collection[str | None]) -> dict[str, str]:
    """The digest of each of these objects, by id: a saved plan is refused if one of them
    differs.
    """
    found = {
        id: digest(of(live, account))
        for rows in account.objects.values()
        for id, live in rows.items()
        if id in ids
    }
    return dict(sorted(found.items()))


def digest(fingerprint: Mapping[str, Any]) -> str:
    """A fingerprint in short."""
    text = json.dumps(fingerprint, sort_keys=True, ensure_ascii=False, default=list)
    return hashlib.sha256(text.encode()).hexdigest()


def changes(planned: Any, now: Any) -> tuple[str, ...]:
    """How two fingerprints differ, one clause for each field; nothing if one of them is missing."""
    if not (isinstance(planned, Mapping) and isinstance(now, Mapping)):
        return ()
    pairs = [
        (_LABELS.get(name, name), planned.get(name), now.get(name))
        for name in sorted({*planned, *now})
    ]
    return tuple(
        _clause(label, _shown(before), _shown(after))
        for label, before, after in pairs
        if before != after
    )


def differences(
    planned: Mapping[str, Any],
    found: LiveResource,
    account: Account,
    left: Mapping[str, tuple[Any, ...]] = EMPTY,
    moved: Callable[[str], bool] = lambda id: False,
) -> tuple[str, ...]:
    """What is not as planned, one clause each: the field, its value in the plan, its value now.
    Empty if all is as planned.

    `account` is what was read since the plan; what was not read is not compared. `left` are the
    values that steps of this run have given a field, in place of the planned one (`ANYTHING`: not
    compared). `moved` tells whether a step of this run has moved an id.
    """
    now = of(found, account)
    lines = []
    for name in sorted(set(planned) - _SETS):
        allowed = left.get(name, (planned[name],))
        if ANYTHING in allowed or now.get(name) in allowed or (name == "power" and name not in now):
            continue
        lines.append(_clause(_LABELS.get(name, name), _shown(allowed[-1]), _shown(now.get(name))))
    for label, gone, came in _sets(planned, now, account):
        others = (
            sorted(id for id in gone if not moved(id)),
            sorted(id for id in came if not moved(id)),
        )
        if any(others) and label not in left:
            lines.append(_clause(label, *(", ".join(map(_shown, ids)) or "none" for ids in others)))
    return tuple(lines)


def _clause(label: str, before: str, now: str) -> str:
    return msg(
        "{field} was {before} in the plan and is {after} now", field=label, before=before, after=now
    )


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    plain = isinstance(value, str) and value.isprintable() and value
    text = str(value) if plain else repr(value)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."


def _sets(
    planned: Mapping[str, Any], now: Mapping[str, Any], account: Account
) -> Iterable[tuple[str, set[str], set[str]]]:
    """Of each set: its label, what is no longer in it, and what is new in it."""
    if firewall_kind.NAME in planned:
        before, after = set(planned[firewall_kind.NAME]), set(now[firewall_kind.NAME])
        left = {id for id in before - after if id in account.members}
        yield firewall_kind.SINGULAR, left, after - before
        by_row, by_list = set(planned["volumes"] or ()), set(planned["attached"] or ())
        after = {*(now["volumes"] or ()), *(now["attached"] or ())}
        read = {
            *(by_row if now["volumes"] is not None else ()),
            *(by_list if now["attached"] is not None else ()),
        }
        yield "volumes", read - after, after - by_row - by_list
    for name in (firewall_kind.MEMBERS, rule_kind.NAME):
        if planned.get(name) is not None and now.get(name) is not None:
            yield name, set(planned[name]) - set(now[name]), set(now[name]) - set(planned[name])


def _block_storages_on(instance: str, account: Account) -> tuple[str, ...] | None:
    """The block storages on an instance by the list of block storages, None if that was not
    read.
    """
    if storage_kind.NAME not in account.objects:
        return None
    found = account.having(storage_kind.NAME, instance_kind.SINGULAR, instance)
    return tuple(sorted(row.id for row in found))


def _rules_of(firewall: str, account: Account) -> tuple[str, ...] | None:
    """The rules of a firewall as texts, whatever their ids, None if they were not read."""
    if firewall not in account.ruled:
        return None
    found = account.having(rule_kind.NAME, rule_kind.OWNER, firewall)
    return tuple(sorted(_rule(row.attributes) for row in found))


def _rule(rule: Mapping[str, Any]) -> str:
    title, description = (
        str(rule[name]) if rule.get(name) else "" for name in ("title", "description")
    )
    texts = f" ({title})" if title else ""
    texts = f" ({title}: {description})" if description else texts
    direction, protocol, ports, cidr = map(rule.get, ("direction", "protocol", "ports", "cidr"))
    return f"{direction} {protocol}/{ports} {cidr}{texts}"
