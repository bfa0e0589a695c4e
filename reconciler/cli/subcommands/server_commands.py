"""`server` and `bill`: actions that do not change the desired state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from reconciler.cli import option_types, options
from reconciler.cli.arguments import freeze_options
from reconciler.cli.run_context import Session, on_stack, stop_usage
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.resource import title_of
from reconciler.render import escape
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.commands.context import Connection
    from reconciler.render.documents.bill_rows import StackPrices


@click.group()
def server() -> None:
    """Reboot, rebuild, start or stop an instance, or open its console.

    None of them changes the desired state.
    """


def _asked(action: Callable[..., int]) -> Callable[..., int]:
    """The arguments and options of a command that acts on one instance."""
    for option in reversed(
        (
            click.argument("address", type=option_types.AddressText()),
            options.stack_argument,
            options.environment_option,
            click.option(
                "--unprotect",
                is_flag=True,
                help="Do it even if `lifecycle.protect` forbids it.",
            ),
            click.option(
                "--yes",
                is_flag=True,
                help="Do not ask for confirmation. Risks still need --accept.",
            ),
            freeze_options.freeze_options,
            options.format_option,
            options.simulate_options,
            options.lock_option,
            options.output_options,
            on_stack,
        )
    ):
        action = option(action)
    return action


def _act(session: Session, verb: str, address: str, **given: Any) -> int:
    from reconciler.cli import apply

    choices = options.Choices(
        yes=given["yes"],
        accept=tuple(given["accept"]),
        reason=given["reason"],
        lock_timeout=given["lock_timeout"],
    )
    return apply.act(session, verb, address, choices, unprotect=given["unprotect"])


@server.command(
    epilog="""\b
Examples:
  reconciler server reboot 'instances.web[0]'
  reconciler server reboot instances.db --env prod --accept downtime=instances.db --yes"""
)
@_asked
def reboot(session: Session, **given: Any) -> int:
    """Restart an instance. This causes downtime, so it asks for confirmation."""
    return _act(session, "reboot", **given)


@server.command(
    epilog="""\b
Examples:
  reconciler server rebuild 'instances.web[0]'
  reconciler server rebuild instances.db --accept data-loss --accept downtime --yes"""
)
@_asked
def rebuild(session: Session, **given: Any) -> int:
    """Install the image of an instance again. Its root disk is lost; it keeps its id.

    To change to another image, edit `image:` and apply.
    """
    return _act(session, "rebuild", **given)


@server.command(
    epilog="""\b
Examples:
  reconciler server start instances.db
  reconciler server start 'instances.web[0]' --yes"""
)
@_asked
def start(session: Session, **given: Any) -> int:
    """Start an instance that is off. The file decides what the next apply does with it."""
    return _act(session, "start", **given)


@server.command(
    epilog="""\b
Examples:
  reconciler server stop instances.db
  reconciler server stop instances.db --accept downtime=instances.db --yes"""
)
@_asked
def stop(session: Session, **given: Any) -> int:
    """Switch an instance off for a while. This is a power cut, and it is still billed.

    The next plan reports it. With `power: on` in the file, the next apply starts it again.
    """
    return _act(session, "stop", **given)


@server.command(
    "console",
    epilog="""\b
Examples:
  reconciler server console 'instances.web[0]'
  xdg-open "$(reconciler server console instances.db)\"""",
)
@click.argument("address", type=option_types.AddressText())
@options.stack_argument
@options.environment_option
@options.simulate_options
@options.output_options
@on_stack
def console_(session: Session, *, address: str) -> int:
    """Print only the link to an instance's console. Anyone with the link can use the console: do
    not store it.
    """
    from reconciler.commands import actions
    from reconciler.model.address import parse

    console = session.console
    name, environment = session.identify()
    found = parse(address)
    assert found is not None
    with session.connect() as connection:
        link = actions.console(found, connection, session.store(name, environment))
    console.out.write(f"{link.reveal()}\n")
    session.show_problems()
    return exit_codes.DONE


_PRICES = click.IntRange(-(2**63), 2**63 - 1)
"""Amounts of the API are signed numbers of 64 bits (contract#bill)."""


@dataclass(frozen=True, slots=True)
class BillOptions:
    """The options of `bill`, each the option of its name."""

    history: bool = False
    start: str | None = None
    end: str | None = None
    min_price: int | None = None
    max_price: int | None = None


