"""What an apply records without a call: binds, forgets, protection, lookups, and values that are as
wanted already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.common.text import Text, msg
from reconciler.model.address import Address, parse
from reconciler.model.plan import (
    Action,
    Cause,
    Change,
    FieldChange,
    Reason,
    ReasonKind,
    reason_kind,
)
from reconciler.model.resource import Deferred, Link, Resource, Unknown, Value
from reconciler.model.resource_type import Edit
from reconciler.model.state import Entry, Phase, StateChange
from reconciler.planner.compare.assessment import Disposition, ManagedObject, link_text
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.recovery.settlement_records import left


def effects(builder: PlanBuilder, held: frozenset[Address]) -> tuple[StateChange, ...]:
    """The changes of the state that the plan makes by itself, in the order of addresses."""
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
        elif item.disposition in (Disposition.CREATE, Disposition.DELETE):
            found += _shifted(builder, item)
        elif (
            item.disposition in (Disposition.KEEP, Disposition.BIND)
            and item.resource is not None
            and item.live is not None
        ):
            entry = _entry(builder, item)
            if entry != item.entry:
                found.append(StateChange(put=entry))
    return tuple(found)


def _shifted(builder: PlanBuilder, item: ManagedObject) -> Iterator[StateChange]:
    """The entry of a rule that is created or deleted at an address whose live rule another rule
    takes over, as when the elements of a list shift: no two entries may have the same id.
    """
    text = str(item.address)
    before = builder.assessment.state.entries.get(text)
    owner = builder.assessment.items.get(item.address.owner)
    if (
        item.address.rule is None
        or before is None
        or before == item.entry
        or owner is None
        or owner.disposition not in (Disposition.KEEP, Disposition.BIND)
    ):
        return
    yield StateChange(drop=text) if item.entry is None else StateChange(put=item.entry)


def _protection_of(item: ManagedObject) -> Iterator[StateChange]:
    """The protection of the file is recorded even if the change is held back: it counts for the
    next apply.
    """
    protect = item.resource.lifecycle.protect if item.resource is not None else None
    if item.entry is not None and protect is not None and protect != item.entry.protect:
        yield StateChange(put=replace(item.entry, protect=protect))


def _rules_of(builder: PlanBuilder, item: ManagedObject) -> tuple[str, ...]:
    """The addresses in the state of the rules of a firewall that no longer exists."""
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
    protect = item.resource.lifecycle.protect
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
        protect=known.protect if protect is None else protect,
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
    """The managed values as they are now. What a step will change keeps its old value until the
    step is done.
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
            found |= {str(ref.address) for ref in value.references if ref.stack is None}
    return tuple(sorted(found))


def protection(builder: PlanBuilder) -> None:
    """Shows a change of protection: it changes the state alone, and counts from the following apply
    on.
    """
    for item in builder.assessment.items.values():
        if (
            item.resource is None
            or item.entry is None
            or item.disposition not in (Disposition.KEEP, Disposition.REPLACE)
        ):
            continue
        protect = item.resource.lifecycle.protect
        if protect is None or protect == item.entry.protect:
            continue
        row = builder.changes[item.address]
        field = FieldChange("lifecycle.protect", item.entry.protect, protect, Cause.YOU)
        if row.action is Action.NONE:
            row = replace(row, action=Action.UPDATE, reason=msg("protection, in the state only"))
            builder.unchanged -= 1
        builder.changes[item.address] = replace(row, fields=(*row.fields, field))


def moves(builder: PlanBuilder, places: Mapping[str, str]) -> None:
    """Shows what has another address now, whatever else happens to it. Rules that move with their
    firewall are shown with it.
    """
    for text, source in places.items():
        address, before = parse(text), parse(source)
        if address is None or before is None:
            continue
        item = builder.assessment.items.get(address)
        if item is None or item.disposition is Disposition.GONE:
            continue
        change = builder.changes.get(address)
        reason: Text = Reason.of(ReasonKind.MOVED, source=source)
        if change is not None and change.action is not Action.NONE:
            if change.reason:
                both = msg("{moved}; {reason}", moved=reason, reason=change.reason)
                reason = Reason.worded(reason_kind(change.reason) or ReasonKind.MOVED, both)
            builder.changes[address] = replace(change, reason=reason)
            continue
        if (
            address.rule is not None
            and address.rule == before.rule
            and address.owner != before.owner
        ):
            continue
        if change is None:
            # Only a part of the plan is applied: the rest is moved anyway, so that the whole state
            # has the addresses of the file.
            place = item.resource.place if item.resource is not None else None
            builder.changes[address] = Change(address, Action.MOVE, reason, place=place)
        else:
            builder.changes[address] = replace(change, action=Action.MOVE, reason=reason)
            builder.unchanged -= 1
