"""Real applies over a state in a place that many machines see: broken at operations of the place,
killed at requests, and overtaken while they stand still (all of it by hand, with the counts:
`python -m tests.faults --store database --all` and `--overtaken`).
"""

from __future__ import annotations

import pytest

from tests.faults import harness, overtaken, space
from tests.faults.shared_bench import BucketBench, SharedBench
from tests.faults.stacks import SHARED_STORIES
from tests.faults.test_boundaries import told

NAMES = tuple(one.name for one in SHARED_STORIES)
SAMPLED, STANDSTILLS, PAIRS = 44, 16, 5
"""How much of the space of each story the suite tries."""


@pytest.mark.parametrize("name", NAMES)
def test_after_any_fault_of_the_place_the_next_runs_end_like_the_undisturbed_run(name: str) -> None:
    calm = space.calm_of(name, SharedBench)
    tally = space.count(calm, space.sample_of_place(calm, SAMPLED))
    assert not tally.failed, told(tally)
    assert tally.runs > tally.breaks


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_place_that_cannot_check_the_object_before_is_as_safe(name: str) -> None:
    calm = space.calm_of(name, BucketBench)
    tally = space.count(calm, space.sample_of_place(calm, SAMPLED // 4, seed=space.SEED + 1))
    assert not tally.failed, told(tally)


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_second_fault_in_the_recovery_is_recovered_from(name: str) -> None:
    tally = space.count_pairs(space.calm_of(name, SharedBench), PAIRS)
    assert not tally.failed, f"seed {space.SEED}: {told(tally)}"


@pytest.mark.parametrize("name", NAMES)
def test_a_holder_that_was_overtaken_does_nothing_and_says_so(name: str) -> None:
    # It stands still while another run takes over and finishes, and then continues.
    calm = space.calm_of(name, SharedBench)
    every = overtaken.all_of(calm)
    found = [
        overtaken.trial(calm, at) for at in every[1 :: len(every) // STANDSTILLS][:STANDSTILLS]
    ]
    assert not [f"{one}: {one.violations}" for one in found if one.violations or not one.struck]
    assert any(one.held for one in found)


def test_the_whole_space_is_larger_than_the_sample() -> None:
    calm = space.calm_of("destroy", SharedBench)
    assert len(harness.all_of(calm)) > 10 * SAMPLED
