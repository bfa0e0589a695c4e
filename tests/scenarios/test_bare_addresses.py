"""Rules made in the console may come without a mask: `203.0.113.5` is `/32`, `0.0.0.0` is
`0.0.0.0/0` (contract#security-groups).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.commands import absorb, adopt, import_
from reconciler.config import loader
from reconciler.importing import adopt_writer
from reconciler.model import ports
from reconciler.model.plan import Action, unstated
from reconciler.simulator.faults import Fault, FaultPlan
from reconciler.simulator.kinds.records import Firewall, Rule
from reconciler.simulator.world import World
from tests.builders import at
from tests.cloud_harness import CloudHarness
from tests.scenarios.test_second_look import id_of, meanwhile, writes
from tests.scenarios.test_when_things_go_wrong import HEAD

OFFICE = "      office: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.5/32}\n"
GROUP = "firewalls:\n  web:\n    rules:\n      all: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}\n"
TEXT = HEAD + GROUP + OFFICE
APIS = ("security-groups", "firewall")


def unmask(world: World, id: str) -> None:
    """The rules of a group come back as the console shows them."""
    world.put_rules(
        id, [replace(rule, ip=rule.ip.partition("/")[0]) for rule in world.firewalls[id].rules]
    )


@pytest.mark.parametrize("api", APIS)
def test_a_rule_without_a_mask_is_neither_a_change_nor_drift(api: str, tmp_path: Path) -> None:
    # Goal: plan, drift and the state agree on one form.
    harness = CloudHarness(firewall_api=api)
    assert harness.apply(harness.stack(TEXT, tmp_path)).exit_code == 0
    web = id_of(harness, "firewalls.web")
    harness.cloud.change(lambda world: unmask(world, web))
    plan = harness.plan(harness.stack(TEXT, tmp_path))
    assert plan.is_empty and plan.drift == () and plan.records == ()


@pytest.mark.parametrize("api", APIS)
def test_a_firewall_made_in_the_console_is_imported_without_a_write(
    api: str, tmp_path: Path
) -> None:
    # Goal: an import of `203.0.113.5` deletes no rule and creates none.
    harness = CloudHarness(firewall_api=api)
    rules = (
        Rule(1, "IN", "TCP", "443", "0.0.0.0", "all"),
        Rule(2, "IN", "TCP", "22", "203.0.113.5", "office"),
    )
    harness.cloud.change(
        lambda world: world.put(Firewall("FIREWALL-theirs", "by-hand", "by hand", "N", rules))
    )
    stack = harness.stack(
        TEXT.replace("  web:\n", "  web:\n    import: FIREWALL-theirs\n"), tmp_path
    )
    plan = harness.plan(stack)
    assert plan.steps == () and {change.action for change in plan.changes} == {Action.IMPORT}
    assert harness.apply(stack).exit_code == 0 and harness.plan(stack).is_empty
    assert harness.cloud.snapshot().firewalls["FIREWALL-theirs"].rules == rules


@pytest.mark.parametrize("api", APIS)
def test_a_mask_that_appears_or_disappears_does_not_fail_a_precondition(
    api: str, tmp_path: Path
) -> None:
    # Goal: the rule is the one of the plan, and is deleted; the others are written with their
    # masks.
    harness = CloudHarness(firewall_api=api)
    assert harness.apply(harness.stack(TEXT, tmp_path)).exit_code == 0
    web, sends = id_of(harness, "firewalls.web"), len(harness.sends)
    harness.plans = meanwhile(harness, lambda world: unmask(world, web))
    assert harness.apply(harness.stack(HEAD + GROUP, tmp_path)).exit_code == 0
    assert len(writes(harness, sends)) == 1 and [
        rule.port for rule in harness.cloud.snapshot().firewalls[web].rules
    ] == ["443"]


BARE = (
    Rule(1, "IN", "TCP", "443", "0.0.0.0", "all"),
    Rule(2, "IN", "TCP", "22", "203.0.113.5", "office"),
)


def with_bare_firewall(api: str) -> CloudHarness:
    """An account with a firewall that was made in the console."""
    harness = CloudHarness(firewall_api=api)
    made = Firewall("FIREWALL-theirs", "by-hand", "by hand", "N", BARE)
    harness.cloud.change(lambda world: world.put(made))
    return harness


@pytest.mark.parametrize("api", APIS)
def test_adopt_writes_masks_and_its_plan_sends_nothing(api: str, tmp_path: Path) -> None:
    harness = with_bare_firewall(api)
    selection = adopt.AdoptSelection(texts=("by-hand",))
    found, account, _ = adopt.adopt(harness.connection(), selection, stack="taken")
    text = adopt_writer.text(found, account)
    assert "cidr: 0.0.0.0/0" in text and "cidr: 203.0.113.5/32" in text
    stack = harness.stack(text, tmp_path)
    assert harness.plan(stack).steps == () and harness.apply(stack).exit_code == 0
    assert harness.plan(stack).is_empty and harness.plan(stack).drift == ()


@pytest.mark.parametrize("api", APIS)
def test_the_command_import_binds_rules_without_masks(api: str, tmp_path: Path) -> None:
    harness = with_bare_firewall(api)
    stack = harness.stack(TEXT, tmp_path)
    request = import_.ImportRequest(at("firewalls.web"), "by-hand", agree=lambda _: None)
    holder = ports.Holder("tester", "lab", 9, "import", harness.clock.time(), run="import")
    import_.bind(
        stack, harness.connection(), harness.store, request, holder, lock_timeout_seconds=0.0
    )
    plan = harness.plan(stack)
    assert plan.steps == () and {change.action for change in plan.changes} <= {Action.NONE}


@pytest.mark.parametrize("api", APIS)
def test_a_rule_without_a_mask_that_was_added_outside_is_absorbed_with_one(
    api: str, tmp_path: Path
) -> None:
    harness = CloudHarness(firewall_api=api)
    path = tmp_path / "stack.yaml"

    def load(texts: Mapping[str, str]) -> loader.Loaded:
        return loader.load_stack(path, environment=None, instead=texts)

    assert harness.apply(harness.stack(TEXT, tmp_path)).exit_code == 0
    web = id_of(harness, "firewalls.web")

    def add(world: World) -> None:
        unmask(world, web)
        more = Rule(99, "IN", "TCP", "8080", "198.51.100.9", "more")
        world.put_rules(web, [*world.firewalls[web].rules, more])

    harness.cloud.change(add)
    absorb.write(absorb.absorb(load({}).stack, (), harness.connection(), harness.store, load))
    assert "cidr: 198.51.100.9/32" in path.read_text(encoding="utf-8")
    plan = harness.plan(load({}).stack)
    assert plan.steps == () and not unstated(plan.drift)


@pytest.mark.parametrize("api", APIS)
def test_a_lost_rule_is_settled_by_one_without_a_mask(api: str, tmp_path: Path) -> None:
    harness = CloudHarness(firewall_api=api)
    assert harness.apply(harness.stack(HEAD + GROUP, tmp_path)).exit_code == 0
    web, before = id_of(harness, "firewalls.web"), len(harness.cloud.snapshot().instances)
    route = "createSecurityGroupRule" if api == APIS[0] else "editFirewall"
    harness.cloud.faults = FaultPlan((Fault("answer_lost", route=route, nth=1),), seed=3)
    stack = harness.stack(TEXT, tmp_path)
    harness.apply(stack, wait=False)
    harness.cloud.change(lambda world: unmask(world, web))
    harness.clock.advance(600)
    assert harness.apply(stack).exit_code == 0 and harness.plan(stack).is_empty
    world = harness.cloud.snapshot()
    assert [rule.port for rule in world.firewalls[web].rules] == ["443", "22"]
    assert len(world.instances) == before
