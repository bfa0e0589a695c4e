"""`fmt`: the canonical layout of stack files."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.run_context import ends
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error
from reconciler.render.format import phrase
from reconciler.render.run.screen import Line, Tone

STDIN = "-"
_BOM = "\ufeff"


@click.command(
    epilog="""\b
Examples:
  reconciler fmt
  reconciler fmt --check --diff
  reconciler fmt shop/ web.yaml"""
)
@click.argument("files", nargs=-1, metavar="[STACK|FILE]...", type=click.Path())
@click.option("--check", is_flag=True, help="Write nothing; exit 2 if a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print the changes; exit 2 if any.")
@options.output_options
@ends
def fmt(console: Console, *, files: Sequence[str], check: bool, diff: bool) -> int:
    """Write stack files in the canonical layout.

    Two spaces of indentation, one blank line around sections, no trailing spaces. Comments, the
    order of keys, quotes and aligned columns are kept, and the meaning never changes. A folder
    stands for its stack with the components. With `-`, the text of stdin goes to stdout.
    """
    problems: list[Problem] = []
    changed = 0
    made: dict[str, str] = {}
    for file in _files(files or (".",), problems):
        before = _read(file, problems)
        after = None if before is None else _formatted(before, file, problems)
        if before is None or after is None:
            continue
        if file == STDIN and not (check or diff):
            console.out.write(after)
        if before == after:
            continue
        changed += 1
        if diff:
            console.out.write(_difference(before, after, file))
        elif check:
            console.result([Line(phrase("would change {file}", file=file))])
        elif file != STDIN:
            made[file] = after
    console.problems(problems)  # first: they show lines of the files as these were read
    for file, after in made.items():
        _write(Path(file), after)
        console.result([Line(phrase("changed {file}", file=file))])
    if problems:
        return exit_codes.of_problems(problems)
    if not changed and STDIN not in files and not diff:
        console.result([Line(phrase("nothing to change"), Tone.GOOD)])
    return exit_codes.CHANGES if changed and (check or diff) else exit_codes.DONE


def _files(named: Sequence[str], problems: list[Problem]) -> Iterator[str]:
    """Each file once; a folder stands for the files of its stack and their components."""
    from reconciler.config import stack_folder

    found: dict[str, None] = {}
    for name in named:
        if Path(name).is_dir():
            document, wrong = stack_folder.load(Path(name))
            problems += [problem for problem in wrong if problem.code == "file-missing"]
            found.update(dict.fromkeys(document.files))
            found.update(dict.fromkeys(part.file for part in document.parts.values()))
        else:
            found[name] = None
    yield from found


def _read(file: str, problems: list[Problem]) -> str | None:
    """The text of a file or of stdin with its mark, or None with a problem."""
    from reconciler.config import stack_folder, yaml_errors

    if file == STDIN:
        data = sys.stdin.buffer.read()
    elif stack_folder.files(Path(file), problems).read:
        data = Path(file).read_bytes()
    else:
        return None
    text = yaml_errors.decode(data, file, problems)
    has_mark = text is not None and data.decode("utf-8").startswith(_BOM)
    return f"{_BOM}{text}" if has_mark else text


def _formatted(text: str, file: str, problems: list[Problem]) -> str | None:
    from reconciler.importing import yaml_format

    mark = _BOM if text.startswith(_BOM) else ""
    made, wrong = yaml_format.formatted(text.removeprefix(_BOM), file)
    problems += wrong
    return None if made is None else mark + made


def _difference(before: str, after: str, file: str) -> str:
    from reconciler.render import escape

    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), fromfile=file, tofile=file, lineterm=""
    )
    return "".join(f"{escape.outside(line)}\n" for line in lines)


def _write(path: Path, text: str) -> None:
    """Replaces a file as a whole; a link stays a link. Raises `Abort` if it cannot be written."""
    from reconciler.commands.saved_plans.plan_file import replace_file

    try:
        replace_file(path, text.encode("utf-8"))
    except OSError as failure:
        reason = failure.strerror or failure
        message = msg("{file} cannot be written: {reason}", file=path, reason=reason)
        raise Abort(error("state-write", message)) from failure