@click.command(
    epilog="""\b
Examples:
  reconciler bill
  reconciler bill --history --from 2026-01 --to 2026-06
  reconciler bill --history --min-price 100000 --format json
  reconciler bill shop/"""
)
@options.stack_argument
@options.environment_option
@click.option("--history", is_flag=True, help="Earlier bills instead, with the sum of each month.")
@click.option(
    "--from",
    "start",
    type=option_types.Day(),
    help="Bills of this date or later: 2026-11-30, or a month.",
)
@click.option(
    "--to",
    "end",
    type=option_types.Day(last=True),
    help="Bills of this date or earlier.",
)
@click.option(
    "--min-price", type=_PRICES, metavar="KRW", help="Bills of at least this, without VAT."
)
@click.option(
    "--max-price", type=_PRICES, metavar="KRW", help="Bills of at most this, without VAT."
)
@options.format_option
@options.simulate_options
@options.output_options
@options.gathered_in(BillOptions)
@on_stack
def bill(session: Session, *, choices: BillOptions) -> int:
    """Show what the whole account cost so far this month, or what it was billed before.

    With STACK, also what the objects of that stack cost a month at the prices of the catalog: the
    API does not split a bill by object. Amounts are in KRW without VAT, unless a column has it.
    With --history, --stack only chooses the local cloud of --simulate.
    """
    limits = (choices.start, choices.end, choices.min_price, choices.max_price)
    source = click.get_current_context().get_parameter_source
    named = source("stack") is not ParameterSource.DEFAULT
    if choices.history or any(limit is not None for limit in limits):
        _check_bill_options(choices, named=named)
        return _bill_history(session, choices)
    return _bill_so_far(
        session, named=named or source("stack_option") is not ParameterSource.DEFAULT
    )


def _check_bill_options(choices: BillOptions, *, named: bool) -> None:
    if named:
        raise stop_usage(
            msg("--history is about the whole account, and takes no STACK"),
            msg("STACK without --history shows the prices of its objects"),
        )
    if choices.start is not None and choices.end is not None and choices.start > choices.end:
        raise stop_usage(
            msg("--from {start} is after --to {end}", start=choices.start, end=choices.end), None
        )
    low, high = choices.min_price, choices.max_price
    if low is not None and high is not None and low > high:
        raise stop_usage(
            msg("--min-price {low} is more than --max-price {high}", low=low, high=high), None
        )


def _bill_history(session: Session, choices: BillOptions) -> int:
    from reconciler.commands import actions
    from reconciler.render.documents import bill_rows

    console = session.console
    query = bill_rows.BillQuery(choices.start, choices.end, choices.min_price, choices.max_price)
    members = ("start_date", "end_date", "min_price", "max_price")
    values = (query.start, query.end, query.min_price, query.max_price)
    asked = tuple(
        (name, str(value)) for name, value in zip(members, values, strict=True) if value is not None
    )
    with session.connect() as connection:
        found = actions.bills(connection, asked)
    if console.json:
        console.result_json(bill_rows.history_document(query, found))
    elif found:
        console.result(list(bill_rows.history_lines(found, console.style(console.out))))
    elif asked:
        console.note([Line(msg(" No bill matches."), Tone.CARE)])
    else:
        console.note([Line(msg(" The account has no bills yet."), Tone.CARE)])
    session.show_problems()
    return exit_codes.DONE


def _bill_so_far(session: Session, *, named: bool) -> int:
    from reconciler.commands import actions
    from reconciler.render.documents import bill_rows

    console = session.console
    stack = None
    with session.connect() as connection:
        if named:
            stack = _prices_of_stack(session, connection)
        live = actions.bill(connection)
    if console.json:
        console.result_json(bill_rows.bill_document(live, stack))
    else:
        lines = [bill_rows.live_line(live, simulated=session.simulate)]
        if stack is not None:
            title = escape.outside(title_of(stack.stack, stack.environment))
            style = console.style(console.out)
            lines = [
                Line(msg("Stack {stack}", stack=title), Tone.TITLE),
                *bill_rows.stack_lines(stack, style),
                Line(),
                Line(msg("The whole account"), Tone.TITLE),
                Line(f" {lines[0].text}"),
            ]
        console.result(lines)
    session.show_problems()
    return exit_codes.DONE


def _prices_of_stack(session: Session, connection: Connection) -> StackPrices:
    from reconciler.commands import session as opening
    from reconciler.planner.estimate import resource_list
    from reconciler.render.documents.bill_rows import StackPrices

    name, environment = session.identify()
    session = replace(session, environment=environment)
    state = opening.read_state(session.store(name, environment))
    stack = session.load()
    scope = resource_list.scope_of_stack(stack, state)
    account = opening.read_account(connection, scope, cached=True)
    for problem in opening.account_problems(state, account, connection):
        session.problems.append(problem)
    rows = resource_list.of_stack(stack, state, account, title=title_of(name, environment))
    return StackPrices(name, environment, rows)
