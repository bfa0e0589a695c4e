"""The stories are tested: fixes are taken out one by one, and the stories have to find the fault
that each of them mended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests import mutants, mutation
from tests.mutation import Mutant

FAULTS: dict[int, str] = {
    1: "an open create that does not follow its address",
    2: "a write against what was shown",
    3: "an import of an id that the account does not show",
    4: "a state move onto itself",
    5: "a state under a former name",
    6: "typed-ahead text that counts as consent",
    7: "servers without their firewall after a kill",
    8: "two machines that apply copies of one state",
    9: "an import of what another stack owns",
    10: "`--no-wait` that never settles",
    11: "dependants of a doubt that are not held back",
}
"""Faults that once came through, by number. The mutants with that number take their fix out."""

BEYOND = {6: "needs a terminal, and stories run without one (tests/processes/test_terminal.py)"}
"""Faults that no story can meet, and why."""

FOUND, NOT_FOUND = 1, 0
SECONDS_MAX = 1800


@dataclass(frozen=True, slots=True)
class Hunted:
    """What the stories said of one mutant; `found` is None where they could not be asked."""

    number: int
    mutant: Mutant
    found: bool | None
    said: str
    seconds: float


def chosen(numbers: Sequence[int] | None) -> list[Mutant]:
    """The mutants of these faults, or of all of `FAULTS`, by number."""
    wanted = set(numbers or FAULTS)
    return sorted(
        (one for one in mutants.MUTANTS if one.fault in wanted), key=lambda one: one.fault or 0
    )


def hunt(mutant: Mutant, *, stories: int, seed: int) -> Hunted:
    """Takes one fix out of a copy, and lives stories there until one fails."""
    number, began = mutant.fault or 0, time.perf_counter()
    if number in BEYOND:
        return Hunted(number, mutant, False, BEYOND[number], 0.0)
    with tempfile.TemporaryDirectory() as name:
        wrong = mutation.broken(mutant, Path(name))
        if wrong is not None:
            return Hunted(number, mutant, None, wrong, time.perf_counter() - began)
        command = [
            sys.executable,
            "-m",
            "tests.stories",
            "--first",
            "--stories",
            str(stories),
            "--seed",
            str(seed),
        ]
        environ = {**os.environ, "PYTHONPATH": name, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            command,
            cwd=name,
            env=environ,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
    lines = (done.stdout or done.stderr).strip().splitlines() or [""]
    found = {FOUND: True, NOT_FOUND: False}.get(done.returncode) if done.stdout else None
    return Hunted(number, mutant, found, lines[-1], time.perf_counter() - began)


def main(numbers: Sequence[int] | None, *, stories: int, seed: int, jobs: int) -> int:
    """Prints what became of each mutant and how many faults were found; returns 1 where a mutant
    could not be tried.
    """
    found: dict[int, bool] = {}
    print(f"{stories} stories for each fix that is taken out, seed {seed}", flush=True)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        results = []
        for hunted in pool.map(partial(hunt, stories=stories, seed=seed), chosen(numbers)):
            results.append(hunted)
            found[hunted.number] = found.get(hunted.number, False) or bool(hunted.found)
            word = {True: "found", False: "missed", None: "NOT TRIED"}[hunted.found]
            print(
                f"{word:<10}{hunted.seconds:>6.0f} s {hunted.number:>3}  {hunted.mutant.name:<60} "
                f" {hunted.said[:110]}",
                flush=True,
            )
    missed = [
        f"{number} ({FAULTS.get(number, 'another fault')})"
        for number, is_found in found.items()
        if not is_found
    ]
    print(
        f"faults found: {sum(found.values())} of {len(found)}; missed: "
        f"{', '.join(missed) or 'none'}"
    )
    return 1 if any(hunted.found is None for hunted in results) or not results else 0
