"""Situations in which somebody reads a plan: real plans of stacks made by hand, each with the
screen it is read on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.model.diagnostics import Place
from reconciler.model.plan import Plan, RiskClass
from reconciler.model.resource import Deferred, Guard, Lifecycle, LiveResource, Ref, Resource
from reconciler.model.state import Deposed
from reconciler.planner.checks.approval import Acceptance
from reconciler.render.run.screen import Style
from tests.builders import Case, at, firewall, nothing, rule, server, settled, volume

WIDE = Style(width=120)


@dataclass(frozen=True)
class Situation:
    """A plan and how it is looked at. `accept` is what was consented to beforehand."""

    plan: Callable[[], Plan]
    look: Style = WIDE
    accept: tuple[Acceptance, ...] = ()
    tracked: int = 100


def placed(*resources: Resource) -> tuple[Resource, ...]:
    """The resources as they stand one below the other in a file: the object on a line, each
    attribute on one of its own.
    """
    found, line = [], 3
    for resource in resources:
        line += 1
        here = line
        places = {}
        for name in sorted(resource.attributes):
            line += 1
            places[name] = Place("stack.yaml", line, 5)
        found.append(replace(resource, place=Place("stack.yaml", here, 3), places=places))
    return tuple(found)


def shop(**more: Any) -> Case:
    """Two web servers behind a firewall, a database with its volume."""
    return settled(
        *placed(
            firewall("web"),
            rule("web", "https"),
            rule("web", "ssh", ports="22", cidr="203.0.113.7/32"),
            firewall("db", icmp=False),
            rule("db", "mysql", ports="3306", cidr="10.0.0.0/8"),
            server("web[0]", firewall="web"),
            server("web[1]", firewall="web"),
            server("db", flavor="big", firewall="db", **more),
            volume("data", "db", size=200),
        )
    )


def many(count: int, **attributes: Any) -> tuple[Resource, ...]:
    """Servers of one resource, all asked for on the same line."""
    here = Place("stack.yaml", 12, 3)
    return tuple(
        replace(server(f"web[{number}]", **attributes), place=here, places={})
        for number in range(count)
    )


def disks(count: int) -> tuple[Resource, ...]:
    here = Place("stack.yaml", 30, 3)
    return tuple(
        replace(volume(f"data[{number}]", f"web[{number}]"), place=here, places={})
        for number in range(count)
    )


def thirty() -> Plan:
    """A day's work: a server more for each, some resized, a rule opened, one deleted."""
    case = settled(
        *placed(firewall("web"), rule("web", "https")),
        *many(14, firewall="web"),
        *disks(14),
        *placed(server("old", firewall="web")),
    )
    case = case.add(*many(20, firewall="web")[14:], *disks(20)[14:])
    for number in (2, 5):
        case = case.edit(f"instances.web[{number}]", flavor="big")
    for number in range(6, 12):
        case = case.edit(f"instances.web[{number}]", description="주 웹 서버")
    return (
        case.leave_out("instances.old")
        .add(*placed(rule("web", "api", ports="8080", cidr="10.0.0.0/8")))
        .plan()
    )


def five_hundred() -> Plan:
    """A whole new site, and one server of the old one that goes."""
    case = settled(*placed(firewall("web"), rule("web", "https"), server("old", firewall="web")))
    return case.add(*many(250, firewall="web"), *disks(250)).leave_out("instances.old").plan()


def everything() -> Plan:
    """All that is dangerous, at once: what a person must not miss on any screen."""
    keep = Lifecycle(protect=("delete",))
    case = settled(
        *placed(
            firewall("web"),
            rule("web", "https"),
            rule("web", "ssh", ports="22", cidr="203.0.113.7/32"),
            rule("web", "office", ports="22", cidr="198.51.100.0/24"),
            firewall("db"),
            *(
                server(name, firewall="web")
                for name in ("gone", "image", "lost", "moved", "off", "open", "size", "switch")
            ),
            server("kept", life=keep),
            volume("bigger", "size", size=200),
            volume("free", "size"),
            volume("old", None, size=50),
        )
    )
    case = replace(
        case, extra={"guard": Guard(("203.0.113.7/32",), ("22",)), "prices": {"ssd": 120}}
    )
    case = (
        case.edit("instances.image", image="rocky")
        .edit("instances.size", flavor="big")
        .edit("instances.off", power="off")
    )
    case = (
        case.edit("instances.moved", zone="z2")
        .edit("instances.open", firewall=None)
        .edit("instances.switch", firewall="db")
    )
    case = case.edit("block_storages.bigger", size=500).edit("block_storages.free", instance=None)
    case = case.edit("firewalls.web.rules.office", cidr="0.0.0.0/0").drift(
        "instances.size", name="주문 서버 (손대지 마세요)"
    )
    case = case.left_behind(
        Deposed("instances.image", "instances", "i-9"),
        _row("instances", "i-9", flavor="big", power="on"),
    )
    return (
        case.vanish("instances.lost")
        .leave_out(
            "instances.gone", "instances.kept", "block_storages.old", "firewalls.web.rules.ssh"
        )
        .plan()
    )


def unknown_rule() -> Resource:
    waits = Deferred(
        "${instances.web[0].private_ip}/32", (Ref(at("instances.web[0]"), "private_ip"),)
    )
    return rule("db", "mysql", ports="3306", cidr=waits)


def drifted() -> Case:
    case = (
        shop(description="orders")
        .drift("instances.web[0]", name="tmp")
        .drift("instances.db", description="hands off")
    )
    case = case.remember(
        "instances.web[0]",
        applied={**case.entries["instances.web[0]"].applied, "name": "shop-web-0"},
    )
    return case.edit("instances.web[0]", name="shop-web-0").edit(
        "instances.db", description="orders and customers"
    )


