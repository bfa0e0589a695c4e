"""Undo: the stack as a kept state shows it, so that planning back to it is like any other plan; and
what such a plan cannot restore.

A state contains the managed values as they were last applied. What was not managed then is unknown,
and is left unchanged. The state contains no data, and an object that is created again is a new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
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


@dataclass(frozen=True, slots=True)
class Former:
    """What a stack was: `stack` as if its file stated it, `pins` what its lookups had given,
    `notices` what is not known any more.
    """

    stack: Stack
    pins: Mapping[str, Mapping[str, Mapping[str, str]]]
    notices: tuple[Problem, ...]


def former(
    stack: Stack, past: State, now: State | None, kinds: Mapping[str, ResourceType]
) -> Former:
    """The stack as `past` contains it. `stack`, which the file describes now, gives the places,
    lifecycles, guard and prices.
    """
    found = _FormerStack(stack, past, {} if now is None else now.entries, kinds)
    return Former(found.stack_then(), found.pins(), tuple(found.notices()))


class _FormerStack:
    """A kept state beside the stack and the entries of now.

    `names` maps the addresses of that time to those that their objects have now. `kept` are the
    entries of that time that can be restored.
    """

    def __init__(
        self,
        stack: Stack,
        past: State,
        now: Mapping[str, Entry],
        kinds: Mapping[str, ResourceType],
    ) -> None:
        self.stack, self.past, self.now, self.kinds = stack, past, now, kinds
        current = {(entry.kind, entry.id): entry.address for entry in now.values()}
        self.names = {
            text: current.get((entry.kind, entry.id), text) for text, entry in past.entries.items()
        }
        # An object that no longer exists is not restored if another object of that time has its
        # address now.
        moved = {name for text, name in self.names.items() if text != name}
        self.kept = {
            text: entry
            for text, entry in past.entries.items()
            if (entry.kind, entry.id) in current or text not in moved
        }

    @cached_property
    def referable(self) -> frozenset[str]:
        """The addresses that a link may point to."""
        return frozenset(self.kept) | {str(address) for address in self.stack.existing}

    def stack_then(self) -> Stack:
        """The stack of that time."""
        resources = {
            address: self._resource(address, entry, self.names)
            for text, entry in self.kept.items()
            if (address := parse(self.names[text])) is not None
        }
        traffic = [self._traffic(entry) for entry in self.kept.values()]
        for address, entry in self._bound_since(resources):
            is_rule = address.rule is not None and address.resource in resources
            if is_rule and self._traffic(entry) not in traffic:
                resources[address] = self._resource(address, entry, {})
        ordered = dict(sorted(resources.items(), key=lambda item: item[0].sort_key))
        stack, guard = self.stack, self.stack.guard
        if guard is not None:
            there = tuple(address for address in guard.instances if address in ordered)
            guard = replace(guard, instances=there)
        made = replace(
            stack,
            resources=ordered,
            cardinalities=_cardinalities(ordered),
            outputs=tuple(output for output in stack.outputs if _is_readable(output, ordered)),
            guard=guard,
            checks=(),
            moved=tuple(replace(line, past=True) for line in stack.moved),
            removed=tuple(Removal(address, keep=True) for address, _ in self._bound_since(ordered)),
        )
        content = f"{digests.digest(made)} {self.past.lineage} {self.past.serial}"
        return replace(made, digest=hashlib.sha256(content.encode()).hexdigest())

    def pins(self) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
        """What the lookups of each address had given."""
        return {
            self.names[text]: entry.lookups
            for text, entry in self.kept.items()
            if entry.lookups and parse(self.names[text]) is not None
        }

    def notices(self) -> Iterator[Problem]:
        """What cannot be restored because it is not known."""
        for text, entry in sorted(self.past.entries.items()):
            later = self.now.get(self.names[text])
            new = () if later is None else sorted(set(later.applied) - set(entry.applied))
            if later is not None and later.id == entry.id and new:
                message = msg(
                    "{fields} was not managed then; its previous value is unknown and it is left "
                    "unchanged",
                    fields=", ".join(new),
                )
                yield notice("undo", message, address=later.address)
        for text, entry in sorted(self.kept.items()):
            for field, target in self._dangling(entry).items():
                message = msg(
                    "{field} was {target} then, which no longer exists and is not referenced in "
                    "the file; it is left unchanged",
                    field=field,
                    target=target,
                )
                yield notice("undo", message, address=self.names[text])
        for text in sorted(self.past.entries.keys() - self.kept.keys()):
            message = msg(
                "the object of that time is gone, and another one has its address now: it is not "
                "restored"
            )
            yield notice("undo", message, address=text)

    def _bound_since(self, then: Collection[Address]) -> list[tuple[Address, Entry]]:
        """What a later run bound and did not create. It existed before too, so going back forgets
        an object, and leaves a rule.
        """
        found = (
            (parse(text), entry) for text, entry in sorted(self.now.items()) if entry.made is None
        )
        return [
            (address, entry)
            for address, entry in found
            if address is not None and address not in then
        ]

    def _traffic(self, entry: Entry) -> tuple[Any, ...]:
        names = self.kinds[entry.kind].distinguishing
        return (entry.parent, *(entry.applied.get(name) for name in names))

    def _dangling(self, entry: Entry) -> dict[str, str]:
        """The fields that linked to what neither that state nor the file contains any more, with
        the address of that time.
        """
        fields = self.kinds[entry.kind].fields
        return {
            name: str(value)
            for name, value in sorted(entry.applied.items())
            if name in fields
            and fields[name].link is not None
            and value
            and parse(str(value)) is not None
            and str(value) not in self.referable
        }

    def _resource(self, address: Address, entry: Entry, names: Mapping[str, str]) -> Resource:
        kind, written = self.kinds[entry.kind], self.stack.resources.get(address)
        known = kind.fields.keys() - self._dangling(entry).keys()
        attributes = {
            name: _value(kind, name, value, entry, names)
            for name, value in entry.applied.items()
            if name in known
        }
        lifecycle = written.lifecycle if written is not None else Lifecycle()
        return Resource(
            address=address,
            attributes=attributes,
            at_create=self._at_create(address, kind, attributes),
            lifecycle=replace(lifecycle, protect=None, retain=entry.retain),
            place=None if written is None else written.place,
        )

    def _at_create(
        self, address: Address, kind: ResourceType, attributes: Mapping[str, Value]
    ) -> Mapping[str, Value]:
        """What counts only if the object is created again."""
        if address.rule is not None:
            return {}
        found: dict[str, Value] = {
            field.name: field.at_create
            for field in kind.fields.values()
            if field.at_create is not None and field.name not in attributes
        }
        if "name" not in attributes:
            found["name"] = default_name(self.stack.name, self.stack.environment, address)
        return found


def _value(
    kind: ResourceType, name: str, value: Any, entry: Entry, names: Mapping[str, str]
) -> Value:
    """A kept value as a file would state it: a link as a link, and the result of a lookup as that
    lookup, so that its pin still applies.
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
    by, _, rest = (text or "").partition(":")
    if by not in ("id", "any", "os"):
        return id  # type: ignore[no-any-return]  # a plain value of the state
    value, colon, version = rest.partition(":") if by == "os" else (rest, "", "")
    return Lookup(catalogue, by, value, version if colon else None)


