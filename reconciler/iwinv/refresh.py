"""Reading an account: the lists that a run wants, each once, side by side (quota#lists)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from reconciler.common.text import msg
from reconciler.iwinv.list_reader import ListReading, reading
from reconciler.iwinv.wait_notice import NotifyingClient
from reconciler.model.diagnostics import Problem, error
from reconciler.model.kinds import Kinds
from reconciler.model.ports import Client, Seen
from reconciler.model.resource import Account, Catalogue, LiveResource, RefreshScope

"""The kinds that are listed for the whole account; rules and members are listed for each firewall."""

_WAIT_SECONDS_MAX = 60.0
_DRAIN_SECONDS_MAX = 5.0


class ReadFailed(Exception):
    """A list could not be read; `problem` says which, why and what to do. Nothing may be concluded
    about the account.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_account(
    exchange: Client,
    wants: RefreshScope,
    kinds: Kinds,
    *,
    time_scale: float = 1.0,
    tell: Callable[[str], None] | None = None,
) -> Account:
    """What was wanted of the account. Raises `ReadFailed`; what could not be listed at all is left
    out (`complete`, `Catalogue`).

    Lists of one account are read at about the same time, not at one instant: a change in between
    shows in some and not in others. `tell` takes a line where the reading has to wait.
    """
    exchange = exchange if tell is None else NotifyingClient(exchange, tell)
    started = exchange.sent
    names = [
        name
        for name in kinds.sections
        if name in wants.kinds or (name == "firewalls" and wants.members_for)
    ]
    names += sorted(wants.catalogue | wants.hoped)
    # In the older form the groups bring their rules; only what they did not bring is asked for
    # afterwards.
    rules_come_along = (
        kinds["firewalls"].lists["firewalls"].inline is not None and "firewalls" in names
    )
    rules = [f"rules:{id}" for id in sorted(wants.rules_of)]
    names += [] if rules_come_along else rules
    names += [f"members:{id}" for id in sorted(wants.members_of)]
    found = _read(exchange, names, wants, kinds, time_scale)
    for part in [part for part in found.values() if part.inline]:
        found.update(
            {name: Seen(listed, complete=True) for name, listed in (part.inline or {}).items()}
        )
    rules += _rules_named(found, wants)
    if rules_come_along or wants.rules_named:
        found |= _read(
            exchange, [name for name in rules if name not in found], wants, kinds, time_scale
        )
    found |= _read_members(exchange, wants, kinds, found, time_scale)
    return _account(found, wants, kinds, exchange.sent - started)


def _rules_named(found: Mapping[str, Seen], wants: RefreshScope) -> list[str]:
    """The lists of rules of firewalls that are wanted by name: their ids are known once the
    firewalls are.
    """
    groups = found["firewalls"].rows if "firewalls" in found and wants.rules_named else ()
    return sorted(
        f"rules:{group.id}" for group in groups if group.attributes.get("name") in wants.rules_named
    )


def _read_members(
    exchange: Client,
    wants: RefreshScope,
    kinds: Kinds,
    found: Mapping[str, Seen],
    time_scale: float,
) -> dict[str, Seen]:
    """The members of the groups not read yet, as long as an instance is in none: membership shows
    from the group's side only.
    """
    more: dict[str, Seen] = {}
    others = (
        [group.id for group in found["firewalls"].rows if f"members:{group.id}" not in found]
        if "firewalls" in found
        else []
    )
    while others and not wants.members_for <= _members_seen([*found.values(), *more.values()]):
        batch, others = others[:_SIDE_BY_SIDE], others[_SIDE_BY_SIDE:]
        more |= _read(exchange, [f"members:{id}" for id in batch], wants, kinds, time_scale)
    return more


_SIDE_BY_SIDE = 4


def _members_seen(parts: Iterable[Seen]) -> set[str]:
    return {row for part in parts for row in part.rows if isinstance(row, str)}


def _read(
    exchange: Client,
    names: list[str],
    wants: RefreshScope,
    kinds: Kinds,
    time_scale: float,
) -> dict[str, Seen]:
    readings = [
        reading(
            name,
            kinds,
            tracked=wants.tracked.get(name, frozenset()),
            whole=name in wants.whole,
            time_scale=time_scale,
        )
        for name in names
    ]
    run_readings(exchange, readings, hoped=wants.hoped - wants.catalogue)
    return {one.what: one.seen for one in readings if one.seen is not None}


