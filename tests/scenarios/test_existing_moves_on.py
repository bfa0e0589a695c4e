"""Objects that are not ours and are meant by name: what was shown is what is used, whoever bears
that name later.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reconciler.planner import saved_plan
from reconciler.simulator.world import World
from tests.cloud_harness import CloudHarness
from tests.scenarios.test_second_look import id_of, meanwhile
from tests.scenarios.test_when_things_go_wrong import HEAD

OFFICE = (
    HEAD
    + "existing: {firewalls: {office: {name: office}}}\ninstances:\n  web: {firewall: existing.firewalls.office}\n"
)
GROUP = "firewalls:\n  %s: {name: %s, rules: {ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}}}\n"


def with_office(tmp: Path) -> CloudHarness:
    """An account in which somebody has a group `office` and another one."""
    theirs = CloudHarness()
    groups = GROUP % ("a", "office") + (GROUP % ("b", "elsewhere")).partition("\n")[2]
    theirs.apply(theirs.stack("version: 1\nstack: theirs\n" + groups, tmp))
    ours = CloudHarness()
    ours.cloud, ours.clock, ours.quota, ours._numbers = (
        theirs.cloud,
        theirs.clock,
        theirs.quota,
        theirs._numbers,
    )
    return ours


def office(harness: CloudHarness) -> str:
    """The id of the group that has that name now."""
    return next(
        group.firewall_id
        for group in harness.cloud.snapshot().firewalls.values()
        if group.title == "office"
    )


def rename(world: World) -> None:
    """The group that was named `office` no longer is; the other one is."""
    was = {group.title: group for group in world.firewalls.values()}
    world.put(replace(was["office"], title="former"))
    world.put(replace(was["elsewhere"], title="office"))


def test_a_server_joins_the_group_that_was_shown(tmp_path: Path) -> None:
    # Goal: lists are read anew while the server is made; a name that passed to another group
    # meanwhile opens nothing else.
    harness = with_office(tmp_path / "theirs")
    # its delete is proved by the list of all groups
    harness.apply(harness.stack(HEAD + GROUP % ("old", "old1"), tmp_path))
    shown = office(harness)
    harness.plans = meanwhile(harness, rename)
    assert harness.apply(harness.stack(OFFICE, tmp_path)).exit_code == 0
    assert (shown, id_of(harness, "instances.web")) in harness.cloud.snapshot().memberships


def test_a_saved_plan_means_the_group_that_it_was_made_with(tmp_path: Path) -> None:
    # Goal: the ids that its lookups gave are asked no lookup again (planning#saved-plans).
    harness = with_office(tmp_path / "theirs")
    stack = harness.stack(OFFICE, tmp_path)
    plan = harness.plan(stack)
    kept = saved_plan.SavedPlan(plan, "a", "e", simulated=False, made=saved_plan.Made(0))
    shown = office(harness)
    harness.cloud.change(rename)
    pinned = kept.plan_options.pinned
    assert saved_plan.differences(kept, harness.plan(stack, pinned=pinned)) == ()
    harness.apply(stack, pinned=pinned)
    assert (shown, id_of(harness, "instances.web")) in harness.cloud.snapshot().memberships


def test_an_object_that_the_plan_deletes_is_not_referred_to(tmp_path: Path) -> None:
    # Goal: a server that is to be behind a group of others keeps it: the group was this stack's
    # until now, and would go.
    harness = CloudHarness(switches={"delete_attached_group": "allow"})
    assert harness.apply(
        harness.stack(
            OFFICE.partition("existing")[0]
            + "instances:\n  web: {firewall: a}\n"
            + GROUP % ("a", "office"),
            tmp_path,
        )
    )
    stack = harness.stack(OFFICE, tmp_path)
    result = harness.apply(stack)
    assert (
        result.exit_code == 1
        and result.problems[0].code == "bad-combination"
        and "would delete" in result.problems[0].message
    )
    assert len(harness.cloud.snapshot().memberships) == 1
    handed_over = harness.stack(OFFICE + "removed: [{from: firewalls.a, keep: true}]\n", tmp_path)
    assert (
        harness.apply(handed_over).exit_code == 0 and len(harness.cloud.snapshot().memberships) == 1
    )
