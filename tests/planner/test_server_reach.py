"""Who can reach each server before a plan and after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.plan import Plan
from reconciler.planner.firewall import server_reach
from tests.builders import Case, firewall, nothing, rule, server, settled

HTTPS = ("tcp/443 from 0.0.0.0/0", "ping")
SSH = "tcp/22 from 203.0.113.7/32"
ALL = ("every port from 0.0.0.0/0", "ping")


def shop() -> Case:
    return settled(
        firewall("web"),
        rule("web", "https"),
        firewall("db", icmp=False),
        server("web[0]", firewall="web"),
        server("web[1]", firewall="web"),
        server("open", firewall=None),
    )


def reach(plan: Plan) -> dict[str, tuple[object, object]]:
    return {str(each.server): (each.before, each.after) for each in plan.reach}


def test_nothing_changes_without_a_change() -> None:
    plan = shop().plan()
    assert reach(plan) == {
        "instances.open": (ALL, ALL),
        "instances.web[0]": (HTTPS, HTTPS),
        "instances.web[1]": (HTTPS, HTTPS),
    }
    assert [str(each.server) for each in plan.reach] == list(reach(plan))


@pytest.mark.parametrize(
    ("case", "server_", "before", "after"),
    [
        (shop().add(rule("web", "ssh", ports="22", cidr="203.0.113.7/32")), "instances.web[0]", HTTPS, {*HTTPS, SSH}),
        (shop().leave_out("firewalls.web.rules.https"), "instances.web[1]", HTTPS, {"ping"}),
        (shop().edit("instances.web[0]", firewall="db"), "instances.web[0]", HTTPS, set()),
        (shop().edit("instances.web[0]", firewall=None), "instances.web[0]", HTTPS, set(ALL)),
        (shop().leave_out("instances.web[1]"), "instances.web[1]", HTTPS, set()),
        (shop().add(server("new", firewall="web")), "instances.new", (), set(HTTPS)),
        (shop().edit("instances.web[0]", zone="z2"), "instances.web[0]", HTTPS, set(HTTPS)),
        (nothing(firewall("web"), rule("web", "https"), server("first", firewall="web")), "instances.first", (), set(HTTPS)),
    ],
)  # fmt: skip
def test_the_traffic_after_a_plan_is_what_its_steps_leave(
    case: Case, server_: str, before: object, after: set[str]
) -> None:
    found = reach(case.plan())[server_]
    assert found[0] == before and set(found[1]) == after  # type: ignore[call-overload]


def test_rules_that_were_not_read_are_unknown() -> None:
    case = settled(server("web"))
    assert reach(case.plan()) == {"instances.web": (None, None)}


def test_what_is_not_done_changes_nothing() -> None:
    case = shop().add(server("new", firewall="web")).leave_out("instances.web[1]")
    left = server_reach.left_as_it_is(case.plan())
    assert [str(each.server) for each in left] == [
        "instances.open",
        "instances.web[0]",
        "instances.web[1]",
    ]
    assert all(each.before == each.after for each in left)


def test_a_plan_with_another_reach_is_the_same_plan() -> None:
    plan = shop().plan()
    assert replace(plan, reach=()) == plan
