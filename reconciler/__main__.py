"""The console entry point. `--help` and `--version` are answered without importing anything that
takes time.
"""

from __future__ import annotations

import gc
import sys

_COLLECT_AFTER = 500_000
"""New objects after which the collector looks at the youngest ones."""


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    _open_all()
    _give_nothing_away()
    arguments = sys.argv[1:]
    if "_RECONCILER_COMPLETE" not in _environment():
        if arguments in ([], ["--help"], ["-h"], ["help"]):
            from reconciler.cli.help import HELP

            _say(HELP)
        if arguments in (["--version"], ["version"]):
            from reconciler.version import VERSION

            _say(f"reconciler {VERSION}\n")
    # The values of a stack are many, live long and hold no circles: looking for circles among them
    # takes a quarter of a plan's time.
    gc.set_threshold(_COLLECT_AFTER, 50, 100)
    from reconciler.cli.program import run

    code = run(arguments)
    # as it ends, the interpreter would look twice for circles in all that it has loaded: an eighth
    # of a small plan
    gc.freeze()
    sys.exit(code)


def _open_all() -> None:
    """Gives stdin, stdout and stderr a place where they were closed, so that no file of ours gets
    their number and their text.
    """
    import os

    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _give_nothing_away() -> None:
    """Makes no file that everybody may write to, whatever the caller's umask is."""
    import os

    os.umask(os.umask(0o077) | 0o002)


def _environment() -> set[str]:
    import os

    return set(os.environ)


def _say(text: str) -> None:
    from reconciler.cli.streams import Stream, unwritten

    stream = Stream(sys.stdout)
    stream.write(text)
    sys.exit(unwritten(stream) if stream.failed else 0)


if __name__ == "__main__":
    main()
