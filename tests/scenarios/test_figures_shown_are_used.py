"""A figure that a plan states is the figure that the run keeps: both read one constant."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from reconciler.common import timing
from tests.cloud_harness import CloudHarness

STACK = """
version: 1
stack: shop
defaults: {instances: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]}}
firewalls: {web: {rules: {https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}}}
instances: {a: {firewall: web}}
"""


def _stated_and_kept(tmp_path: Path) -> tuple[int, float]:
    """The seconds without a firewall that the plan states, and the seconds between two reads of a
    server list while one is created.
    """
    harness = CloudHarness(switches={"ticks.create": 3600}, latency_seconds=0.0)
    stack = harness.stack(STACK, tmp_path)
    stated = next(
        each.impact.exposure_seconds
        for each in harness.plan(stack).changes
        if str(each.address) == "instances.a"
    )
    assert stated is not None
    started = len(harness.sends)
    harness.apply(stack)
    reads = [
        at
        for at, request in harness.sends[started:]
        if request.method == "GET" and request.path.startswith("/v1/instances")
    ]
    waits = [
        round(later - earlier, 1)
        for earlier, later in itertools.pairwise(reads)
        if later - earlier > 1.0
    ]
    return stated, waits[1]  # the first is the usual time of a create


def test_plan_states_the_polling_interval_that_the_run_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = timing.POLL_SECONDS
    stated, kept = _stated_and_kept(tmp_path / "before")
    assert kept == before
    monkeypatch.setattr(timing, "POLL_SECONDS", before + 4)
    assert _stated_and_kept(tmp_path / "after") == (stated + 4, kept + 4)
