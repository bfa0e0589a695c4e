"""Rules in the older firewall form (contract#older-firewall): they are part of the requests for
their firewall, and every edit writes the complete set.

The cloud deletes all former rules before it creates those sent, so for a moment a firewall may have
none: each running member is exposed for that long, and the plan shows it. Ids of rules change with
every write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reconciler.common.text import msg
from reconciler.model.plan import Action, Consent, Impact, RiskClass, Step
from reconciler.model.resource import Value
from reconciler.model.resource_type import ResourceType
from reconciler.planner.compare import field_diff
from reconciler.planner.compare.assessment import Disposition, ManagedObject
from reconciler.planner.compare.resolver import unknowns
from reconciler.planner.kinds.plan_memberships import EXPOSURE_SECONDS
from reconciler.planner.steps.change_builder import change, fingerprint, rule_made, taken_over
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.planner.steps.step_builder import only_at_create

WRITTEN = ("direction", "protocol", "ports", "cidr", "title", "description")
"""What a rule of a whole set is written with."""


def is_whole(kinds: Mapping[str, ResourceType]) -> bool:
    """Whether rules have no writes of their own, so that a firewall is written with all of them."""
    return not kinds["rules"].operations


def plan(builder: PlanBuilder, owner: ManagedObject, rules: Iterable[ManagedObject]) -> None:
    """Adds the changes of the rules of one firewall, and puts them all into one write of it."""
    items = [
        item
        for item in rules
        if item.disposition is not Disposition.DELETE or owner.disposition is not Disposition.DELETE
    ]
    if owner.disposition is Disposition.DELETE:
        return
    whole: list[dict[str, Value]] = []
    differs = False
    for item in items:
        written, changed = _rule(builder, owner, item)
        whole += written
        differs = differs or changed
    unmanaged_rules = (
        builder.assessment.unmanaged_rules.get(owner.live.id, ()) if owner.live is not None else ()
    )
    if owner.resource is not None and "rules" in owner.resource.lifecycle.ignore:
        whole += [_of(dict(row.attributes), "") for row in unmanaged_rules]
    else:
        differs = differs or bool(unmanaged_rules)
    if owner.disposition is Disposition.UNSETTLED:
        return
    if owner.disposition is Disposition.CREATE:
        _create(builder, owner, whole)
    else:
        _update(builder, owner, whole, differs=differs)
    for item in items:
        if item.disposition in (Disposition.CREATE, Disposition.KEEP, Disposition.BIND):
            for key in builder.keys_of(owner.address):
                builder.provide(("rule", item.address), key)


def _rule(
    builder: PlanBuilder, owner: ManagedObject, item: ManagedObject
) -> tuple[list[dict[str, Value]], bool]:
    """What a rule is written as (nothing if it is deleted), and whether it differs from the live
    one.
    """
    if item.disposition is Disposition.DELETE:
        change(builder, item, Action.DELETE, item.reason)
        return [], True
    wanted = builder.resolver.wanted(item)
    if item.disposition is Disposition.CREATE or item.live is None:
        rule_made(builder, item, wanted)
        return [_of({**only_at_create(builder, item), **wanted}, str(item.address))], True
    compared = field_diff.compare(builder.assessment, item, wanted)
    action = Action.UPDATE if compared.changes else taken_over(builder, owner, item)
    change(builder, item, action, item.reason, compared)
    return [_of({**item.live.attributes, **wanted}, str(item.address))], bool(compared.changes)


def _of(attributes: Mapping[str, Any], address: str) -> dict[str, Value]:
    found: dict[str, Value] = {
        name: attributes[name] for name in WRITTEN if attributes.get(name) not in (None, "")
    }
    return {**found, "address": address}


def _create(builder: PlanBuilder, owner: ManagedObject, whole: list[dict[str, Value]]) -> None:
    """The firewall is created with the rules that are known; those that wait for something follow
    with one more write of the complete set.
    """
    key = f"firewall.create {owner.address}"
    known = tuple(rule for rule in whole if not unknowns(rule))
    step = builder.steps[key]
    builder.steps[key] = replace(step, inputs={**step.inputs, "rules": known})
    if len(known) == len(whole):
        return
    name = step.inputs.get("name")
    later = Step(
        f"firewall.update {owner.address}",
        owner.address,
        "firewall.update",
        inputs={"name": name, "rules": tuple(whole)},
    )
    builder.add(later, after=(key,))


def _update(
    builder: PlanBuilder, owner: ManagedObject, whole: list[dict[str, Value]], *, differs: bool
) -> None:
    if owner.live is None:
        return
    key = f"firewall.update {owner.address}"
    step = builder.steps.pop(key, None)
    if step is None and not differs:
        return
    wanted = builder.resolver.wanted(owner)
    inputs: dict[str, Value] = {"name": wanted.get("name", owner.live.attributes.get("name"))}
    inputs.update(step.inputs if step is not None else {})
    inputs["rules"] = tuple(whole)
    applies = step.applies if step is not None else {}
    # Its rules are overwritten: they must still be those that the plan was made from.
    seen = fingerprint(builder, owner.live)
    builder.add(
        Step(
            key,
            owner.address,
            "firewall.update",
            target=owner.live.id,
            inputs=inputs,
            applies=applies,
            fingerprint=seen,
        )
    )
    builder.provide(("object", owner.address), key)
    row = builder.changes[owner.address]
    members = builder.assessment.account.members.get(owner.live.id, ())
    exposed = tuple(
        Consent(RiskClass.EXPOSURE, builder.assessment.name_of(id) or id)
        for id in sorted(members)
        if _runs(builder, id)
    )
    impact = Impact(
        consents=(*row.impact.consents, *exposed),
        exposure_seconds=EXPOSURE_SECONDS if exposed else None,
    )
    reason = msg("all its rules are written again (older firewall form)")
    action = Action.UPDATE if row.action in (Action.NONE, Action.IMPORT) else row.action
    builder.unchanged -= 1 if row.action is Action.NONE else 0
    builder.changes[owner.address] = replace(row, action=action, reason=reason, impact=impact)


def _runs(builder: PlanBuilder, id: str) -> bool:
    live = builder.assessment.account.find("instances", id)
    return live is None or live.attributes.get("power") != "off"
