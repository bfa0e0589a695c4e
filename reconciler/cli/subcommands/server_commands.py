"""`server` and `bill`: actions that do not change the desired state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from reconciler.cli import option_types, options
from reconciler.cli.run_context import Session, on_stack
from reconciler.common.text import msg
from reconciler.model import exit_codes


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
            click.option(
                "--accept",
                multiple=True,
                type=option_types.AcceptParam(),
                help="Consent to a risk: CLASS, or CLASS=ADDRESS.",
            ),
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
        yes=given["yes"], accept=tuple(given["accept"]), lock_timeout=given["lock_timeout"]
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
    """Switch an instance off for a while: a power cut, and it is still billed.

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
