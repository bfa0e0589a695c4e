"""What an apply records without a call: binds, forgets, protection, lookups, and values that turned
out to be as wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import error
from reconciler.model.plan import Action, Cause, Change, FieldChange, Step
from reconciler.model.resource import Deferred, Link, LiveResource, Resource, Unknown, Value
from reconciler.model.resource_type import Edit, deletes
from reconciler.model.state import Deposed, Entry, Phase, StateChange
from reconciler.planner.compare import unsettled
from reconciler.planner.compare.assessment import Disposition, ManagedObject, link_text
from reconciler.planner.steps.attached_block_storages import (
    block_storages_on,
    foreign_block_storage,
    foreign_block_storages,
)
from reconciler.planner.steps.change_builder import fingerprint
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.recovery.settlement_records import left


def effects(draft: PlanBuilder, held: frozenset[Address]) -> tuple[StateChange, ...]:
    """The effects on the state that the plan has by itself, in the order of addresses."""
    found = list(_buried(draft))
    for item in draft.assessment.items.values():
        if item.address in held:
            found += _protection_of(item)
            continue
        if item.disposition in (Disposition.FORGET, Disposition.GONE):
            found += [
                StateChange(drop=text) for text in (str(item.address), *_rules_of(draft, item))
            ]
            if item.disposition is Disposition.FORGET and item.live is not None:
                found.append(left(item.live.id, str(item.address)))
        elif item.disposition is Disposition.CREATE and item.entry is not None:
            found += [
                StateChange(drop=text)
                for text in _rules_of(draft, item)
                if parse(text) not in draft.assessment.items
            ]
        elif (
            item.disposition in (Disposition.KEEP, Disposition.BIND)
            and item.resource is not None
            and item.live is not None
        ):
            entry = _entry(draft, item)
            if entry != item.entry:
                found.append(StateChange(put=entry))
    return tuple(found)


def _buried(draft: PlanBuilder) -> Iterator[StateChange]:
    """Old objects of replacements that are no more: our delete of them was acknowledged, or a
    person said so.
    """
    for old, live in draft.assessment.deposed():
        if live is None and old.kind in draft.assessment.account.complete and _is_gone(draft, old):
            yield StateChange(remove_deposed=old.id)


def _is_gone(draft: PlanBuilder, old: Deposed) -> bool:
    options = draft.assessment.options
    proved = old.phase is Phase.DELETING and old.id not in options.unproved
    return not _is_in_doubt(draft, old) and (proved or options.accepts("gone", old.address))


def _is_in_doubt(draft: PlanBuilder, old: Deposed) -> bool:
    """Whether the outcome of its delete is not known: then its address is reported for that."""
    open_deletes = (
        intent for intent, result in draft.assessment.state.open.values() if result != "accepted"
    )
    return any(intent.target == old.id and deletes(intent.operation) for intent in open_deletes)


def miss_deposed(draft: PlanBuilder, old: Deposed) -> None:
    """An old object that is not shown, and that we did not delete, is never gone by itself
    (safety#absence).
    """
    if _is_gone(draft, old) or _is_in_doubt(draft, old):
        return
    if old.phase is not Phase.DELETING:
        message = msg(
            "{id}, which {address} has replaced, is missing from the account's list, and reconciler did not delete it",
            id=old.id,
            address=old.address,
        )
        hint = msg("if it is gone: --accept {consent}", consent=pasted(f"gone={old.address}"))
        draft.problems.append(error("missing-object", message, address=old.address, hint=hint))
    elif old.kind in draft.assessment.account.complete:
        draft.problems.append(
            unsettled.not_proved_gone(
                old.address,
                f"{old.id}, which {old.address} has replaced",
                draft.assessment.options,
            )
        )


def _protection_of(item: ManagedObject) -> Iterator[StateChange]:
    """What the file says of protection is recorded also where the change it is meant for is held
    back: it frees the next apply.
    """
    said = item.resource.lifecycle.protect if item.resource is not None else None
    if item.entry is not None and said is not None and said != item.entry.protect:
        yield StateChange(put=replace(item.entry, protect=said))


def _rules_of(draft: PlanBuilder, item: ManagedObject) -> tuple[str, ...]:
    """What the state remembers of the rules of a firewall that is no more."""
    if item.kind.name != "firewalls" or item.entry is None:
        return ()
    id = item.entry.id
    return tuple(
        sorted(text for text, entry in draft.assessment.state.entries.items() if entry.parent == id)
    )


def _entry(draft: PlanBuilder, item: ManagedObject) -> Entry:
    if item.resource is None or item.live is None:
        raise AssertionError(f"{item.address} is not an object that stays")
    wanted = draft.resolver.wanted(item)
    said = item.resource.lifecycle.protect
    parent = str(item.live.attributes["firewall"]) if item.kind.name == "rules" else None
    known = item.entry or Entry(
        str(item.address), item.kind.name, item.live.id, nonce=item.live.nonce, parent=parent
    )
    return replace(
        known,
        applied=_applied(draft, item, wanted, known.applied),
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
    draft: PlanBuilder, item: ManagedObject, wanted: Mapping[str, Value], before: Mapping[str, Any]
) -> dict[str, Any]:
    """The managed values as they are now: what a step will still change keeps its old value until
    the step is done.
    """
    row = draft.changes.get(item.address)
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
        elif settled and value is None and name in ("firewall", "instance"):
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


def protection(draft: PlanBuilder) -> None:
    """Shows a change of protection as a change: it is one of the state alone, and frees only from
    the following apply on.
    """
    for item in draft.assessment.items.values():
        if (
            item.resource is None
            or item.entry is None
            or item.disposition not in (Disposition.KEEP, Disposition.REPLACE)
        ):
            continue
        said = item.resource.lifecycle.protect
        if said is None or said == item.entry.protect:
            continue
        row = draft.changes[item.address]
        field = FieldChange("lifecycle.protect", list(item.entry.protect), list(said), Cause.YOU)
        if row.action is Action.NONE:
            row = replace(row, action=Action.UPDATE, reason="protection, in the state only")
            draft.unchanged -= 1
        draft.changes[item.address] = replace(row, fields=(*row.fields, field))


def moves(draft: PlanBuilder, places: Mapping[str, str]) -> None:
    """Shows what got another address, whatever else happens to it; rules that go along with their
    firewall are told with it.
    """
    for text, source in places.items():
        address, before = parse(text), parse(source)
        row = None if address is None else draft.changes.get(address)
        item = None if address is None else draft.assessment.items.get(address)
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
            draft.changes[address] = Change(
                address, Action.MOVE, f"moved from {source}", place=place
            )
        elif row is not None and row.action is not Action.NONE:
            said = f"moved from {source}"
            draft.changes[address] = replace(
                row, reason=f"{said}; {row.reason}" if row.reason else said
            )
        elif row is not None and not along:
            draft.changes[address] = replace(row, action=Action.MOVE, reason=f"moved from {source}")
            draft.unchanged -= 1


def delete_deposed(draft: PlanBuilder, address: Address, old: Deposed, live: LiveResource) -> None:
    """The delete of an old object that an earlier replacement left behind: when its successor
    stands, and what hung on it has moved.
    """
    kind = draft.assessment.kinds[old.kind]
    key = f"{kind.singular}.delete {address} {old.id}"
    if key in draft.steps:
        return
    if old.kind == "instances" and (foreign := foreign_block_storages(draft, live)):
        draft.problems.append(foreign_block_storage(address, live.id, foreign))
        return
    instances = (old.id,) if old.kind == "instances" else ()
    after = []
    owner = live.attributes.get("instance") if old.kind == "block_storages" else None
    if owner is not None:
        left = f"block_storage.detach {address} {old.id}"
        step = Step(
            left,
            address,
            "block_storage.detach",
            target=old.id,
            inputs={"instance": owner},
            instances=(str(owner),),
            fingerprint=fingerprint(draft, live),
            deposed=True,
        )
        after.append(draft.add(step))
    step = Step(
        key,
        address,
        f"{kind.singular}.delete",
        target=old.id,
        instances=instances,
        fingerprint=fingerprint(draft, live),
        deposed=True,
    )
    stands = [(node, address) for node in ("object", "membership", "power")]
    draft.add(
        step,
        provides=[("removed", address)],
        needs=stands,
        after=(*after, *_arrivals(draft, address)),
    )
    _block_storages_leave_first(draft, old.id, key)
    row = draft.changes.get(address)
    reason = f"the deposed {old.id} of an earlier replacement is deleted"
    if row is None or row.action is Action.NONE:
        draft.unchanged -= 1 if row is not None else 0
        draft.changes[address] = Change(
            address, Action.DELETE, reason, place=row.place if row is not None else None
        )
    else:
        draft.changes[address] = replace(
            row, reason=f"{row.reason}; {reason}" if row.reason else reason
        )


def _arrivals(draft: PlanBuilder, address: Address) -> tuple[str, ...]:
    """The steps that bring volumes to the successor."""
    attaches = (step for step in draft.steps.values() if step.operation == "block_storage.attach")
    return tuple(step.key for step in attaches if step.inputs.get("instance") == Link(address))


def _block_storages_leave_first(draft: PlanBuilder, instance_id: str, delete: str) -> None:
    for address in block_storages_on(draft, instance_id):
        for key in draft.keys_of(address):
            if draft.steps[key].operation == "block_storage.detach":
                draft.before(key, delete)
