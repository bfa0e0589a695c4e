"""Load: a world of 10,000 objects, by the work that a request takes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from reconciler.simulator import World
from reconciler.simulator.kinds.records import BlockStorage, Firewall, Membership, Rule
from reconciler.simulator.kinds.registry import KINDS
from reconciler.simulator.worldfile import default_world, record_from_data
from tests.simulator.harness import Account, account


def large_world() -> World:
    """6,000 servers, 3,500 volumes, 500 groups with 20 rules each."""
    world = default_world()
    for number in range(6_000):
        world.put(
            replace(
                record_from_data(world, KINDS["instance"], {"name": f"web-{number}"}),
                description="x" * 20,
            )
        )
    keys = list(world.instances)
    for number in range(3_500):
        key = world.new_id("block_storage")
        world.put(
            BlockStorage(
                key,
                f"data-{number}",
                None,
                "ssd",
                20,
                "active",
                "kr1-z01",
                keys[number % 3_000],
                0.0,
            )
        )
    for number in range(500):
        rules = tuple(
            Rule(world.new_rule_id(), "IN", "TCP", str(1_000 + each), "0.0.0.0/0", f"rule-{each}")
            for each in range(20)
        )
        firewall = Firewall(world.new_id("firewall"), f"group-{number}", "text", "N", rules)
        world.put(firewall)
        for member in range(4):
            world.put(Membership(firewall.firewall_id, keys[number * 4 + member]))
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
def test_the_work_for_a_page_hardly_grows_with_the_world(
    large: Account, path: str, query: dict[str, object]
) -> None:
    """Goal: a page of a world of 10,000 objects is quick. Counted in calls of Python functions,
    which repeat; `bench` tells the time.
    """
    small = account()
    few = calls_of(lambda: small.cloud.handle(small.request("GET", path, query=query)))
    many = calls_of(lambda: large.cloud.handle(large.request("GET", path, query=query)))
    rows, objects = 100, 6_000
    assert many < few + 60 * rows + 6 * objects, (few, many)


def test_copying_a_large_world_reads_no_objects(large: Account) -> None:
    """Goal: snapshots are taken before every answer that is saved, so they may not go over the
    objects one by one.
    """
    assert calls_of(large.cloud.snapshot) < 200
    assert len(large.cloud.snapshot().instances) == 6_000


def calls_of(act: Callable[[], object]) -> int:
    """How many Python and built-in functions are called while something is done."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count
