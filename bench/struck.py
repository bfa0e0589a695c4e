"""Real runs killed or stopped at every boundary, with the state in a place that many machines see.

    python -m bench.struck --place postgres --how killed
    python -m bench.struck --place postgres --place moto --how stopped --how unlocked

The run is `reconciler apply` of `examples/stacks/web-tier`, as a process, against the local cloud.
Its boundaries are each write to the place and each request to the cloud, before and after.

`killed`: it dies (kill -9), and the next runs come to the end. `stopped`: it is stopped (SIGSTOP)
for ten minutes, other runs judge it dead and come to the end, and it continues then. `unlocked`:
the others take the lock at once with `state unlock`, and it continues after the first of them.
Clocks are moved, nobody waits for them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

from tests.processes.bridge import RATE
from tests.processes.overtaking import Boundary, Calm, Struck, calm, killed, overtaken
from tests.processes.shared_desk import SharedDesk, shared_desk
from tests.servers import places

WEB_TIER = Path(__file__).parents[1] / "examples" / "stacks" / "web-tier" / "stack.yaml"
HEADS = ("boundaries", "tried", "struck", "late writes", "answers", "wrong", "exit codes: runs")
WAYS = ("killed", "stopped", "unlocked")


class Bench:
    """Gives each run a fresh account, place and folder. Clocks run `rate` times as fast."""

    def __init__(
        self, all_places: places.Places, kind: str, folder: Path, *, rate: float = RATE
    ) -> None:
        self._places, self._kind, self._folder, self._count = all_places, kind, folder, 0
        self._rate = rate

    def desk(self) -> AbstractContextManager[SharedDesk]:
        """The next one."""
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        text = WEB_TIER.read_text(encoding="utf-8")
        return shared_desk(folder, self._places.fresh(self._kind), text, rate=self._rate)

    def struck(self, at: Boundary, how: str, end: Calm) -> Struck:
        """One run struck at one boundary."""
        with self.desk() as desk:
            if how == "killed":
                found = killed(desk, at, end.world)
            else:
                found = overtaken(desk, at, end.world, unlocked=how == "unlocked")
        for each in found.violations:
            print(f"  {how} {at}: {each}", file=sys.stderr, flush=True)
        return found


def main() -> int:
    """0 if no run broke a promise, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.struck", description=__doc__)
    parser.add_argument("--place", choices=places.PLACES, action="append")
    parser.add_argument("--how", choices=WAYS, action="append")
    parser.add_argument("--every", type=int, default=1, help="only each n-th boundary")
    options = parser.parse_args()
    wrong = 0
    print(
        "place         how       boundaries  tried  struck  late writes  answers  wrong  exit codes"
    )
    for kind in options.place or ("postgres", "moto"):
        for how in options.how or WAYS:
            found, count = list[Struck](), 0
            try:
                with places.Places() as all_places, tempfile.TemporaryDirectory() as name:
                    bench = Bench(all_places, kind, Path(name))
                    with bench.desk() as desk:
                        end = calm(desk)
                    all_of_it = end.boundaries(reads=how == "killed")
                    count = len(all_of_it)
                    for at in all_of_it[:: options.every]:
                        found.append(bench.struck(at, how, end))
            except KeyboardInterrupt:
                print("  ended early", file=sys.stderr)
            bad = sum(bool(each.violations) for each in found)
            wrong += bad
            codes = Counter(each.ended.code for each in found if each.struck)
            row = (
                count,
                len(found),
                sum(each.struck for each in found),
                sum(each.late for each in found),
                sum(each.answers for each in found),
                bad,
            )
            cells = [f"{cell:>{len(head)}}" for head, cell in zip(HEADS, row, strict=False)]
            ends = ", ".join(f"{code}: {times}" for code, times in sorted(codes.items()))
            print(f"{kind:<10}", f"{how:<8}", *cells, ends, sep="  ", flush=True)
    print("no promise was broken" if not wrong else f"{wrong} runs are WRONG")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
