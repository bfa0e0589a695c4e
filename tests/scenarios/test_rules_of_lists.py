"""Rules from lists on the screen, with `--only`, and after somebody has edited one in the console."""

from __future__ import annotations

from pathlib import Path

from reconciler.render.plan import plan_sections
from tests.cloud_harness import CloudHarness
from tests.scenarios.test_absorb import absorbed, send
from tests.scenarios.world import world_of

STACK = """\
version: 1
stack: shop
firewalls:
  web:
    rules:
      ssh: {direction: in, protocol: tcp, ports: [22, 443], cidr: [10.0.0.0/8]}
      dns: {direction: out, protocol: udp, ports: 53, cidr: []}
"""
MORE = STACK.replace("[10.0.0.0/8]", "[172.16.0.0/12, 10.0.0.0/8, 192.0.2.0/24]")


def rules(harness: CloudHarness) -> list[str]:
    found: list[str] = world_of(harness.cloud)["firewalls"]["shop-web"]["rules"]
    return found


def test_rules_of_one_list_are_one_row_that_names_each(tmp_path: Path) -> None:
    harness = CloudHarness()
    assert harness.apply(harness.stack(STACK, tmp_path)).exit_code == 0
    plan = harness.plan(harness.stack(MORE, tmp_path))
    (section,) = plan_sections.sections(plan)
    (row,) = section.rows
    assert row.address == 'firewalls.web.rules.ssh[22]["172.16.0.0/12"], ...'
    assert row.texts == (
        "add 4 rules: in tcp/22 from 172.16.0.0/12, in tcp/22 from 192.0.2.0/24, "
        "in tcp/443 from 172.16.0.0/12, in tcp/443 from 192.0.2.0/24",
    )
    verbose = plan_sections.sections(plan, verbose=True)
    assert sum(len(each.rows) for each in verbose) > 4


def test_a_rule_with_an_empty_list_is_mentioned_if_its_firewall_changes(tmp_path: Path) -> None:
    harness = CloudHarness()
    plan = harness.plan(harness.stack(STACK, tmp_path))
    assert [p.address for p in plan.problems if p.code == "empty-rule"] == [
        "firewalls.web.rules.dns"
    ]
    assert harness.apply(harness.stack(STACK, tmp_path)).exit_code == 0
    assert harness.plan(harness.stack(STACK, tmp_path)).problems == ()


def test_one_rule_of_a_list_can_be_applied_alone(tmp_path: Path) -> None:
    harness = CloudHarness()
    assert harness.apply(harness.stack(STACK, tmp_path)).exit_code == 0
    one = 'firewalls.web.rules.ssh[443]["192.0.2.0/24"]'
    assert harness.apply(harness.stack(MORE, tmp_path), only=(one,)).exit_code == 0
    assert rules(harness) == [
        "ssh: IN TCP/22 10.0.0.0/8",
        "ssh: IN TCP/443 10.0.0.0/8",
        "ssh: IN TCP/443 192.0.2.0/24",
    ]
    again = harness.apply(harness.stack(MORE, tmp_path), only=("firewalls.web.rules.ssh",))
    assert (again.exit_code, len(again.done)) == (0, 3)
    assert len(rules(harness)) == 6


def test_a_rule_of_a_list_is_not_absorbed(tmp_path: Path) -> None:
    harness = CloudHarness()
    assert harness.apply(harness.stack(STACK, tmp_path)).exit_code == 0
    state = harness.state
    assert state is not None
    one = 'firewalls.web.rules.ssh[22]["10.0.0.0/8"]'
    firewall, id = state.entries["firewalls.web"].id, state.entries[one].id
    send(harness, "PUT", f"/v1/security-groups/{firewall}/rules/{id}", {"ip": "9.9.9.0/24"})
    text, problems = absorbed(harness, tmp_path, one)
    assert text == STACK
    assert [p.code for p in problems] == ["absorb"]
    assert "comes from a list" in str(problems[0].message)
