"""The catalogue is read once a day: a plan after it costs no call for it, and what is new in the
cloud is found all the same.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reconciler.commands import context
from reconciler.commands import plan as planning
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.store.cache import FileAccountCache
from tests.cloud_harness import CloudHarness

STACK = """
version: 1
stack: shop
instances:
  web: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, flavor: std_2.4-g1, ssh_keys: [KEY]}
"""


def planned(
    harness: CloudHarness, tmp: Path, *, key: str = "deploy", cached: bool = True
) -> context.Planned:
    """What a new command would plan."""
    cache = FileAccountCache(tmp / "cache", "lab", origin="lab", clock=harness.clock.time)
    connection = replace(harness.connection(), cache=cache if cached else None)
    return planning.plan(
        harness.stack(STACK.replace("KEY", key), tmp / "files"),
        connection,
        harness.store,
        PlanOptions(),
    )


def lists_read(harness: CloudHarness) -> list[str]:
    return sorted(request.path.removeprefix("/v1/") for _, request in harness.sends)


ACCOUNT = ["block-storages", "instances", "security-groups"]
CATALOGUE = ["auth/ssh_key", "flavors", "images", "zones"]


def test_the_second_plan_reads_nothing_of_the_catalogue(tmp_path: Path) -> None:
    harness = CloudHarness()
    first = planned(harness, tmp_path)
    assert lists_read(harness) == sorted([*ACCOUNT, *CATALOGUE])
    harness.sends.clear()
    second = planned(harness, tmp_path)
    assert lists_read(harness) == ACCOUNT
    assert (second.plan.steps, second.plan.cost) == (first.plan.steps, first.plan.cost)


def test_without_the_cache_all_of_it_is_read(tmp_path: Path) -> None:
    harness = CloudHarness()
    planned(harness, tmp_path)
    harness.sends.clear()
    planned(harness, tmp_path, cached=False)
    assert lists_read(harness) == sorted([*ACCOUNT, *CATALOGUE])


def test_a_key_that_came_since_is_found_by_reading_once_more(tmp_path: Path) -> None:
    harness = CloudHarness()
    planned(harness, tmp_path)
    row = next(iter(harness.cloud.world.ssh_keys.values()))
    harness.cloud.world.ssh_keys["new"] = {**row, "ssh_key_id": "new", "name": "newcomer"}
    harness.sends.clear()
    found = planned(harness, tmp_path, key="newcomer")
    assert [problem.code for problem in found.plan.problems] == ["open-to-all"]
    assert [step.inputs["ssh_keys"] for step in found.plan.steps] == [("new",)]
    assert lists_read(harness) == sorted([*ACCOUNT, *CATALOGUE])


def test_an_unknown_key_is_read_once_more_and_then_reported(tmp_path: Path) -> None:
    harness = CloudHarness()
    planned(harness, tmp_path)
    harness.sends.clear()
    found = planned(harness, tmp_path, key="nobodys")
    assert [problem.code for problem in found.plan.problems] == ["lookup"]
    assert lists_read(harness) == sorted([*ACCOUNT, *CATALOGUE])


def test_the_catalogue_is_read_again_the_next_day(tmp_path: Path) -> None:
    harness = CloudHarness()
    planned(harness, tmp_path)
    harness.clock.advance_to(harness.clock.monotonic() + 24 * 3600.0)
    harness.sends.clear()
    planned(harness, tmp_path)
    assert lists_read(harness) == sorted([*ACCOUNT, *CATALOGUE])
