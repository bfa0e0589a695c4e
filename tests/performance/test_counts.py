"""Counts that may not grow: calls, and seconds in virtual time, against what arithmetic allows
(`bench.bounds`). Nothing here is timed.

The goals are those of docs/explanation/performance.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from bench import bounds, virtual
from tests.cloud_harness import CloudHarness

SIZES = (5, 10, 20, 40)


@pytest.mark.parametrize("servers", SIZES)
def test_a_plan_that_finds_nothing_to_do_reads_the_fewest_lists(servers: int) -> None:
    found = next(virtual.empty_plans([servers]))
    assert found.calls == found.least


@pytest.mark.parametrize("latency", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("servers", SIZES)
def test_an_apply_sends_hardly_more_than_its_writes_and_ends_close_to_the_bound(
    servers: int, latency: float
) -> None:
    _, _, found = virtual.create(servers, latency)
    assert found.writes == bounds.writes(servers)
    assert found.calls_ratio <= 1.15
    assert found.time_ratio <= 1.10
    assert 0.85 <= found.eta / found.seconds <= 1.15


def test_waits_grow_with_groups_and_pages_not_with_objects() -> None:
    few, many = virtual.create(40, 0.2)[2], virtual.create(120, 0.2)[2]
    groups, pages = 12 - 4, bounds.pages(120) - bounds.pages(40)
    # A page more is one call more each time that list is read, which is a few times.
    assert many.waits - few.waits <= groups + 4 * pages


def test_two_runs_share_the_quota_fairly() -> None:
    found = virtual.sharing()
    assert found.ratio <= 2.0
    assert found.most_in_a_minute == bounds.QUOTA_CALLS


def test_the_work_of_an_apply_grows_with_its_steps_only(tmp_path: Path) -> None:
    few, many = (_work_a_step(servers) for servers in (20, 100))
    assert many <= 1.25 * few


def test_the_work_of_an_empty_plan_grows_with_its_objects_only(tmp_path: Path) -> None:
    few, many = (_work_an_object(servers) for servers in (20, 100))
    assert many <= 1.25 * few


def _work_a_step(servers: int) -> float:
    harness = CloudHarness()
    stack = virtual.stack_of(harness, servers)
    return _calls(lambda: harness.apply(stack)) / bounds.writes(servers)


def _work_an_object(servers: int) -> float:
    harness, stack, _ = virtual.create(servers, 0.2)
    return _calls(lambda: harness.plan(stack)) / servers


def _calls(deed: Callable[[], Any]) -> int:
    """How many functions a deed calls, those of the local cloud apart: the same in every run."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        if event in ("call", "c_call") and "simulator" not in frame.f_code.co_filename:
            count += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        deed()
    finally:
        sys.setprofile(before)
    return count
