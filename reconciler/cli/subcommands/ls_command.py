"""`ls`: the objects of a stack, or of the whole account, as they are now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import interrupts, options
from reconciler.cli.arguments.stack_choice import several_stacks_options
from reconciler.cli.many.dispatch import on_one_or_many
from reconciler.cli.run_context import Session, stop_usage
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Severity
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.cli.many.chosen_stacks import ChosenStacks
    from reconciler.commands.context import Connection
    from reconciler.model.diagnostics import Problem
    from reconciler.model.ports import Store
    from reconciler.model.resource import Account, Stack
    from reconciler.model.state import State
    from reconciler.planner.estimate.resource_list import ListedObject
    from reconciler.render.documents.resource_rows import ResourceListing

CALLS_PER_MINUTE_MAX = 30
"""What `--watch` may use of the quota of 60 calls a minute: the rest is for other runs."""


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The options of `ls`, each the option of its name."""

    account: bool = False
    name: str = ""
    address: str = ""
    zone: str = ""
    watch: bool = False
    interval: float = 10.0


@dataclass(frozen=True, slots=True)
class _Stack:
    """What is known of the stack before the account is read; nothing of it for a bare account."""

    name: str | None = None
    environment: str | None = None
    store: Store | None = None
    state: State | None = None
    stack: Stack | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def title(self) -> str:
        """`shop/prod`, or nothing without a stack."""
        from reconciler.model.resource import title_of

        return "" if self.name is None else title_of(self.name, self.environment)


def _ls_many(chosen: ChosenStacks, *, choices: ListOptions) -> int:
    from reconciler.cli.many.chosen_stacks import by_account

    options.refuse_with_several({"--account": choices.account})
    if not chosen.stacks:
        from reconciler.render.documents.resource_rows import ResourceListing

        none = ResourceListing((), None, None, time.time(), 0, chosen.simulate)
        _show(Session(chosen.console, Path()), none)
        return exit_codes.DONE
    return _list([[each.session for each in group] for group in by_account(chosen)], choices)


@click.command(
    "ls",
    epilog="""\b
Examples:
  reconciler ls
  reconciler ls web.yaml --env prod -o wide
  reconciler ls -o json
  reconciler ls --all --env prod
  reconciler ls --watch
  reconciler ls --account --name 'web-*' --zone 'kr1-*'""",
)
@options.stacks_argument
@several_stacks_options
@options.environment_option
@options.variable_options
@click.option("--account", is_flag=True, help="List everything in the account, with its owner.")
@click.option("--name", default="", metavar="PATTERN", help="Only objects with this name.")
@click.option(
    "--address",
    default="",
    metavar="PATTERN",
    help="Only objects with this address of a stack, or this IP address.",
)
@click.option("--zone", default="", metavar="PATTERN", help="Only objects in this zone.")
@click.option(
    "-o",
    "--output",
    "--format",
    "format",
    type=click.Choice(["text", "wide", "json", "yaml", "name"]),
    default="text",
    help="Output format; wide never leaves out a column.",
)
@click.option("--watch", is_flag=True, help="Read again and again until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=5),
    default=10.0,
    metavar="S",
    help="Seconds between two reads of --watch (default: 10, at least 5).",
)
@options.simulate_options
@options.output_options
@options.gathered_in(ListOptions)
@on_one_or_many(_ls_many)
def ls(session: Session, *, choices: ListOptions) -> int:
    """List instances, block storages and firewalls of the stack as they are now, or of the account.

    An object that is only in the file is `planned`; one that is in the state and not in the account
    is `missing`. Prices are in KRW per month without VAT. Reads one list for each kind, also for
    several stacks.
    """
    return _list([[session]], choices)


def _list(groups: Sequence[Sequence[Session]], choices: ListOptions) -> int:
    """Lists the objects of stacks, which are grouped by the account that they belong to. Returns
    the exit code.
    """
    first = groups[0][0]
    console = first.console
    if choices.watch and (console.format not in ("text", "wide") or not console.out.is_terminal):
        raise stop_usage(
            msg("--watch needs a terminal and a table"),
            msg("in a script, run `reconciler ls -o json` again instead"),
        )
    with ExitStack() as opened:
        accounts = [(opened.enter_context(group[0].connect()), group) for group in groups]

        def read() -> ResourceListing:
            return _joined([_read(group, connection, choices) for connection, group in accounts])

        if choices.watch:
            pause = threading.Event().wait
            with interrupts.unwinding():
                return watch(first, read, choices.interval, pause)
        found = read()
    _show(first, found)
    # With errors in its file, the list of a stack lacks what only the file names.
    is_complete = exit_codes.ERROR not in map(exit_codes.of_problem, found.problems)
    return exit_codes.DONE if is_complete else exit_codes.ERROR


def _joined(found: Sequence[ResourceListing]) -> ResourceListing:
    """The lists of several accounts as one."""
    return replace(
        found[0],
        rows=[row for each in found for row in each.rows],
        stacks=tuple(title for each in found for title in each.stacks),
        calls=sum(each.calls for each in found),
        problems=[problem for each in found for problem in each.problems],
    )


def watch(
    session: Session,
    read: Callable[[], ResourceListing],
    interval: float,
    sleep: Callable[[float], object],
) -> int:
    """Shows the list, and again after each interval, until Ctrl-C. Returns the exit code. The
    interval grows if the calls would be more than `CALLS_PER_MINUTE_MAX`.
    """
    from reconciler.render import format
    from reconciler.render.run.watch_view import WatchView

    console = session.console
    found, view = read(), WatchView(console.out, console.style(console.out))
    try:
        while True:
            seconds = max(interval, found.calls * 60 / CALLS_PER_MINUTE_MAX)
            text = msg(
                " Every {seconds}: {calls} each time, of 60 a minute. Stop with Ctrl-C.",
                seconds=format.duration(round(seconds)),
                calls=format.count(found.calls, "api-call"),
            )
            view.show([Line(text, Tone.FAINT), *_lines(session, found)])
            sleep(seconds)
            found = read()
    except KeyboardInterrupt:
        return exit_codes.DONE
    finally:
        view.close()
        _show(session, found)


