"""Stories with printed seeds, the same in every run: each pair of families once, with `FULL=1`
about twice; any number of them: `python -m tests.stories --stories 5000 --seed 7`.
"""

from __future__ import annotations

import pytest

from tests import extent
from tests.stories import acts, hunt, story

ALL, PARTS = 200, 8
STORIES = ALL if extent.FULL else 110


@pytest.mark.parametrize("part", range(PARTS))
def test_any_two_causes_together_end_in_what_the_file_states(part: int) -> None:
    # Goal: a pair of causes in each story, every invariant at each request and process end; a
    # failure prints the shortest story.
    for number in range(part, STORIES, PARTS):
        told = story.live(story.drawn(story.SEED, number))
        assert not told.violations, f"\n{story.shortest(told)}"


def test_a_story_repeats_exactly() -> None:
    # Goal: a seed and a number replay it, word for word.
    for number in (3, 17, 41):
        drawn = story.drawn(7, number)
        assert drawn == story.drawn(7, number)
        assert story.live(drawn) == story.live(drawn)


def test_the_stories_meet_every_pair_of_families_and_every_cause() -> None:
    # Goal: nothing is left out by the way in which stories are drawn.
    drawn = [story.drawn(story.SEED, number) for number in range(STORIES)]
    assert len(story.PAIRS) * 2 < STORIES
    assert sum(chain.weight for chain in acts.CHAINS) * 2 < STORIES
    drawn += [story.drawn(story.SEED, number) for number in range(STORIES, 2 * ALL)]
    assert {cause for one in drawn for scene in one.scenes for cause in scene.causes} == set(
        acts.CAUSES
    )


def test_each_fault_that_is_hunted_has_a_mutant() -> None:
    # Goal: `--hunt` takes out a fix of each fault that it names.
    assert {one.fault for one in hunt.chosen(None)} == set(hunt.FAULTS)
