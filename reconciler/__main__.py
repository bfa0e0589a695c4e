"""The entry point. `--help` and `--version` import nothing that takes time."""

from __future__ import annotations

import gc
import sys

_COLLECT_AFTER = 500_000
"""How many new objects start a collection of the youngest generation."""


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    _open_all()
    _restrict_new_files()
    arguments = sys.argv[1:]
    language = _language(arguments)
    if "_RECONCILER_COMPLETE" not in _environment():
        only = arguments[2:] if arguments[:1] == ["--lang"] else arguments
        if only in ([], ["--help"], ["-h"], ["help"]):
            from reconciler.cli import help

            _print_and_exit(help.HELP if language == "en" else help.page(help.HELP))
        if only in (["--version"], ["version"]):
            from reconciler.version import described

            _print_and_exit(f"{described()}\n")
    # A stack has many values that live long and have no reference cycles: searching them for cycles
    # would take a quarter of a plan's time.
    gc.set_threshold(_COLLECT_AFTER, 50, 100)
    from reconciler.cli.program import run

    exit_code = run(arguments)
    # At exit the interpreter would search all modules for cycles twice: an eighth of a small plan.
    gc.freeze()
    sys.exit(exit_code)


def _language(arguments: list[str]) -> str:
    """Sets the language of all messages; English loads nothing."""
    import os

    # Only these can ask for Korean. The module that reads them is a tenth of `--version`.
    names = ("RECONCILER_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    if not any("ko" in text for text in (*map(os.environ.get, names), *arguments) if text):
        return "en"

    from reconciler.locale import choice

    found = choice.chosen(arguments, os.environ)
    if found != "en":
        choice.use(found)
        os.environ["LANGUAGE"] = found
    return found


def _open_all() -> None:
    """Opens closed standard streams, so that no other file gets their number and their text."""
    import os

    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _restrict_new_files() -> None:
    """Prevents world-writable new files, whatever the caller's umask is."""
    import os

    os.umask(os.umask(0o077) | 0o002)


def _environment() -> set[str]:
    import os

    return set(os.environ)


def _print_and_exit(text: str) -> None:
    from reconciler.cli.streams import Stream, unwritten

    stream = Stream(sys.stdout)
    stream.write(text)
    sys.exit(unwritten(stream) if stream.failed else 0)


if __name__ == "__main__":
    main()
