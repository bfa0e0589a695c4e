"""`server reboot`, `server console` and `bill`: actions that do not change the desired state."""

from __future__ import annotations

from collections.abc import Sequence

import click

from reconciler.cli import option_types, options
from reconciler.cli.run_context import Session, on_stack
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.planner.checks.approval import Acceptance


@click.group()
def server() -> None:
    """Reboot an instance or open its console. Neither changes the desired state."""


@server.command(
    epilog="""\b
Examples:
  reconciler server reboot 'instances.web[0]'
  reconciler server reboot instances.db --env prod --accept downtime=instances.db --yes"""
)
@click.argument("address", type=option_types.AddressText())
@options.stack_argument
@options.environment_option
@click.option(
    "--unprotect", is_flag=True, help="Reboot even if the instance is protected from stop."
)
@click.option(
    "--yes", is_flag=True, help="Do not ask for confirmation. Downtime still needs --accept."
)
@click.option(
    "--accept",
    multiple=True,
    type=option_types.AcceptParam(),
    help="Consent: downtime, or downtime=ADDRESS.",
)
@options.format_option
@options.simulate_options
@options.lock_option
@options.output_options
@on_stack
def reboot(
    session: Session,
    *,
    address: str,
    unprotect: bool,
    yes: bool,
    accept: Sequence[Acceptance],
    lock_timeout: float | None,
) -> int:
    """Restart an instance. This causes downtime, so it asks for confirmation."""
    from reconciler.cli import apply

    choices = options.Choices(yes=yes, accept=tuple(accept), lock_timeout=lock_timeout)
    return apply.reboot(session, address, choices, unprotect=unprotect)


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


@click.command(
    epilog="""\b
Examples:
  reconciler bill
  reconciler bill --format json"""
)
@options.stack_argument
@options.format_option
@options.simulate_options
@options.output_options
@on_stack
def bill(session: Session) -> int:
    """Show this month's cost so far for the whole account. With --simulate, --stack chooses the
    local cloud.
    """
    from reconciler.commands import actions
    from reconciler.render import escape, format
    from reconciler.render.documents.json_document import DocumentType, document
    from reconciler.render.run.screen import Line

    console = session.console
    with session.connect() as connection:
        found = actions.bill(connection)
    if console.json:
        console.result_json(document(DocumentType.BILL, found))
    else:
        price, currency = int(str(found["price"])), found["currency"]
        cost = format.won(price) if currency == "KRW" else f"{price:,} {currency}"
        text = msg(
            "{cost} so far, without VAT    {start} to {end}{simulated}",
            cost=cost,
            start=found["start"],
            end=found["end"],
            simulated=msg("    simulated") if session.simulate else "",
        )
        console.result([Line(escape.outside(text))])
    session.show_problems()
    return exit_codes.DONE
