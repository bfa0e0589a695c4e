"""New instances that the whole internet reaches, and new firewalls without a rule for outgoing
traffic.
"""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.plan import Plan
from tests.builders import Case, firewall, nothing, rule, server, settled


def found(plan: Plan, code: str) -> list[str]:
    return [f"{each.address}: {each.message}" for each in plan.problems if each.code == code]


def behind(*rules: dict[str, Any]) -> Case:
    made = [rule("web", f"r{number}", **each) for number, each in enumerate(rules)]
    return nothing(firewall("web"), *made, server("a", firewall="web"))


ALL: dict[str, Any] = {"ports": "1-65535", "cidr": "0.0.0.0/0"}


def test_a_new_instance_without_a_firewall_is_reported() -> None:
    plan = nothing(server("a")).plan()

    assert found(plan, "open-to-all") == [
        "instances.a: no firewall: the whole internet reaches every port"
    ]


@pytest.mark.parametrize(
    "rules",
    [
        [ALL],
        [{"ports": "1-65535", "cidr": "0.0.0.0/1"}, {"ports": "1-65535", "cidr": "128.0.0.0/1"}],
        [{"ports": "20-60000", "cidr": "0.0.0.0/0"}],
    ],
)
def test_a_new_instance_behind_a_firewall_that_opens_everything_is_reported(
    rules: list[dict[str, Any]],
) -> None:
    assert found(behind(*rules).plan(), "open-to-all") == [
        "instances.a: firewalls.web lets the whole internet reach every management and database "
        "port"
    ]


@pytest.mark.parametrize(
    "case",
    [
        behind({"ports": "443", "cidr": "0.0.0.0/0"}, {"ports": "22", "cidr": "203.0.113.7/32"}),
        behind({"ports": "1-65535", "cidr": "10.0.0.0/8"}),
        settled(server("a")),
        settled(server("a")).edit("instances.a", zone="z2"),
    ],
    ids=["closed", "private", "existing", "a successor"],
)
def test_no_other_instance_is_reported(case: Case) -> None:
    assert found(case.plan(), "open-to-all") == []


def test_new_firewalls_without_a_rule_for_outgoing_traffic_get_one_notice() -> None:
    case = nothing(
        firewall("a"), firewall("b"), firewall("c"), rule("c", "out", **ALL, direction="out")
    )

    (text,) = found(case.plan(), "no-out-rule")
    assert text == (
        "None: no rule with `direction: out` in firewalls.a, firewalls.b; iwinv does not document "
        "whether outgoing traffic is allowed then"
    )


def test_an_existing_firewall_gets_no_notice() -> None:
    assert found(settled(firewall("a")).plan(), "no-out-rule") == []
