"""New files of `init`: asking for a name, writing the files, and saying what to run next."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from reconciler.cli.console import Console
from reconciler.cli.run_context import stop_usage
from reconciler.common.text import msg
from reconciler.locale import language
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.render import escape
from reconciler.render.run.screen import Line, Tone

_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
_ASKED_MAX = 5


def chosen_name(
    console: Console,
    given: str | None,
    folder: Path,
    question: Callable[[str], str],
    fallback: str,
) -> str:
    """The name of a stack or of a project: the given one, or an answer to the question, which is
    made for the name that is offered: that of the folder, or the fallback if that is none.
    """
    own = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:20].strip("-")

    def wrong(name: str) -> str | None:
        return (
            None
            if _NAME.fullmatch(name)
            else msg(
                "{name} is not a valid name: use a-z, 0-9 and -, starting with a letter, "
                "at most 20 characters",
                name=name or msg("that"),
            )
        )

    if given is None and console.can_ask:
        usual = own if wrong(own) is None else fallback
        return asked(console, question(escape.outside(usual)), usual, wrong)
    name = given or own
    problem = wrong(name)
    if problem is not None:
        raise stop_usage(problem, msg("choose one with --name"))
    return name


def asked(console: Console, question: str, usual: str, wrong: Callable[[str], str | None]) -> str:
    """The answer, or the default for an empty one. A wrong answer is asked again a few times."""
    problem: str | None = None
    for _ in range(_ASKED_MAX):
        answer = console.ask(question) or usual
        problem = wrong(answer)
        if problem is None:
            return answer
        console.note([Line(f"    {escape.outside(problem)}", Tone.CARE)])
    raise stop_usage(problem or msg("no answer"))


def write_new(files: Mapping[Path, str]) -> list[Path]:
    """Writes new files, all of them or none, and returns those that were written. An existing
    `.gitignore` stays as it is. Raises `Abort` if another file exists or cannot be written.
    """
    wanted = {
        path: text
        for path, text in files.items()
        if path.name != ".gitignore" or not os.path.lexists(path)
    }
    for path in wanted:
        if os.path.lexists(path):
            raise stop_usage(
                msg("{path} already exists", path=path), msg("name a folder without it")
            )
    written: list[Path] = []
    try:
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as failure:
        for path in written:
            with suppress(OSError):
                path.unlink()
        reason = failure.strerror or failure
        message = msg("{path} cannot be written: {reason}", path=path, reason=reason)
        raise Abort(error("state-write", message)) from failure
    return written


def show(console: Console, written: Sequence[Path], commands: Sequence[str]) -> None:
    """What was written, and the commands to run next."""
    names = msg(" Written: {files}", files=escape.outside(", ".join(map(str, written))))
    console.result([Line(names, Tone.GOOD)])
    label = language.translated(msg(" Next:    "))
    for command in commands:
        console.result([Line(f"{label}{escape.outside(command)}", Tone.GOOD)])
        label = " " * escape.width(label)
    ignored = written[0].parent / ".gitignore"
    if ignored not in written:
        text = msg(
            " {file} was left as it is: add `state/` and `*.plan` to it.",
            file=escape.outside(ignored),
        )
        console.note([Line(text, Tone.CARE)])
