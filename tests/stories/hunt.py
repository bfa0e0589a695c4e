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

KINDS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "an open create that does not follow its address",
        (
            "create again what a create in doubt may have made under another address",
            "leave a create in doubt at an address that the file has moved",
            "create a rule again under another key",
        ),
    ),
    2: (
        "a write against what was shown",
        (
            "look at what an object is, not at what it says",
            "make a successor without a look at the old object",
        ),
    ),
    3: (
        "an import of an id that the account does not show",
        ("plan an import of an id that the account does not show",),
    ),
    4: ("a state move onto itself", ("move an object to where it is",)),
    5: (
        "a state under a former name",
        ("plan under a new name although the state of the former one stands",),
    ),
    6: ("typed-ahead text that counts as consent", ("take typed-ahead text for consent",)),
    9: (
        "an import of what another stack owns",
        ("do not ask whether another stack owns an object",),
    ),
    10: (
        "`--no-wait` that never settles",
        (
            "forget the first look between two runs",
            "do not take a word for what is being deleted",
            "do not report an old object that is not proved gone",
        ),
    ),
    11: (
        "dependants of a doubt that are not held back",
        ("change the rules of a firewall in doubt",),
    ),
    15: (
        "a change of shape that is taken for new objects",
        (
            "take another shape of a resource for new objects",
            "take a rename of what is in doubt for a new object",
        ),
    ),
}
"""Kinds of faults that once came through, by number, each with the mutants of `tests/mutants.py`
that take its fix out.
"""

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


def chosen(numbers: Sequence[int] | None) -> list[tuple[int, Mutant]]:
    """The mutants of these kinds, or of all."""
    named = {one.name: one for one in mutants.MUTANTS}
    return [
        (number, named[name])
        for number, (_, names) in sorted(KINDS.items())
        if not numbers or number in numbers
        for name in names
    ]


def hunt(one: tuple[int, Mutant], *, stories: int, seed: int) -> Hunted:
    """Takes one fix out of a copy, and lives stories there until one fails."""
    (number, mutant), began = one, time.perf_counter()
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
    """Prints what became of each mutant and how many kinds were found; returns 1 where a mutant
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
                f"{word:<10}{hunted.seconds:>6.0f} s {hunted.number:>3}  {hunted.mutant.name:<60}  {hunted.said[:110]}",
                flush=True,
            )
    missed = [
        f"{number} ({KINDS[number][0]})" for number, is_found in found.items() if not is_found
    ]
    print(
        f"kinds found: {sum(found.values())} of {len(found)}; missed: {', '.join(missed) or 'none'}"
    )
    return 1 if any(hunted.found is None for hunted in results) or not results else 0
