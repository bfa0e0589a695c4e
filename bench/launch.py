"""Runs a command and says what it took: `python -I -S bench/launch.py RUNS COMMAND...`, a line of
JSON a run.

A process of its own, and a small one: what a child needs at its largest counts from the size of the
one that started it.
"""

import json
import os
import sys
import time


def main() -> None:
    """Runs the command as often as told; ends with the first exit code that is not 0, the command's
    errors on stderr.
    """
    runs, command = int(sys.argv[1]), sys.argv[2:]
    quiet = os.open(os.devnull, os.O_WRONLY)
    for _ in range(runs):
        began = time.perf_counter()
        actions = [(os.POSIX_SPAWN_DUP2, quiet, 1)]
        child = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
        _, status, usage = os.wait4(child, 0)
        took = time.perf_counter() - began
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            sys.exit(code)
        print(
            json.dumps(
                {
                    "cpu": usage.ru_utime + usage.ru_stime,
                    "wall": took,
                    "megabytes": usage.ru_maxrss / 1024,
                }
            )
        )


if __name__ == "__main__":
    main()
