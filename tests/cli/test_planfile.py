"""Saved plans on disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from reconciler.commands.saved_plans import plan_file
from reconciler.model.abort import Abort
from reconciler.model.plan import Plan
from reconciler.planner.saved_plan import Made, SavedPlan

PLAN = SavedPlan(
    Plan("shop", None, "d", "l", 1), "a", "https://e.example", simulated=False, made=Made(0)
)


def test_a_plan_is_written_for_its_owner_alone_and_replaces_one_that_is_there(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.plan"
    path.write_text("older")
    plan_file.write(path, PLAN)

    assert plan_file.read(path) == PLAN and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["x.plan"]


def test_an_unwritable_path_is_reported(tmp_path: Path) -> None:
    with pytest.raises(Abort) as stop:
        plan_file.write(tmp_path / "nowhere" / "x.plan", PLAN)

    assert stop.value.problems[0].code == "state-write"