def _cardinalities(
    resources: Iterable[Address],
) -> Mapping[tuple[str, str], int | tuple[str, ...] | None]:
    """For each resource its `count`, the keys of its `for_each`, or None."""
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


def _is_readable(output: Output, resources: Mapping[Address, Resource]) -> bool:
    """Whether the former stack has all that an output of the file reads."""
    if not isinstance(output.value, Deferred):
        return True
    there = {address.resource for address in resources} | set(resources)
    return all(ref.address in there for ref in output.value.references)


# What cannot be restored
# --------------------------------------------------------------------------------------------------


def without_edit_notices(plan: Plan) -> Plan:
    """The plan without the notices that read as if a file had been edited."""
    kept = tuple(problem for problem in plan.problems if problem.code != "no-longer-managed")
    return replace(plan, problems=kept)


def lost(plan: Plan, serial: int, kinds: Mapping[str, ResourceType]) -> tuple[Problem, ...]:
    """What the plan of an undo does not restore, one notice for each object, and what is left to
    the user.
    """
    found = [_lost_of(change, kinds) for change in plan.changes]
    message = msg(
        "this restores the state of serial {serial}; the stack file is not changed", serial=serial
    )
    hint = msg("restore the file as well, or the next apply repeats the changes")
    return (notice("undo", message, hint=hint), *(one for one in found if one is not None))


def _lost_of(change: Change, kinds: Mapping[str, ResourceType]) -> Problem | None:
    kind = kinds.get(change.address.kind)
    if change.address.rule is not None or kind is None or not kind.recreated:
        return None
    if change.action is Action.CREATE:
        message = msg("is created again as a new object: {changed}", changed=kind.recreated)
    elif change.action is Action.REPLACE:
        message = msg("is created again: {changed}", changed=kind.recreated)
    elif change.action is Action.REBUILD or any(
        path in kind.fields and kind.fields[path].edit is Edit.REBUILD
        for path in (field.path for field in change.fields)
    ):
        message = msg("gets its earlier image, but not the data that was on its disk")
    else:
        return None
    return notice("undo", message, address=str(change.address))
