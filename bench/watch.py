"""Random drift against the table of `watch`, in virtual time.

    python -m bench.watch --trials 1000

Each trial applies a stack to a local cloud of its own, changes it by hand in one to three ways, and
makes four passes. Printed are how many resources were reverted, and what was sent that the table
does not allow.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.watch import drifts


def main(arguments: list[str]) -> int:
    """Runs the trials. Returns 1 if one was wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.watch")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1_000_000)
    asked = parser.parse_args(arguments)
    begin, reverted, kinds, wrong = time.monotonic(), 0, Counter[str](), list[str]()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(asked.seed, asked.seed + asked.trials):
            whats, count, bad = drifts.trial(seed, Path(folder) / str(seed))
            reverted += count
            kinds.update(whats)
            wrong += [f"seed {seed}: {', '.join(whats)}: {line}" for line in bad]
    print(f"{asked.trials} trials, {sum(kinds.values())} changes by hand, {reverted} reverted")
    print("changes:", ", ".join(f"{count} {what}" for what, count in sorted(kinds.items())))
    print(f"outside the table: {len(wrong)}; {time.monotonic() - begin:.0f} s")
    for line in wrong:
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
