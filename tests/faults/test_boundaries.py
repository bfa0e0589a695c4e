"""Every story, broken at each of its boundaries with every fault; the one of ten equal servers at
each second (all of them by hand, with the counts: `python -m tests.faults --all`).
"""

from __future__ import annotations

import pytest

from tests.faults import harness, space
from tests.faults.space import Tally

PARTS = {"ten at once": 16}
"""How many tests a story is divided into, so that they can run side by side: each takes some
seconds.
"""

EVERY = {"ten at once": 2}
"""Of which story only each second part is run: its ten servers take the same steps."""


def parts() -> list[tuple[str, int, int]]:
    """Each story with its part and how many there are."""
    return [
        (name, part, of)
        for name in space.NAMES
        for of in [PARTS.get(name, 1)]
        for part in range(0, of, EVERY.get(name, 1))
    ]


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
    breaks = harness.all_of(calm)[part::of]
    tally = space.count(calm, breaks)
    assert not tally.failed, told(tally)
    assert tally.runs > tally.breaks


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
