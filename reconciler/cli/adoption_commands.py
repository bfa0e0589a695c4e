"""`import`, `adopt`, `absorb`: taking over what is in the account into state and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.session import Session, ends, lock_seconds
from reconciler.core import exits
from reconciler.ui import safe
from reconciler.ui.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.binding import Bound


@click.command(
    "import",
    epilog="""\b
Examples:
  reconciler import instances.db INSTANCE-Fq1aWFZsggSX0InttsJX8Y
  reconciler import 'instances.web[0]' INSTANCE-Fq1aWFZsggSX0InttsJX8Y --env prod --yes""",
)
@click.argument("address", metavar="ADDRESS", type=options.AddressText())
@click.argument("id", metavar="ID")
@options.stack_option
@options.environment_option
@options.variable_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.simulate_options
@options.lock_option
@options.look_options
@ends
def import_object(
    console: Console,
    *,
    address: str,
    id: str,
    stack: str,
    environment: str | None,
    variables: Sequence[tuple[str, str]],
    variable_files: Sequence[str],
    yes: bool,
    simulate: bool,
    time_scale: float | None,
    lock_timeout: float | None,
) -> int:
    """Bind an object of the account to an address that the file asks for. Nothing is sent but reads; only the state changes.

    The next plan shows what the file would change on it. `import: ID` on the resource does the same at the next apply, in review.
    """
    from reconciler import binding, wiring
    from reconciler.cli.repair_commands import ask
    from reconciler.core.address import parse

    session = Session(console, Path(stack), environment, simulate, time_scale, variables, variable_files)
    wanted = session.load()
    store = session.store(wanted.name, wanted.environment)
    found, run = parse(address), wiring.run_id()
    assert found is not None  # the option's type has read it

    def agree(bound: Bound) -> None:
        live = bound.binding.live
        console.problems(bound.problems)
        named = live.attributes.get("name")
        console.result([Line(f" =  {safe.outside(address)}  {safe.outside(live.id)}" + (f"  {safe.outside(named)}" if named else ""))])
        ask(console, wanted.title, yes, "bind it")

    with session.connect() as connection:
        binding.bind(
            wanted,
            connection,
            store,
            found,
            id,
            holder=wiring.holder("reconciler import", run),
            run=run,
            lock_timeout_seconds=lock_seconds(lock_timeout, console),
            agree=agree,
        )
    session.tell_problems()
    console.result([Line(f" Bound. What the file would change on it:  {safe.outside(session.again('plan'))}", Tone.GOOD)])
    return exits.DONE
