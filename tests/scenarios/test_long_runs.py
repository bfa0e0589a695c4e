"""Runs that are longer than what they wait for: writes go before waits, and nothing is late only
because nobody looked.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reconciler.simulator.faults import Fault
from tests.cloud_harness import CloudHarness

SERVERS = """
version: 1
stack: shop
instances:
  web: {count: COUNT, zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, flavor: std_2.4-g1, ssh_keys: [deploy]}
"""


def lab_with_deadline(seconds: int, operation: str = "create") -> CloudHarness:
    """A cloud harness in which an operation on an instance fails if its result does not show within
    so many seconds (a create takes 40 s).
    """
    harness = CloudHarness()
    instances = harness.kinds["instances"]
    changed = replace(instances.operations[operation], deadline_seconds=seconds)
    harness.kinds = harness.kinds.including(
        replace(instances, operations={**instances.operations, operation: changed})
    )
    return harness


def test_servers_that_nobody_looked_at_in_time_are_not_late(tmp_path: Path) -> None:
    # The quota is used up by creates until 60 s, so that the first look comes after the deadline of
    # the first servers.
    harness = lab_with_deadline(45)
    result = harness.apply(harness.stack(SERVERS.replace("COUNT", "70"), tmp_path))
    assert (result.exit_code, len(result.done), len(result.failed)) == (0, 70, 0)


def test_a_server_that_was_seen_at_work_past_its_deadline_is_late(tmp_path: Path) -> None:
    harness = lab_with_deadline(30)
    result = harness.apply(harness.stack(SERVERS.replace("COUNT", "2"), tmp_path))
    assert result.exit_code == 3
    assert {failure.message for failure in result.failed.values()} == {
        "not ready within the time limit; the next run continues with it"
    }


def test_a_run_ends_even_if_no_list_can_be_read_any_more(tmp_path: Path) -> None:
    harness = lab_with_deadline(45)

    def break_the_list() -> bool:
        if not harness.cloud.faults.faults and any(
            request.method == "POST" for _, request in harness.sends
        ):
            harness.cloud.add_faults(Fault("lost_before", method="GET", route="/v1/instances"))
        return False

    harness.interrupted = break_the_list
    result = harness.apply(harness.stack(SERVERS.replace("COUNT", "2"), tmp_path))
    assert result.exit_code == 3
    assert len(result.failed) == 2 and any(
        "instances" in problem.message for problem in result.problems
    )
    assert {failure.message for failure in result.failed.values()} == {
        "no list that would prove it could be read; the next run continues with it"
    }
    # What cannot be read is not asked for without a pause: three tries, then ten seconds.
    broken = [
        at
        for at, request in harness.sends
        if request.method == "GET" and at > harness.sends[-1][0] - 60
    ]
    assert len(broken) <= 20


def test_absences_that_take_long_to_prove_are_not_late(tmp_path: Path) -> None:
    # Sixty deletes and two looks at each of them are three minutes of quota.
    harness = CloudHarness()
    stack = harness.stack(SERVERS.replace("COUNT", "60"), tmp_path)
    assert harness.apply(stack).exit_code == 0
    servers = harness.kinds["instances"]
    delete = replace(servers.operations["delete"], deadline_seconds=60)
    harness.kinds = harness.kinds.including(
        replace(servers, operations={**servers.operations, "delete": delete})
    )
    result = harness.apply(stack, destroy=True)
    assert (result.exit_code, len(result.done), len(harness.cloud.world.instances)) == (0, 60, 0)


def test_object_is_deleted_although_its_list_was_not_read_in_time(tmp_path: Path) -> None:
    # The new rules use up the quota for two minutes. Writes go first, so that the list of instances
    # is read again after the deadline of the delete.
    harness = lab_with_deadline(45, "delete")
    assert harness.apply(harness.stack(with_rules(1), tmp_path)).exit_code == 0
    harness.clock.advance_to(harness.clock.monotonic() + 300)
    after = with_rules(120).replace("web: {count: 2,", "web: {count: 1,")
    result = harness.apply(harness.stack(after, tmp_path))
    assert (result.exit_code, len(result.failed), len(result.skipped)) == (0, 0, 0)


def with_rules(count: int) -> str:
    """Two instances, and a firewall of so many rules."""
    rules = "".join(
        f"      r{number}: {{direction: in, protocol: tcp, ports: {1000 + number}, cidr: 10.0.0.0/8}}\n"
        for number in range(count)
    )
    return SERVERS.replace("COUNT", "2") + f"firewalls:\n  many:\n    rules:\n{rules}"
