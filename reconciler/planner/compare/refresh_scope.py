"""Which lists a plan needs: known from the stack and the state alone, so that each list is read
once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.model.address import Address
from reconciler.model.ports import RefreshScope
from reconciler.model.resource import EMPTY, Lookup, Resource, Stack
from reconciler.model.resource_type import Edit, ResourceType, acts_on, creates, kind_of
from reconciler.model.state import Entry, State
from reconciler.planner.compare import moves
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.resources import all_kinds
from reconciler.resources import firewall as firewall_kind
from reconciler.resources import rule as rule_kind


def refresh_scope(stack: Stack, state: State | None, options: PlanOptions) -> RefreshScope:
    """The lists of the account and of the catalog that `planner.make` looks at."""
    if state is not None and not options.destroy:
        state = moves.move(stack, state).state
    tracked: dict[str, set[str]] = {}
    for entry in state.entries.values() if state is not None else ():
        if entry.parent is None:
            tracked.setdefault(entry.kind, set()).add(entry.id)
    for old in state.deposed.values() if state is not None else ():
        tracked.setdefault(old.kind, set()).add(old.id)
    resources: Mapping[Address, Resource] = {} if options.destroy else stack.resources
    firewalls = set(tracked.get(firewall_kind.NAME, ()))
    firewalls |= set(_unsettled_firewalls(state))
    firewalls |= {
        resource.import_id
        for address, resource in resources.items()
        if address.kind == firewall_kind.NAME and address.rule is None and resource.import_id
    }
    return RefreshScope(
        kinds=frozenset(all_kinds().sections),
        tracked={kind: frozenset(ids) for kind, ids in sorted(tracked.items())},
        rules_of=frozenset(firewalls | set(_guarding(stack, "id"))),
        rules_named=frozenset(_guarding(stack, "name")),
        members_of=frozenset(firewalls),
        members_for=frozenset(_members(resources, state)),
        whole=frozenset(_with_unsettled_creates(state)),
        catalogue=frozenset(_catalogue(resources, state, options)) | _prices(options),
        optional=_sizes(tracked, resources),
    )


def _guarding(stack: Stack, by: str) -> Iterator[str]:
    """The firewalls of others that the stack refers to: a guard needs to know what they allow."""
    if stack.guard is not None:
        yield from (
            desired.value
            for address, desired in stack.existing.items()
            if address.kind == firewall_kind.NAME and desired.by == by
        )


def _size_list(kind: ResourceType) -> frozenset[str]:
    """The list of the catalog that shows what a month costs and how large a disk is."""
    resized = (field for field in kind.fields.values() if field.edit is Edit.RESIZE)
    return frozenset(field.offered_in for field in resized if field.offered_in is not None)


def _sizes(
    tracked: Mapping[str, set[str]], resources: Mapping[Address, Resource]
) -> frozenset[str]:
    """The lists with the prices and sizes of the kinds that the stack has objects of."""
    used = {kind for kind, ids in tracked.items() if ids} | {each.kind for each in resources}
    kinds = (kind for kind in all_kinds().values() if kind.name in used)
    return frozenset().union(*map(_size_list, kinds))


def _prices(options: PlanOptions) -> frozenset[str]:
    """The lists with the prices of unmanaged objects, if those are to be listed."""
    kinds = all_kinds().values() if options.unmanaged else ()
    return frozenset().union(*map(_size_list, kinds))


def _members(resources: Mapping[Address, Resource], state: State | None) -> Iterator[str]:
    """Ids of the instances whose firewall the file manages: a plan must know their firewall."""
    fields = {kind.name: kind.membership for kind in all_kinds().values() if kind.membership}
    for address, resource in resources.items():
        if fields.get(address.kind) not in resource.attributes:
            continue
        entry = None if state is None else state.entries.get(str(address))
        if entry is not None:
            yield entry.id
        elif resource.import_id:
            yield resource.import_id


def _is_replaced(resource: Resource, entry: Entry, fields: tuple[str, ...]) -> bool:
    """Whether the file asks for another value of a field that only a new object can have
    (stack-files#edits).
    """
    applied = entry.applied
    return any(
        resource.attributes.get(name, applied.get(name)) != applied.get(name) for name in fields
    )


def _replacing(kind: ResourceType) -> tuple[str, ...]:
    """The fields of which an edit replaces the object. Those with a lookup are read anyway."""
    fields = kind.fields.values()
    return tuple(each.name for each in fields if each.edit is Edit.REPLACE and each.lookup is None)


def _with_unsettled_creates(state: State | None) -> Iterator[str]:
    """Kinds with a create of unknown outcome: that a list does not show an object may prove that it
    was not created.
    """
    for intent, result in state.open.values() if state is not None else ():
        if result != "accepted" and creates(intent.operation):
            kind = kind_of(all_kinds(), intent.operation)
            yield from () if kind.owner is not None else (kind.name,)


def _unsettled_firewalls(state: State | None) -> Iterator[str]:
    """Firewalls with a write of unknown outcome: their rules and members may settle it."""
    for intent, _ in state.open.values() if state is not None else ():
        if acts_on(intent.operation, firewall_kind.SINGULAR, rule_kind.SINGULAR):
            yield from (
                str(intent.inputs[name])
                for name in (firewall_kind.SINGULAR, "former")
                if intent.inputs.get(name)
            )


def _catalogue(
    resources: Mapping[Address, Resource], state: State | None, options: PlanOptions
) -> Iterator[str]:
    kinds = all_kinds()
    replacing = {name: _replacing(kind) for name, kind in kinds.items()}
    for address, resource in resources.items():
        text, fields = str(address), replacing[address.kind]
        entry = None if state is None else state.entries.get(text)
        if address.rule is None and (entry is None or _is_replaced(resource, entry, fields)):
            offered = (each.offered_in for each in kinds[address.kind].fields.values())
            yield from (name for name in offered if name is not None)
        for name, value in resource.attributes.items():
            for desired in value if isinstance(value, tuple) else (value,):
                if not isinstance(desired, Lookup) or desired.by == "id":
                    continue
                pinned = options.pinned.get(text, EMPTY).get(name, EMPTY)
                kept = (
                    entry.lookups.get(name, EMPTY)
                    if entry is not None and text not in options.replace
                    else EMPTY
                )
                # An image found by os is read anyway, to report a newer one; a saved plan reads
                # nothing.
                if desired.key not in pinned and (desired.key not in kept or desired.by == "os"):
                    yield desired.catalogue
