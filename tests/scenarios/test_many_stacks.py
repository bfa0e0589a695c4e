"""Plans of many stacks: producers first, values that are not known yet, and stacks that wait."""

from __future__ import annotations

from pathlib import Path

from reconciler.commands.project.values import StackStatus
from tests.projects import ProjectHarness, statuses

NETWORK = """\
firewalls:
  web:
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
outputs:
  firewall: {value: "${firewalls.web.id}"}
  copies: {value: 2}
"""
SHOP = """\
stacks: {network: {path: ../network}}
instances:
  web:
    zone: kr1-z01
    flavor: std_1.2-g1
    image: {os: ubuntu, version: "22.04"}
    description: "${stacks.network.outputs.firewall}"
"""


def test_a_stack_is_planned_with_what_its_producer_will_have(tmp_path: Path) -> None:
    harness = ProjectHarness(tmp_path, {"shop": SHOP, "network": NETWORK})
    plan = harness.plan_all()
    assert statuses(plan) == {"network": "planned", "shop": "planned"}
    shop = plan.part("shop")
    assert shop.after == ("network",) and shop.reads == ("network",)
    assert shop.planned is not None
    (change,) = shop.planned.plan.changes
    texts = {field.path: str(field.after) for field in change.fields}
    assert texts["description"] == "known after apply of network"


def test_a_stack_waits_if_its_number_of_objects_is_not_known(tmp_path: Path) -> None:
    network = NETWORK.replace("value: 2", 'value: "${size(firewalls.web.id)}"')
    shop = SHOP.replace("  web:\n", '  web:\n    count: "${stacks.network.outputs.copies}"\n')
    harness = ProjectHarness(tmp_path, {"network": network, "shop": shop})
    plan = harness.plan_all()
    assert statuses(plan) == {"network": "planned", "shop": "waiting"}
    part = plan.part("shop")
    assert part.exit_code == 0 and plan.exit_code == 0
    assert [problem.code for problem in part.problems] == ["waiting"]
    assert "network" in part.problems[0].message


def test_stacks_that_read_each_other_fail_and_no_other(tmp_path: Path) -> None:
    one = 'stacks: {b: {path: ../b}}\noutputs: {x: {value: "${stacks.b.outputs.x}"}}\n'
    two = 'stacks: {a: {path: ../a}}\noutputs: {x: {value: "${stacks.a.outputs.x}"}}\n'
    harness = ProjectHarness(tmp_path, {"a": one, "b": two, "network": NETWORK})
    plan = harness.plan_all()
    assert statuses(plan) == {"b": "failed", "a": "waiting", "network": "planned"}
    assert plan.part("b").problems[0].code == "cycle"
    assert plan.exit_code == 1


def test_a_stack_that_reads_a_failed_one_waits(tmp_path: Path) -> None:
    harness = ProjectHarness(tmp_path, {"network": "instances: 3\n", "shop": SHOP})
    plan = harness.plan_all()
    assert statuses(plan) == {"network": "failed", "shop": "waiting"}
    assert plan.part("shop").status is StackStatus.WAITING


def test_an_applied_producer_gives_its_values_and_nothing_is_provisional(tmp_path: Path) -> None:
    harness = ProjectHarness(tmp_path, {"network": NETWORK, "shop": SHOP})
    harness.apply_one("network")
    plan = harness.plan_all()
    shop = plan.part("shop")
    assert shop.after == () and shop.planned is not None
    assert not plan.part("network").has_changes
    (change,) = shop.planned.plan.changes
    id = harness.stores["network"].read().outputs["firewall"][0]  # type: ignore[union-attr]
    assert {field.path: field.after for field in change.fields}["description"] == id