def guarded(case: Case) -> Case:
    return replace(case, extra={"guard": Guard(("203.0.113.7/32",), ("22",))})


def _row(kind: str, id: str, **attributes: Any) -> LiveResource:
    return LiveResource(kind, id, {"id": id, **attributes})


SITUATIONS: Mapping[str, Situation] = {
    "no_changes": Situation(lambda: shop().plan()),
    "one_server": Situation(
        lambda: nothing(*placed(server("web", ssh_keys=("deploy",)))).plan(), Style(width=80)
    ),
    "first_stack": Situation(
        lambda: nothing(
            *placed(
                firewall("db"),
                unknown_rule(),
                server("web[0]"),
                server("db", firewall="db"),
                volume("data", "db"),
            )
        ).plan()
    ),
    "resize": Situation(
        lambda: (
            shop().edit("instances.db", flavor="small", life=Lifecycle(resize="stop_first")).plan()
        )
    ),
    "resize_80": Situation(
        lambda: shop().edit("instances.web[0]", flavor="big").plan(), Style(width=80)
    ),
    "rebuild": Situation(lambda: shop().edit("instances.db", image="rocky").plan()),
    "power_off": Situation(lambda: shop(power="on").edit("instances.db", power="off").plan()),
    "replace_server": Situation(lambda: shop().edit("instances.web[1]", zone="z2").plan()),
    "replace_delete_first_ascii": Situation(
        lambda: (
            shop()
            .edit("instances.web[1]", zone="z2", life=Lifecycle(replace="delete_first"))
            .plan()
        ),
        Style(width=100, ascii=True),
    ),
    "replace_volume": Situation(lambda: shop().edit("block_storages.data", size=500).plan()),
    "move_volume": Situation(lambda: shop().edit("block_storages.data", instance="web[0]").plan()),
    "delete": Situation(
        lambda: shop().leave_out("instances.db", "block_storages.data", "firewalls.db").plan(),
        Style(width=200),
    ),
    "open_to_all": Situation(
        lambda: shop().edit("firewalls.web.rules.ssh", cidr="0.0.0.0/0").plan()
    ),
    "close": Situation(lambda: shop().leave_out("firewalls.web.rules.https").plan()),
    "switch_firewall": Situation(lambda: shop().edit("instances.db", firewall="web").plan()),
    "no_firewall": Situation(lambda: shop().edit("instances.db", firewall=None).plan()),
    "lockout": Situation(lambda: guarded(shop()).leave_out("firewalls.web.rules.ssh").plan()),
    "drift": Situation(lambda: drifted().plan()),
    "drift_left": Situation(
        lambda: (
            drifted()
            .edit("instances.web[0]", name="tmp")
            .edit("instances.db", description="hands off")
            .plan()
        )
    ),
    "rule_gone_outside": Situation(lambda: shop().vanish("firewalls.web.rules.ssh").plan()),
    "missing": Situation(
        lambda: shop().vanish("instances.web[1]").edit("instances.db", flavor="small").plan()
    ),
    "gone_accepted": Situation(
        lambda: shop().vanish("instances.web[1]").plan(accept=(("gone", "instances.web[1]"),)),
        accept=(Acceptance(RiskClass.GONE, "instances.web[1]"),),
    ),
    "protected": Situation(
        lambda: (
            shop()
            .edit("instances.db", image="rocky", life=Lifecycle(protect=("rebuild",)))
            .edit("instances.web[0]", name="front")
            .plan()
        )
    ),
    "deposed": Situation(
        lambda: (
            shop()
            .left_behind(
                Deposed("instances.web[0]", "instances", "i-9"),
                _row("instances", "i-9", flavor="small", status="active", power="on"),
            )
            .plan()
        )
    ),
    "import": Situation(
        lambda: (
            shop()
            .foreign_object(
                "instances",
                "i-7",
                name="legacy",
                zone="z1",
                flavor="small",
                image="ubuntu",
                status="active",
                power="on",
            )
            .add(replace(placed(server("legacy", name="shop-legacy"))[0], import_id="i-7"))
            .plan()
        )
    ),
    "destroy": Situation(lambda: shop().plan(destroy=True), accept=(Acceptance(RiskClass.DELETE),)),
    "no_longer_managed": Situation(lambda: settled(*many(6, description="x")).add(*many(6)).plan()),
    "errors": Situation(
        lambda: shop().edit("instances.db", flavor="huge").add(*placed(volume("more", None))).plan()
    ),
    "hangul_80": Situation(
        lambda: (
            shop()
            .edit(
                "instances.web[0]",
                name="대한민국 서울 웹 서버",
                description="주문을 받는 서버입니다",
            )
            .plan()
        ),
        Style(width=80),
    ),
    "thirty": Situation(thirty),
    "thirty_80": Situation(thirty, Style(width=80)),
    "everything_80": Situation(everything, Style(width=80)),
    "everything_200": Situation(everything, Style(width=200)),
    "two_zones": Situation(
        lambda: nothing(
            *many(6),
            *placed(server("db", zone="z2"), server("log", zone="z2")),
            volume("data", "db"),
        ).plan(),
        Style(width=80, verbose=True),
    ),
    "verbose_cost": Situation(
        lambda: replace(
            settled(*many(5), *disks(5), *placed(server("old")))
            .add(*many(7)[5:], *disks(7)[5:])
            .leave_out("instances.old"),
            extra={"prices": {"ssd": 120}},
        ).plan(),
        Style(width=120, verbose=True),
    ),
    "five_hundred": Situation(five_hundred, Style(width=None)),
}
"""Name to situation; each has a golden screen of that name."""
