"""`python -m tests.fuzz --seconds N [--seed S] [--target NAME]`: looks longer for inputs that a
decoder does not end well on.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

from tests.fuzz.guided import Report, fuzz
from tests.fuzz.seeds import all_targets


def main() -> int:
    """Fuzzes each decoder for its part of the time; 1 where something was found. Finds are written
    to the current folder.
    """
    targets = all_targets()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all decoders together")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="the same seed gives the same inputs"
    )
    parser.add_argument(
        "--target", choices=[target.name for target in targets], help="one decoder alone"
    )
    chosen = parser.parse_args()
    mine = [target for target in targets if chosen.target in (None, target.name)]
    found = 0
    for target in mine:
        end = time.monotonic() + chosen.seconds / len(mine)
        report = fuzz(target, seed=chosen.seed, until=lambda _, end=end: time.monotonic() >= end)  # type: ignore[misc]
        print(
            f"{target.name:<10} {report.tried:>7} inputs  {len(report.lines):>6} lines reached  "
            f"slowest {report.slowest_seconds:.2f} s"
            f"  {len(report.finds)} found  (seed {chosen.seed})",
            flush=True,
        )
        _keep(target.name, report)
        found += len(report.finds)
    return 1 if found else 0


def _keep(name: str, report: Report) -> None:
    for number, (data, failure) in enumerate(report.finds[:10]):
        path = Path(f"fuzz-{name}-{number}.input")
        path.write_bytes(data)
        print(f"  {path}: {type(failure).__name__}: {failure}", file=sys.stderr)
        traceback.print_exception(failure, limit=-4, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
