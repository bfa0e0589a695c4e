"""A zone in which the account may not make servers: it costs one request, and nothing is made twice
(planning#feasibility, contract#zones).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.model.events import ProblemFound
from tests.cloud_harness import CloudHarness
from tests.scenarios.test_when_things_go_wrong import HEAD
from tests.scenarios.world import world_of

TEXT = """
version: 1
stack: shop
defaults: {instances: {flavor: std_2.4-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]}}
firewalls: {web: {}}
instances:
  web: {count: 4, zone: kr1_z02, firewall: web}
  db: {zone: kr1-z01, firewall: web}
"""


def creates(harness: CloudHarness, since: int = 0) -> int:
    """How many servers were asked for."""
    return sum(
        1
        for _, request in harness.sends[since:]
        if (request.method, request.path) == ("POST", "/v1/instances")
    )


def test_a_restricted_zone_costs_one_request(tmp_path: Path) -> None:
    # Goal: the 500 of the first is an unknown outcome like any other; the other creates of that
    # zone are skipped, other zones go on.
    harness = CloudHarness(switches={"restricted_zones": ["kr1_z02"]})
    stack = harness.stack(TEXT, tmp_path)
    result = harness.apply(stack, wait=False)
    assert result.exit_code == 3
    assert creates(harness) == 2
    assert result.unknown == ("instance.create instances.web[0]",)
    assert {key for key in result.skipped if key.startswith("instance.create")} == {
        f"instance.create instances.web[{n}]" for n in (1, 2, 3)
    }
    assert set(result.skipped.values()) == {"instance.create instances.web[0]"}
    assert list(world_of(harness.cloud)["instances"]) == ["shop-db"]
    (found,) = [each.problem for each in harness.events if isinstance(each, ProblemFound)]
    assert found.code == "restricted-zone" and "category API" in str(found.hint)
    assert "instances.web[0]: the cloud answered DEV_CHECK_RETURN" in found.message


def test_if_the_zone_accepts_servers_the_others_follow_at_once(tmp_path: Path) -> None:
    # Goal: they wait for the answer of the first, not for the server.
    harness = CloudHarness(latency_seconds=0.2)
    result = harness.apply(harness.stack(TEXT, tmp_path))
    assert result.exit_code == 0
    times = [
        when
        for when, request in harness.sends
        if (request.method, request.path) == ("POST", "/v1/instances")
    ]
    assert max(times) - min(times) < 3.0


def test_a_first_that_is_made_but_fails_later_does_not_hold_back_the_others(tmp_path: Path) -> None:
    # Goal: accepted is enough: the zone is open.
    harness = CloudHarness(switches={"create_outcome": "error"})
    result = harness.apply(harness.stack(TEXT, tmp_path), wait=False)
    assert creates(harness) == 5
    assert not any(key.startswith("instance.create") for key in result.skipped)


@pytest.mark.parametrize(
    "line", ['description: "beside ${instances.a.public_ip}"', "depends_on: [instances.a]"]
)
def test_a_server_that_needs_the_first_waits_until_it_is_there(line: str, tmp_path: Path) -> None:
    # Goal: "accepted is enough" is about the zone; what reads an address of the first found none,
    # and what depends on it did not wait.
    harness = CloudHarness()
    stack = harness.stack(HEAD + f"instances:\n  a: {{}}\n  b: {{{line}}}\n", tmp_path)
    result = harness.apply(stack)
    assert result.exit_code == 0, result.failed
    first, second = (
        when
        for when, request in harness.sends
        if (request.method, request.path) == ("POST", "/v1/instances")
    )
    assert (
        second - first > 10
        and abs((harness.plans[-1].plan.eta_seconds or 0) - result.seconds)
        <= 1 + result.seconds * 0.15
    )
