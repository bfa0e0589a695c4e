"""The calls of a plan of many stacks: those of one stack with the same objects."""

from __future__ import annotations

from pathlib import Path

from bench import many_stacks


def test_a_plan_of_many_stacks_takes_the_calls_of_one_with_all_objects(tmp_path: Path) -> None:
    found = many_stacks.calls(3, tmp_path)
    assert found.ratio <= 1.1, found
    assert found.one_by_one > 1.5 * found.together
