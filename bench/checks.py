"""What `reconciler state check` says of each kind of server: which are refused, and why.

python -m bench.checks
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from bench.processes import RECONCILER
from tests.servers import places


def main() -> int:
    """0 if exactly the servers without conditions were refused, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.checks", description=__doc__)
    parser.add_argument("--place", choices=places.PLACES + places.BAD_PLACES, action="append")
    options = parser.parse_args()
    wrong = 0
    print("place               exit code  seconds  answer")
    with places.Places() as all_places:
        for kind in options.place or places.PLACES + places.BAD_PLACES:
            place = all_places.fresh(kind)
            began = time.perf_counter()
            done = subprocess.run(
                (*RECONCILER, "state", "check", "--place", place.url),
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, **place.environment},
            )
            took = time.perf_counter() - began
            wrong += done.returncode != (5 if kind in places.BAD_PLACES else 0)
            said = (done.stdout + done.stderr).strip().splitlines()
            said = [line for line in said if "error[" in line] or said
            print(f"{kind:<18}  {done.returncode:>9}  {took:>7.1f}  {said[0].strip()}", flush=True)
    print("as it should be" if not wrong else f"{wrong} answers are WRONG")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
