"""The space of breaks: all of it, or a sample that has every fault at every kind of boundary; in
one process or in several.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.faults import faults, harness
from tests.faults.faults import Break
from tests.faults.harness import Calm, Trial
from tests.faults.stacks import STORIES, story

SEED = 20_260_101
DEEDS_SAMPLED = 40
"""Breaks of the disk that a sample takes of each story: together the stories have all kinds of them
several times over.
"""

CHUNK = 60
"""Breaks that one process takes at a time."""


@dataclass(slots=True)
class Tally:
    """What came of many trials of one story."""

    story: str
    boundaries: int = 0
    breaks: int = 0
    runs: int = 0
    answers: int = 0
    answered: int = 0
    seconds: float = 0.0
    failed: list[str] = field(default_factory=list)

    def add(self, trial: Trial) -> None:
        """Counts one trial."""
        self.breaks += 1
        self.runs += trial.runs
        self.answers += len(trial.answers)
        self.answered += bool(trial.answers)
        if not trial.struck:
            self.failed.append(f"{trial}: the boundary never came")
        self.failed += [f"{trial}: {violation}" for violation in trial.violations]

    def join(self, other: Tally) -> None:
        """Adds what another process counted."""
        self.breaks, self.runs = self.breaks + other.breaks, self.runs + other.runs
        self.answers, self.answered = self.answers + other.answers, self.answered + other.answered
        self.seconds += other.seconds
        self.failed += other.failed


def sample(calm: Calm, *, seed: int = SEED) -> tuple[Break, ...]:
    """One boundary for every fault of every kind of request, and some of the disk's: the same ones
    in every run of that seed.
    """
    chance = random.Random(f"{seed} {calm.story.name}")
    kinds: dict[tuple[str, str, str], list[Break]] = {}
    for one in harness.all_of(calm):
        what = (
            one.boundary.what if one.boundary.is_write or one.boundary.place == "deed" else "a read"
        )
        kinds.setdefault((one.boundary.place, what, one.fault), []).append(one)
    chosen = [chance.choice(kinds[key]) for key in sorted(kinds)]
    operations = [one for one in chosen if one.boundary.place == "deed"]
    kept = set(chance.sample(operations, min(len(operations), DEEDS_SAMPLED)))
    return tuple(one for one in chosen if one.boundary.place != "deed" or one in kept)


def pairs(calm: Calm, number: int, *, seed: int = SEED) -> Iterator[Trial]:
    """Trials with a second break in the run after the first, both drawn with that seed."""
    chance = random.Random(f"{seed} pairs {calm.story.name}")
    space = harness.all_of(calm)
    for _ in range(number):
        first = chance.choice(space)
        recovery = harness.trial(calm, first).recovery
        if recovery:
            boundary = chance.choice(recovery)
            yield harness.trial(
                calm, first, Break(boundary, chance.choice(faults.faults_of(boundary)))
            )


def count(calm: Calm, breaks: Sequence[Break]) -> Tally:
    """Tries these breaks."""
    tally, began = Tally(calm.story.name, boundaries=len(calm.boundaries)), time.perf_counter()
    for one in breaks:
        tally.add(harness.trial(calm, one))
    tally.seconds = time.perf_counter() - began
    return tally


def count_pairs(calm: Calm, number: int, *, seed: int = SEED) -> Tally:
    """Tries so many pairs."""
    tally, began = (
        Tally(f"{calm.story.name}, pairs", boundaries=len(calm.boundaries)),
        time.perf_counter(),
    )
    for trial in pairs(calm, number, seed=seed):
        tally.add(trial)
    tally.seconds = time.perf_counter() - began
    return tally


_CALM: dict[str, Calm] = {}


def calm_of(name: str) -> Calm:
    """The calm run of a story, once in a process."""
    if name not in _CALM:
        _CALM[name] = harness.calm(story(name))
    return _CALM[name]


def _work(job: tuple[str, str, int, int, int]) -> Tally:
    name, mode, start, stop, seed = job
    calm = calm_of(name)
    if mode == "pairs":
        return count_pairs(calm, stop - start, seed=seed + start)
    breaks = harness.all_of(calm) if mode == "all" else sample(calm, seed=seed)
    return count(calm, breaks[start:stop])


def run(
    mode: str, names: Sequence[str], *, jobs: int, number: int = 0, seed: int = SEED
) -> Iterator[Tally]:
    """Tries the space of these stories (`all`, `sample` or so many `pairs` each) in so many
    processes; one tally a story.
    """
    tallies = {name: Tally(name) for name in names}
    work: list[tuple[str, str, int, int, int]] = []
    for name in names:
        calm = calm_of(name)
        tallies[name].boundaries = len(calm.boundaries)
        size = (
            number
            if mode == "pairs"
            else len(harness.all_of(calm) if mode == "all" else sample(calm, seed=seed))
        )
        work += [
            (name, mode, start, min(start + CHUNK, size), seed) for start in range(0, size, CHUNK)
        ]
    left = {name: sum(job[0] == name for job in work) for name in names}
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        for job, tally in zip(work, pool.map(_work, work), strict=True):
            tallies[job[0]].join(tally)
            left[job[0]] -= 1
            if left[job[0]] == 0:
                yield tallies[job[0]]


NAMES = tuple(one.name for one in STORIES)
