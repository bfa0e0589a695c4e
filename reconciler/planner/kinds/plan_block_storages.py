"""Changes and steps of one block storage: created attached, moved by detach (proved) and attach,
replaced or deleted, and what happens if its instance is deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.plan import (
    Action,
    Cause,
    Consent,
    FieldChange,
    Impact,
    Reason,
    ReasonKind,
    RiskClass,
    Step,
)
from reconciler.model.resource import Link, Value
from reconciler.planner.compare import field_diff
from reconciler.planner.compare.assessment import Disposition, ManagedObject
from reconciler.planner.compare.field_diff import Compared
from reconciler.planner.steps import block_storage_limits
from reconciler.planner.steps.change_builder import (
    change,
    fingerprint,
    replace_reason,
    report,
    shown_fields,
)
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.planner.steps.step_builder import (
    create_step,
    delete_step,
    is_being_deleted,
    is_delete_first,
)


def plan(builder: PlanBuilder, item: ManagedObject) -> None:
    """Adds the change and the steps of one block storage."""
    if item.disposition is Disposition.CREATE:
        _create(builder, item)
    elif item.disposition is Disposition.REPLACE:
        _replace(builder, item)
    elif item.disposition is Disposition.DELETE:
        _delete(builder, item)
    else:
        _keep(builder, item)


def _create(builder: PlanBuilder, item: ManagedObject) -> None:
    wanted = builder.resolver.wanted(item)
    owner = wanted.get("instance")
    if not isinstance(owner, Link):
        message = msg(
            "{address} cannot be created without an instance: iwinv creates block storage attached",
            address=item.address,
        )
        builder.reject(
            item,
            "bad-combination",
            message,
            hint=msg(
                "name an instance with `instance:`; once created, it may have `instance: none`"
            ),
        )
        return
    _add_create(builder, item, wanted, owner)
    change(builder, item, Action.CREATE, item.reason, Compared(report(item, wanted)))


def _add_create(
    builder: PlanBuilder,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    owner: Link,
    *,
    deposes: bool = False,
    after: tuple[str, ...] = (),
) -> str:
    token = builder.instance(owner.address)
    step = create_step(builder, item, wanted, deposes=deposes, instances=(token,))
    return builder.add(
        step,
        provides=[("object", item.address), ("attachment", item.address)],
        needs=[("object", owner.address)],
        soft=[("departed", owner.address)],
        after=after,
    )


def _current_owner(item: ManagedObject) -> str | None:
    owner = None if item.live is None else item.live.attributes.get("instance")
    return None if owner is None else str(owner)


def _owner_address(builder: PlanBuilder, owner_id: str) -> Address | None:
    return parse(builder.assessment.names.get(owner_id, ""))


def _leaves_for_good(builder: PlanBuilder, owner_id: str) -> bool:
    """Whether this plan deletes or replaces the instance with that id, so that detaching from it
    needs no consent of its own.
    """
    if owner_id in builder.assessment.state.deposed:
        return True
    address = _owner_address(builder, owner_id)
    owner = None if address is None else builder.assessment.items.get(address)
    return (
        owner is not None
        and owner.disposition in (Disposition.DELETE, Disposition.REPLACE)
        and owner.address not in builder.blocked
    )


def _detach(builder: PlanBuilder, item: ManagedObject, owner_id: str, *, suffix: str = "") -> str:
    step = Step(
        f"block_storage.detach {item.address}{suffix}",
        item.address,
        "block_storage.detach",
        target=item.live_id,
        inputs={"instance": owner_id},
        instances=(owner_id,),
        fingerprint=fingerprint(builder, item.live),
        applies={} if suffix else {"instance": None},
    )
    address = _owner_address(builder, owner_id)
    provides = [("departed", address)] if address is not None else []
    # Before an instance is deleted, every block storage on it is detached, and that is proved
    # (planning#steps); the delete waits for this node.
    key = builder.add(step, provides=provides)
    for delete in builder.provided(("removed", address)) if address is not None else ():
        builder.before(key, delete)
        if builder.steps[delete].deposed and address is not None:
            # Create-first: the new instance has its firewall before the block storage leaves the
            # old one.
            builder.before_node(key, ("object", address))
            builder.before_soft(key, ("membership", address))
    return key


def _attach(builder: PlanBuilder, item: ManagedObject, owner: Link, after: tuple[str, ...]) -> str:
    asked = {"instance": owner}
    step = Step(
        f"block_storage.attach {item.address}",
        item.address,
        "block_storage.attach",
        target=item.live_id,
        inputs=asked,
        instances=(builder.instance(owner.address),),
        fingerprint=shown_fields(builder, item.live, asked),
        applies=asked,
    )
    # First what leaves the new instance, then what comes: an instance takes three
    # (contract#limits).
    key = builder.add(
        step,
        provides=[("attachment", item.address)],
        needs=[("object", owner.address)],
        soft=[("departed", owner.address)],
        order_only=[("membership", owner.address)],
        after=after,
    )
    # The old instance of a create-first replacement is deleted only when its block storages are
    # attached to the new one.
    for delete in builder.provided(("removed", owner.address)):
        step_of_delete = builder.steps[delete]
        if step_of_delete.deposed:
            builder.before(key, delete)
    return key


def _keep(builder: PlanBuilder, item: ManagedObject) -> None:
    wanted = builder.resolver.wanted(item)
    compared = field_diff.compare(builder.assessment, item, wanted)
    changes, impact = compared.changes, Impact()
    owner_id, action = _current_owner(item), Action.NONE
    asked = wanted.get("instance")
    follows = owner_id is not None and _leaves_for_good(builder, owner_id)
    differs = any(c.path == "instance" for c in changes)
    if "instance" in wanted and (differs or (follows and isinstance(asked, Link))):
        action, impact = _move(builder, item, asked, owner_id, follows=follows)
    elif owner_id is not None and follows:
        _follow(builder, item, owner_id)
        action = Action.DETACH
        changes = (
            *changes,
            FieldChange("instance", builder.assessment.name_of(owner_id), None, Cause.YOU),
        )
    if item.disposition is Disposition.BIND and action is Action.NONE:
        action = Action.IMPORT
    reason = item.reason
    if not reason and follows and action is not Action.NONE:
        reason = Reason.of(ReasonKind.FOLLOWS_INSTANCE)
    change(builder, item, action, reason, replace(compared, changes=changes), impact)


def _follow(builder: PlanBuilder, item: ManagedObject, owner_id: str) -> None:
    """Detaches it only because its instance is deleted."""
    key = _detach(builder, item, owner_id)
    address = _owner_address(builder, owner_id)
    if address is not None:
        builder.hold_with(key, address)


def leave(builder: PlanBuilder, item: ManagedObject) -> None:
    """Detaches a block storage that stays although the file does not have it (kept, forgotten)
    before its instance is deleted (planning#steps).
    """
    owner_id = _current_owner(item)
    if (
        item.disposition in (Disposition.KEEP, Disposition.FORGET)
        and owner_id is not None
        and _leaves_for_good(builder, owner_id)
    ):
        _follow(builder, item, owner_id)


def _move(
    builder: PlanBuilder, item: ManagedObject, asked: Value, owner_id: str | None, *, follows: bool
) -> tuple[Action, Impact]:
    """Moves it from one instance to another: detach (proved), attach. Leaving an instance that
    stays needs consent.
    """
    after: tuple[str, ...] = ()
    impact = Impact()
    if owner_id is not None:
        after = (_detach(builder, item, owner_id),)
        if not follows:
            impact = Impact(consents=(Consent(RiskClass.DETACH, str(item.address)),))
    if isinstance(asked, Link):
        _same_zone(builder, item, asked, owner_id)
        _attach(builder, item, asked, after)
        return (Action.DETACH if owner_id is not None and not follows else Action.ATTACH), impact
    return Action.DETACH, impact


def _same_zone(
    builder: PlanBuilder, item: ManagedObject, owner: Link, owner_id: str | None
) -> None:
    """Block storage stays in its zone (contract#block-storages): an instance of another zone cannot
    take it. For an instance that changes its zone, see `plan_instances`.
    """
    instance = builder.assessment.items.get(owner.address)
    zone = None if item.live is None else item.live.attributes.get("zone")
    if (
        instance is None
        or zone is None
        or (owner_id is not None and _owner_address(builder, owner_id) == owner.address)
    ):
        return
    there = builder.resolver.attribute(owner.address, "zone")
    if isinstance(there, str) and there != zone:
        message = msg(
            "{address} is in zone {zone} and cannot move to {instance} in {instance_zone}",
            address=item.address,
            zone=zone,
            instance=owner.address,
            instance_zone=there,
        )
        hint = msg(
            "name an instance of {zone}, or create a new block storage there and copy the data",
            zone=zone,
        )
        builder.reject(item, "bad-combination", message, hint=hint, field="instance")


def _goes_first(builder: PlanBuilder, owner_id: str) -> bool:
    """Whether an instance is deleted before its successor is created: then its block storage is
    detached before there is a new one.
    """
    address = _owner_address(builder, owner_id)
    deletes = builder.provided(("removed", address)) if address is not None else ()
    return any(not builder.steps[key].deposed for key in deletes)


def _replace(builder: PlanBuilder, item: ManagedObject) -> None:
    wanted = builder.resolver.wanted(item)
    compared = field_diff.compare(builder.assessment, item, wanted)
    old, owner_id, owner = item.live_id, _current_owner(item), wanted.get("instance")
    if not isinstance(owner, Link):
        message = msg(
            "{address} cannot be replaced while it is detached: iwinv creates block storage "
            "attached",
            address=item.address,
        )
        hint = msg("name an instance first")
        builder.reject(item, "bad-combination", message, hint=hint)
        return
    asked_for = is_delete_first(item)
    room = block_storage_limits.of(builder, owner.address)
    delete_first = asked_for or (room is not None and not room.room_for_both)
    delete = delete_step(builder, item, deposed=not delete_first)
    if delete_first:
        left = (_detach(builder, item, owner_id, suffix=f" {old}"),) if owner_id is not None else ()
        key = builder.add(delete, after=left)
        _add_create(builder, item, wanted, owner, after=(key,))
    else:
        first = [_add_create(builder, item, wanted, owner, deposes=True)]
        if owner_id is not None:
            detached = _detach(builder, item, owner_id, suffix=f" {old}")
            builder.steps[detached] = replace(builder.steps[detached], deposed=True)
            if not _goes_first(builder, owner_id):
                builder.before(first[0], detached)
            first.append(detached)
        builder.add(delete, after=first)
    agreed = is_being_deleted(item)
    impact = Impact(consents=() if agreed else (Consent(RiskClass.DATA_LOSS, str(item.address)),))
    why = (
        msg("as the file asks") if asked_for else msg("its instance is at its block storage limit")
    )
    reason = replace_reason(item, delete_first=delete_first, why=why)
    change(
        builder,
        item,
        Action.REPLACE,
        reason,
        compared,
        impact,
    )


def _delete(builder: PlanBuilder, item: ManagedObject) -> None:
    if item.live is None:
        return
    owner_id = _current_owner(item)
    left = (_detach(builder, item, owner_id),) if owner_id is not None else ()
    builder.add(delete_step(builder, item), after=left)
    impact = Impact(consents=(Consent(RiskClass.DELETE, str(item.address)),))
    change(builder, item, Action.DELETE, item.reason, impact=impact)
