"""Changes and steps of one instance, its power and its membership in a firewall included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.common.text import msg
from reconciler.model.plan import Action, Consent, Impact, RiskClass
from reconciler.model.resource import Link, Value
from reconciler.model.resource_type import Edit
from reconciler.planner.compare import field_diff
from reconciler.planner.compare.assessment import Disposition, ManagedObject
from reconciler.planner.compare.field_diff import Compared
from reconciler.planner.kinds import plan_memberships, plan_plain, plan_power
from reconciler.planner.steps.attached_block_storages import (
    block_storages_on,
    no_foreign_block_storages,
)
from reconciler.planner.steps.change_builder import change, replace_reason, report
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.planner.steps.step_builder import (
    create_step,
    delete_step,
    is_being_deleted,
    is_delete_first,
    update_step,
)

_APART = ("firewall", "power")
"""Fields that no create takes: steps of their own follow it."""

_ACTIONS = {
    Edit.REBUILD: Action.REBUILD,
    Edit.RESIZE: Action.RESIZE,
    Edit.POWER: Action.POWER,
    Edit.MEMBER: Action.ATTACH,
    Edit.IN_PLACE: Action.UPDATE,
}
"""What a change is called, by the most severe of its edits, which comes first."""


def plan(builder: PlanBuilder, item: ManagedObject) -> None:
    """Adds the change and the steps of one instance."""
    if item.disposition is Disposition.CREATE:
        wanted = builder.resolver.wanted(item)
        _create(builder, item, wanted)
        change(builder, item, Action.CREATE, item.reason, Compared(report(item, wanted)))
    elif item.disposition is Disposition.REPLACE:
        _replace(builder, item)
    elif item.disposition is not Disposition.DELETE:
        _keep(builder, item)
    elif no_foreign_block_storages(builder, item):
        plan_plain.delete(builder, item)


def _create(
    builder: PlanBuilder,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    *,
    deposes: bool = False,
    after: tuple[str, ...] = (),
) -> str:
    """The create, then membership, then power."""
    address = item.address
    step = create_step(
        builder, item, wanted, apart=_APART, deposes=deposes, instances=(str(address),)
    )
    later = {name for name in _APART if wanted.get(name) not in (None, "on")}
    applies = {name: value for name, value in wanted.items() if name not in later}
    key = builder.add(replace(step, applies=applies), provides=[("object", address)], after=after)
    firewall = wanted.get("firewall")
    if isinstance(firewall, Link):
        plan_memberships.attach(builder, item, firewall, target=None, former=None)
    if wanted.get("power") == "off":
        plan_power.set_power(builder, item, "off", target=None)
    return key


def _keep(builder: PlanBuilder, item: ManagedObject) -> None:
    wanted = builder.resolver.wanted(item)
    compared = field_diff.compare(builder.assessment, item, wanted)
    changed = {each.path: each for each in compared.changes}
    edits = compared.edits(item)
    consents, exposure = _consents(item, edits, wanted), None
    texts = {name: wanted[name] for name in changed if item.kind.fields[name].edit is Edit.IN_PLACE}
    if texts:
        builder.add(update_step(builder, item, texts))
    disrupted = plan_power.disrupt(builder, item, wanted, changed)
    if Edit.MEMBER in edits:
        more, exposure = plan_memberships.switch(builder, item, wanted["firewall"])
        consents += more
    if Edit.POWER in edits:
        _set_power(builder, item, str(wanted["power"]), disrupted)
    action = next((_ACTIONS[edit] for edit in _ACTIONS if edit in edits), Action.NONE)
    reason = item.reason
    if _is_left_stopped(item, wanted):
        plan_power.start_again(builder, item, disrupted)
        action = Action.POWER if action in (Action.NONE, Action.UPDATE, Action.ATTACH) else action
        reason = msg("an earlier run stopped it; it is started again")
    if item.disposition is Disposition.BIND and action is Action.NONE:
        action = Action.IMPORT
    impact = Impact(
        consents=tuple(sorted(consents, key=lambda each: (each.risk.value, each.address))),
        exposure_seconds=exposure,
    )
    change(builder, item, action, reason, compared, impact)


def _consents(
    item: ManagedObject, edits: frozenset[Edit], wanted: Mapping[str, Value]
) -> list[Consent]:
    """The consents that edits of an instance need, those of its membership apart."""
    risks = [RiskClass.DATA_LOSS] if Edit.REBUILD in edits else []
    is_down = edits & {Edit.REBUILD, Edit.RESIZE} or (
        Edit.POWER in edits and wanted.get("power") == "off"
    )
    risks += [RiskClass.DOWNTIME] if is_down and item.runs else []
    return [Consent(risk, str(item.address)) for risk in risks]


def _set_power(
    builder: PlanBuilder, item: ManagedObject, power: str, disrupted: tuple[str, ...]
) -> None:
    """Turns it on after what is done while it is off, and off before that, so that nothing is
    stopped twice.
    """
    if power == "off":
        key = plan_power.set_power(builder, item, "off", target=item.live_id)
        builder.before(key, *disrupted)
        return
    stopped = item.entry is not None and item.entry.stopped
    plan_power.set_power(
        builder,
        item,
        "on",
        target=item.live_id,
        after=disrupted,
        regardless_of=disrupted if stopped else (),
    )


def _is_left_stopped(item: ManagedObject, wanted: Mapping[str, Value]) -> bool:
    """Whether an earlier run stopped an instance in the middle of a change, and the file does not
    manage its power.
    """
    if item.entry is None or item.live is None or not item.entry.stopped:
        return False
    return item.live.attributes.get("power") != "on" and wanted.get("power") is None


def _replace(builder: PlanBuilder, item: ManagedObject) -> None:
    """Create-first unless the file says otherwise: the old instance is deposed and deleted last,
    when nothing that the stack owns is attached to it.
    """
    wanted, address = builder.resolver.wanted(item), item.address
    compared = field_diff.compare(builder.assessment, item, wanted)
    if not _block_storages_can_follow(builder, item, wanted):
        return
    delete_first = is_delete_first(item)
    delete = delete_step(builder, item, deposed=not delete_first)
    if delete_first:
        deleted = builder.add(delete, provides=[("removed", address)])
        _create(builder, item, wanted, after=(deleted,))
    else:
        created = _create(builder, item, wanted, deposes=True)
        builder.add(
            delete,
            provides=[("removed", address)],
            needs=[("membership", address), ("power", address)],
            after=(created,),
        )
    risks = [RiskClass.ADDRESS_CHANGE, RiskClass.DATA_LOSS]
    if delete_first or (item.runs and wanted.get("power") == "off"):
        risks.append(RiskClass.DOWNTIME)
    consents = (
        () if is_being_deleted(item) else tuple(Consent(risk, str(address)) for risk in risks)
    )
    impact = Impact(consents=consents, address_change=True)
    reason = replace_reason(item, delete_first=delete_first)
    change(builder, item, Action.REPLACE, reason, compared, impact)


def _block_storages_can_follow(
    builder: PlanBuilder, item: ManagedObject, wanted: Mapping[str, Value]
) -> bool:
    """Whether the block storages can move to the successor. Block storage stays in its zone, so a
    change of zone with attached block storage that stays is an error; one that the stack does not
    own blocks the change (planning#steps).
    """
    live = item.live
    if live is None:
        return True
    if not no_foreign_block_storages(builder, item):
        return False
    if wanted.get("zone", live.attributes.get("zone")) == live.attributes.get("zone"):
        return True
    for address, block_storage in block_storages_on(builder, live.id).items():
        target = block_storage.wanted.get("instance")
        if (
            block_storage.disposition in (Disposition.KEEP, Disposition.BIND)
            and isinstance(target, Link)
            and target.address == item.address
        ):
            message = msg(
                "{address} cannot move to another zone while {block_storage} stays attached: "
                "block storage cannot leave its zone",
                address=item.address,
                block_storage=address,
            )
            hint = msg(
                "set `instance: none` on {address}, move it to an instance of its zone, or remove "
                "it",
                address=address,
            )
            builder.reject(item, "bad-combination", message, hint=hint)
            return False
    return True
