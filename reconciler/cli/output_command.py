"""`output`: the outputs of the last apply as text, JSON or an environment file, and the servers as an inventory."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.session import Session, on_stack, stop_usage
from reconciler.core import exits
from reconciler.core.model import title_of
from reconciler.core.outputs import STALE
from reconciler.core.problems import error
from reconciler.stop import Stop
from reconciler.ui import inventory_text, safe
from reconciler.ui.screen import Line, Tone


@click.command(
    epilog="""\b
Examples:
  reconciler output
  reconciler output web_ips --env prod
  reconciler output --format env > .env
  reconciler output --inventory ansible > hosts.ini
  reconciler output --inventory ssh-config >> ~/.ssh/config"""
)
@click.argument("name", required=False)
@options.stack_option
@options.environment_option
@click.option("--format", "format", type=click.Choice(["text", "json", "env"]), default="text", help="What stdout gets.")
@click.option("--inventory", type=click.Choice(inventory_text.FORMS), help="The servers to log in to, with the addresses as they are now.")
@options.simulate_options
@options.look_options
@on_stack
def output(session: Session, *, name: str | None, inventory: str | None) -> int:
    """Print the outputs of the last apply: all, or one by name. Nothing is sent.

    With --inventory the list of servers is read from the account, since addresses are not kept in the state.
    """
    from reconciler import app, opening
    from reconciler.cli import looking

    console = session.console
    title, session.environment = session.identify()
    if inventory is not None:
        if name is not None or console.format != "text":
            raise stop_usage("--inventory goes with neither a NAME nor --format", "an inventory is a file of its own")
        return _inventory(session, title, inventory)
    found = app.outputs(opening.read_state(session.store(title, session.environment)), name)
    if console.json:
        console.result_json(looking.outputs_document(found))
    elif console.format == "env":
        console.out.write("".join(f"{line}\n" for line in _env_lines(found)))
        left_out = [key for key, (value, _) in found.items() if not _fits_a_line(value)]
        if left_out:
            message = f"{', '.join(left_out)}: an environment file cannot hold line breaks or control characters, so these are left out"
            raise Stop(error("output", message, hint=_escaped(session)))
    elif name is not None:
        value, reason = found[name]
        if reason == STALE:
            console.tell([Line(f"{safe.outside(name)} is stale: {reason}; the next apply computes it anew.", Tone.CARE)])
        elif reason is not None:
            raise Stop(error("output", f"{name} has no value: {reason}", hint="apply, and see what it says about this output"))
        text = looking.raw(value)
        if not console.out.is_terminal and not safe.is_inert(text):
            raise Stop(error("output", f"{name} holds text that a terminal or a CI log would obey", hint=_escaped(session, name)))
        console.out.write((safe.outside(text) if console.out.is_terminal else text) + "\n")
    else:
        console.result([Line(f"{safe.outside(key)} = {looking.text(*value)}") for key, value in found.items()])
        if not found:
            console.tell([Line("There are no outputs; they are computed at the end of an apply.")])
    return exits.DONE


def _env_lines(found: Mapping[str, tuple[Any, str | None]]) -> Iterator[str]:
    """`NAME=value`, quoted as a shell wants it only where it has to be; what has no value is a comment."""
    from reconciler.cli import looking

    for name, (value, reason) in found.items():
        if value is None:
            yield f"# {name.upper()} has no value" + (f": {safe.outside(reason)}" if reason is not None else "")
        elif not _fits_a_line(value):
            yield f"# {name.upper()} is left out: it does not fit into one line of text"
        else:
            if reason is not None:
                yield f"# {name.upper()} is stale: {safe.outside(reason)}"
            yield f"{name.upper()}={shlex.quote(looking.raw(value))}"


def _fits_a_line(value: Any) -> bool:
    from reconciler.cli import looking

    text = looking.raw(value)
    return safe.outside(text) == text


def _escaped(session: Session, *name: str) -> str:
    """The command that shows the same with everything escaped."""
    return f"{session.again('output', *name, by_option=True)} --format json"


def _inventory(session: Session, stack: str, form: str) -> int:
    from reconciler import opening
    from reconciler.core import inventory
    from reconciler.core.model import Wants

    state = opening.read_state(session.store(stack, session.environment))
    title = title_of(stack, session.environment)
    if state is None or not any(entry.kind == "instances" for entry in state.entries.values()):
        raise Stop(error("output", f"the state of {title} holds no server", hint=f"make some: {session.again('apply')}"))
    tracked = frozenset(entry.id for entry in state.entries.values() if entry.kind == "instances")
    wants = Wants(instances=True, tracked={"instances": tracked}, catalogue=frozenset({"images"}))
    with session.connect() as connection:
        account = opening.read_account(connection, wants)
        session.problems += opening.account_problems(state, account, connection)
    session.tell_problems()
    session.console.out.write(inventory_text.inventory(form, inventory.hosts(state, account), title=title))
    return exits.DONE
