"""Outputs are of the end of the run: what the cloud took at once counts, and a run that is broken
off leaves the earlier ones, marked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reconciler.commands import plan as planning
from reconciler.executor import effects
from reconciler.model.state import STALE
from reconciler.planner.compare.assessment import PlanOptions
from tests.cloud_harness import CloudHarness, said
from tests.faults.bench import Bench
from tests.faults.faults import Boundary, Break

STACK = """
version: 1
stack: shop
defaults:
  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], flavor: std_2.4-g1}
firewalls:
  web: {rules: {https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}}
instances:
  web: {firewall: web}
block_storages:
  data: {type: ssd, size: 50, instance: web}
outputs:
  wall: {value: "${firewalls.web.name}"}
  ping: {value: "${firewalls.web.icmp}"}
  server: {value: "${instances.web.name}"}
  disk: {value: "${block_storages.data.name}"}
  tenth: {value: "${instances.web.public_ip.split('.')[9]}"}
"""

RENAMED = (
    STACK.replace("web: {rules", "web: {name: gate, icmp: true, rules")
    .replace("web: {firewall", "web: {name: front, firewall")
    .replace("data: {", "data: {name: store, ")
)
AGAIN = RENAMED.replace("gate", "port").replace("front", "rear")


def assert_settled(harness: CloudHarness, text: str, folder: Path) -> None:
    """A further plan has nothing to change, the outputs included."""
    stack = harness.stack(text, folder)
    planned = planning.plan(stack, harness.connection(), harness.store, PlanOptions())
    assert not planned.has_changes, (planned.outputs, said(planned.plan.problems))


def test_outputs_of_what_was_just_made_and_renamed_are_the_new_ones(tmp_path: Path) -> None:
    harness = CloudHarness()
    made = harness.apply(harness.stack(STACK, tmp_path))
    assert {name: made.outputs[name] for name in ("wall", "ping", "server", "disk")} == {
        "wall": ("shop-web", None), "ping": (False, None), "server": ("shop-web", None), "disk": ("shop-data", None),
    }  # fmt: skip
    assert made.outputs["tenth"][0] is None
    assert_settled(harness, STACK, tmp_path)
    renamed = harness.apply(harness.stack(RENAMED, tmp_path))
    assert {name: renamed.outputs[name] for name in ("wall", "ping", "server", "disk")} == {
        "wall": ("gate", None), "ping": (True, None), "server": ("front", None), "disk": ("shop-data", None),
    }  # fmt: skip
    # The name of a volume cannot be changed.
    assert_settled(harness, RENAMED, tmp_path)


def kept(bench: Bench, name: str) -> tuple[Any, str | None]:
    """An output as the state keeps it."""
    assert bench.state is not None
    return bench.state.outputs[name]


def interrupted(tmp_path: Path, fault: str) -> Bench:
    """A stack whose renaming was broken off at its first write."""
    bench = Bench()
    assert bench.run(bench.stack(STACK, tmp_path)).exit_code == 0
    bench.run(bench.stack(RENAMED, tmp_path))  # how many reads come first
    first = next(one for one in bench.counted.sends if one.is_write)
    bench.run(bench.stack(AGAIN, tmp_path), armed=Break(Boundary("send", first.number, ""), fault))
    return bench


def test_a_run_that_is_broken_off_keeps_the_earlier_outputs_marked_as_stale(tmp_path: Path) -> None:
    for fault in ("killed when it has left", "interrupted"):
        bench = interrupted(tmp_path, fault)
        assert kept(bench, "server") == ("front", STALE)
        assert kept(bench, "tenth")[1] != STALE, "it had no value, for its own reason"
        assert bench.run(bench.stack(AGAIN, tmp_path)).exit_code == 0
        assert kept(bench, "server") == ("rear", None)
        assert_settled(bench, AGAIN, tmp_path)


def test_a_step_that_was_not_done_leaves_the_earlier_value_marked_as_stale() -> None:
    kept: dict[str, tuple[Any, str | None]] = {
        "ip": ("203.0.113.1", None), "old": ("a", STALE), "never": (None, "no such index"),
    }  # fmt: skip
    computed: dict[str, tuple[Any, str | None]] = {
        "ip": (None, "known after apply"), "old": (None, "known after apply"),
        "never": (None, "known after apply"), "new": (None, "known after apply"), "empty": (None, None),
    }  # fmt: skip
    assert effects.with_earlier(computed, kept) == {
        **computed, "ip": ("203.0.113.1", STALE), "old": ("a", STALE),
    }  # fmt: skip


def test_stale_outputs_with_correct_values_are_not_a_change(
    tmp_path: Path,
) -> None:
    bench = interrupted(tmp_path, "killed before it leaves")
    bench.clock.advance(600)
    assert bench.run(bench.stack(RENAMED, tmp_path)).exit_code == 0
    assert kept(bench, "server") == ("front", None)
    assert_settled(bench, RENAMED, tmp_path)
