"""Undo: the stack as a kept state says that it was, so that a plan towards it is like any other;
and what such a plan cannot bring back.

A state keeps the managed values as they were last applied. What was not managed then is not known,
and stays as it is. Data, addresses and ids are not in it either: an object that comes back is a new
one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config import digest as digests
from reconciler.config.expand import default_name
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, notice
from reconciler.model.plan import Action, Change, Plan
from reconciler.model.resource import (
    Deferred,
    Lifecycle,
    Link,
    Lookup,
    Output,
    Removal,
    Resource,
    Stack,
    Value,
)
from reconciler.model.resource_type import Edit, ResourceType
from reconciler.model.state import Entry, State

_AGAIN = {
    "instances": "new id, new addresses, and an empty disk",
    "block_storages": "new id, and empty",
    "firewalls": "other id",
}


@dataclass(frozen=True, slots=True)
class Former:
    """What a stack was: `stack` as if its file said so, `pins` what its lookups had given,
    `notices` what is not known any more.
    """

    stack: Stack
    pins: Mapping[str, Mapping[str, Mapping[str, str]]]
    notices: tuple[Problem, ...]


def former(
    stack: Stack, past: State, now: State | None, kinds: Mapping[str, ResourceType]
) -> Former:
    """The stack as `past` kept it. `stack` is what the file says now: it lends places, lifecycles,
    guard and prices.
    """
    entries = {} if now is None else now.entries
    current = {(entry.kind, entry.id): entry.address for entry in entries.values()}
    names = {
        text: current.get((entry.kind, entry.id), text) for text, entry in past.entries.items()
    }
    kept = {
        text: entry
        for text, entry in past.entries.items()
        if not _is_anothers(text, entry, names, current)
    }
    meant = set(kept) | {str(address) for address in stack.existing}
    resources, pins = {}, {}
    for text, entry in kept.items():
        address = parse(names[text])
        if address is not None:
            resources[address] = _resource(stack, address, entry, names, meant, kinds[entry.kind])
            if entry.lookups:
                pins[str(address)] = entry.lookups
    for address, entry in _taken_over(entries, resources):
        if (
            address.rule is not None
            and address.resource in resources
            and _traffic(entry) not in map(_traffic, kept.values())
        ):
            resources[address] = _resource(stack, address, entry, {}, meant, kinds[entry.kind])
    ordered = {
        address: resources[address] for address in sorted(resources, key=lambda each: each.sort_key)
    }
    made = replace(
        stack,
        resources=ordered,
        shapes=_shapes(ordered),
        outputs=tuple(output for output in stack.outputs if _stands(output, ordered)),
        guard=None
        if stack.guard is None
        else replace(
            stack.guard, instances=tuple(a for a in stack.guard.instances if a in ordered)
        ),
        moved=(),
        removed=tuple(Removal(address, keep=True) for address, _ in _taken_over(entries, ordered)),
    )
    digest = hashlib.sha256(
        f"{digests.digest(made)} {past.lineage} {past.serial}".encode()
    ).hexdigest()
    told = (
        *_not_known(past, entries, names),
        *_not_meant(kept, names, meant, kinds),
        *_displaced(past, kept),
    )
    return Former(replace(made, digest=digest), pins, told)


def _is_anothers(
    text: str, entry: Entry, names: Mapping[str, str], current: Mapping[tuple[str, str], str]
) -> bool:
    """Whether an object that is no more stood at an address to which another one of that time has
    moved since.
    """
    return (entry.kind, entry.id) not in current and any(
        names[other] == text for other in names if other != text
    )


def _taken_over(
    now: Mapping[str, Entry], former: Collection[Address]
) -> list[tuple[Address, Entry]]:
    """What a later run bound and did not make: it was there before too, so going back lets go of an
    object, and leaves a rule.
    """
    found = ((parse(text), entry) for text, entry in sorted(now.items()) if entry.made is None)
    return [
        (address, entry)
        for address, entry in found
        if address is not None and address not in former
    ]


def _traffic(entry: Entry) -> tuple[Any, ...]:
    return (
        entry.parent,
        *(entry.applied.get(name) for name in ("direction", "protocol", "ports", "cidr")),
    )


def _unmeant(entry: Entry, meant: Collection[str], kind: ResourceType) -> dict[str, str]:
    """The fields by which an object was attached to what neither that state nor the file knows any
    more, with the address then.
    """
    links = {
        name: str(value)
        for name, value in entry.applied.items()
        if name in kind.fields and kind.fields[name].link is not None and value
    }
    return {
        name: text
        for name, text in sorted(links.items())
        if parse(text) is not None and text not in meant
    }


def _resource(
    stack: Stack,
    address: Address,
    entry: Entry,
    names: Mapping[str, str],
    meant: Collection[str],
    kind: ResourceType,
) -> Resource:
    written, left = stack.resources.get(address), _unmeant(entry, meant, kind)
    known = {
        name: value
        for name, value in entry.applied.items()
        if name in kind.fields and name not in left
    }
    attributes = {name: _value(kind, name, value, entry, names) for name, value in known.items()}
    return Resource(
        address=address,
        attributes=attributes,
        at_create=_at_create(stack, address, attributes),
        lifecycle=replace(
            written.lifecycle if written is not None else Lifecycle(),
            protect=None,
            retain=entry.retain,
        ),
        place=None if written is None else written.place,
    )


def _value(
    kind: ResourceType, name: str, value: Any, entry: Entry, names: Mapping[str, str]
) -> Value:
    """A kept value as a file would say it: links as links, and what a lookup gave as that lookup,
    so that its pin holds on.
    """
    field = kind.fields[name]
    if field.link is not None and isinstance(value, str):
        address = parse(names.get(value, value))
        return value if address is None else Link(address)
    if field.lookup is None:
        return tuple(value) if isinstance(value, list) else value
    texts = {id: text for text, id in entry.lookups.get(name, {}).items()}
    if isinstance(value, list | tuple):
        return tuple(_lookup(field.lookup, texts.get(part), part) for part in value)
    return _lookup(field.lookup, texts.get(value), value)


def _lookup(catalogue: str, text: str | None, id: Any) -> Value:
    if text is None or text.partition(":")[0] not in ("id", "any", "os"):
        return id  # type: ignore[no-any-return]  # a plain value of the state
    by, _, rest = text.partition(":")
    value, colon, version = rest.partition(":") if by == "os" else (rest, "", "")
    return Lookup(catalogue, by, value, version if colon else None)


def _at_create(
    stack: Stack, address: Address, attributes: Mapping[str, Value]
) -> Mapping[str, Value]:
    found: dict[str, Value] = {}
    if address.rule is None and "name" not in attributes:
        found["name"] = default_name(stack.name, stack.environment, address)
    if address.rule is None and address.kind == "firewalls" and "icmp" not in attributes:
        found["icmp"] = False
    return found


def _shapes(resources: Iterable[Address]) -> Mapping[tuple[str, str], int | tuple[str, ...] | None]:
    found: dict[tuple[str, str], int | tuple[str, ...] | None] = {}
    for address in resources:
        if address.rule is not None:
            continue
        key, index = (address.kind, address.name), address.index
        before = found.get(key)
        if isinstance(index, int):
            found[key] = max(before if isinstance(before, int) else 0, index + 1)
        elif index is not None:
            found[key] = (*(before if isinstance(before, tuple) else ()), index)
        else:
            found[key] = None
    return dict(sorted(found.items()))


def _stands(output: Output, resources: Mapping[Address, Resource]) -> bool:
    """Whether all that an output of the file reads is there in the former stack too."""
    if not isinstance(output.value, Deferred):
        return True
    there = {address.resource for address in resources} | set(resources)
    return all(ref.address in there for ref in output.value.references)


def _not_meant(
    kept: Mapping[str, Entry],
    names: Mapping[str, str],
    meant: Collection[str],
    kinds: Mapping[str, ResourceType],
) -> Iterator[Problem]:
    for text, entry in sorted(kept.items()):
        for name, value in _unmeant(entry, meant, kinds[entry.kind]).items():
            message = msg(
                "{name} was {target} then, which no longer exists and is not referenced in the file; it is left unchanged",
                name=name,
                target=value,
            )
            yield notice("undo", message, address=names[text])


def _displaced(past: State, kept: Mapping[str, Entry]) -> Iterator[Problem]:
    for text in sorted(past.entries.keys() - kept.keys()):
        message = msg(
            "the object of that time is gone, and another one has its address now: it is not restored"
        )
        yield notice("undo", message, address=text)


def _not_known(
    past: State, now: Mapping[str, Entry], names: Mapping[str, str]
) -> Iterator[Problem]:
    for text, entry in sorted(past.entries.items()):
        later = now.get(names[text])
        new = [] if later is None else sorted(set(later.applied) - set(entry.applied))
        if later is not None and later.id == entry.id and new:
            message = msg(
                "{fields} was not managed then; its previous value is unknown and it is left unchanged",
                fields=", ".join(new),
            )
            yield notice("undo", message, address=later.address)


# What cannot come back
# ------------------------------------------------------------------------------------------------------------


def read(plan: Plan) -> Plan:
    """The plan without the notices that read as if a file had been edited."""
    return replace(
        plan,
        problems=tuple(problem for problem in plan.problems if problem.code != "no-longer-managed"),
    )


def lost(plan: Plan, serial: int, kinds: Mapping[str, ResourceType]) -> tuple[Problem, ...]:
    """What the plan of an undo does not bring back, an object at a time, and what is left to the
    user.
    """
    found = [_lost_of(change, kinds) for change in plan.changes]
    message = msg(
        "this restores the state of serial {serial}; the stack file is not changed",
        serial=serial,
    )
    hint = msg("restore the file as well, or the next apply repeats the changes")
    return (
        notice("undo", message, hint=hint),
        *(problem for problem in found if problem is not None),
    )


def _lost_of(change: Change, kinds: Mapping[str, ResourceType]) -> Problem | None:
    address, kind = str(change.address), change.address.kind
    if change.address.rule is not None or kind not in _AGAIN:
        return None
    if change.action is Action.CREATE:
        return notice(
            "undo",
            msg("is created again as a new object: {changed}", changed=_AGAIN[kind]),
            address=address,
        )
    if change.action is Action.REPLACE:
        return notice(
            "undo", msg("is created again: {changed}", changed=_AGAIN[kind]), address=address
        )
    fields = [
        field.path for field in change.fields if _edit(kinds, kind, field.path) is Edit.REBUILD
    ]
    if change.action is Action.REBUILD or fields:
        return notice(
            "undo",
            msg("gets its earlier image, but not the data that was on its disk"),
            address=address,
        )
    return None


def _edit(kinds: Mapping[str, ResourceType], kind: str, path: str) -> Edit | None:
    field = kinds[kind].fields.get(path)
    return None if field is None else field.edit
