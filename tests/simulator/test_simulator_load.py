"""Load: a world of 10,000 objects (issue: a page in under 20 ms)."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from reconciler.simulator import World
from reconciler.simulator.records import BlockStorage, Firewall, Membership, Rule
from reconciler.simulator.worldfile import default_world, instance_from_data
from tests.simulator.harness import Account, account

PAGE_SECONDS_MAX = 0.020


def large_world() -> World:
    """6,000 servers, 3,500 volumes, 500 groups with 20 rules each."""
    world = default_world()
    for number in range(6_000):
        world.put_instance(replace(instance_from_data(world, {"name": f"web-{number}"}), description="x" * 20))
    keys = list(world.instances)
    for number in range(3_500):
        key = world.new_id("block_storage")
        world.put_volume(BlockStorage(key, f"data-{number}", None, "ssd", 20, "active", "kr1-z01", keys[number % 3_000], 0.0))
    for number in range(500):
        rules = tuple(Rule(world.new_rule_id(), "IN", "TCP", str(1_000 + each), "0.0.0.0/0", f"rule-{each}") for each in range(20))
        firewall = Firewall(world.new_id("firewall"), f"group-{number}", "text", "N", rules)
        world.put_firewall(firewall)
        for member in range(4):
            world.put_membership(Membership(firewall.firewall_id, keys[number * 4 + member]))
    return world


@pytest.fixture(scope="module")
def large() -> Account:
    return account(world=large_world())


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/instances", {"page_size": 100, "page_no": 50, "fields": 131071}),
        ("/v1/instances", {"page_size": 100, "fields": 44927, "status": "active", "name": "web"}),
        ("/v1/security-groups", {"page_size": 100}),
        ("/v1/flavors", {"page_size": 100}),
    ],
)
def test_a_page_of_a_large_world_comes_in_20_milliseconds(large: Account, path: str, query: dict[str, object]) -> None:
    """The best of several, as the machine is shared."""
    request = large.request("GET", path, query=query)
    seconds = []
    for _ in range(7):
        begun = time.perf_counter()
        assert large.cloud.handle(request).status == 200
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < PAGE_SECONDS_MAX, seconds


def test_a_large_world_is_copied_in_a_moment(large: Account) -> None:
    """Snapshots are taken before every answer that is saved."""
    begun = time.perf_counter()
    copy = large.cloud.snapshot()
    assert time.perf_counter() - begun < 0.05
    assert len(copy.instances) == 6_000
