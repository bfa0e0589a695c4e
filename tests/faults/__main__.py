"""The whole space by one command: `python -m tests.faults --all`; pairs of faults: `python -m
tests.faults --pairs 200 --seed 7`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.faults import space
from tests.faults.space import Tally

SHOWN_MAX = 20


def main(arguments: list[str] | None = None) -> int:
    """Tries what is asked for, prints a table, and returns 1 where an invariant was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--all", action="store_true", help="every fault at every boundary (else a sample)"
    )
    parser.add_argument(
        "--pairs",
        type=int,
        default=0,
        metavar="N",
        help="so many pairs of faults for each story, instead",
    )
    parser.add_argument(
        "--story", action="append", choices=space.NAMES, help="this story only (repeatable)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=space.SEED,
        help="of the sample and the pairs (default %(default)s)",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes (default %(default)s)"
    )
    chosen = parser.parse_args(arguments)
    mode = "pairs" if chosen.pairs else "all" if chosen.all else "sample"
    print(f"{mode}, seed {chosen.seed}, {chosen.jobs} processes")
    print(
        f"{'story':<36}{'boundaries':>11}{'breaks':>8}{'runs':>8}{'answers':>9}{'violations':>12}{'seconds':>9}"
    )
    began, total = time.perf_counter(), Tally("all")
    for tally in space.run(
        mode, chosen.story or space.NAMES, jobs=chosen.jobs, number=chosen.pairs, seed=chosen.seed
    ):
        _say(tally)
        total.join(tally)
        total.boundaries += tally.boundaries
    _say(total)
    print(
        f"{time.perf_counter() - began:.0f} s; a person was asked in {total.answered} of "
        f"{total.breaks} trials"
    )
    for line in total.failed[:SHOWN_MAX]:
        print(line)
    return 1 if total.failed else 0


def _say(tally: Tally) -> None:
    numbers = f"{tally.boundaries:>11}{tally.breaks:>8}{tally.runs:>8}{tally.answers:>9}{len(tally.failed):>12}{tally.seconds:>9.1f}"
    print(f"{tally.story:<36}{numbers}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
