"""The estimate of the program itself, in processes of its own against the local cloud, as somebody sees it who tries the examples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.wiring import SIMULATED_TIME_SCALE

ROOT = Path(__file__).parents[2]
PERCENT = 25
TRIES_MAX = 3
"""The machine is shared, and what it takes by itself counts many times at that speed: a plan is right where one of so many runs is."""


def off_by(base: Path, command: str, name: str) -> float:
    """By how many percent of what happened the plan of a run was off. Each `base` is a user who never ran anything before."""
    homes = {"XDG_CACHE_HOME": base / "cache", "XDG_STATE_HOME": base / "log", "RECONCILER_STATE_DIR": base / "state"}
    environment = {**os.environ, **{variable: str(path) for variable, path in homes.items()}}
    arguments = [command, f"examples/stacks/{name}", "--simulate", "--yes", "--accept", "delete", "--format", "json"]
    line = [sys.executable, "-m", "reconciler", *arguments]
    run = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    summary = json.loads(run.stdout.splitlines()[-1])
    happened = float(summary["seconds"]) * SIMULATED_TIME_SCALE
    return 100 * abs(float(summary["eta_seconds"]) / happened - 1)


@pytest.mark.parametrize(("name", "before"), [("single", ()), ("web-tier", ()), ("app", ("network",))])
def test_an_example_takes_as_long_as_the_program_says(tmp_path: Path, name: str, before: tuple[str, ...]) -> None:
    # Goal: within a quarter, applied and destroyed, the first commands of a newcomer: nothing learned, nothing kept.
    seen = []
    for number in range(TRIES_MAX):
        base = tmp_path / str(number)
        for other in before:
            off_by(base, "apply", other)
        seen.append((off_by(base, "apply", name), off_by(base, "destroy", name)))
        if max(seen[-1]) <= PERCENT:
            return
    pytest.fail(f"off by percent (apply, destroy): {seen}")