def run_readings(
    exchange: Client, readings: list[ListReading], *, hoped: frozenset[str] = frozenset()
) -> None:
    """Runs readings side by side to their end. Raises `ReadFailed` at the first that fails, those
    that are only hoped for apart.
    """
    idle = [one for one in readings if not one.done]
    under_way: dict[int, ListReading] = {}
    token = 0
    while idle or under_way:
        for one in [*idle]:
            if exchange.ready_in() > 0.0:
                break
            call = one.next_call(exchange.now())
            if call is not None:
                token += 1
                idle.remove(one)
                under_way[token] = one
                exchange.send(token, call)
        arrived = exchange.next(_wait(exchange, idle))
        if arrived is None:
            continue
        answered = under_way.pop(arrived[0])
        answered.take(arrived[1], exchange.now())
        if answered.failure is not None and answered.what not in hoped:
            _drain(exchange)
            raise ReadFailed(answered.failure)
        if not answered.done:
            idle.insert(0, answered)


def _wait(exchange: Client, idle: list[ListReading]) -> float:
    """Seconds until there may be something to send; an answer ends the wait anyway."""
    due = math.inf
    for one in idle:
        due = min(due, one.wake_in(exchange.now()))
        if due <= 0.0:
            break
    # Asking whether a call may be sent takes a slot of the quota, so it is asked only where there
    # is one to send.
    return min(max(due, exchange.ready_in()) if idle else math.inf, _WAIT_SECONDS_MAX)


def _drain(exchange: Client) -> None:
    """Takes in the answers that are still under way, so that whoever uses the exchange next gets
    none of them.
    """
    until = exchange.now() + _DRAIN_SECONDS_MAX
    while exchange.in_flight and exchange.now() < until:
        exchange.next(until - exchange.now())


def _account(found: Mapping[str, Seen], wants: RefreshScope, kinds: Kinds, calls: int) -> Account:
    objects: dict[str, Mapping[str, LiveResource]] = {}
    for name in kinds.sections:
        if name in found:
            objects[name] = MappingProxyType({row.id: row for row in found[name].rows})
    groups = frozenset(objects.get("firewalls", {}))
    rules = {
        name.partition(":")[2]: part for name, part in found.items() if name.startswith("rules:")
    }
    members = {
        name.partition(":")[2]: part for name, part in found.items() if name.startswith("members:")
    }
    _check_groups(rules, "rules", groups)
    _check_groups(members, "members", groups)
    if rules:
        objects["rules"] = MappingProxyType(
            {row.id: row for part in rules.values() for row in part.rows}
        )
    complete = {name for name in kinds.sections if name in found and found[name].complete}
    if wants.rules_of and all(id in rules and rules[id].complete for id in wants.rules_of):
        complete.add("rules")
    return Account(
        objects=MappingProxyType(objects),
        members=MappingProxyType(
            {id: part.rows for id, part in sorted(members.items()) if part.complete}
        ),
        complete=frozenset(complete),
        ruled=frozenset(id for id, part in rules.items() if part.complete),
        catalogue=_catalogue(found),
        calls=calls,
    )


def _check_groups(parts: Mapping[str, Seen], what: str, groups: frozenset[str]) -> None:
    """A group that the account's list shows must show its rules and members too, or nothing can be
    said about them.
    """
    for id, part in sorted(parts.items()):
        if not part.complete and id in groups:
            raise ReadFailed(
                error(
                    "cloud",
                    msg(
                        "the {what} of {id} could not be listed, although the list of firewalls shows it",
                        what=what,
                        id=id,
                    ),
                    hint=msg("try again"),
                )
            )


def _catalogue(found: Mapping[str, Seen]) -> Catalogue:
    lists: dict[str, Any] = {}
    for field in fields(Catalogue):
        part = found.get(field.name)
        if part is not None and part.complete:
            lists[field.name] = tuple(sorted(part.rows, key=lambda row: str(row["id"])))
    return Catalogue(**lists)
