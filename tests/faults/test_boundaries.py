"""Every story, broken so that all pairs of story, kind of boundary and fault come up. `FULL=1`, or
`python -m tests.faults --all` with counts: every fault at every boundary.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import extent
from tests.faults import harness, space
from tests.faults.harness import Known
from tests.faults.space import Tally

PARTS = 16
"""How many tests a story is divided into if all of it is tried, so that they can run side by
side.
"""


def parts() -> list[tuple[str, int, int]]:
    """Each story with its part and how many there are."""
    of = PARTS if extent.FULL else 1
    return [(name, part, of) for name in space.NAMES for part in range(of)]


def told(tally: Tally) -> str:
    """The first violations, for a failing test."""
    return f"{len(tally.failed)} of {tally.breaks} trials:\n" + "\n".join(tally.failed[:8])


@pytest.mark.parametrize(("name", "part", "of"), parts())
def test_after_any_fault_the_next_runs_end_like_the_undisturbed_run(
    name: str, part: int, of: int
) -> None:
    # Goal: one fault at a boundary, then at most two more runs; all invariants at every send, the
    # calm end, an empty plan.
    calm = space.calm_of(name)
    breaks = harness.all_of(calm) if extent.FULL else space.suite()[name]
    tally = space.count(calm, breaks[part::of], None if extent.FULL else {})
    assert not tally.failed, told(tally)
    assert tally.runs > tally.breaks


def test_a_situation_that_is_known_is_not_continued_from_again() -> None:
    # Goal: what it saves changes no result.
    calm = space.calm_of("a volume")
    breaks = harness.all_of(calm)[-60::3]
    known: Known = {}
    shortened, whole = space.count(calm, breaks, known), space.count(calm, breaks)

    assert len(known) < len(breaks)
    assert replace(shortened, seconds=0.0) == replace(whole, seconds=0.0)


def test_what_the_suite_tries_has_all_pairs_of_story_kind_and_fault() -> None:
    # Goal: nothing is left out but combinations of all three.
    every = {
        pair
        for name in space.NAMES
        for one in harness.all_of(space.calm_of(name))
        for pair in space.pairs_of(one, name)
    }
    tried = space.suite()
    assert every == {
        p for name in space.NAMES for one in tried[name] for p in space.pairs_of(one, name)
    }
    assert sum(map(len, tried.values())) < len(every)


def test_an_operator_is_asked_only_if_nothing_can_be_proved() -> None:
    # With a control in the account a lost create is settled without anybody; what only a person can
    # know is what the cloud doubled.
    calm = space.calm_of("a replacement with a volume")
    creates = [
        one
        for one in space.sample(calm)
        if one.boundary.is_create and "twice" not in one.fault and "900" not in one.fault
    ]
    tally = space.count(calm, creates)
    assert (tally.failed, tally.answers) == ([], 0)


@pytest.mark.parametrize(
    "name",
    [
        "a volume",
        "a resize that stops first",
        "a replacement with a volume",
        "destroy",
        "three servers",
    ],
)
def test_a_second_fault_in_the_recovery_is_recovered_from(name: str) -> None:
    tally = space.count_pairs(space.calm_of(name), 8)
    assert not tally.failed, f"seed {space.SEED}: {told(tally)}"