def _read(
    sessions: Sequence[Session], connection: Connection, choices: ListOptions
) -> ResourceListing:
    from reconciler.commands import session as opening
    from reconciler.planner.estimate import resource_list
    from reconciler.render.documents.resource_rows import ResourceListing

    stacks, problems = _opened_all(sessions, whole=choices.account)
    scope = (
        resource_list.scope_of_account()
        if choices.account
        else resource_list.scope_of_stacks([(of.stack, of.state) for of in stacks])
    )
    account = opening.read_account(connection, scope, cached=True)
    rows: list[ListedObject] = []
    for of, session in zip(stacks, sessions, strict=False):
        found = [*of.problems, *session.taken_problems()]
        if not choices.account:
            found += opening.account_problems(of.state, account, connection)
            found += _switched_off(of, account)
        problems += map(session.pasteable, found)
        rows += _rows(of, account, whole=choices.account)
    fits = resource_list.Filters(choices.name, choices.address, choices.zone).fit
    alone = stacks[0] if len(sessions) == 1 else _Stack()
    return ResourceListing(
        [row for row in rows if fits(row)],
        alone.name,
        alone.environment,
        at=connection.exchange.unix(),
        calls=account.calls,
        simulated=connection.simulated,
        account=choices.account,
        problems=problems,
        stacks=tuple(of.title for of in stacks) if len(sessions) > 1 else (),
    )


def _opened_all(sessions: Sequence[Session], *, whole: bool) -> tuple[list[_Stack], list[Problem]]:
    """The stacks as far as they can be read. One of several that cannot be read becomes problems,
    and no stack.
    """
    if whole:
        return [_opened_if_any(sessions[0])], []
    if len(sessions) == 1:
        return [_opened(sessions[0])], []
    stacks: list[_Stack] = []
    problems: list[Problem] = []
    for session in sessions:
        try:
            stacks.append(_of_several(_opened(session)))
        except Abort as stop:
            stacks.append(_Stack())
            problems += map(session.pasteable, stop.problems)
    return stacks, problems


def _of_several(of: _Stack) -> _Stack:
    """The stack with warnings in place of errors, if it has no objects and only lacks outputs of
    stacks that have none either.
    """
    errors = [each for each in of.problems if each.severity is Severity.ERROR]
    if (of.state is not None and of.state.entries) or any(each.code != "output" for each in errors):
        return of
    warnings = (replace(each, severity=Severity.WARNING) for each in errors)
    return replace(of, problems=(*warnings, *(each for each in of.problems if each not in errors)))


def _rows(of: _Stack, account: Account, *, whole: bool) -> tuple[ListedObject, ...]:
    from reconciler.commands import session as opening
    from reconciler.planner.estimate import resource_list

    if of.name is None and not whole:
        return ()
    if whole:
        others = {} if of.store is None else opening.elsewhere(of.store)
        return resource_list.of_account(of.state, account, others, stack=of.stack)
    return resource_list.of_stack(of.stack, of.state, account, title=of.title)


def _switched_off(of: _Stack, account: Account) -> list[Problem]:
    from reconciler.planner.checks import stopped_servers

    return [] if of.stack is None else list(stopped_servers.by_lists(of.stack, of.state, account))


def _opened(session: Session) -> _Stack:
    """The stack as far as it can be read: with errors in its file, its state is enough."""
    from reconciler.commands import session as opening

    name, environment = session.identify()
    session = replace(session, environment=environment)
    store = session.store(name, environment)
    state = opening.read_state(store)
    found = _Stack(name, environment, store, state, problems=_frozen(state))
    try:
        return replace(found, stack=session.load_to_destroy())
    except Abort as stop:
        return replace(found, problems=(*found.problems, *stop.problems))


def _frozen(state: State | None) -> tuple[Problem, ...]:
    if state is None or state.frozen is None:
        return ()
    from reconciler.commands.project.gates import frozen_warning
    from reconciler.model.resource import title_of

    return (frozen_warning(title_of(state.stack, state.environment), state.frozen),)


def _opened_if_any(session: Session) -> _Stack:
    """The same, or nothing if there is no stack here, or one with several environments."""
    with suppress(Abort):
        return _opened(session)
    return _Stack()


def _lines(session: Session, found: ResourceListing) -> list[Line]:
    from reconciler.render import problem_text
    from reconciler.render.documents import resource_rows

    console = session.console
    style = console.style(console.out)
    lines = list(resource_rows.table_lines(found, style, wide=console.format == "wide"))
    lines.append(resource_rows.total_line(found))
    return [*lines, *problem_text.problems_lines(found.problems, style)]


def _show(session: Session, found: ResourceListing) -> None:
    from reconciler.render.documents import resource_rows

    console = session.console
    if console.json:
        console.result_json(resource_rows.resources_document(found))
    elif console.format == "yaml":
        console.out.write(resource_rows.yaml_text(resource_rows.resources_document(found)))
    elif console.format == "name":
        several = bool(found.stacks)
        console.result(
            [Line(resource_rows.name_text(row, with_stack=several)) for row in found.rows]
        )
        console.problems(found.problems)
    else:
        style = console.style(console.out)
        wide = console.format == "wide"
        if found.rows:
            console.result(list(resource_rows.table_lines(found, style, wide=wide)))
        console.note([resource_rows.total_line(found)])
        console.problems(found.problems)
