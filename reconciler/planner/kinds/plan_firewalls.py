"""Changes and steps of one firewall and of its rules: only what differs is changed, and an instance
is neither open nor locked in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.plan import Action, Cause, Consent, FieldChange, Impact, RiskClass, Step
from reconciler.model.resource import Link, LiveResource, Value
from reconciler.planner.compare import field_diff
from reconciler.planner.compare.assessment import Disposition, ManagedObject
from reconciler.planner.compare.field_diff import Compared
from reconciler.planner.compare.rule_matching import meaning
from reconciler.planner.kinds import plan_legacy_rules
from reconciler.planner.steps.attached_block_storages import foreign_block_storages
from reconciler.planner.steps.change_builder import (
    change,
    fingerprint,
    report,
    rule_made,
    taken_over,
    traffic_of,
)
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.planner.steps.step_builder import create_step, delete_step, update_step


def plan(builder: PlanBuilder, item: ManagedObject) -> None:
    """Adds the change and the steps of one firewall, rules apart."""
    if item.disposition is Disposition.CREATE:
        _create(builder, item)
    elif item.disposition is Disposition.DELETE:
        _delete(builder, item)
    else:
        _keep(builder, item)


def _create(builder: PlanBuilder, item: ManagedObject) -> None:
    wanted = builder.resolver.wanted(item)
    step = create_step(builder, item, wanted)
    builder.add(step, provides=[("object", item.address)])
    change(builder, item, Action.CREATE, item.reason, Compared(report(item, wanted)))


def _keep(builder: PlanBuilder, item: ManagedObject) -> None:
    wanted = builder.resolver.wanted(item)
    compared = field_diff.compare(builder.assessment, item, wanted)
    texts = {change.path: wanted[change.path] for change in compared.changes}
    if texts and item.live is not None:
        # The title is required in every edit (contract#security-groups), so the name goes along as
        # it is or will be.
        name = wanted.get("name", item.live.attributes.get("name"))
        step = update_step(builder, item, texts, name=name)
        builder.add(step, provides=[("object", item.address)])
    unmanaged_rules = _unmanaged_rules(builder, item)
    if not plan_legacy_rules.is_whole(builder.assessment.kinds):
        for row in unmanaged_rules:
            _remove(builder, item, f"rule.delete {item.address} {row.id}", row)
    action = Action.IMPORT if item.disposition is Disposition.BIND else Action.NONE
    if texts or unmanaged_rules:
        action = Action.UPDATE
    removed, found = [], []
    for row in unmanaged_rules:
        path, traffic = f"rules.{row.id}", traffic_of(row.attributes)
        removed.append(FieldChange(path, traffic, None, Cause.OUTSIDE))
        found.append(FieldChange(path, None, traffic, Cause.OUTSIDE))
    compared = Compared((*compared.changes, *removed), (*compared.drift, *found), compared.notices)
    change(builder, item, action, item.reason, compared)


def _unmanaged_rules(builder: PlanBuilder, item: ManagedObject) -> tuple[LiveResource, ...]:
    """The live rules of a firewall that are not part of the stack, unless the file ignores them."""
    if item.live is None:
        return ()
    if item.resource is not None and "rules" in item.resource.lifecycle.ignore:
        return ()
    return builder.assessment.unmanaged_rules.get(item.live.id, ())


def _remove(
    builder: PlanBuilder,
    owner: ManagedObject,
    key: str,
    row: LiveResource,
    *,
    address: Address | None = None,
) -> str:
    step = Step(
        key,
        address or owner.address,
        "rule.delete",
        target=row.id,
        inputs={"firewall": row.attributes["firewall"]},
        fingerprint=fingerprint(builder, row),
    )
    return builder.add(step, provides=[("unruled", owner.address)])


def _delete(builder: PlanBuilder, item: ManagedObject) -> None:
    """A firewall is deleted when every member has left it. One that keeps a member that this plan
    does not move is not deleted.
    """
    if item.live is None:
        return
    members = builder.assessment.account.members.get(item.live.id, ())
    staying = sorted(id for id in members if not _leaves(builder, id))
    if staying:
        reason = msg(
            "{members} still uses it",
            members=", ".join(builder.assessment.name_of(id) or id for id in staying),
        )
        builder.blocked[item.address] = reason
        hint = msg(
            "detach it with `firewall: none` on an instance of this stack, or in the console"
        )
        message = msg("{address} is not deleted: {reason}", address=item.address, reason=reason)
        builder.reject(item, "foreign-member", message, hint=hint)
        change(builder, item, Action.BLOCKED, reason)
        return
    instances = [address for id in members if (address := _address_of(builder, id)) is not None]
    leaving = [
        *instances,
        *(address for id in members if (address := _deposed_at(builder, id)) is not None),
    ]
    step = delete_step(builder, item)
    builder.add(
        step,
        needs=[
            (node, address) for address in leaving for node in ("left", "membership", "removed")
        ],
    )
    consents = [Consent(RiskClass.DELETE, str(item.address))]
    for address in instances:
        instance = builder.assessment.items[address]
        if (
            instance.disposition is Disposition.KEEP
            and instance.live is not None
            and instance.live.attributes.get("power") != "off"
        ):
            consents.append(Consent(RiskClass.EXPOSURE, str(address)))
    change(
        builder,
        item,
        Action.DELETE,
        item.reason,
        impact=Impact(consents=tuple(consents), reversible=False),
    )


def _address_of(builder: PlanBuilder, id: str) -> Address | None:
    return builder.index.instances.get(id)


def _deposed_at(builder: PlanBuilder, id: str) -> Address | None:
    """The address of an old instance that an earlier replacement left behind and this plan
    deletes.
    """
    old = builder.assessment.state.deposed.get(id)
    live = builder.assessment.account.find("instances", id)
    return (
        None
        if old is None or live is None or foreign_block_storages(builder, live)
        else parse(old.address)
    )


def _leaves(builder: PlanBuilder, id: str) -> bool:
    """Whether a member is part of the stack and this plan takes it out of its firewall."""
    address = _address_of(builder, id)
    if address is None:
        return _deposed_at(builder, id) is not None
    item = builder.assessment.items[address]
    if item.disposition in (Disposition.DELETE, Disposition.REPLACE):
        return address not in builder.blocked
    return bool(builder.provided(("membership", address)) or builder.provided(("left", address)))


@dataclass(slots=True)
class _RuleGroup:
    """The rules of one firewall while their order is determined: which rule has which traffic now,
    and which step frees it.
    """

    holder: dict[tuple[object, ...], str]
    frees: dict[str, str]


def plan_rules(builder: PlanBuilder, owner: ManagedObject, rules: Iterable[ManagedObject]) -> None:
    """Adds changes and steps of all rules of one firewall: first what is added or edited, then what
    is removed.
    """
    items = list(rules)
    if plan_legacy_rules.is_whole(builder.assessment.kinds):
        plan_legacy_rules.plan(builder, owner, items)
        return
    unmanaged_rules = (
        builder.assessment.unmanaged_rules.get(owner.live.id, ()) if owner.live is not None else ()
    )
    rows = [*(item.live for item in items if item.live is not None), *unmanaged_rules]
    holder = {found: row.id for row in rows if (found := meaning(row.attributes)) is not None}
    firewall = _RuleGroup(holder, {})
    edits: list[tuple[str, Mapping[str, Value], str | None]] = []
    for item in items:
        if item.disposition is Disposition.DELETE and item.live is not None:
            if owner.disposition is not Disposition.DELETE:
                firewall.frees[item.live.id] = _remove(
                    builder, owner, f"rule.delete {item.address}", item.live, address=item.address
                )
                change(builder, item, Action.DELETE, item.reason, Compared((_gone(item),)))
        elif item.disposition is Disposition.CREATE:
            edits.append(_add(builder, owner, item))
        elif item.disposition in (Disposition.KEEP, Disposition.BIND):
            edited = _edit(builder, owner, item)
            if edited is not None:
                edits.append(edited)
                firewall.frees[edited[2] or ""] = edited[0]
    for row in unmanaged_rules:
        key = f"rule.delete {owner.address} {row.id}"
        if key in builder.steps:
            firewall.frees[row.id] = key
    _in_order(builder, firewall, edits)
    _no_two_alike(builder, items)


def _no_two_alike(builder: PlanBuilder, items: list[ManagedObject]) -> None:
    """An error for two rules that allow the same traffic once references are filled in: the cloud
    refuses the second (contract#security-groups).
    """
    first: dict[tuple[object, ...], ManagedObject] = {}
    for item in sorted(
        (item for item in items if item.resource is not None),
        key=lambda item: item.address.sort_key,
    ):
        traffic = meaning(builder.resolver.wanted(item))
        other = first.setdefault(traffic, item) if traffic is not None else item
        if other is not item:
            message = msg(
                "{address} allows the same traffic as {other}",
                address=item.address,
                other=other.address,
            )
            hint = msg("remove one of them: the cloud refuses duplicates")
            builder.reject(item, "duplicate-rule", message, hint=hint)


def _gone(item: ManagedObject) -> FieldChange:
    traffic = traffic_of(item.live.attributes) if item.live is not None else None
    return FieldChange("rule", traffic, None, Cause.YOU)


def _inputs(owner: ManagedObject) -> dict[str, Value]:
    return {"firewall": Link(owner.address)}


def _add(
    builder: PlanBuilder, owner: ManagedObject, item: ManagedObject
) -> tuple[str, Mapping[str, Value], str | None]:
    wanted = builder.resolver.wanted(item)
    step = create_step(builder, item, wanted)
    inputs = {**_inputs(owner), **step.inputs}
    step = replace(step, inputs=inputs)
    key = builder.add(step, provides=[("rule", item.address)], needs=[("object", owner.address)])
    rule_made(builder, item, wanted)
    return key, inputs, None


def _edit(
    builder: PlanBuilder, owner: ManagedObject, item: ManagedObject
) -> tuple[str, Mapping[str, Value], str | None] | None:
    wanted = builder.resolver.wanted(item)
    compared = field_diff.compare(builder.assessment, item, wanted)
    texts = {c.path: wanted[c.path] for c in compared.changes}
    if not texts or item.live is None:
        change(builder, item, taken_over(builder, owner, item), item.reason, compared)
        return None
    step = Step(
        f"rule.update {item.address}",
        item.address,
        "rule.update",
        target=item.live.id,
        inputs={**_inputs(owner), **texts},
        fingerprint=fingerprint(builder, item.live),
        applies=texts,
    )
    key = builder.add(step, provides=[("rule", item.address)])
    after = {**item.live.attributes, **wanted}
    change(builder, item, Action.UPDATE, item.reason, compared)
    return key, after, item.live.id


def _in_order(
    builder: PlanBuilder,
    firewall: _RuleGroup,
    edits: list[tuple[str, Mapping[str, Value], str | None]],
) -> None:
    """Adds and edits come before removals, but traffic that another rule still has only after that
    rule frees it (contract#security-groups, duplicates).
    """
    forced: set[tuple[str, str]] = set()
    for key, desired_value, own in edits:
        holder = firewall.holder.get(meaning(desired_value) or ())
        release = firewall.frees.get(holder) if holder is not None and holder != own else None
        if release is not None and release != key:
            builder.before(release, key)
            forced.add((release, key))
    removals = [key for key in firewall.frees.values() if key.startswith("rule.delete")]
    for removal in removals:
        for key, _, _ in edits:
            if (removal, key) not in forced:
                builder.later(removal, key)
