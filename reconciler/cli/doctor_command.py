"""`doctor`: what may be wrong around a run, safe to paste into a report."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.session import Session, on_stack
from reconciler.core import exits
from reconciler.core.model import title_of
from reconciler.core.problems import Problem
from reconciler.stop import Stop
from reconciler.version import VERSION

if TYPE_CHECKING:
    from reconciler.app import Connection
    from reconciler.diagnosis import Check


@click.command(
    epilog="""\b
Examples:
  reconciler doctor
  reconciler doctor --stack web.yaml --env prod
  reconciler doctor --simulate"""
)
@options.stack_option
@options.environment_option
@options.format_option
@options.simulate_options
@options.look_options
@on_stack
def doctor(session: Session) -> int:
    """Look at key, clock, endpoint, quota log, state, lock and open requests. One list is read; nothing is changed.

    No key, password or link is in what it prints.
    """
    console = session.console
    found = list(_checks(session))
    problems = [check.problem for check in found if check.problem is not None]
    code = exits.of_problems(problems)
    if console.json:
        console.result_json({"checks": [_row(check) for check in found], "exit_code": code})
    else:
        _show(console, found, problems)
    return code


def _checks(session: Session) -> Iterator[Check]:
    from reconciler import diagnosis, wiring

    system = f"Python {platform.python_version()} on {platform.system()}"
    yield diagnosis.Check("program", f"reconciler {VERSION}, {system}")
    quota = wiring.quota_folder(session.path, session.environ, simulated=session.simulate)
    connection: Connection | None = None
    try:
        with session.connect() as connection:
            yield from diagnosis.cloud(connection)
    except Stop as stop:
        names = {"credentials": "key", "endpoint": "endpoint"}
        yield from (diagnosis.Check(names.get(problem.code, "cloud"), "not usable", problem) for problem in stop.problems)
    unusable = next((problem for problem in session.problems if problem.code == "quota"), None)
    yield diagnosis.Check("quota log", _short(quota), unusable)
    yield from _kept(session, connection)


def _kept(session: Session, connection: Connection | None) -> Iterator[Check]:
    """The state of the stack; of each environment, where none is chosen."""
    from reconciler import diagnosis, loading
    from reconciler.cli import showing

    try:
        name, known = loading.identities(session.path)
        if session.environment is not None or not known:
            _, chosen = session.identify()
            environments: tuple[str | None, ...] = (chosen,)
        else:
            environments = tuple(sorted({*known, *session.kept_environments(name)}))
    except Stop as stop:
        missing = all(problem.code == "file-missing" for problem in stop.problems)
        yield diagnosis.Check("stack", "none here" if missing else "cannot be read", None if missing else stop.problems[0])
        return
    for environment in environments:
        store = session.store(name, environment)
        yield diagnosis.Check("stack", title_of(name, environment))
        yield from diagnosis.kept(store, _short(store.folder), connection, showing.running(store))
        yield from _former_names(session, name, environment)


def _former_names(session: Session, name: str, environment: str | None) -> Iterator[Check]:
    from reconciler import diagnosis, opening

    session = replace(session, environment=environment, problems=[])
    store = session.store(name, environment)
    with suppress(Stop):  # a state that cannot be read is told already
        for problem in session.former_names(store, opening.read_state(store)):
            yield diagnosis.Check("former name", "objects stand in the state of another name", problem)


def _short(path: Path) -> str:
    """A path without the part that names the user."""
    from reconciler.cli.session import shown_path

    text = shown_path(path)
    home = os.path.expanduser("~")  # noqa: PTH111  (a text is wanted, and no failure where there is no home)
    return "~" + text.removeprefix(home) if home not in ("", "/", "~") and text.startswith(home + "/") else text


def _row(check: Check) -> dict[str, Any]:
    from reconciler.core import plain

    problem: Problem | None = check.problem
    return {"name": check.name, "said": check.said, "problem": None if problem is None else plain.problem(problem)}


def _show(console: Console, found: list[Check], problems: list[Problem]) -> None:
    from reconciler.ui import problems as view
    from reconciler.ui import safe
    from reconciler.ui.screen import Line, Tone

    tones = {"error": Tone.DANGER, "warning": Tone.CARE, "notice": Tone.PLAIN}
    lines = []
    for check in found:
        mark = "ok" if check.problem is None else {"error": "!!", "warning": "! "}.get(check.problem.severity.value, "ok")
        tone = Tone.PLAIN if check.problem is None else tones[check.problem.severity.value]
        lines.append(Line(f" {mark:<3} {check.name:<14}{safe.outside(check.said)}", tone))
    console.result(lines)
    if problems:
        console.result([Line(), *view.problems_lines(problems, console.look(console.out))])
