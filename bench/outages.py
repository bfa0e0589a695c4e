"""The servers of places killed under load (kill -9) and started again: is all that was acknowledged
in the log, and what do runs do meanwhile?

    python -m bench.outages --place postgres --place ceph

`load`: processes write to one state, as in `bench.races`, while the server is killed over and over;
of Ceph, its gateway and its storage daemon. `runs`: `reconciler apply` of
`examples/stacks/web-tier`, in real time; the server is killed before a write to the place and
starts again at once, so the run must wait and continue.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench import races
from bench.struck import Bench
from tests.processes.bridge import ended
from tests.processes.overtaking import APPLY, Boundary, calm, violations
from tests.processes.shared_desk import connector, resume, wait_until_stopped
from tests.servers import places


def load(place: places.Place, *, count: int, seconds: float, pause: float) -> races.Raced:
    """Kills the server every so many seconds; `kills` is how often."""
    connect, kills = connector(place.url, place.environment), 0
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as name:
        running = [
            context.Process(target=races.work, args=(connect, Path(name), number))
            for number in range(1, count + 1)
        ]
        for each in running:
            each.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(pause)
            place.server.kill()
            place.server.start()
            kills += 1
        time.sleep(pause)
        for each in running:
            each.kill()
            each.join()
        return races.judged(place, Path(name), kills)


def run(bench: Bench, at: Boundary, end: Mapping[str, object]) -> tuple[str, ...]:
    """What was not as after an undisturbed apply."""
    with bench.desk() as desk:
        process = desk.start(*APPLY, more=at.strike("stop"))
        wait_until_stopped(process)
        desk.place.server.kill()
        resume(process)
        desk.place.server.start()
        done = ended(process)
        if done.code:
            return (f"{at}: exit code {done.code}: {done.err}",)
        return tuple(f"{at}: {each}" for each in violations(desk, end))


def main() -> int:
    """0 if nothing was lost and every run came to its end, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.outages", description=__doc__)
    parser.add_argument("--place", choices=places.PLACES, action="append")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=10, help="0: no runs, only load")
    options = parser.parse_args()
    wrong = 0
    print("place       kills  acknowledged  positions  lost  two owners  gaps  runs  wrong")
    for kind in options.place or ("postgres", "ceph"):
        with places.Places() as all_places, tempfile.TemporaryDirectory() as name:
            found = load(
                all_places.fresh(kind), count=options.processes, seconds=options.seconds, pause=5.0
            )
            bench, bad, ats = Bench(all_places, kind, Path(name), rate=1.0), 0, list[Boundary]()
            if options.runs:
                with bench.desk() as desk:
                    end = calm(desk)
                every = [each for each in end.boundaries(reads=False) if each.where == "store"]
                # the first write is the fence; before it there is nothing to lose
                chance = random.Random(1)
                ats = chance.sample([at for at in every[2:] if not at.is_after], options.runs)
            for at in ats:
                broken = run(bench, at, end.world)
                print(*broken, sep="\n", end="\n" * bool(broken), file=sys.stderr)
                bad += bool(broken)
            wrong += bad + (not found.is_right)
            print(
                f"{kind:<10}  {found.kills:>5}  {found.acknowledged:>12}  {found.positions:>9}  "
                f"{found.lost:>4}  {found.two_owners:>10}  {found.gaps + found.wrong_serials:>4}  "
                f"{len(ats):>4}  {bad:>5}",
                flush=True,
            )
    print("nothing was lost" if not wrong else f"{wrong} are WRONG")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
