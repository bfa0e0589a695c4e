"""`output`: the outputs of the last apply, and the instances as an inventory."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.arguments.stack_choice import several_stacks_options
from reconciler.cli.many.dispatch import on_one_or_many
from reconciler.cli.run_context import Session, stop_usage
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.resource import title_of
from reconciler.model.state import STALE
from reconciler.render import escape, inventory_text
from reconciler.render.run.screen import Line, Tone
from reconciler.resources.instance import NAME as INSTANCES

if TYPE_CHECKING:
    from reconciler.cli.many.chosen_stacks import ChosenStacks


@dataclass(frozen=True, slots=True)
class InventoryOptions:
    """The options of an inventory, each the option of its name; `listing` is `--list`."""

    inventory: str | None = None
    listing: bool = False
    host: str | None = None

    @property
    def is_dynamic(self) -> bool:
        """Whether Ansible asks, instead of a person who wants a file."""
        return self.listing or self.host is not None


def _output_many(chosen: ChosenStacks, *, name: str | None, choices: InventoryOptions) -> int:
    from reconciler.cli.many import many_outputs

    options.refuse_with_several(
        {
            "--inventory": choices.inventory,
            "--list": choices.listing,
            "--host": choices.host,
            "--format env": chosen.console.format == "env",
        }
    )
    return many_outputs.output(chosen, name)


@click.command(
    epilog="""\b
Examples:
  reconciler output
  reconciler output web_ips --env prod
  reconciler output --format env > .env
  reconciler output --all --format json
  reconciler output --inventory ansible > hosts.ini
  reconciler output --inventory ansible --list
  reconciler output --inventory ssh-config >> ~/.ssh/config"""
)
@click.argument("name", required=False)
@options.stacks_argument
@several_stacks_options
@options.environment_option
@click.option(
    "--format",
    "format",
    type=click.Choice(["text", "json", "env"]),
    default="text",
    help="Output format.",
)
@click.option(
    "--inventory",
    type=click.Choice(inventory_text.FORMS),
    help="The running instances to log in to, with their current addresses.",
)
@click.option(
    "--list",
    "listing",
    is_flag=True,
    help="With --inventory ansible: JSON for a dynamic inventory.",
)
@click.option(
    "--host",
    metavar="HOST",
    help="With --inventory ansible: the variables of one host as JSON.",
)
@options.simulate_options
@options.output_options
@options.stack_alone("name")
@options.gathered_in(InventoryOptions)
@on_one_or_many(_output_many)
def output(session: Session, *, name: str | None, choices: InventoryOptions) -> int:
    """Print all outputs of the last apply, or one by name. The account is not read.

    With --inventory the instances are read from the account, because the state does not contain
    their IP addresses.
    """
    from reconciler.commands import session as opening
    from reconciler.render import state_text
    from reconciler.render.documents import state_json

    console = session.console
    title, environment = session.identify()
    session = replace(session, environment=environment)
    _check(choices, alone=name is None and console.format == "text")
    if choices.inventory is not None:
        return _inventory(session, title, choices)
    found = opening.outputs(opening.read_state(session.store(title, session.environment)), name)
    if console.json:
        document = state_json.outputs_document(found, stack=title, environment=session.environment)
        console.result_json(document)
    elif console.format == "env":
        console.out.write("".join(f"{line}\n" for line in _env_lines(found)))
        left_out = [key for key, (value, _) in found.items() if not _fits_a_line(value)]
        if left_out:
            message = msg(
                "{outputs} left out: an environment file cannot contain line breaks or control "
                "characters",
                outputs=", ".join(left_out),
            )
            raise Abort(error("output", message, hint=_escaped(session)))
    elif name is not None:
        value, reason = found[name]
        if reason == STALE:
            text = msg(
                "{output} is stale: {reason}; the next apply computes it again.",
                output=escape.outside(name),
                reason=reason,
            )
            console.note([Line(text, Tone.CARE)])
        elif reason is not None:
            message = msg("{output} has no value: {reason}", output=name, reason=reason)
            hint = msg("run apply and read what it reports about this output")
            raise Abort(error("output", message, hint=hint))
        raw = state_text.raw(value)
        if not console.out.is_terminal and not escape.is_inert(raw):
            raise Abort(
                error(
                    "output",
                    msg(
                        "{output} contains text that a terminal or a CI log would interpret",
                        output=name,
                    ),
                    hint=_escaped(session, name),
                )
            )
        console.out.write((escape.outside(raw) if console.out.is_terminal else raw) + "\n")
    else:
        console.result(
            [
                Line(f"{escape.outside(key)} = {state_text.text(*value)}")
                for key, value in found.items()
            ]
        )
        if not found:
            console.note(
                [Line(msg("There are no outputs; they are computed at the end of an apply."))]
            )
    return exit_codes.DONE


def _env_lines(found: Mapping[str, tuple[Any, str | None]]) -> Iterator[str]:
    """`NAME=value`, quoted for a shell if needed. An output without a value becomes a comment."""
    from reconciler.render import state_text

    for name, (value, reason) in found.items():
        variable = name.upper()
        why = "" if reason is None else f": {escape.outside(reason)}"
        if value is None:
            yield msg("# {variable} has no value{why}", variable=variable, why=why)
        elif not _fits_a_line(value):
            yield msg("# {variable} is left out: its value needs several lines", variable=variable)
        else:
            if reason is not None:
                yield msg("# {variable} is stale{why}", variable=variable, why=why)
            yield f"{variable}={shlex.quote(state_text.raw(value))}"


def _fits_a_line(value: Any) -> bool:
    from reconciler.render import state_text

    text = state_text.raw(value)
    return escape.outside(text) == text


def _escaped(session: Session, *name: str) -> str:
    """The command that shows the same output escaped."""
    return f"{session.again('output', *name, by_option=True)} --format json"


def _check(choices: InventoryOptions, *, alone: bool) -> None:
    if choices.inventory != "ansible" and choices.is_dynamic:
        raise stop_usage(
            msg("--list and --host are options of a dynamic inventory"),
            "reconciler output --inventory ansible --list",
        )
    if choices.inventory is not None and not alone:
        raise stop_usage(
            msg("--inventory cannot be used with a NAME or --format"),
            msg("an inventory is a file of its own"),
        )


def _inventory(session: Session, stack: str, choices: InventoryOptions) -> int:
    from reconciler.commands import session as opening
    from reconciler.model.ports import RefreshScope
    from reconciler.render import inventory

    state = opening.read_state(session.store(stack, session.environment))
    title = title_of(stack, session.environment)
    if state is None or not any(entry.kind == INSTANCES for entry in state.entries.values()):
        if choices.is_dynamic:
            session.console.out.write(inventory_text.dynamic((), title=title, host=choices.host))
            return exit_codes.DONE
        raise Abort(
            error(
                "output",
                msg("the state of {stack} contains no instance", stack=title),
                hint=msg("create some: {command}", command=session.again("apply")),
            )
        )
    tracked = frozenset(entry.id for entry in state.entries.values() if entry.kind == INSTANCES)
    scope = RefreshScope(
        kinds=frozenset({INSTANCES}),
        tracked={INSTANCES: tracked},
        catalogue=frozenset({"images"}),
    )
    with session.connect() as connection:
        account = opening.read_account(connection, scope)
        session.problems.extend(opening.account_problems(state, account, connection))
    session.show_problems()
    hosts = inventory.hosts(state, account)
    session.console.out.write(
        inventory_text.dynamic(hosts, title=title, host=choices.host)
        if choices.is_dynamic
        else inventory_text.inventory(str(choices.inventory), hosts, title=title)
    )
    return exit_codes.DONE
