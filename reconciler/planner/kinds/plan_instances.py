"""Steps of one server: made, changed, replaced or removed, its power and its membership in a
firewall included.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.common.text import msg
from reconciler.model.diagnostics import error
from reconciler.model.plan import Action, Consent, Fallback, FieldChange, Impact, RiskClass, Step
from reconciler.model.resource import EMPTY, Link, Value
from reconciler.model.resource_type import Edit
from reconciler.model.state import Phase
from reconciler.planner.compare import field_diff
from reconciler.planner.compare.assessment import Disposition, ManagedObject
from reconciler.planner.steps.attached_block_storages import (
    block_storages_on,
    no_foreign_block_storages,
)
from reconciler.planner.steps.change_builder import change, fingerprint, report, shown_fields
from reconciler.planner.steps.plan_builder import PlanBuilder

RESIZE_SECOND_WAY = Fallback(
    ("CHECK_PARAM", "IN_USE"),
    ("instance.stop", "instance.resize", "instance.start"),
    restore="instance.start",
)
"""Only where the cloud refuses a resize of a running server (planning#steps); the stop is a power
cut (contract#instances).
"""

SWITCH_SECOND_WAY = Fallback(("IN_USE",), ("firewall.detach", "firewall.attach"))
"""One firewall a server: where a second attach is refused, the old one is taken off first
(contract#attachment).
"""

EXPOSURE_SECONDS = 5
"""What a switch by detach and attach leaves a server without its firewall: two calls and what lies
between.
"""

_APART = ("firewall", "power")


def plan(draft: PlanBuilder, item: ManagedObject) -> None:
    """Adds the change and the steps of one server."""
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
    _birth(draft, item, wanted)
    change(draft, item, Action.CREATE, item.reason, report(item, wanted))


def _birth(
    draft: PlanBuilder,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    *,
    deposes: bool = False,
    after: tuple[str, ...] = (),
) -> str:
    """The create, then membership, then power: what every new server needs."""
    address = item.address
    inputs = {
        **born_with(draft, item),
        **{
            name: value
            for name, value in wanted.items()
            if name not in _APART and value is not None
        },
    }
    later = {name for name in _APART if wanted.get(name) not in (None, "on")}
    applies = {name: value for name, value in wanted.items() if name not in later}
    key = draft.add(
        Step(
            f"instance.create {address}",
            address,
            "instance.create",
            inputs=inputs,
            instances=(str(address),),
            fingerprint=fingerprint(draft, item.live) if deposes else EMPTY,
            deposes=deposes,
            applies=applies,
        ),
        provides=[("object", address)],
        after=after,
    )
    firewall = wanted.get("firewall")
    if isinstance(firewall, Link):
        _attach(draft, item, firewall, target=None, former=None)
    if wanted.get("power") == "off":
        _power(draft, item, "off", target=None)
    return key


def born_with(draft: PlanBuilder, item: ManagedObject) -> dict[str, Value]:
    """What counts only when an object is made: default names, schema defaults."""
    if item.resource is None:
        return {}
    return {
        name: draft.resolver.value(item.address, value)
        for name, value in item.resource.at_create.items()
    }


def _attach(
    draft: PlanBuilder,
    item: ManagedObject,
    firewall: Link,
    *,
    target: str | None,
    former: str | None,
) -> str:
    """Membership in a firewall: after the server, the group, and every rule of it that does not
    itself wait for this server.
    """
    address = item.address
    inputs: dict[str, Value] = {
        "firewall": firewall,
        "instance": target if target is not None else Link(address),
    }
    if former is not None:
        inputs["former"] = former
    rules = [("rule", a) for a in draft.index.rules.get(firewall.address, ())]
    return draft.add(
        Step(
            f"firewall.attach {address}",
            address,
            "firewall.attach",
            inputs=inputs,
            instances=(target or str(address),),
            fallback=SWITCH_SECOND_WAY if former is not None else None,
            # A server without a firewall gets one at once, without a look.
            fingerprint=fingerprint(draft, item.live) if former is not None else EMPTY,
            applies={"firewall": firewall},
        ),
        provides=[("membership", address)],
        needs=[("object", address), ("object", firewall.address)],
        # A new server is better behind a firewall that lacks a rule than behind none; one that
        # exists keeps what it has (planning#steps).
        order_only=rules if target is None else (),
        soft=rules if target is not None else (),
    )


def _detach(
    draft: PlanBuilder,
    item: ManagedObject,
    target: str,
    firewall_id: str,
    *,
    stays: Link | None = None,
) -> str:
    step = Step(
        f"firewall.detach {item.address}",
        item.address,
        "firewall.detach",
        inputs={"firewall": firewall_id, "instance": target},
        instances=(target,),
        fingerprint=fingerprint(draft, item.live),
        applies={"firewall": stays},
    )
    return draft.add(step, provides=[("left", item.address)])


def _power(
    draft: PlanBuilder,
    item: ManagedObject,
    power: str,
    *,
    target: str | None,
    after: tuple[str, ...] = (),
    regardless_of: tuple[str, ...] = (),
) -> str:
    operation = "instance.start" if power == "on" else "instance.stop"
    seen = None if target is None else item.live
    running = shown_fields(draft, seen, ("power", "flavor"))
    step = Step(
        f"{operation} {item.address}",
        item.address,
        operation,
        target=target,
        instances=(target or str(item.address),),
        fingerprint=running if power == "on" else fingerprint(draft, seen),
        applies={"power": power},
        regardless_of=regardless_of,
    )
    needs = [("object", item.address)]
    return draft.add(
        step,
        provides=[("power", item.address)],
        needs=needs,
        order_only=[("membership", item.address)],
        after=after,
    )


def _keep(draft: PlanBuilder, item: ManagedObject) -> None:
    wanted = draft.resolver.wanted(item)
    compared = field_diff.compare(draft.assessment, item, wanted)
    by_name = {c.path: c for c in compared.changes}
    edits = compared.edits(item)
    target = item.live_id
    impact = _ImpactBuilder()
    if Edit.IN_PLACE in edits:
        _update(draft, item, wanted, by_name, target)
    middle = _disrupt(draft, item, wanted, by_name, target, impact)
    if Edit.MEMBER in edits:
        _switch(draft, item, wanted["firewall"], target, impact)
    if Edit.POWER in edits and "power" in by_name:
        _turn(draft, item, str(wanted["power"]), target, middle, impact)
    action, reason = _most_severe(edits), item.reason
    if _is_to_run(item, wanted):
        _restart(draft, item, target, middle)
        action = Action.POWER if action in (Action.NONE, Action.UPDATE, Action.ATTACH) else action
        reason = "an earlier run stopped it; it is started again"
    if item.disposition is Disposition.BIND and action is Action.NONE:
        action = Action.IMPORT
    change(draft, item, action, reason, compared.changes, impact=impact.value(), compared=compared)


def _is_to_run(item: ManagedObject, wanted: Mapping[str, Value]) -> bool:
    """Whether an earlier run stopped a server on the way to something else, and the file does not
    manage its power.
    """
    if item.entry is None or item.live is None or not item.entry.stopped:
        return False
    return item.live.attributes.get("power") != "on" and wanted.get("power") is None


def _restart(draft: PlanBuilder, item: ManagedObject, target: str, middle: tuple[str, ...]) -> None:
    """After what is done while it is off, whatever comes of that."""
    key = f"instance.start {item.address}"
    if key not in draft.steps:
        step = Step(
            key,
            item.address,
            "instance.start",
            target=target,
            instances=(target,),
            regardless_of=middle,
        )
        draft.add(step, provides=[("power", item.address)], after=middle)


class _ImpactBuilder:
    """What the steps of one server cost its users, summed while they are added."""

    def __init__(self) -> None:
        self.consents: list[Consent] = []
        self.exposure: int | None = None

    def down(self, item: ManagedObject) -> None:
        if item.live is None or item.live.attributes.get("power") != "off":
            self.consents.append(Consent(RiskClass.DOWNTIME, str(item.address)))

    def value(self) -> Impact:
        return Impact(
            consents=tuple(sorted(set(self.consents), key=lambda c: (c.risk.value, c.address))),
            exposure_seconds=self.exposure,
        )


def _update(
    draft: PlanBuilder,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    by_name: Mapping[str, FieldChange],
    target: str,
) -> None:
    texts = {name: wanted[name] for name in by_name if item.kind.fields[name].edit is Edit.IN_PLACE}
    draft.add(
        Step(
            f"instance.update {item.address}",
            item.address,
            "instance.update",
            target=target,
            inputs=texts,
            instances=(target,),
            fingerprint=shown_fields(draft, item.live, texts),
            applies=texts,
        )
    )


def _disrupt(
    draft: PlanBuilder,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    by_name: Mapping[str, FieldChange],
    target: str,
    impact_builder: _ImpactBuilder,
) -> tuple[str, ...]:
    """Rebuild, then resize. Returns the keys after which the power may be changed."""
    keys: tuple[str, ...] = ()
    for name, operation in (("image", "instance.rebuild"), ("flavor", "instance.resize")):
        if name not in by_name:
            continue
        impact_builder.down(item)
        if name == "image":
            impact_builder.consents.append(Consent(RiskClass.DATA_LOSS, str(item.address)))
        keys = (*keys, *_heavy(draft, item, operation, {name: wanted[name]}, target, keys))
    return keys


def _heavy(
    draft: PlanBuilder,
    item: ManagedObject,
    operation: str,
    inputs: Mapping[str, Value],
    target: str,
    after: tuple[str, ...],
) -> tuple[str, ...]:
    running = item.live is not None and item.live.attributes.get("power") != "off"
    off_anyway = item.wanted.get("power") == "off"
    stop_first = operation == "instance.resize" and running and not off_anyway
    stop_first = (
        stop_first and item.resource is not None and item.resource.lifecycle.resize == "stop_first"
    )
    # The second way ends with a start and begins with a stop: not where the server is to be off,
    # nor where a stop is protected from.
    fallback = (
        operation == "instance.resize"
        and running
        and not stop_first
        and not off_anyway
        and "stop" not in item.protect
    )
    stop: tuple[str, ...] = ()
    if stop_first:
        stop = (
            draft.add(
                Step(
                    f"instance.stop {item.address}",
                    item.address,
                    "instance.stop",
                    target=target,
                    instances=(target,),
                    fingerprint=fingerprint(draft, item.live),
                ),
                after=after,
            ),
        )
    main = draft.add(
        Step(
            f"{operation} {item.address}",
            item.address,
            operation,
            target=target,
            inputs=inputs,
            instances=(target,),
            fallback=RESIZE_SECOND_WAY if fallback else None,
            fingerprint=fingerprint(draft, item.live),
            applies=inputs,
        ),
        after=(*after, *stop),
    )
    if not stop_first:
        return (main,)
    start = draft.add(
        Step(
            f"instance.start {item.address}",
            item.address,
            "instance.start",
            target=target,
            instances=(target,),
            regardless_of=(main,),
        ),
        after=(main, *stop),
    )
    return (main, start)


def _turn(
    draft: PlanBuilder,
    item: ManagedObject,
    power: str,
    target: str,
    middle: tuple[str, ...],
    impact_builder: _ImpactBuilder,
) -> None:
    """Power on after what is done while off; power off before it, so that nothing is stopped twice."""
    if power == "off":
        impact_builder.down(item)
        key = _power(draft, item, "off", target=target)
        draft.before(key, *middle)
    else:
        stopped = item.entry is not None and item.entry.stopped
        _power(
            draft, item, "on", target=target, after=middle, regardless_of=middle if stopped else ()
        )


def _switch(
    draft: PlanBuilder,
    item: ManagedObject,
    firewall: Value,
    target: str,
    impact_builder: _ImpactBuilder,
) -> None:
    """From one firewall to another, to one, or to none. Facts about the account tell which way a
    switch takes, once one was seen.
    """
    former = draft.assessment.firewall_to_leave(target)
    first = draft.assessment.firewall_of(target)
    if (
        isinstance(firewall, Link)
        and former is not None
        and former != first == draft.assessment.id_of(firewall.address)
    ):
        # It is behind another one too: somebody put it there, or a run stopped between the two
        # calls of a switch.
        _detach(draft, item, target, former, stays=firewall)
        return
    running = item.live is not None and item.live.attributes.get("power") != "off"
    way = draft.assessment.state.facts.get("attach")
    exposed = (
        running and former is not None and (firewall is None or way not in ("replace", "many"))
    )
    if exposed:
        impact_builder.consents.append(Consent(RiskClass.EXPOSURE, str(item.address)))
        impact_builder.exposure = None if firewall is None else EXPOSURE_SECONDS
    if not isinstance(firewall, Link):
        if former is not None:
            _detach(draft, item, target, former)
        return
    if former is not None and way == "refuse":
        left = _detach(draft, item, target, former)
        key = _attach(draft, item, firewall, target=target, former=None)
        for node in (
            ("object", firewall.address),
            *(("rule", a) for a in draft.index.rules.get(firewall.address, ())),
        ):
            draft.before_soft(left, node)
        draft.before(left, key)
        return
    _attach(draft, item, firewall, target=target, former=former)


def _most_severe(edits: frozenset[Edit]) -> Action:
    for edit, action in (
        (Edit.REBUILD, Action.REBUILD),
        (Edit.RESIZE, Action.RESIZE),
        (Edit.POWER, Action.POWER),
        (Edit.MEMBER, Action.ATTACH),
        (Edit.IN_PLACE, Action.UPDATE),
    ):
        if edit in edits:
            return action
    return Action.NONE


def _replace(draft: PlanBuilder, item: ManagedObject) -> None:
    """Create-first unless the file says otherwise; the old object is deposed and goes last, when
    nothing of ours hangs on it.
    """
    wanted = draft.resolver.wanted(item)
    compared = field_diff.compare(draft.assessment, item, wanted)
    if not _block_storages_can_follow(draft, item, wanted):
        return
    delete_first = is_delete_first(item)
    address, old = item.address, item.live_id
    delete = Step(
        f"instance.delete {address} {old}" if not delete_first else f"instance.delete {address}",
        address,
        "instance.delete",
        target=old,
        instances=(old,),
        fingerprint=fingerprint(draft, item.live),
        deposed=not delete_first,
    )
    if delete_first:
        key = draft.add(delete, provides=[("removed", address)])
        _birth(draft, item, wanted, after=(key,))
    else:
        created = _birth(draft, item, wanted, deposes=True)
        draft.add(
            delete,
            provides=[("removed", address)],
            needs=[("membership", address), ("power", address)],
            after=(created,),
        )
    # its deletion was consented to, and cannot be stopped
    agreed = item.entry is not None and item.entry.phase is Phase.DELETING
    consents = (
        []
        if agreed
        else [
            Consent(RiskClass.ADDRESS_CHANGE, str(address)),
            Consent(RiskClass.DATA_LOSS, str(address)),
        ]
    )
    stops = (
        item.live is not None
        and item.live.attributes.get("power") != "off"
        and wanted.get("power") == "off"
    )
    if (delete_first or stops) and not agreed:
        consents.append(Consent(RiskClass.DOWNTIME, str(address)))
    impact = Impact(consents=tuple(consents), address_change=True)
    way = "delete first" if delete_first else "create first, delete the old one last"
    change(
        draft,
        item,
        Action.REPLACE,
        f"{item.reason}; {way}",
        compared.changes,
        impact=impact,
        compared=compared,
    )


def is_delete_first(item: ManagedObject) -> bool:
    """Whether the old object goes before the new one comes: as the file asks, or because an earlier
    run deletes it already.
    """
    if item.entry is not None and item.entry.phase is Phase.DELETING:
        return True
    return item.resource is not None and item.resource.lifecycle.replace == "delete_first"


def _block_storages_can_follow(
    draft: PlanBuilder, item: ManagedObject, wanted: Mapping[str, Value]
) -> bool:
    """A volume stays in its zone: a zone change of a server with volumes that stay is an error; a
    foreign volume blocks (planning#steps).
    """
    live = item.live
    if live is None:
        return True
    if not no_foreign_block_storages(draft, item):
        return False
    if wanted.get("zone", live.attributes.get("zone")) == live.attributes.get("zone"):
        return True
    for address, block_storage in block_storages_on(draft, live.id).items():
        target = block_storage.wanted.get("instance")
        if (
            block_storage.disposition in (Disposition.KEEP, Disposition.BIND)
            and isinstance(target, Link)
            and target.address == item.address
        ):
            draft.problems.append(
                error(
                    "bad-combination",
                    msg(
                        "{address} cannot move to another zone while {block_storage} stays attached: block storage cannot leave its zone",
                        address=item.address,
                        block_storage=address,
                    ),
                    place=item.resource.place if item.resource else None,
                    address=str(item.address),
                    hint=msg(
                        "set `instance: none` on {address}, move it to an instance of its zone, or remove it",
                        address=address,
                    ),
                )
            )
            return False
    return True


def _delete(draft: PlanBuilder, item: ManagedObject) -> None:
    if item.live is None or not no_foreign_block_storages(draft, item):
        return
    step = Step(
        f"instance.delete {item.address}",
        item.address,
        "instance.delete",
        target=item.live.id,
        instances=(item.live.id,),
        fingerprint=fingerprint(draft, item.live),
    )
    draft.add(step, provides=[("removed", item.address), ("left", item.address)])
    impact = Impact(consents=(Consent(RiskClass.DELETE, str(item.address)),))
    change(draft, item, Action.DELETE, item.reason, impact=impact)
