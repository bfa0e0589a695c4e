"""Any number of stories by one command: `python -m tests.stories --stories 5000 --seed 7`; one of
them again: `--seed 7 --only 12`.

`--hunt` takes fixes out one by one (the mutants that have the number of a fault in
`tests/stories/hunt.py`), and says which the stories find.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.stories import hunt
from tests.stories import story as stories
from tests.stories.story import Message

SHOWN_MAX = 10


def main(arguments: list[str] | None = None) -> int:
    """Lives the stories, prints each that fails in its shortest form, and returns 1 where
    one does.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.stories", description=__doc__)
    parser.add_argument(
        "--stories", type=int, default=200, metavar="N", help="how many (default %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=stories.SEED, help="of all of them (default %(default)s)"
    )
    parser.add_argument(
        "--only",
        type=int,
        action="append",
        metavar="NUMBER",
        help="the story of this number, told in full (repeatable)",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes (default %(default)s)"
    )
    parser.add_argument(
        "--shown", type=int, default=SHOWN_MAX, help="failures that are shown (default %(default)s)"
    )
    parser.add_argument(
        "--first", action="store_true", help="end at the first that fails, and tell it in one line"
    )
    parser.add_argument(
        "--hunt",
        action="store_true",
        help="take fixes out one by one and see whether the stories find the fault",
    )
    parser.add_argument(
        "--fault",
        type=int,
        action="append",
        metavar="NUMBER",
        help="hunt for the fault of this number only (repeatable)",
    )
    chosen = parser.parse_args(arguments)
    if chosen.hunt:
        return hunt.main(chosen.fault, stories=chosen.stories, seed=chosen.seed, jobs=chosen.jobs)
    if chosen.first:
        return _first(chosen.seed, chosen.stories)
    if chosen.only:
        return _tell([stories.live(stories.drawn(chosen.seed, number)) for number in chosen.only])
    print(f"{chosen.stories} stories, seed {chosen.seed}, {chosen.jobs} processes", flush=True)
    began, failed = time.perf_counter(), list[Message]()
    with ProcessPoolExecutor(max_workers=chosen.jobs) as pool:
        for told in pool.map(partial(_live, chosen.seed), range(chosen.stories), chunksize=10):
            failed += [told] if told.violations else []
    for told in failed[: chosen.shown]:
        print(f"\n{stories.shortest(told)}", flush=True)
    counted = Counter(number for told in failed for number in stories.kinds(told.violations))
    print(
        f"\n{len(failed)} of {chosen.stories} stories fail {dict(counted)}; "
        f"{time.perf_counter() - began:.0f} s"
    )
    return 1 if failed else 0


def _live(seed: int, number: int) -> Message:
    return stories.live(stories.drawn(seed, number))


def _first(seed: int, number: int) -> int:
    for told in (_live(seed, each) for each in range(number)):
        if told.violations:
            print(f"story {told.story.number}: {told.violations[0]}")
            return 1
    print(f"none of {number} stories fails")
    return 0


def _tell(told: list[Message]) -> int:
    for one in told:
        print(one if one.violations else f"{one}\n  all is as it must be")
    return 1 if any(one.violations for one in told) else 0


if __name__ == "__main__":
    sys.exit(main())
