"""Fingerprints: what an object was when a plan was made, the same for a saved plan and for the
second look before a write (planning#precondition).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from reconciler.model.resource import EMPTY, Account, LiveResource
from reconciler.model.resource_type import ANYTHING, FIREWALLS

_STEADY = ("id", "name", "description", "zone", "made", "type", "size", "firewall")
"""What does not change while the cloud works on an object."""

_PASSING = frozenset({"status", "volumes"})
"""`status` passes by itself, and `power` says what matters of it; `block_storages` are compared as a set."""

_LABELS = {"nonce": "marker", "made": "creation time"}
_SHOWN_MAX = 80


def of(live: LiveResource, account: Account) -> dict[str, Any]:
    """All that was read of an object, and what is attached to it, as far as the account was read.

    Besides `kind`, `id`, `nonce` and the attributes: `block_storages` (by the server's own row, None where
    that does not say), `attached` (by the list of volumes) and `firewalls` of a server; `members`
    and `rules` of a firewall. While the cloud works on an object only what is steady then is in it;
    `power` is not where neither on nor off can be said.
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
    if live.kind == "instances":
        shown = live.attributes.get("volumes")
        found["volumes"] = (
            tuple(sorted(map(str, shown))) if isinstance(shown, tuple | list) else None
        )
        found["attached"] = _block_storages_on(live.id, account)
        found["firewalls"] = tuple(
            sorted(firewall for firewall, members in account.members.items() if live.id in members)
        )
    elif live.kind == FIREWALLS:
        found["members"] = (
            tuple(sorted(account.members[live.id])) if live.id in account.members else None
        )
        found["rules"] = _rules_of(live.id, account)
    return found


def digests(account: Account, ids: Collection[str | None]) -> dict[str, str]:
    """The digest of each of these objects, by id: a saved plan is refused if one of them differs."""
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
    """How two fingerprints as data differ, one clause a field; nothing where one of them is none."""
    if not (isinstance(planned, Mapping) and isinstance(now, Mapping)):
        return ()
    pairs = [
        (_LABELS.get(name, name), planned.get(name), now.get(name))
        for name in sorted({*planned, *now})
    ]
    return tuple(
        _clause(label, _said(before), _said(after))
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
    Empty where all is as planned.

    `account` is what was read since the plan; what was not read is not compared. `left` are the
    values with which our own steps of this run have left a field, in place of the planned one
    (`ANYTHING`: not compared). `moved` tells whether a step of ours has moved an id.
    """
    now = of(found, account)
    lines = []
    for name in sorted(
        set(planned) - {"kind", "volumes", "attached", "firewalls", "members", "rules"}
    ):
        allowed = left.get(name, (planned[name],))
        if ANYTHING in allowed or now.get(name) in allowed or (name == "power" and name not in now):
            continue
        lines.append(_clause(_LABELS.get(name, name), _said(allowed[-1]), _said(now.get(name))))
    for label, gone, came in _sets(planned, now, account):
        others = (
            sorted(id for id in gone if not moved(id)),
            sorted(id for id in came if not moved(id)),
        )
        if any(others) and label not in left:
            lines.append(_clause(label, *(", ".join(map(_said, ids)) or "none" for ids in others)))
    return tuple(lines)


def _clause(label: str, before: str, now: str) -> str:
    return f"{label} was {before} in the plan and is {now} now"


def _said(value: Any) -> str:
    text = (
        "none"
        if value is None
        else str(value)
        if isinstance(value, str) and value.isprintable() and value
        else repr(value)
    )
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."


def _sets(
    planned: Mapping[str, Any], now: Mapping[str, Any], account: Account
) -> Iterable[tuple[str, set[str], set[str]]]:
    """Of each set: its label, what is no longer in it, and what is new in it."""
    if "firewalls" in planned:
        before, there = set(planned["firewalls"]), set(now["firewalls"])
        yield "firewall", {id for id in before - there if id in account.members}, there - before
        by_row, by_list = set(planned["volumes"] or ()), set(planned["attached"] or ())
        there = {*(now["volumes"] or ()), *(now["attached"] or ())}
        read = {
            *(by_row if now["volumes"] is not None else ()),
            *(by_list if now["attached"] is not None else ()),
        }
        yield "volumes", read - there, there - by_row - by_list
    for name in ("members", "rules"):
        if planned.get(name) is not None and now.get(name) is not None:
            yield name, set(planned[name]) - set(now[name]), set(now[name]) - set(planned[name])


def _block_storages_on(instance: str, account: Account) -> tuple[str, ...] | None:
    """The volumes on a server by the list of volumes, None where that was not read."""
    if "block_storages" not in account.objects:
        return None
    return tuple(
        sorted(
            row.id
            for row in account.objects["block_storages"].values()
            if row.attributes.get("instance") == instance
        )
    )


def _rules_of(firewall: str, account: Account) -> tuple[str, ...] | None:
    """The rules of a firewall as texts, whatever their ids, None where they were not read."""
    if firewall not in account.ruled:
        return None
    rows = (
        row.attributes
        for row in account.objects.get("rules", EMPTY).values()
        if row.attributes.get("firewall") == firewall
    )
    return tuple(sorted(_rule(attributes) for attributes in rows))


def _rule(says: Mapping[str, Any]) -> str:
    title, description = (
        str(says[name]) if says.get(name) else "" for name in ("title", "description")
    )
    texts = f" ({title}: {description})" if description else f" ({title})" if title else ""
    return f"{says.get('direction')} {says.get('protocol')}/{says.get('ports')} {says.get('cidr')}{texts}"
