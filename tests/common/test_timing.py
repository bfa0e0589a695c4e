"""How long something usually takes, from looks at it."""

from __future__ import annotations

import pytest

from reconciler.common.timing import Expected, expected

ROWS: list[tuple[str, list[tuple[float, float]], Expected]] = [
    ("done at the first look: it may have been earlier", [(0.0, 40.0)], Expected(20.0, 40.0)),
    ("the bounds of several runs", [(0.0, 40.0), (20.0, 30.0)], Expected(25.0, 30.0)),
    (
        "close bounds: the upper one, at which it was done",
        [(28.5, 30.0), (0.0, 40.0)],
        Expected(30.0, 30.0),
    ),
    ("short things are known to two seconds", [(0.0, 2.0)], Expected(2.0, 2.0)),
    ("now longer and now shorter", [(50.0, 60.0), (0.0, 20.0), (25.0, 30.0)], Expected(30.0, 30.0)),
]


@pytest.mark.parametrize(
    ("looks", "wanted"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_expected_times_stay_within_their_bounds_and_plans_use_the_upper_one(
    looks: list[tuple[float, float]], wanted: Expected
) -> None:
    assert expected(looks) == wanted
