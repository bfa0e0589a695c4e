"""What plans say against what happens, for the examples as a newcomer runs them: processes of their
own on the local cloud, nothing kept.

The same in virtual time, where it repeats, is held by `tests/scenarios/test_forecast.py`; here the
machine's own time comes in, many times over at that speed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.cli.composition import SIMULATED_TIME_SCALE

ROOT = Path(__file__).parents[1]
EXAMPLES: Sequence[tuple[str, Sequence[str]]] = (
    ("single", ()),
    ("web-tier", ()),
    ("network", ()),
    ("components", ()),
    ("environments", ("--env", "staging")),
    ("fleet", ("--env", "prod")),
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds at the cloud's own speed: what the plan of a command said, and what the run took."""

    example: str
    command: str
    planned: float
    happened: float

    @property
    def ratio(self) -> float:
        """What was planned, as a part of what happened."""
        return self.planned / self.happened


def estimates(folder: Path) -> Iterator[Estimate]:
    """Applies and destroys each example, each time as somebody who never ran anything before."""
    for name, options in EXAMPLES:
        for command in ("apply", "destroy"):
            yield _run(folder / name, command, name, options)


def _run(base: Path, command: str, name: str, options: Sequence[str]) -> Estimate:
    homes = {
        "XDG_CACHE_HOME": base / f"cache-{command}",
        "XDG_STATE_HOME": base / f"log-{command}",
        "RECONCILER_STATE_DIR": base / "state",
    }
    environment = {**os.environ, **{variable: str(path) for variable, path in homes.items()}}
    arguments = [
        command,
        f"examples/stacks/{name}",
        *options,
        "--simulate",
        "--yes",
        "--accept",
        "delete",
        "--format",
        "json",
    ]
    line = [sys.executable, "-m", "reconciler", *arguments]
    run = subprocess.run(
        line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    summary = json.loads(run.stdout.splitlines()[-1])
    return Estimate(
        name,
        command,
        float(summary["eta_seconds"]),
        float(summary["seconds"]) * SIMULATED_TIME_SCALE,
    )
