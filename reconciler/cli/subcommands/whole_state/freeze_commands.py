"""`freeze` and `unfreeze`: hold back everything that changes the objects of stacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.arguments import piped_arguments
from reconciler.cli.run_context import Session, ends, lock_seconds, stop_usage
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem
from reconciler.render import escape, format
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.cli.console import Console
    from reconciler.commands.project.freezing import FreezeResult, FreezeRun, FreezeTarget
    from reconciler.render.documents.json_document import Document

Change = Callable[["FreezeTarget", "FreezeRun"], "FreezeResult"]
"""Freezes one stack, or ends that."""

REASON_CHARACTERS_MAX = 500


def _on_targets(command: Callable[..., int]) -> Callable[..., int]:
    """The arguments and options of both commands; the command receives the console, a session for
    each STACK, or none, and the rest.
    """

    @wraps(command)
    def opened(console: Console, *, stacks: Sequence[str], **values: Any) -> int:
        names = ("environment", "simulate", "time_scale")
        given = {name: values.pop(name) for name in names}
        here = Session(console, Path(), **given)
        paths = map(piped_arguments.path_of, dict.fromkeys(stacks))
        sessions = [replace(here, path=path) for path in paths]
        return command(sessions or _of_project(here), **values)

    found: Callable[..., int] = ends(opened)
    for option in (
        options.output_options,
        options.lock_option,
        options.simulate_options,
        options.format_option,
        click.option(
            "--env",
            "environment",
            metavar="NAME",
            help="Only this environment; without it, all of each stack.",
        ),
        options.project_stacks_argument,
    ):
        found = option(found)
    return found


@click.command(
    epilog="""\b
Examples:
  reconciler freeze --reason 'quarterly audit until Friday'
  reconciler freeze web.yaml --env prod --reason 'incident 412'
  reconciler freeze --reason audit --format json"""
)
@_on_targets
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why: everybody who plans the stack sees it."
)
def freeze(sessions: Sequence[Session], *, reason: str, lock_timeout: float | None) -> int:
    """Let nothing change the objects of a stack until `unfreeze`: no apply, destroy or act on an
    instance.

    Without STACK, every stack of the project is frozen; without --env, every environment. The
    freeze is kept in the state, so it holds on every machine that shares it. Plans still work, and
    show it.
    """
    from reconciler.commands.project import freezing
    from reconciler.model.state import Freeze

    reason = reason.strip()
    if not reason or len(reason) > REASON_CHARACTERS_MAX:
        raise stop_usage(
            msg("--reason must have 1 to {limit} characters", limit=REASON_CHARACTERS_MAX),
            msg("say in one line why nothing may change, and until when"),
        )

    def change(target: FreezeTarget, run: FreezeRun) -> FreezeResult:
        return freezing.freeze(target, Freeze(reason, _who(run), int(time.time())), run)

    return _each(sessions, "freeze", change, lock_timeout)


@click.command(
    epilog="""\b
Examples:
  reconciler unfreeze
  reconciler unfreeze web.yaml --env prod"""
)
@_on_targets
def unfreeze(sessions: Sequence[Session], *, lock_timeout: float | None) -> int:
    """End the freeze of a stack: of every stack of the project without STACK, of every environment
    without --env.
    """
    from reconciler.commands.project import freezing

    def change(target: FreezeTarget, run: FreezeRun) -> FreezeResult:
        return freezing.unfreeze(target, _who(run), run)

    return _each(sessions, "unfreeze", change, lock_timeout)


def _who(run: FreezeRun) -> str:
    return f"{run.holder.user}@{run.holder.host}"


def _of_project(here: Session) -> list[Session]:
    """A session for each stack of the project, or for that of the current folder if the project
    lists none.
    """
    from reconciler.config.project import project_file

    entries = project_file.load(here.path).stacks.values()
    return [replace(here, path=entry.path) for entry in entries] or [here]


def _each(
    sessions: Sequence[Session], command: str, change: Change, lock_timeout: float | None
) -> int:
    """Does the change to each stack. One that cannot be changed does not stop the others; the worst
    exit code is returned.
    """
    from reconciler.cli import composition
    from reconciler.commands.project.freezing import FreezeResult, FreezeRun

    console = sessions[0].console
    done, problems = list[FreezeResult](), list[Problem]()
    for session in sessions:
        try:
            targets = list(_targets(session, is_one_of_many=len(sessions) > 1))
        except Abort as stop:
            problems += stop.problems
            continue
        for target in targets:
            holder = composition.holder(f"reconciler {command}", composition.run_id())
            try:
                with console.activity() as notify:
                    run = FreezeRun(holder, lock_seconds(lock_timeout, console), notify)
                    done.append(change(target, run))
            except Abort as stop:
                problems += map(session.pasteable, stop.problems)
        problems += session.taken_problems()
    code = exit_codes.of_problems(problems)
    if console.json:
        console.result_json(_document(done, problems, code))
        return code
    console.result([_line(each) for each in done])
    console.problems(problems)
    return code


def _targets(session: Session, *, is_one_of_many: bool) -> Iterable[FreezeTarget]:
    """The stack of a session in its environment, or in all that its file has or that have a state.
    Among many stacks, those without the environment are left out.
    """
    from reconciler.commands.project.freezing import FreezeTarget
    from reconciler.config import loader

    name, known = loader.identities(session.path)
    environments: Sequence[str | None] = (*known, *session.removed()) or (None,)
    if session.environment is not None:
        if session.environment not in environments and is_one_of_many:
            return
        environments = (session.identify()[1],)
    for each in environments:
        yield FreezeTarget(session.store(name, each), name, each)


def _document(found: Sequence[FreezeResult], problems: Sequence[Problem], code: int) -> Document:
    from reconciler.model import serialize
    from reconciler.render.documents.json_document import DocumentType, document

    rows = [
        {
            "stack": each.stack,
            "environment": each.environment,
            "changed": each.is_changed,
            "frozen": serialize.freeze(each.frozen),
        }
        for each in found
    ]
    shown = [serialize.problem(problem) for problem in problems]
    return document(DocumentType.FREEZES, {"stacks": rows, "problems": shown, "exit_code": code})


def _line(found: FreezeResult) -> Line:
    title = escape.outside(found.title)
    if found.frozen is None:
        text = msg(" {stack}: unfrozen", stack=title)
        return Line(text if found.is_changed else msg(" {stack}: was not frozen", stack=title))
    if found.is_changed:
        reason = escape.outside(found.frozen.reason)
        return Line(msg(" {stack}: frozen: {reason}", stack=title, reason=reason), Tone.CARE)
    text = msg(
        " {stack}: already frozen since {moment} by {who}: {reason}",
        stack=title,
        moment=format.moment(found.frozen.at),
        who=escape.outside(found.frozen.by),
        reason=escape.outside(found.frozen.reason),
    )
    return Line(text, Tone.CARE)
