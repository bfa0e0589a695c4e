"""Rules made in the console may come without a mask: `203.0.113.5` is `/32`, `0.0.0.0` is
`0.0.0.0/0` (contract#security-groups).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model.plan import Action
from reconciler.simulator.kinds.records import Firewall, Rule
from reconciler.simulator.world import World
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
