"""Plans of many stacks of one account, made from one reading: each is the plan that a command of its
own makes of the same world.
"""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.iwinv.shared import account_pool
from reconciler.iwinv.shared.account_pool import AccountPool
from reconciler.model import serialize
from reconciler.simulator.cloud import Cloud
from tests.projects import ProjectHarness
from tests.properties.strategies import AdoptRequest, desired_values
from tests.properties.test_random_stacks import ACCOUNTS
from tests.scenarios.test_life_of_a_stack import add_foreign_objects

NAMES = ("alpha", "beta", "gamma")

ACTS = ("nothing", "rename", "resize", "delete server", "delete volume", "leave", "open")


def text(desired: AdoptRequest) -> str:
    """The file without its first two lines, which the harness writes."""
    body = json.loads(desired.text())
    del body["version"], body["stack"]
    return yaml.safe_dump(body, allow_unicode=True)


def act(cloud: Cloud, deed: str, number: int) -> None:
    """What somebody else does to one object."""
    world = cloud.world

    def one(records: Any) -> Any:
        ids = sorted(records)
        return records[ids[number % len(ids)]] if ids else None

    server, volume, group = (
        one(world.instances),
        one(world.block_storages),
        one(world.firewalls),
    )
    if deed == "rename" and server is not None:
        cloud.change(lambda world: world.put(replace(server, name="renamed-by-hand")))
    elif deed == "resize" and server is not None:
        cloud.change(lambda world: world.put(replace(server, flavor_id="std_8.16-g1")))
    elif deed == "delete volume" and volume is not None:
        cloud.change(lambda world: world.remove("block_storage", volume.block_storage_id))
    elif deed == "leave" and group is not None and world.members(group.firewall_id):
        member = world.members(group.firewall_id)[0]
        cloud.change(lambda world: world.remove("membership", (group.firewall_id, member)))
    elif deed == "open" and group is not None and group.rules:
        rules = (replace(group.rules[0], ip="0.0.0.0/0"), *group.rules[1:])
        cloud.change(lambda world: world.put(replace(group, rules=rules)))
    elif deed == "delete server" and server is not None:
        cloud.change(lambda world: world.remove("instance", server.instance_id))


def facts(planned: Any) -> str:
    """All of a plan, but what depends on the moment and on the calls."""
    plan = planned.plan
    body = serialize.document(plan)
    del body["calls"], body["eta_seconds"], body["critical"]
    return json.dumps(
        [
            body,
            serialize.steps_exactly(plan),
            serialize.changes_exactly(plan),
            plan.digest,
            repr(plan.records),
            repr(plan.fingerprints),
            repr(planned.problems),
            repr(planned.outputs),
        ],
        ensure_ascii=False,
    )


@settings(
    max_examples=3,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    first=st.lists(desired_values(), min_size=2, max_size=3),
    second=st.lists(st.none() | desired_values(), min_size=3, max_size=3),
    acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 20)), max_size=4),
    account=st.sampled_from(ACCOUNTS),
    chosen=st.integers(0, 2),
)
def test_a_plan_of_a_shared_reading_is_that_of_a_reading_of_its_own(
    first: list[AdoptRequest],
    second: list[AdoptRequest | None],
    acts: list[tuple[str, int]],
    account: tuple[dict[str, object], str],
    chosen: int,
) -> None:
    switches, firewall_api = account
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(account_pool, "AGE_SECONDS_MAX", math.inf),
    ):
        harness = ProjectHarness(
            Path(folder),
            {name: text(desired) for name, desired in zip(NAMES, first, strict=False)},
            switches={**switches, "allow_shrink": True},
            firewall_api=firewall_api,
        )
        add_foreign_objects(harness.cloud)
        for title in list(harness.stores)[:2]:
            harness.apply_one(title)
        for title, desired in zip(list(harness.stores), second, strict=False):
            if desired is not None:
                harness.write(title, text(desired))
        for deed, number in acts:
            act(harness.cloud, deed, number)
        # One pool for all that follows, in which no list becomes too old.
        harness.pool = AccountPool()
        for part in harness.plan_all().parts:
            assert part.planned is not None, part.problems
            must_be_that_of_a_reading_of_its_own(harness, part.title, part.planned)
        harness.apply_one(NAMES[chosen % len(harness.stores)])
        for title in harness.stores:
            must_be_that_of_a_reading_of_its_own(harness, title, harness.plan_one(title))


def must_be_that_of_a_reading_of_its_own(harness: ProjectHarness, title: str, planned: Any) -> None:
    """A plan from the pool is that of a command without one."""
    pool, harness.pool = harness.pool, None
    assert facts(planned) == facts(harness.plan_one(title)), title
    harness.pool = pool
