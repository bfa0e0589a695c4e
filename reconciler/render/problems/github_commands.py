"""Problems as workflow commands of GitHub Actions, which shows them at the line of the file.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.locale import language
from reconciler.model.diagnostics import Problem
from reconciler.render import escape
from reconciler.render.format import phrase
from reconciler.render.problem_text import subject
from reconciler.render.problems.report_paths import relative

_OF_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_OF_PROPERTIES = {**_OF_DATA, ":": "%3A", ",": "%2C"}


def text(problems: Iterable[Problem], root: str) -> str:
    """One command a line. `root` is the folder of the checkout."""
    return "".join(f"{_command(problem, root)}\n" for problem in problems)


def _command(problem: Problem, root: str) -> str:
    properties = {"title": problem.code}
    if problem.place is not None:
        properties = {
            "file": relative(problem.place.file, root),
            "line": str(problem.place.line),
            "col": str(problem.place.column),
            **properties,
        }
    lines = [phrase("[{address}: ]{message}", address=subject(problem), message=problem.message)]
    if problem.hint is not None:
        lines += [
            phrase("hint: {text}", text=line)
            for line in language.translated(problem.hint).splitlines()
        ]
    shown = ",".join(
        f"{name}={_escaped(_safe(value), _OF_PROPERTIES)}" for name, value in properties.items()
    )
    return f"::{problem.severity.value} {shown}::{_escaped(chr(10).join(lines), _OF_DATA)}"


def _safe(text: str) -> str:
    """A property as one line without control characters."""
    return escape.outside(text)


def _escaped(text: str, characters: dict[str, str]) -> str:
    return "".join(characters.get(character, character) for character in text)
