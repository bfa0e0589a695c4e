"""Plans of many stacks: producers first, values that are not known yet, and stacks that wait."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.commands.project.plan_all import plan_all
from reconciler.commands.project.values import StackStatus
from reconciler.model import serialize
from reconciler.model.abort import Abort
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.simulator.faults import Fault
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


def test_an_object_of_another_stack_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    shop = SHOP.replace(
        "instances:",
        'existing: {firewalls: {web: {id: "${stacks.network.outputs.firewall}"}}}\ninstances:',
    ).replace("    description", "    firewall: existing.firewalls.web\n    description")
    harness = ProjectHarness(tmp_path, {"network": NETWORK, "shop": shop})
    assert statuses(harness.plan_all()) == {"network": "planned", "shop": "waiting"}
    harness.apply_one("network")
    assert statuses(harness.plan_all()) == {"network": "planned", "shop": "planned"}


def test_values_pass_through_several_stacks(tmp_path: Path) -> None:
    middle = (
        "stacks: {network: {path: ../network}}\n"
        'locals: {wall: "${stacks.network.outputs.firewall}"}\n'
        'outputs: {wall: {value: "${locals.wall}-x"}, list: {value: ["${locals.wall}", b]}}\n'
    )
    last = SHOP.replace("network", "middle").replace("outputs.firewall", "outputs.wall")
    harness = ProjectHarness(tmp_path, {"shop": last, "middle": middle, "network": NETWORK})
    plan = harness.plan_all()
    assert statuses(plan) == {"network": "planned", "middle": "planned", "shop": "planned"}
    assert plan.part("shop").after == ("network", "middle")
    planned = plan.part("shop").planned
    assert planned is not None
    row = serialize.document(planned.plan)["changes"][0]
    field = next(field for field in row["fields"] if field["path"] == "description")
    assert (field["known_after_apply"], field["waits_for"]) == (True, ["stacks.middle"])


def test_rules_may_come_from_values_of_another_stack(tmp_path: Path) -> None:
    network = NETWORK.replace("outputs:\n", 'outputs:\n  range: {value: "${firewalls.web.id}"}\n')
    walls = (
        "stacks: {network: {path: ../network}}\nfirewalls:\n  inner:\n    rules:\n"
        "      app: {direction: in, protocol: tcp, ports: 8080,"
        ' cidr: "${stacks.network.outputs.range}/32"}\n'
    )
    harness = ProjectHarness(tmp_path, {"network": network, "walls": walls})
    plan = harness.plan_all()
    assert statuses(plan) == {"network": "planned", "walls": "planned"}
    several = walls.replace(
        '"${stacks.network.outputs.range}/32"', '"${stacks.network.outputs.range}"'
    )
    several = several.replace('cidr: "$', 'cidr: ["10.0.0.0/8", "$').replace('}"}', '}"]}')
    harness.write("walls", several)
    assert statuses(harness.plan_all()) == {"network": "planned", "walls": "planned"}


def test_an_output_that_is_only_stale_is_computed_again_without_a_warning(tmp_path: Path) -> None:
    harness = ProjectHarness(tmp_path, {"network": NETWORK, "shop": SHOP})
    harness.apply_one("network")
    harness.apply_one("shop")
    harness.write("network", NETWORK.replace("443", "8443"))
    harness.interrupted = lambda: True
    assert harness.apply_one("network").exit_code != 0
    harness.interrupted = lambda: False
    alone, together = harness.plan_all("shop"), harness.plan_all()
    assert "output" in {problem.code for problem in alone.part("shop").problems}
    assert together.part("shop").problems == ()
    assert together.part("shop").after == ("network",)
    assert not together.part("shop").has_changes


def test_a_destroy_reads_what_the_states_have(tmp_path: Path) -> None:
    harness = ProjectHarness(tmp_path, {"network": NETWORK, "shop": SHOP})
    for title in harness.stores:
        harness.apply_one(title)
    options = PlanOptions(destroy=True)
    inputs = [harness.input(title, options) for title in harness.stores]
    plan = plan_all(inputs, harness.connection())
    assert statuses(plan) == {"network": "planned", "shop": "planned"}
    assert all(part.has_changes for part in plan.parts)


def test_drift_of_many_stacks_is_found_by_one_reading(tmp_path: Path) -> None:
    harness = ProjectHarness(tmp_path, {"network": NETWORK, "shop": SHOP})
    for title in harness.stores:
        harness.apply_one(title)
    (server,) = harness.cloud.world.instances.values()
    harness.cloud.change(lambda world: world.put(replace(server, flavor_id="std_8.16-g1")))
    alone = [harness.drift_all(title) for title in harness.stores]
    found = harness.drift_all()
    assert found.calls < sum(each.calls for each in alone)
    drifted = {
        part.title: [change.address.name for change in part.planned.plan.drift]
        for part in found.parts
        if part.planned is not None
    }
    assert drifted == {"network": [], "shop": ["web"]}


def test_an_account_that_cannot_be_read_stops_the_run_once(tmp_path: Path) -> None:
    fault = Fault("executed_then_5xx", route="/v1/instances")
    harness = ProjectHarness(tmp_path, {"network": NETWORK, "shop": SHOP}, faults=(fault,))
    with pytest.raises(Abort) as stopped:
        harness.plan_all()
    assert [problem.code for problem in stopped.value.problems] == ["cloud"]


def test_what_only_one_stack_needs_fails_that_stack_alone(tmp_path: Path) -> None:
    fault = Fault("executed_then_5xx", route="/v1/images")
    plain = NETWORK.replace("web", "other")
    harness = ProjectHarness(tmp_path, {"shop": SHOP.replace("network", "wall"), "wall": plain})
    harness.apply_one("wall")
    harness.cloud.set_faults((fault,))
    assert statuses(harness.plan_all()) == {"wall": "planned", "shop": "failed"}
