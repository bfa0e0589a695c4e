"""What an apply records without a call: binds, forgets, protection, lookups, and values that turned
out to be as wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.model.address import Address, parse
from reconciler.model.plan import Action, Cause, Change, FieldChange
from reconciler.model.resource import Deferred, Link, Resource, Unknown, Value
from reconciler.model.resource_type import Edit
from reconciler.model.state import Entry, Phase, StateChange
from reconciler.planner.compare.assessment import Disposition, ManagedObject, link_text
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.recovery.settlement_records import left


def effects(builder: PlanBuilder, held: frozenset[Address]) -> tuple[StateChange, ...]:
    """The effects on the state that the plan has by itself, in the order of addresses."""
    found = list[StateChange]()
    for item in builder.assessment.items.values():
        if item.address in held:
            found += _protection_of(item)
            continue
        if item.disposition in (Disposition.FORGET, Disposition.GONE):
            found += [
                StateChange(drop=text) for text in (str(item.address), *_rules_of(builder, item))
            ]
            if item.disposition is Disposition.FORGET and item.live is not None:
                found.append(left(item.live.id, str(item.address)))
        elif item.disposition is Disposition.CREATE and item.entry is not None:
            found += [
                StateChange(drop=text)
                for text in _rules_of(builder, item)
                if parse(text) not in builder.assessment.items
            ]
        elif (
            item.disposition in (Disposition.KEEP, Disposition.BIND)
            and item.resource is not None
            and item.live is not None
        ):
            entry = _entry(builder, item)
            if entry != item.entry:
                found.append(StateChange(put=entry))
    return tuple(found)


def _protection_of(item: ManagedObject) -> Iterator[StateChange]:
    """What the file says of protection is recorded also where the change it is meant for is held
    back: it frees the next apply.
    """
    said = item.resource.lifecycle.protect if item.resource is not None else None
    if item.entry is not None and said is not None and said != item.entry.protect:
        yield StateChange(put=replace(item.entry, protect=said))


def _rules_of(builder: PlanBuilder, item: ManagedObject) -> tuple[str, ...]:
    """What the state remembers of the rules of a firewall that is no more."""
    if builder.assessment.kinds.owned_by(item.kind.name) is None or item.entry is None:
        return ()
    id = item.entry.id
    return tuple(
        sorted(
            text for text, entry in builder.assessment.state.entries.items() if entry.parent == id
        )
    )


def _entry(builder: PlanBuilder, item: ManagedObject) -> Entry:
    if item.resource is None or item.live is None:
        raise AssertionError(f"{item.address} is not an object that stays")
    wanted = builder.resolver.wanted(item)
    said = item.resource.lifecycle.protect
    owner = item.kind.owner_attribute
    parent = None if owner is None else str(item.live.attributes[owner])
    known = item.entry or Entry(
        str(item.address), item.kind.name, item.live.id, nonce=item.live.nonce, parent=parent
    )
    return replace(
        known,
        applied=_applied(builder, item, wanted, known.applied),
        lookups=item.lookups or known.lookups,
        depends_on=depends_on(item.resource),
        protect=known.protect if said is None else said,
        phase=Phase.READY if item.live.ready else known.phase,
        retain=item.resource.lifecycle.retain,
        stopped=known.stopped
        and item.live.attributes.get("power") != "on"
        and wanted.get("power") != "off",
    )


def _applied(
    builder: PlanBuilder,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """The managed values as they are now: what a step will still change keeps its old value until
    the step is done.
    """
    row = builder.changes.get(item.address)
    pending = {f.path for f in row.fields} if row is not None else set()
    found: dict[str, Any] = {}
    for name, value in sorted(wanted.items()):
        settled = name not in pending and not isinstance(value, Unknown | Deferred)
        if (
            settled
            and item.kind.fields[name].edit is not Edit.CREATE_ONLY
            and value not in (None, "")
        ):
            found[name] = link_text(value)
        elif settled and value is None and item.kind.fields[name].link is not None:
            found[name] = None
        elif name in before:
            found[name] = before[name]
    return found


def depends_on(resource: Resource) -> tuple[str, ...]:
    """The addresses that an object needs: what must not be removed before it is."""
    found = {str(address) for address in resource.depends_on}
    for value in resource.attributes.values():
        if isinstance(value, Link):
            found.add(str(value.address))
        elif isinstance(value, Deferred):
            found |= {str(ref.address) for ref in value.references}
    return tuple(sorted(found))


def protection(builder: PlanBuilder) -> None:
    """Shows a change of protection as a change: it is one of the state alone, and frees only from
    the following apply on.
    """
    for item in builder.assessment.items.values():
        if (
            item.resource is None
            or item.entry is None
            or item.disposition not in (Disposition.KEEP, Disposition.REPLACE)
        ):
            continue
        said = item.resource.lifecycle.protect
        if said is None or said == item.entry.protect:
            continue
        row = builder.changes[item.address]
        field = FieldChange("lifecycle.protect", item.entry.protect, said, Cause.YOU)
        if row.action is Action.NONE:
            row = replace(row, action=Action.UPDATE, reason="protection, in the state only")
            builder.unchanged -= 1
        builder.changes[item.address] = replace(row, fields=(*row.fields, field))


def moves(builder: PlanBuilder, places: Mapping[str, str]) -> None:
    """Shows what got another address, whatever else happens to it; rules that go along with their
    firewall are told with it.
    """
    for text, source in places.items():
        address, before = parse(text), parse(source)
        row = None if address is None else builder.changes.get(address)
        item = None if address is None else builder.assessment.items.get(address)
        if (
            address is None
            or before is None
            or item is None
            or item.disposition is Disposition.GONE
        ):
            continue
        along = (
            address.rule is not None
            and address.rule == before.rule
            and address.owner != before.owner
        )
        if row is None and not along:
            # A part of the plan only: what it does not do is moved all the same, so that all of the
            # state speaks in the file's addresses.
            place = item.resource.place if item.resource is not None else None
            builder.changes[address] = Change(
                address, Action.MOVE, f"moved from {source}", place=place
            )
        elif row is not None and row.action is not Action.NONE:
            said = f"moved from {source}"
            builder.changes[address] = replace(
                row, reason=f"{said}; {row.reason}" if row.reason else said
            )
        elif row is not None and not along:
            builder.changes[address] = replace(
                row, action=Action.MOVE, reason=f"moved from {source}"
            )
            builder.unchanged -= 1
