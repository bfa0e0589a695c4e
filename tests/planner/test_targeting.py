"""Patterns of `--only` and `--except`."""

from __future__ import annotations

import pytest

from reconciler.planner.steps import targeting
from tests.stackfiles import at


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("instances.*", True),
        ("*", True),
        ("**", True),
        ("inst*web*", True),
        ("*.web[?]", True),
        ("instances.web", True),
        ("*web[0]*", True),
        ("*web[1]", False),
        ("*e*e*e*e*", False),
        ("*s*b*0]", True),
        ("i*i", False),
        ("?nstances.web[0]", True),
    ],
)
def test_a_star_matches_any_text(pattern: str, fits: bool) -> None:
    assert targeting.matches(at("instances.web[0]"), pattern) is fits


def test_many_stars_take_no_longer_than_one() -> None:
    # Goal: a pattern of many stars that does not fit ends: with backtracking it would not.
    assert not targeting.matches(at("instances." + "a" * 200), "*a" * 30 + "*!")
