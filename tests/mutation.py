"""What a mutant is, and how one is tried: in a copy of the package, with the tests that have to
notice.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = (
    "reconciler",
    "schemas",
    "tests",
    "docs",
    "examples",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
)
SECONDS_MAX = 600
RED, GREEN = 1, 0


@dataclass(frozen=True, slots=True)
class Mutant:
    """One deliberate breakage: in `file`, `before` (which stands there once) becomes `after`;
    `tests` are the ones that have to notice.

    `fault` is the number of the fault whose fix it takes out, None for any other breakage.
    """

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]
    fault: int | None = None


BOUNDARIES = "tests/faults/test_boundaries.py"


def of_story(name: str) -> str:
    """Every break of one story."""
    return (
        f"{BOUNDARIES}::test_after_any_fault_the_next_runs_end_like_the_undisturbed_run[{name}-0-1]"
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: `killed` by a test, or not; `text` is the first test that turned
    red, or why there is no answer.
    """

    mutant: Mutant
    killed: bool
    text: str
    seconds: float


def copy_to(folder: Path) -> None:
    """The package with its tests, without anything that was built from them."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis")
            )
        elif source.exists():
            shutil.copy(source, folder / name)


def run_tests(
    folder: Path, tests: tuple[str, ...], seconds: float = SECONDS_MAX
) -> tuple[int, str]:
    """The exit code of the tests in a copy, and the first one that failed."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "--no-header",
        *tests,
    ]
    environ = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return RED, f"not ended after {seconds:.0f} s"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode, failed[0] if failed else (done.stdout + done.stderr)[-200:].strip()


def broken(mutant: Mutant, folder: Path) -> str | None:
    """Makes a copy in that folder and breaks it. Says why where it cannot."""
    copy_to(folder)
    target = folder / mutant.file
    text = target.read_text(encoding="utf-8")
    if text.count(mutant.before) != 1:
        return f"its text is {text.count(mutant.before)} times in {mutant.file}"
    target.write_text(text.replace(mutant.before, mutant.after), encoding="utf-8")
    return None


def try_one(mutant: Mutant) -> Outcome:
    """Breaks a copy and runs the tests that have to notice."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wrong = broken(mutant, folder)
        if wrong is not None:
            return Outcome(mutant, False, wrong, time.perf_counter() - began)
        code, text = run_tests(folder, mutant.tests)
    return Outcome(
        mutant,
        code == RED,
        text if code != GREEN else "SURVIVED: no test turned red",
        time.perf_counter() - began,
    )


def try_none(tests: tuple[str, ...]) -> str | None:
    """Why the tests say nothing: they are red without a mutant."""
    with tempfile.TemporaryDirectory() as name:
        copy_to(Path(name))
        code, text = run_tests(Path(name), tests, SECONDS_MAX * len(tests))
    return None if code == GREEN else text


def run(
    mutants: tuple[Mutant, ...], *, about: str | None, arguments: list[str] | None = None
) -> int:
    """Tries the mutants, prints what became of each, and returns 1 where one survives."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description=about,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "words", nargs="*", help="only mutants with one of these words in their name"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        help="mutants at a time (default %(default)s)",
    )
    chosen = parser.parse_args(arguments)
    mutants = tuple(
        one for one in mutants if not chosen.words or any(word in one.name for word in chosen.words)
    )
    wrong = try_none(tuple(sorted({test for one in mutants for test in one.tests})))
    if wrong is not None:
        print(f"the tests are red without a mutant: {wrong}")
        return 1
    survived = 0
    with ThreadPoolExecutor(max_workers=chosen.jobs) as pool:
        for outcome in pool.map(try_one, mutants):
            survived += not outcome.killed
            print(
                f"{'killed' if outcome.killed else 'SURVIVED':<10}{outcome.seconds:>6.1f} "
                f"s  {outcome.mutant.name:<46}{outcome.text}",
                flush=True,
            )
    print(f"{len(mutants) - survived} of {len(mutants)} mutants were killed")
    return 1 if survived or not mutants else 0
