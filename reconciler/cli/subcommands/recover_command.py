"""`recover`: settles what an interrupted run left unsettled, and rebuilds a lost state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reconciler.cli import option_types, options
from reconciler.cli.console import Console
from reconciler.cli.options import Choices
from reconciler.cli.run_context import Session, lock_seconds, on_stack, stop_usage
from reconciler.common.text import msg

if TYPE_CHECKING:
    from reconciler.commands.recover import RecoveryPrompter
    from reconciler.model.events import Event
    from reconciler.recovery.manual import Proposal, Recovered


@click.command(
    epilog="""\b
Examples:
  reconciler recover
  reconciler recover web.yaml --env prod --adopt 'instances.web[2]=INSTANCE-Fq1aWFZsggSX0InttsJX8Y'
  reconciler recover shop/ --not-created instances.web
  reconciler recover shop/ --rebuild"""
)
@options.stack_argument
@options.environment_option
@options.variable_options
@click.option(
    "--adopt",
    multiple=True,
    type=option_types.Bind(),
    help="The object that an unsettled request created or changed; repeatable.",
)
@click.option(
    "--not-created",
    multiple=True,
    type=option_types.AddressText(),
    help="The unsettled request was not executed; repeatable.",
)
@click.option(
    "--rebuild",
    is_flag=True,
    help="After a lost state: bind every object that provably belongs to this stack.",
)
@click.option("--yes", is_flag=True, help="Do not ask before binding.")
@options.format_option
@options.simulate_options
@options.lock_option
@options.wait_option
@options.output_options
@options.gathered
@on_stack
def recover(
    session: Session,
    *,
    adopt: Sequence[tuple[str, str]],
    not_created: Sequence[str],
    rebuild: bool,
    choices: Choices,
) -> int:
    """Settle the requests that an interrupted run left unsettled. Only reads are sent.

    Requests whose outcome the account proves are settled immediately, and the command waits for
    those that can be proved later. For the rest it shows the objects that a request may have
    created: name the object with --adopt, or use --not-created if there is none.
    """
    from reconciler.cli import composition, interrupts
    from reconciler.commands import recover as recovering
    from reconciler.commands.context import Run

    _check_answers(adopt, not_created)
    console = session.console
    wanted = session.load()
    session.problems.clear()
    store = session.store(wanted.name, wanted.environment)
    name = composition.run_id()
    run = Run(
        id=name,
        holder=composition.holder("reconciler recover", name),
        nonce=composition.nonce,
        interrupts=interrupts.SignalHandler(
            _interrupted, leave=lambda code: interrupts.leave(console.err.area, code)
        ),
        again=session.again("recover"),
        lock_timeout_seconds=lock_seconds(choices.lock_timeout, console),
        wait=not choices.no_wait,
    )
    console.begin()
    answers = recovering.Answers(
        dict(adopt), tuple(not_created), rebuild, choices.yes, console.can_ask
    )
    with session.connect() as connection:
        found = recovering.recover(
            wanted, connection, store, answers, run, _prompter(console, wanted.title)
        )
    _show(session, found, stack=wanted.name, environment=wanted.environment)
    return found.exit_code


def _check_answers(adopt: Sequence[tuple[str, str]], not_created: Sequence[str]) -> None:
    given = [address for address, _ in adopt] + list(not_created)
    twice = sorted({address for address in given if given.count(address) > 1})
    if twice:
        raise stop_usage(
            msg("{address} is given twice", address=twice[0]),
            msg("use either --adopt or --not-created for an address"),
        )


def _prompter(console: Console, title: str) -> RecoveryPrompter:
    from reconciler.commands.recover import RecoveryPrompter
    from reconciler.model.events import Message
    from reconciler.render import escape, recovery_text
    from reconciler.render.run.screen import Line

    def emit(event: Event) -> None:
        if isinstance(event, Message):
            console.note([Line(f" {escape.outside(event.message)}")])

    def show(proposal: Proposal) -> None:
        if not console.json:
            console.result(
                list(
                    recovery_text.proposal_lines(proposal, console.style(console.out), title=title)
                )
            )
        console.begin()

    def ask(proposal: Proposal) -> bool:
        question = msg(
            "Type {stack} or yes to bind them, or no to cancel:", stack=escape.outside(title)
        )
        return console.confirm(question, title)

    return RecoveryPrompter(emit, show, ask)


def _show(session: Session, found: Recovered, *, stack: str, environment: str | None) -> None:
    from reconciler.render import recovery_json, recovery_text

    console = session.console
    found = replace(found, problems=tuple(map(session.pasteable, found.problems)))
    if console.json:
        console.result_json(recovery_json.document(found, stack=stack, environment=environment))
        return
    session.show_problems()
    lines = recovery_text.recovered_lines(
        found,
        console.style(console.out),
        command=session.again("recover"),
        resume=session.again("apply"),
    )
    console.result(list(lines))


def _interrupted() -> None:
    import os

    os.write(2, b"\n Interrupted: everything settled so far is recorded.\n")
