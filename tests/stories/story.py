"""A story: a pair of causes, the acts that are drawn for it, how it is lived, and the shortest one
that fails in the same way.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.stories import acts, edits
from tests.stories.life import Life
from tests.stories.processes import How

SEED = 20_260_101

PAIRS = (
    *itertools.combinations_with_replacement(acts.FAMILIES, 2),
    *itertools.product(("deaths", "ways", "quicker"), ("names", "edits")),
    *itertools.repeat(("names", "deaths"), 2),
)
"""Every pair of families, those twice in which most was found."""

DOUBTFUL = {"deaths", "ways"}
"""Families after which something may be open."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One act: the names of the causes that meet in it (several only where they say how a process
    is run), with a seed of its own.
    """

    causes: tuple[str, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Story:
    """The scenes of one story; `waits` is whether the runs that end it wait, `seed` draws its first
    file.
    """

    seed: int
    number: int
    begun: bool
    waits: bool
    scenes: tuple[Scene, ...]

    @property
    def name(self) -> str:
        """What replays it."""
        return f"--seed {self.seed} --only {self.number}"


@dataclass(frozen=True, slots=True)
class Message:
    """What came of a story: its lines, and what must not be."""

    story: Story
    lines: tuple[str, ...]
    violations: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(
            [
                f"python -m tests.stories {self.story.name}",
                *self.lines,
                *(f"  !! {line}" for line in self.violations),
            ]
        )


def drawn(seed: int, number: int) -> Story:
    """The story of that number: those with an odd number follow a chain, the others a pair. Both
    come from shuffled lists, everything else by chance.
    """
    chance = Random(f"{seed} {number}")
    if number % 2:
        return _chained(seed, number, chance)
    pairs = list(PAIRS)
    Random(f"{seed} pairs").shuffle(pairs)
    families = pairs[number // 2 % len(pairs)]
    doubt = bool(set(families) & DOUBTFUL) and bool(set(families) & {"names", "edits"})
    if chance.random() < 0.5 or (doubt and families[0] not in DOUBTFUL and chance.random() < 0.5):
        families = families[::-1]
    first, second = (chance.choice(acts.FAMILIES[name]) for name in families)
    scenes: list[tuple[str, ...]]
    if first in acts.RUNS and second in acts.RUNS and chance.random() < 0.6:
        scenes = [(first, second)] if first != second else [(first,)]
    else:
        scenes = [(first,), (second,)]
        if second in acts.ACTS or chance.random() < 0.3:
            scenes += [
                (chance.choice((first, "does not wait", "does not wait")),)
                if chance.random() < 0.5 or doubt
                else ()
            ]
    for _ in range(chance.choice((0, 0, 1, 2))):
        more = (chance.choice(acts.CAUSES),) if chance.random() < 0.7 else ()
        scenes.insert(chance.randint(0, len(scenes)), more)
    return Story(
        seed,
        number,
        chance.random() < (0.4 if doubt else 0.7),
        chance.random() < 0.6,
        tuple(Scene(causes, chance.randrange(1 << 30)) for causes in scenes),
    )


def _chained(seed: int, number: int, chance: Random) -> Story:
    chains = [chain for chain in acts.CHAINS for _ in range(chain.weight)]
    Random(f"{seed} chains").shuffle(chains)
    chain = chains[number // 2 % len(chains)]
    chosen = [chance.choice(causes) for causes in chain.scenes]
    scenes = [(cause,) if cause else () for cause in chosen]
    if chance.random() < 0.3:
        scenes.insert(chance.randint(0, len(scenes)), (chance.choice(acts.CAUSES),))
    return Story(
        seed,
        number,
        chance.random() < 0.7 if chain.begun is None else chain.begun,
        chance.random() < 0.6 if chain.waits is None else chain.waits,
        tuple(Scene(causes, chance.randrange(1 << 30)) for causes in scenes),
    )


def live(story: Story) -> Message:
    """Lives it to its end."""
    life = Life(edits.first_file(Random(f"{story.seed} {story.number} file")))
    if story.begun:
        ended = life.process(How())
        assert ended is not None and ended.exit_code == 0 and not life.violations, (
            life.violations,
            ended,
        )
        life.clock.advance(600.0)
    life.lines.append(
        f"  the stack: {', '.join(sorted(life.desired.addresses))}{'' if story.begun else ' (not applied yet)'}"
    )
    for scene in story.scenes:
        if life.violations:
            break
        _act(life, scene)
    if not life.violations:
        life.lines.append(
            f"  nothing is broken any more: apply{'' if story.waits else ' --no-wait'}, until it "
            f"is done"
        )
        life.come_to_the_end(wait=story.waits)
    return Message(story, tuple(life.lines), tuple(dict.fromkeys(life.violations)))


def _act(life: Life, scene: Scene) -> None:
    chance = Random(scene.seed)
    if len(scene.causes) == 1 and scene.causes[0] in acts.ACTS:
        name = scene.causes[0]
        line = acts.ACTS[name](life, chance)
        who = "  somebody " if name in acts.OTHERS and line else "  "
        life.lines.append(f"{who}{line or f'({name}: nothing to do)'}")
        return
    how: How | None = How()
    for name in scene.causes:
        more = acts.RUNS[name](life, chance)
        how = acts.merged(how, more) if how is not None and more is not None else how
    life.lines.append(f"  apply{_how(how or How())}")
    ended = life.process(how)
    life.lines.append(
        f"    exit {'(killed)' if ended is None or ended.exit_code is None else ended.exit_code}"
    )
    if not life.violations and ended is not None and ended.exit_code is None:
        life.look(killed=True)


def _how(how: How) -> str:
    parts = [] if how.wait else ["--no-wait"]
    parts += [f"--only {address}" for address in how.only]
    parts += [f"typing {how.typed!r}"] if how.typed is not None else []
    parts += [f"; {how.place} {how.number}: {how.fault}"] if how.fault is not None else []
    parts += (
        [
            f"; somebody acts {f'at request {how.meddle_at} after the plan' if how.meddle_at else 'while the plan is shown'}"
        ]
        if how.meddle
        else []
    )
    return " " + " ".join(parts) if parts else ""


def shortest(told: Message) -> Message:
    """The same failure with as few scenes as possible: each is left out where the story still fails
    by the same invariant.
    """
    again = True
    while again:
        again = False
        for place in range(len(told.story.scenes)):
            fewer = told.story.scenes[:place] + told.story.scenes[place + 1 :]
            shorter = live(
                Story(told.story.seed, told.story.number, told.story.begun, told.story.waits, fewer)
            )
            if kinds(shorter.violations) & kinds(told.violations):
                told, again = shorter, True
                break
    return told


def kinds(violations: Sequence[str]) -> set[str]:
    """The numbers of the invariants that were broken."""
    return {line.partition(":")[0] for line in violations}
