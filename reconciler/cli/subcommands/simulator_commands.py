"""`simulator serve`, `world`, `do`: the local cloud from the command line
(local-cloud#the-local-cloud).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.run_context import ends
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.render import escape
from reconciler.render.run.screen import Line

if TYPE_CHECKING:
    from reconciler.simulator import Cloud


@click.group()
def simulator() -> None:
    """Serve a local iwinv cloud over HTTP, print its objects, or change them."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The options of `simulator serve`, each the option of its name; `settings` are `--set`."""

    host: str
    port: int
    world: str | None
    keep: str | None
    seed: int
    time_scale: float
    settings: Sequence[str]
    switches: str | None
    faults: str | None
    like: str | None


@dataclass(frozen=True, slots=True)
class DoArguments:
    """The arguments of `simulator do`."""

    action: str
    kind: str
    object: str
    values: Sequence[str]


class SimulatedKind(NamedTuple):
    """A kind of object of the local cloud: its `section` in the file of its objects, the members
    with the id and the name there.
    """

    name: str
    section: str
    key: str
    label: str


def kinds() -> list[SimulatedKind]:
    """The kinds of objects of the local cloud."""
    from reconciler.simulator.kinds.registry import KINDS

    return [SimulatedKind(k.name, k.section, k.key, k.label) for k in KINDS.values()]


def editable_kinds() -> list[str]:
    """The names of the kinds for `simulator do`."""
    from reconciler.simulator.edits import RULE

    return [*(kind.name for kind in kinds() if kind.label), RULE]


def switch_names() -> list[str]:
    """The names for `simulator serve --set`."""
    from dataclasses import fields

    from reconciler.simulator.switches import Switches

    return [field.name for field in fields(Switches)]


@simulator.command(
    epilog="""\b
Examples:
  reconciler simulator serve
  reconciler simulator serve --port 8080 --world company --time-scale 60
  reconciler simulator serve --like contract-report.json"""
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="The port; 0, the default, takes a free one.",
)
@click.option(
    "--world", metavar="FILE", help="The objects to start with: a file, `default` or `company`."
)
@click.option(
    "--keep",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Save all objects to this file.",
)
@click.option("--seed", type=int, default=0, help="Seed for all ids, addresses and random events.")
@click.option(
    "--time-scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    metavar="X",
    help="Speed, as a multiple of real time.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="SWITCH=VALUE", help="Set a switch; repeatable."
)
@click.option(
    "--switches", metavar="FILE", type=click.Path(dir_okay=False), help="A YAML file of switches."
)
@click.option(
    "--like",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Set the switches that a report of `doctor --contract` decides.",
)
@click.option(
    "--faults", metavar="FILE", type=click.Path(dir_okay=False), help="A YAML script of faults."
)
@options.output_options
@options.gathered_in(ServeOptions)
@ends
def serve(console: Console, *, choices: ServeOptions) -> int:
    """Serve a local iwinv until Ctrl-C. Paste the first three lines into another terminal to use
    it from there.
    """
    from reconciler.simulator.commands import make_cloud
    from reconciler.simulator.server import serve as serve_cloud

    with _mistakes():
        cloud = make_cloud(
            world=choices.world,
            seed=choices.seed,
            time_scale=choices.time_scale,
            settings=list(choices.settings),
            switches_file=None if choices.switches is None else Path(choices.switches),
            faults_file=None if choices.faults is None else Path(choices.faults),
        )
        if choices.like is not None:
            _resemble(console, cloud, Path(choices.like), choices.settings)
        world_file = None if choices.keep is None else Path(choices.keep)
        serve_cloud(cloud, host=choices.host, port=choices.port, world_file=world_file)
    return exit_codes.DONE


def _resemble(console: Console, cloud: Cloud, path: Path, settings: Sequence[str]) -> None:
    """Sets the switches that a report decides and that nothing else sets, and prints them, also
    what the report found that no switch can show.
    """
    from reconciler.cli.contract.contract_check import read_report
    from reconciler.contract.decided import decisions, not_settable
    from reconciler.render.documents import contract_text

    report = read_report(path)
    given = {text.partition("=")[0].strip() for text in settings} | set(cloud.switches.changed())
    found = [each for each in decisions(report) if each.switch not in given]
    cloud.set_switches({each.switch: each.value for each in found})
    console.note(contract_text.switch_lines(found, not_settable(report)))


@simulator.command(
    epilog="""\b
Examples:
  reconciler simulator world --stack shop"""
)
@options.stack_argument
@click.option(
    "--time-scale",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Use the same local cloud as --simulate.",
)
@options.output_options
@ends
def world(console: Console, *, stack: str, time_scale: float | None) -> int:
    """Print all objects as YAML: of the simulator at IWINV_ENDPOINT if that is on this machine,
    else of the stack's local cloud.
    """
    from reconciler.simulator import commands

    with _mistakes(), _endpoint(stack, time_scale) as endpoint:
        console.out.write(commands.fetch_world(endpoint))
    return exit_codes.DONE


@simulator.command(
    "do",
    epilog="""\b
Examples:
  reconciler simulator do set instance shop-web-0 name=tmp --stack shop
  reconciler simulator do delete block_storage shop-data""",
)
@click.argument("action", type=click.Choice(["set", "delete", "create"]))
@click.argument("kind")
@click.argument("object", metavar="NAME_OR_ID")
@click.argument("values", nargs=-1, metavar="[MEMBER=VALUE]...")
@options.stack_option
@click.option(
    "--time-scale",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Use the same local cloud as --simulate.",
)
@options.output_options
@options.gathered_in(DoArguments)
@ends
def do(console: Console, *, choices: DoArguments, stack: str, time_scale: float | None) -> int:
    """Change objects as a person in the console would, to produce drift. Members are those of the
    API.
    """
    from reconciler.simulator import commands
    from reconciler.simulator.edits import parse_values

    with _mistakes():
        wanted = parse_values(list(choices.values))
        console.begin()
        with _endpoint(stack, time_scale) as endpoint:
            found = commands.do(endpoint, choices.action, choices.kind, choices.object, wanted)
    console.result([Line(escape.outside(f"{choices.action} {choices.kind} {found}"))])
    return exit_codes.DONE


@contextmanager
def _endpoint(stack: str, time_scale: float | None) -> Iterator[str]:
    """The endpoint of the running simulator, or of the stack's local cloud, which is served while
    the block runs.
    """
    from reconciler.cli import composition
    from reconciler.simulator.server import is_loopback

    named = os.environ.get("IWINV_ENDPOINT", "")
    if named and is_loopback(_host(named)):
        yield named
        return
    path = Path(stack)
    if not path.exists():
        from reconciler.cli.run_context import stop_usage

        raise stop_usage(
            msg("{path} does not exist", path=stack),
            msg("name the stack's file or folder with --stack"),
        )
    scale = time_scale or composition.scale_of(os.environ) or composition.SIMULATED_TIME_SCALE
    with composition.local_cloud(path, os.environ, time_scale=scale) as variables:
        yield variables["IWINV_ENDPOINT"]


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@contextmanager
def _mistakes() -> Iterator[None]:
    """Turns errors of the simulator's commands into problems."""
    from reconciler.model.abort import Abort
    from reconciler.model.diagnostics import error
    from reconciler.simulator.commands import MISTAKES, SteeringError

    known: tuple[type[BaseException], ...] = (*MISTAKES, SteeringError, OSError)
    try:
        yield
    except known as failure:
        raise Abort(error("simulator", str(failure))) from failure
