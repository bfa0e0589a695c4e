"""Steps that make an instance a member of a firewall, move it to another one, or take it out."""

from __future__ import annotations

from reconciler.model.plan import Consent, Fallback, RiskClass, Step
from reconciler.model.resource import EMPTY, Link, Value
from reconciler.planner.compare.assessment import ManagedObject
from reconciler.planner.steps.change_builder import fingerprint
from reconciler.planner.steps.plan_builder import Node, PlanBuilder

SWITCH_FALLBACK = Fallback(("IN_USE",), ("firewall.detach", "firewall.attach"))
"""An instance has one firewall: if the cloud refuses a second one, the first is detached before
(contract#attachment).
"""

EXPOSURE_SECONDS = 5
"""How long a switch by detach and attach leaves an instance without its firewall: two calls and the
time between them.
"""


def attach(
    builder: PlanBuilder,
    item: ManagedObject,
    firewall: Link,
    *,
    target: str | None,
    former: str | None,
) -> str:
    """Adds the membership: after the instance, the firewall, and every rule of it that does not
    wait for this instance itself. `target` is the id of an instance that exists, `former` the
    firewall that it leaves.
    """
    inputs: dict[str, Value] = {
        "firewall": firewall,
        "instance": target if target is not None else Link(item.address),
    }
    if former is not None:
        inputs["former"] = former
    step = Step(
        f"firewall.attach {item.address}",
        item.address,
        "firewall.attach",
        inputs=inputs,
        instances=(target or str(item.address),),
        fallback=SWITCH_FALLBACK if former is not None else None,
        # An instance without a firewall gets one at once, without a precondition.
        fingerprint=fingerprint(builder, item.live) if former is not None else EMPTY,
        applies={"firewall": firewall},
    )
    rules = _rules_of(builder, firewall)
    return builder.add(
        step,
        provides=[("membership", item.address)],
        needs=[("object", item.address), ("object", firewall.address)],
        # A new instance is safer with a firewall that lacks a rule than without one; one that
        # exists keeps what it has (planning#steps).
        order_only=rules if target is None else (),
        soft=rules if target is not None else (),
    )


def _rules_of(builder: PlanBuilder, firewall: Link) -> list[Node]:
    return [("rule", address) for address in builder.index.rules.get(firewall.address, ())]


def _detach(
    builder: PlanBuilder,
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
        fingerprint=fingerprint(builder, item.live),
        applies={"firewall": stays},
    )
    return builder.add(step, provides=[("left", item.address)])


def switch(
    builder: PlanBuilder, item: ManagedObject, firewall: Value
) -> tuple[list[Consent], int | None]:
    """Moves an instance from one firewall to another, to one, or to none. Returns the consents that
    this needs and for how long the instance has no firewall.

    Facts about the account tell which way a switch takes, once one was made.
    """
    target = item.live_id
    former = builder.assessment.firewall_to_leave(target)
    first = builder.assessment.firewall_of(target)
    if (
        isinstance(firewall, Link)
        and former is not None
        and former != first == builder.assessment.id_of(firewall.address)
    ):
        # It has a second firewall: somebody attached it, or a run stopped between the two calls of
        # a switch.
        _detach(builder, item, target, former, stays=firewall)
        return [], None
    known_way = builder.assessment.state.facts.get("attach")
    if not isinstance(firewall, Link):
        if former is not None:
            _detach(builder, item, target, former)
    elif former is not None and known_way == "refuse":
        left = _detach(builder, item, target, former)
        key = attach(builder, item, firewall, target=target, former=None)
        for node in (("object", firewall.address), *_rules_of(builder, firewall)):
            builder.before_soft(left, node)
        builder.before(left, key)
    else:
        attach(builder, item, firewall, target=target, former=former)
    exposed = former is not None and (firewall is None or known_way not in ("replace", "many"))
    if not exposed or not item.runs:
        return [], None
    seconds = None if firewall is None else EXPOSURE_SECONDS
    return [Consent(RiskClass.EXPOSURE, str(item.address))], seconds
