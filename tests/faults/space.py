"""The space of breaks: all of it, or a sample that has every fault at every kind of boundary; in
one process or in several.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache

from tests.faults import faults, harness, overtaken
from tests.faults.bench import Bench
from tests.faults.faults import Break
from tests.faults.harness import Calm, Known, Trial
from tests.faults.overtaken import Standstill
from tests.faults.stacks import STORIES, story

SEED = 20_260_101
DEEDS_SAMPLED = 40
"""Breaks of the store that a sample takes of each story: together the stories have all kinds of them
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
    """One boundary for every fault of every kind of request, and some of the store's: the same ones
    in every run of that seed.
    """
    chance = random.Random(f"{seed} {calm.story.name}")
    kinds: dict[tuple[str, str, str], list[Break]] = {}
    for one in harness.all_of(calm):
        what = (
            one.boundary.what if one.boundary.is_write or one.boundary.place != "send" else "a read"
        )
        kinds.setdefault((one.boundary.place, what, one.fault), []).append(one)
    chosen = [chance.choice(kinds[key]) for key in sorted(kinds)]
    operations = [one for one in chosen if one.boundary.place != "send"]
    kept = set(chance.sample(operations, min(len(operations), DEEDS_SAMPLED)))
    return tuple(one for one in chosen if one.boundary.place == "send" or one in kept)


def pairs_of(one: Break, story_name: str) -> frozenset[tuple[str, ...]]:
    """What a break shows in pairs: this fault at this kind of boundary, the fault in this story,
    and the kind in the story.
    """
    at = one.boundary
    place = "write" if at.is_write else at.place
    return frozenset(
        {
            (place, at.what, one.fault),
            (story_name, place, one.fault),
            (story_name, place, at.what),
        }
    )


def of_each_pair(every: Mapping[str, Sequence[Break]]) -> dict[str, tuple[Break, ...]]:
    """Of the breaks of each story so few that together they have every fault at every kind of
    boundary, every fault in every story and every kind of boundary of every story: of all breaks,
    about a tenth. The same ones in every run.
    """
    left = [(name, one) for name, breaks in every.items() for one in breaks]
    random.Random(SEED).shuffle(left)
    shown: set[tuple[str, ...]] = set()
    chosen: dict[str, list[Break]] = {name: [] for name in every}
    for new in (3, 2, 1):  # first those that show the most
        for name, one in left:
            pairs = pairs_of(one, name) - shown
            if len(pairs) >= new:
                shown |= pairs
                chosen[name].append(one)
    return {name: tuple(breaks) for name, breaks in chosen.items()}


@cache
def suite() -> Mapping[str, tuple[Break, ...]]:
    """What the suite tries of each story."""
    return of_each_pair({name: harness.all_of(calm_of(name)) for name in NAMES})


def sample_of_place(calm: Calm, number: int, *, seed: int = SEED) -> tuple[Break, ...]:
    """So many breaks at operations of a shared place and kills at sends: first one for each fault of
    each kind of operation, in an order that the seed gives.
    """
    chance = random.Random(f"{seed} place {calm.story.name}")
    space = [
        one
        for one in harness.all_of(calm)
        if one.boundary.place == "store" or one.fault in faults.KILLS
    ]
    chance.shuffle(space)
    seen: set[tuple[str, str]] = set()
    first, others = list[Break](), list[Break]()
    for one in space:
        what = one.boundary.what if one.boundary.place == "store" else "a send"
        (others if (what, one.fault) in seen else first).append(one)
        seen.add((what, one.fault))
    return (*first, *others)[:number]


def count_overtaken(calm: Calm, every: Sequence[Standstill]) -> Tally:
    """Lets the holder be overtaken at these boundaries."""
    tally, began = (
        Tally(f"{calm.story.name}, overtaken", boundaries=len(calm.boundaries)),
        time.perf_counter(),
    )
    for at in every:
        found = overtaken.trial(calm, at)
        tally.breaks, tally.runs = tally.breaks + 1, tally.runs + found.runs
        tally.failed += [f"{found}: {violation}" for violation in found.violations]
        if not found.struck:
            tally.failed.append(f"{found}: the boundary never came")
    tally.seconds = time.perf_counter() - began
    return tally


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


def count(calm: Calm, breaks: Sequence[Break], known: Known | None = None) -> Tally:
    """Tries these breaks; with `known`, a situation that was continued from before is not continued
    from again.
    """
    tally, began = Tally(calm.story.name, boundaries=len(calm.boundaries)), time.perf_counter()
    for one in breaks:
        tally.add(harness.trial(calm, one, known=known))
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


_CALM: dict[tuple[str, type[Bench]], Calm] = {}


def calm_of(name: str, make: type[Bench] = Bench) -> Calm:
    """The calm run of a story, once in a process."""
    if (name, make) not in _CALM:
        _CALM[name, make] = harness.calm(story(name), make)
    return _CALM[name, make]


@dataclass(frozen=True, slots=True)
class _Job:
    """A part of the space, for one process."""

    name: str
    make: type[Bench]
    mode: str
    start: int
    stop: int
    seed: int


def _work(job: _Job) -> Tally:
    calm, mode, start, stop, seed = (
        calm_of(job.name, job.make),
        job.mode,
        job.start,
        job.stop,
        job.seed,
    )
    if mode == "overtaken":
        return count_overtaken(calm, overtaken.all_of(calm)[start:stop])
    if mode == "pairs":
        return count_pairs(calm, stop - start, seed=seed + start)
    breaks = harness.all_of(calm) if mode == "all" else sample(calm, seed=seed)
    return count(calm, breaks[start:stop])


def _space_of(calm: Calm, mode: str, seed: int) -> Sequence[object]:
    if mode == "overtaken":
        return overtaken.all_of(calm)
    return harness.all_of(calm) if mode == "all" else sample(calm, seed=seed)


def run(
    mode: str,
    names: Sequence[str],
    *,
    jobs: int,
    number: int = 0,
    seed: int = SEED,
    make: type[Bench] = Bench,
) -> Iterator[Tally]:
    """Tries the space of these stories (`all`, `sample` or so many `pairs` each) in so many
    processes; one tally a story. `make` says where the state is.
    """
    tallies = {name: Tally(name) for name in names}
    work: list[_Job] = []
    for name in names:
        calm = calm_of(name, make)
        tallies[name].boundaries = len(calm.boundaries)
        size = number if mode == "pairs" else len(_space_of(calm, mode, seed))
        work += [
            _Job(name, make, mode, start, min(start + CHUNK, size), seed)
            for start in range(0, size, CHUNK)
        ]
    left = {name: sum(job.name == name for job in work) for name in names}
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        for job, tally in zip(work, pool.map(_work, work), strict=True):
            tallies[job.name].join(tally)
            left[job.name] -= 1
            if left[job.name] == 0:
                yield tallies[job.name]


NAMES = tuple(one.name for one in STORIES)
