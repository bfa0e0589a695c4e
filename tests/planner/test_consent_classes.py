"""consent#classes, sentence by sentence on real plans: which edit needs which class, at which
address, and what needs none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.plan import Action, Plan
from reconciler.model.resource import Guard, Lifecycle, LiveResource
from reconciler.model.state import Deposed
from tests.builders import OMIT, Case, firewall, rule, server, settled, told, volume


def shop(**more: Any) -> Case:
    return settled(
        firewall("web"),
        rule("web", "https"),
        rule("web", "ssh", ports="22", cidr="203.0.113.7/32"),
        firewall("spare"),
        server("web", firewall="web", **more),
        server("other", firewall="web"),
        volume("data", "web"),
    )


def guarded(case: Case) -> Case:
    return replace(case, extra={"guard": Guard(("203.0.113.7/32",), ("22",))})


OLD = LiveResource(
    "instances", "i-9", {"id": "i-9", "flavor": "small", "status": "active", "power": "on"}
)
TABLE: list[tuple[str, Callable[[], Plan], list[str]]] = [
    # delete: instance, volume, firewall; its own disk included
    (
        "a server deleted, its volume stays",
        lambda: _without("instances.other"),
        ["delete=instances.other"],
    ),
    (
        "a volume deleted: detaching it asks nothing more",
        lambda: _without("block_storages.data"),
        ["delete=block_storages.data"],
    ),
    (
        "a firewall without members deleted",
        lambda: _without("firewalls.spare"),
        ["delete=firewalls.spare"],
    ),
    ("a rule deleted", lambda: _without("firewalls.web.rules.https"), []),
    (
        "a server deleted with its volume on it: the volume that stays is detached for it, and "
        "asks nothing more",
        lambda: shop().edit("block_storages.data", instance=OMIT).leave_out("instances.web").plan(),
        ["delete=instances.web"],
    ),
    (
        "a firewall deleted under running members, by each",
        lambda: (
            shop()
            .edit("instances.web", firewall=None)
            .edit("instances.other", firewall=None)
            .leave_out("firewalls.web")
            .plan()
        ),
        ["delete=firewalls.web", "exposure=instances.other", "exposure=instances.web"],
    ),
    # data-loss, downtime
    (
        "a rebuild",
        lambda: shop().edit("instances.web", image="rocky").plan(),
        ["data-loss=instances.web", "downtime=instances.web"],
    ),
    (
        "a rebuild of a server that is off",
        lambda: shop(power="off").edit("instances.web", image="rocky").plan(),
        ["data-loss=instances.web"],
    ),
    (
        "a resize",
        lambda: shop().edit("instances.web", flavor="big").plan(),
        ["downtime=instances.web"],
    ),
    (
        "a resize of a server that is off",
        lambda: shop(power="off").edit("instances.web", flavor="big").plan(),
        [],
    ),
    (
        "a shutdown",
        lambda: shop(power="on").edit("instances.web", power="off").plan(),
        ["downtime=instances.web"],
    ),
    ("a start", lambda: shop(power="off").edit("instances.web", power="on").plan(), []),
    (
        "a running server replaced by one that stays off",
        lambda: shop().edit("instances.other", zone="z2", power="off").plan(),
        ["address-change=instances.other", "data-loss=instances.other", "downtime=instances.other"],
    ),
    # replacement
    (
        "a server replaced, create first",
        lambda: shop().edit("instances.other", zone="z2").plan(),
        ["address-change=instances.other", "data-loss=instances.other"],
    ),
    (
        "a server replaced, delete first",
        lambda: (
            shop().edit("instances.other", zone="z2", life=Lifecycle(replace="delete_first")).plan()
        ),
        ["address-change=instances.other", "data-loss=instances.other", "downtime=instances.other"],
    ),
    (
        "a server replaced under its volume: moving the volume along asks nothing more",
        lambda: shop().plan(replace=frozenset({"instances.web"})),
        ["address-change=instances.web", "data-loss=instances.web"],
    ),
    (
        "a volume replaced",
        lambda: shop().edit("block_storages.data", size=300).plan(),
        ["data-loss=block_storages.data"],
    ),
    (
        "the deposed object deleted later",
        lambda: shop().left_behind(Deposed("instances.web", "instances", "i-9"), OLD).plan(),
        [],
    ),
    # detach
    (
        "a volume moved",
        lambda: shop().edit("block_storages.data", instance="other").plan(),
        ["detach=block_storages.data"],
    ),
    (
        "a volume taken off",
        lambda: shop().edit("block_storages.data", instance=None).plan(),
        ["detach=block_storages.data"],
    ),
    # exposure
    (
        "a firewall taken off for good",
        lambda: shop().edit("instances.web", firewall=None).plan(),
        ["exposure=instances.web"],
    ),
    (
        "a firewall switched while the way is not known",
        lambda: shop().edit("instances.web", firewall="spare").plan(),
        ["exposure=instances.web"],
    ),
    (
        "a firewall switched where the account replaces at once",
        lambda: shop().with_facts(attach="replace").edit("instances.web", firewall="spare").plan(),
        [],
    ),
    (
        "a firewall taken off a server that is off",
        lambda: shop(power="off").edit("instances.web", firewall=None).plan(),
        [],
    ),
    (
        "a management port opened to the whole internet, on each server that exists",
        lambda: shop().edit("firewalls.web.rules.ssh", cidr="0.0.0.0/0").plan(),
        ["exposure=instances.other", "exposure=instances.web"],
    ),
    (
        "another port opened to the whole internet",
        lambda: shop().edit("firewalls.web.rules.https", ports="8443").plan(),
        [],
    ),
    (
        "a management port opened to a part of it",
        lambda: shop().edit("firewalls.web.rules.ssh", cidr="10.0.0.0/8").plan(),
        [],
    ),
    (
        "a management port opened behind nobody",
        lambda: shop().add(rule("spare", "ssh", ports="22", cidr="0.0.0.0/0")).plan(),
        [],
    ),
    # lockout, gone
    (
        "access that the guard keeps, on each server",
        lambda: guarded(shop()).leave_out("firewalls.web.rules.ssh").plan(),
        ["lockout=instances.other", "lockout=instances.web"],
    ),
    (
        "a successor of what is gone",
        lambda: shop().vanish("instances.other").plan(accept=(("gone", "instances.other"),)),
        ["gone=instances.other"],
    ),
    (
        "what is missing is held back and asks nothing",
        lambda: shop().vanish("instances.other").plan(),
        [],
    ),
    # none
    ("a server made", lambda: shop().add(server("new", firewall="web")).plan(), []),
    ("a volume made and attached", lambda: shop().add(volume("more", "other")).plan(), []),
    (
        "a firewall attached to a server that has none",
        lambda: settled(firewall("web"), server("a")).edit("instances.a", firewall="web").plan(),
        [],
    ),
    (
        "texts edited",
        lambda: shop().edit("instances.web", name="front", description="x").plan(),
        [],
    ),
    ("ping switched", lambda: shop().edit("firewalls.web", icmp=False).plan(), []),
    (
        "a server bound",
        lambda: (
            shop()
            .foreign_object(
                "instances",
                "i-7",
                name="shop-old",
                zone="z1",
                flavor="small",
                image="ubuntu",
                status="active",
                power="on",
            )
            .add(replace(server("old", name="shop-old"), import_id="i-7"))
            .plan()
        ),
        [],
    ),
    ("a retained server forgotten", lambda: _retained().leave_out("instances.keep").plan(), []),
]


def _without(text: str) -> Plan:
    return shop().leave_out(text).plan()


def _retained() -> Case:
    return settled(server("keep", life=Lifecycle(retain=True)), server("a"), server("b"))


@pytest.mark.parametrize(("what", "make", "wanted"), TABLE, ids=[what for what, _, _ in TABLE])
def test_each_edit_needs_exactly_the_consent_that_is_written(
    what: str, make: Callable[[], Plan], wanted: list[str]
) -> None:
    plan = make()

    assert told(plan).consents == wanted, what
    assert any(change.action is not Action.NONE for change in plan.changes), (
        f"{what}: nothing changes"
    )


def test_what_is_protected_or_in_doubt_asks_for_nothing_and_the_rest_still_does() -> None:
    case = (
        shop()
        .edit("instances.web", image="rocky", life=Lifecycle(protect=("rebuild",)))
        .leave_out("instances.other")
    )

    assert told(case.plan()).consents == ["delete=instances.other"]
