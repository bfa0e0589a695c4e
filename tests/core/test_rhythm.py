"""How long something usually takes, from looks at it."""

from __future__ import annotations

import pytest

from reconciler.core.rhythm import usual

ROWS: list[tuple[str, list[tuple[float, float]], float]] = [
    ("done at the first look: it may have been earlier", [(0.0, 40.0)], 20.0),
    ("the bounds of several runs", [(0.0, 40.0), (20.0, 30.0)], 25.0),
    ("close bounds: the upper one, at which it was done", [(28.5, 30.0), (0.0, 40.0)], 30.0),
    ("short things are known to two seconds", [(0.0, 2.0)], 2.0),
    ("now longer and now shorter", [(50.0, 60.0), (0.0, 20.0), (25.0, 30.0)], 30.0),
]


@pytest.mark.parametrize(("looks", "seconds"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_is_usual_is_found_between_its_bounds(looks: list[tuple[float, float]], seconds: float) -> None:
    assert usual(looks) == seconds
