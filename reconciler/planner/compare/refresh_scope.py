"""What a plan needs to be read of the account: known from the stack and the state alone, so that
each list is read once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.model.address import Address
from reconciler.model.resource import EMPTY, Lookup, RefreshScope, Resource, Stack
from reconciler.model.resource_type import acts_on
from reconciler.model.state import Entry, State
from reconciler.planner.compare import moves
from reconciler.planner.compare.assessment import PlanOptions

_CATALOGUE_OF_CREATES = {
    "instances": ("flavors", "images", "zones"),
    "block_storages": ("storage_types",),
}
"""What feasibility asks for where an object is to be made."""


def needs(stack: Stack, state: State | None, options: PlanOptions) -> RefreshScope:
    """The lists, groups and catalogue lists that `plan.make` will look at."""
    if state is not None and not options.destroy:
        state = moves.move(stack, state).state
    tracked: dict[str, set[str]] = {}
    for entry in state.entries.values() if state is not None else ():
        if entry.parent is None:
            tracked.setdefault(entry.kind, set()).add(entry.id)
    for old in state.deposed.values() if state is not None else ():
        tracked.setdefault(old.kind, set()).add(old.id)
    resources: Mapping[Address, Resource] = {} if options.destroy else stack.resources
    firewalls = set(tracked.get("firewalls", ()))
    firewalls |= set(_unsettled_firewalls(state))
    firewalls |= {
        r.import_id
        for a, r in resources.items()
        if a.kind == "firewalls" and a.rule is None and r.import_id
    }
    return RefreshScope(
        instances=True,
        block_storages=True,
        firewalls=True,
        tracked={kind: frozenset(ids) for kind, ids in sorted(tracked.items())},
        rules_of=frozenset(firewalls | set(_guarding(stack, "id"))),
        rules_named=frozenset(_guarding(stack, "name")),
        members_of=frozenset(firewalls),
        members_for=frozenset(_watched(resources, state)),
        whole=frozenset(_made_perhaps(state)),
        catalogue=frozenset(_catalogue(resources, state, options)) | _priced(options),
        hoped=_sized(tracked, resources),
    )


def _guarding(stack: Stack, by: str) -> Iterator[str]:
    """The firewalls of others that the stack refers to: a guard asks what they let through."""
    if stack.guard is not None:
        yield from (
            desired.value
            for address, desired in stack.existing.items()
            if address.kind == "firewalls" and desired.by == by
        )


def _sized(
    tracked: Mapping[str, set[str]], resources: Mapping[Address, Resource]
) -> frozenset[str]:
    """The flavors wherever there are servers: they say what a month costs, and how large a disk is."""
    instances = bool(tracked.get("instances")) or any(
        address.kind == "instances" for address in resources
    )
    return frozenset({"flavors"} if instances else ())


def _priced(options: PlanOptions) -> frozenset[str]:
    """Prices that are asked for by themselves: what is not managed costs. One list, often cached."""
    return frozenset({"flavors"} if options.unmanaged else ())


def _watched(resources: Mapping[Address, Resource], state: State | None) -> Iterator[str]:
    """Ids of servers whose firewall the file manages: it must be known which group they are in."""
    for address, resource in resources.items():
        if address.kind != "instances" or "firewall" not in resource.attributes:
            continue
        entry = None if state is None else state.entries.get(str(address))
        if entry is not None:
            yield entry.id
        elif resource.import_id:
            yield resource.import_id


def _remade(resource: Resource, entry: Entry) -> bool:
    """Whether a volume is asked for in another type or size than it was left in: then a new one is
    made (stack-files#edits).
    """
    says = resource.attributes
    return entry.kind == "block_storages" and any(
        says.get(name, entry.applied.get(name)) != entry.applied.get(name)
        for name in ("type", "size")
    )


_MADE = {
    "instance.create": "instances",
    "block_storage.create": "block_storages",
    "firewall.create": "firewalls",
}


def _made_perhaps(state: State | None) -> Iterator[str]:
    """Kinds of which it is not known whether an earlier run made one: that a list does not show it
    may say that it did not.
    """
    for intent, result in state.open.values() if state is not None else ():
        if result != "accepted" and intent.operation in _MADE:
            yield _MADE[intent.operation]


def _unsettled_firewalls(state: State | None) -> Iterator[str]:
    """Groups of which it is not known what became of a write to them: their rules and members tell."""
    for intent, _ in state.open.values() if state is not None else ():
        if acts_on(intent.operation, "firewall", "rule"):
            yield from (
                str(intent.inputs[name])
                for name in ("firewall", "former")
                if intent.inputs.get(name)
            )


def _catalogue(
    resources: Mapping[Address, Resource], state: State | None, options: PlanOptions
) -> Iterator[str]:
    for address, resource in resources.items():
        text = str(address)
        entry = None if state is None else state.entries.get(text)
        if entry is None or _remade(resource, entry):
            yield from _CATALOGUE_OF_CREATES.get(address.kind, ())
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
                # An image found by os is asked for anyway, to say whether there is a newer one; a
                # saved plan asks for nothing.
                if desired.key not in pinned and (desired.key not in kept or desired.by == "os"):
                    yield desired.catalogue
