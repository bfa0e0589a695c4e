"""Steps of one volume: born attached, moved by detach (proved) and attach, replaced or removed; and
where its server goes away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import error
from reconciler.model.plan import Action, Cause, Consent, FieldChange, Impact, RiskClass, Step
from reconciler.model.resource import EMPTY, Link, Value
from reconciler.model.state import Phase
from reconciler.planner.compare import field_diff
from reconciler.planner.compare.assessment import Disposition, ManagedObject
from reconciler.planner.kinds.plan_instances import born_with, is_delete_first
from reconciler.planner.steps import block_storage_limits
from reconciler.planner.steps.change_builder import (
    FOLLOWS,
    change,
    fingerprint,
    report,
    shown_fields,
)
from reconciler.planner.steps.plan_builder import PlanBuilder


def plan(draft: PlanBuilder, item: ManagedObject) -> None:
    """Adds the change and the steps of one volume."""
    if item.disposition is Disposition.CREATE:
        _create(draft, item)
    elif item.disposition is Disposition.REPLACE:
        _replace(draft, item)
    elif item.disposition is Disposition.DELETE:
        _delete(draft, item)
    else:
        _keep(draft, item)


def _create(draft: PlanBuilder, item: ManagedObject) -> None:
    wanted = draft.resolver.wanted(item)
    if not isinstance(wanted.get("instance"), Link):
        draft.problems.append(
            error(
                "bad-combination",
                msg(
                    "{address} cannot be created without an instance: iwinv creates block storage attached",
                    address=item.address,
                ),
                place=item.resource.place if item.resource else None,
                address=str(item.address),
                hint=msg(
                    "name an instance with `instance:`; once created, it may have `instance: none`"
                ),
            )
        )
        return
    _birth(draft, item, wanted)
    change(draft, item, Action.CREATE, item.reason, report(item, wanted))


def _birth(
    draft: PlanBuilder,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    *,
    deposes: bool = False,
    after: tuple[str, ...] = (),
) -> str | None:
    owner = wanted.get("instance")
    if not isinstance(owner, Link):
        return None
    inputs = {
        **born_with(draft, item),
        **{name: value for name, value in wanted.items() if value is not None},
    }
    return draft.add(
        Step(
            f"block_storage.create {item.address}",
            item.address,
            "block_storage.create",
            inputs=inputs,
            instances=(draft.instance(owner.address),),
            fingerprint=fingerprint(draft, item.live) if deposes else EMPTY,
            deposes=deposes,
            applies=dict(wanted),
        ),
        provides=[("object", item.address), ("attachment", item.address)],
        needs=[("object", owner.address)],
        soft=[("departed", owner.address)],
        after=after,
    )


def _current_owner(item: ManagedObject) -> str | None:
    owner = None if item.live is None else item.live.attributes.get("instance")
    return None if owner is None else str(owner)


def _owner_address(draft: PlanBuilder, owner_id: str) -> Address | None:
    return parse(draft.assessment.names.get(owner_id, ""))


def _leaves_for_good(draft: PlanBuilder, owner_id: str) -> bool:
    """Whether the server with that id is deleted or replaced by this plan, so that detaching inside
    it asks nothing more.
    """
    if owner_id in draft.assessment.state.deposed:
        return True
    address = _owner_address(draft, owner_id)
    owner = None if address is None else draft.assessment.items.get(address)
    return (
        owner is not None
        and owner.disposition in (Disposition.DELETE, Disposition.REPLACE)
        and owner.address not in draft.blocked
    )


def _detach(draft: PlanBuilder, item: ManagedObject, owner_id: str, *, suffix: str = "") -> str:
    step = Step(
        f"block_storage.detach {item.address}{suffix}",
        item.address,
        "block_storage.detach",
        target=item.live_id,
        inputs={"instance": owner_id},
        instances=(owner_id,),
        fingerprint=fingerprint(draft, item.live),
        applies={} if suffix else {"instance": None},
    )
    address = _owner_address(draft, owner_id)
    provides = [("departed", address)] if address is not None else []
    # Before a server is deleted every volume on it is detached, proved (planning#steps); the delete
    # waits for this node.
    key = draft.add(step, provides=provides)
    for delete in draft.provided(("removed", address)) if address is not None else ():
        draft.before(key, delete)
        if draft.steps[delete].deposed and address is not None:
            # Create-first: the new server stands behind its firewall before the volume leaves the
            # old one.
            draft.before_node(key, ("object", address))
            draft.before_soft(key, ("membership", address))
    return key


def _attach(draft: PlanBuilder, item: ManagedObject, owner: Link, after: tuple[str, ...]) -> str:
    asked = {"instance": owner}
    step = Step(
        f"block_storage.attach {item.address}",
        item.address,
        "block_storage.attach",
        target=item.live_id,
        inputs=asked,
        instances=(draft.instance(owner.address),),
        fingerprint=shown_fields(draft, item.live, asked),
        applies=asked,
    )
    # First what leaves the new server, then what comes: a server holds three (contract#limits).
    key = draft.add(
        step,
        provides=[("attachment", item.address)],
        needs=[("object", owner.address)],
        soft=[("departed", owner.address)],
        order_only=[("membership", owner.address)],
        after=after,
    )
    # The old server of a create-first replacement goes only when its volumes hang on the new one.
    for delete in draft.provided(("removed", owner.address)):
        step_of_delete = draft.steps[delete]
        if step_of_delete.deposed:
            draft.before(key, delete)
    return key


def _keep(draft: PlanBuilder, item: ManagedObject) -> None:
    wanted = draft.resolver.wanted(item)
    compared = field_diff.compare(draft.assessment, item, wanted)
    changes, impact = compared.changes, Impact()
    owner_id, action = _current_owner(item), Action.NONE
    asked = wanted.get("instance")
    follows = owner_id is not None and _leaves_for_good(draft, owner_id)
    differs = any(c.path == "instance" for c in changes)
    if "instance" in wanted and (differs or (follows and isinstance(asked, Link))):
        action, impact = _move(draft, item, asked, owner_id, follows=follows)
    elif owner_id is not None and follows:
        _follow(draft, item, owner_id)
        action = Action.DETACH
        changes = (
            *changes,
            FieldChange("instance", draft.assessment.name_of(owner_id), None, Cause.YOU),
        )
    if item.disposition is Disposition.BIND and action is Action.NONE:
        action = Action.IMPORT
    reason = item.reason or (FOLLOWS if follows and action is not Action.NONE else "")
    change(draft, item, action, reason, changes, impact=impact, compared=compared)


def _follow(draft: PlanBuilder, item: ManagedObject, owner_id: str) -> None:
    """Off a server that goes, only because it goes."""
    key = _detach(draft, item, owner_id)
    address = _owner_address(draft, owner_id)
    if address is not None:
        draft.hold_with(key, address)


def leave(draft: PlanBuilder, item: ManagedObject) -> None:
    """A volume that stays but that nobody asks for any more (kept, forgotten) leaves its server
    before that goes (planning#steps).
    """
    owner_id = _current_owner(item)
    if (
        item.disposition in (Disposition.KEEP, Disposition.FORGET)
        and owner_id is not None
        and _leaves_for_good(draft, owner_id)
    ):
        _follow(draft, item, owner_id)


def _move(
    draft: PlanBuilder, item: ManagedObject, asked: Value, owner_id: str | None, *, follows: bool
) -> tuple[Action, Impact]:
    """From one server to another without losing it: detach (proved), attach. Leaving a server that
    stays needs consent.
    """
    after: tuple[str, ...] = ()
    impact = Impact()
    if owner_id is not None:
        after = (_detach(draft, item, owner_id),)
        if not follows:
            impact = Impact(consents=(Consent(RiskClass.DETACH, str(item.address)),))
    if isinstance(asked, Link):
        _same_zone(draft, item, asked, owner_id)
        _attach(draft, item, asked, after)
        return (Action.DETACH if owner_id is not None and not follows else Action.ATTACH), impact
    return Action.DETACH, impact


def _same_zone(draft: PlanBuilder, item: ManagedObject, owner: Link, owner_id: str | None) -> None:
    """A volume stays in its zone (contract#block-storages): a server of another one cannot take it.
    (A server that changes its own: see `instances`.)
    """
    instance = draft.assessment.items.get(owner.address)
    zone = None if item.live is None else item.live.attributes.get("zone")
    if (
        instance is None
        or zone is None
        or (owner_id is not None and _owner_address(draft, owner_id) == owner.address)
    ):
        return
    there = draft.resolver.attribute(owner.address, "zone")
    if isinstance(there, str) and there != zone:
        message = msg(
            "{address} is in zone {zone} and cannot move to {instance} in {instance_zone}",
            address=item.address,
            zone=zone,
            instance=owner.address,
            instance_zone=there,
        )
        place = item.resource.places.get("instance", item.resource.place) if item.resource else None
        hint = msg(
            "name an instance of {zone}, or create a new block storage there and copy the data",
            zone=zone,
        )
        draft.problems.append(
            error("bad-combination", message, place=place, address=str(item.address), hint=hint)
        )


def _goes_first(draft: PlanBuilder, owner_id: str) -> bool:
    """Whether a server is deleted before its successor is made: then a volume leaves it before
    there is a new one.
    """
    address = _owner_address(draft, owner_id)
    deletes = draft.provided(("removed", address)) if address is not None else ()
    return any(not draft.steps[key].deposed for key in deletes)


def _replace(draft: PlanBuilder, item: ManagedObject) -> None:
    wanted = draft.resolver.wanted(item)
    compared = field_diff.compare(draft.assessment, item, wanted)
    old, owner_id, owner = item.live_id, _current_owner(item), wanted.get("instance")
    if not isinstance(owner, Link):
        message = msg(
            "{address} cannot be replaced while it is detached: iwinv creates block storage attached",
            address=item.address,
        )
        place = item.resource.place if item.resource else None
        draft.problems.append(
            error(
                "bad-combination",
                message,
                place=place,
                address=str(item.address),
                hint=msg("name an instance first"),
            )
        )
        return
    asked_for = is_delete_first(item)
    room = block_storage_limits.of(draft, owner.address)
    delete_first = asked_for or (room is not None and not room.room_for_both)
    delete = Step(
        f"block_storage.delete {item.address}" + ("" if delete_first else f" {old}"),
        item.address,
        "block_storage.delete",
        target=old,
        fingerprint=fingerprint(draft, item.live),
        deposed=not delete_first,
    )
    if delete_first:
        left = (_detach(draft, item, owner_id, suffix=f" {old}"),) if owner_id is not None else ()
        key = draft.add(delete, after=left)
        _birth(draft, item, wanted, after=(key,))
    else:
        created = _birth(draft, item, wanted, deposes=True)
        first = [created] if created is not None else []
        if owner_id is not None:
            left_key = _detach(draft, item, owner_id, suffix=f" {old}")
            draft.steps[left_key] = replace(draft.steps[left_key], deposed=True)
            if created is not None and not _goes_first(draft, owner_id):
                draft.before(created, left_key)
            first.append(left_key)
        draft.add(delete, after=first)
    # its deletion was consented to, and cannot be stopped
    agreed = item.entry is not None and item.entry.phase is Phase.DELETING
    impact = Impact(consents=() if agreed else (Consent(RiskClass.DATA_LOSS, str(item.address)),))
    why = "as the file asks" if asked_for else "its instance is at its block storage limit"
    way = f"delete first: {why}" if delete_first else "create first, delete the old one last"
    change(
        draft,
        item,
        Action.REPLACE,
        f"{item.reason}; {way}",
        compared.changes,
        impact=impact,
        compared=compared,
    )


def _delete(draft: PlanBuilder, item: ManagedObject) -> None:
    if item.live is None:
        return
    owner_id = _current_owner(item)
    left = (_detach(draft, item, owner_id),) if owner_id is not None else ()
    step = Step(
        f"block_storage.delete {item.address}",
        item.address,
        "block_storage.delete",
        target=item.live.id,
        fingerprint=fingerprint(draft, item.live),
    )
    draft.add(step, after=left)
    impact = Impact(consents=(Consent(RiskClass.DELETE, str(item.address)),))
    change(draft, item, Action.DELETE, item.reason, impact=impact)
