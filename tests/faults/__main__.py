"""The whole space by one command: `python -m tests.faults --all`; pairs of faults: `python -m
tests.faults --pairs 200 --seed 7`.

Over a state in a place that many machines see: `--store database --all`, and `--overtaken` for a
holder that stands still at every boundary while another run takes over.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.faults import space
from tests.faults.bench import Bench
from tests.faults.shared_bench import BucketBench, SharedBench
from tests.faults.space import Tally
from tests.faults.stacks import SHARED_STORIES, WEB_TIER

SHOWN_MAX = 20
STORES: dict[str, type[Bench]] = {"disk": Bench, "database": SharedBench, "bucket": BucketBench}


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
        "--overtaken", action="store_true", help="overtake the holder at every boundary, instead"
    )
    parser.add_argument(
        "--store", choices=STORES, default="disk", help="where the state is (default %(default)s)"
    )
    parser.add_argument(
        "--story",
        action="append",
        choices=(*space.NAMES, WEB_TIER.name),
        help="this story only (repeatable)",
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
    if chosen.overtaken and chosen.store == "disk":
        parser.error("--overtaken needs --store database or bucket")
    mode = _mode(chosen)
    names = space.NAMES if chosen.store == "disk" else [one.name for one in SHARED_STORIES]
    print(f"{mode}, {chosen.store}, seed {chosen.seed}, {chosen.jobs} processes")
    print(
        f"{'story':<36}{'boundaries':>11}{'breaks':>8}{'runs':>8}{'answers':>9}{'violations':>12}{'seconds':>9}"
    )
    began, total = time.perf_counter(), Tally("all")
    for tally in space.run(
        mode,
        chosen.story or names,
        jobs=chosen.jobs,
        number=chosen.pairs,
        seed=chosen.seed,
        make=STORES[chosen.store],
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


def _mode(chosen: argparse.Namespace) -> str:
    modes = {"overtaken": chosen.overtaken, "pairs": chosen.pairs, "all": chosen.all}
    return next((mode for mode, is_chosen in modes.items() if is_chosen), "sample")


def _say(tally: Tally) -> None:
    numbers = f"{tally.boundaries:>11}{tally.breaks:>8}{tally.runs:>8}{tally.answers:>9}{len(tally.failed):>12}{tally.seconds:>9.1f}"
    print(f"{tally.story:<36}{numbers}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
