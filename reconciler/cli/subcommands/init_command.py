"""`init`: writes a first stack from answers or options, or an example, and lists the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.run_context import Session, ends, stop_usage
from reconciler.cli.subcommands.first_files.new_files import asked, chosen_name, show, write_new
from reconciler.common import suggestions, validators
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.importing.examples import EXAMPLES
from reconciler.model import exit_codes
from reconciler.model.resource import Catalogue
from reconciler.render import escape, format
from reconciler.render.run.screen import Line, Tone

_OFFERED_MAX = 8
_FALLBACK_FLAVOR, _FALLBACK_ZONE = "std_1.2-g1", "kr1-z01"


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The options of `init`, each the option of its name."""

    name: str | None
    zone: str | None
    flavor: str | None
    image: str | None
    ssh_key: str | None
    admin: str | None


@click.command(
    epilog="""\b
Examples:
  reconciler init shop
  reconciler init shop --simulate
  reconciler init shop --name shop --flavor std_2.4-g1 --ssh-key deploy --admin 203.0.113.7/32
  reconciler init --list
  reconciler init shop --example web-tier
  reconciler init --project --name shop-infra"""
)
@click.argument("folder", default=".", metavar="[DIR]", type=click.Path(file_okay=False))
@click.option(
    "--name",
    metavar="NAME",
    help="The name of the stack or project (default: that of the folder).",
)
@click.option("--zone", metavar="ZONE", help="The zone, by id or console name.")
@click.option("--flavor", metavar="FLAVOR", help="The flavor of the instance.")
@click.option(
    "--image",
    metavar="OS:VERSION",
    help="The operating system (default: ubuntu:22.04).",
)
@click.option("--ssh-key", metavar="NAME", help="The SSH key that may log in (default: none).")
@click.option(
    "--admin",
    metavar="CIDR",
    help="The address range that may reach SSH (default: none).",
)
@click.option(
    "--example",
    type=click.Choice(list(EXAMPLES)),
    metavar="NAME",
    help="Write this example instead.",
)
@click.option(
    "--project",
    is_flag=True,
    help="Write reconciler.yaml with the stacks that are in DIR and below.",
)
@click.option("--list", "listed", is_flag=True, help="List the examples and end.")
@options.simulate_options
@options.output_options
@options.gathered_in(InitOptions)
@ends
def init(
    console: Console,
    *,
    folder: str,
    choices: InitOptions,
    example: str | None,
    project: bool,
    listed: bool,
    **cloud: Any,
) -> int:
    """Write a first stack into a folder: one instance with a firewall. Only the catalogue is read.

    At a terminal, init asks for the name, the flavor, the SSH key and the address range that may
    reach SSH, if no option sets them, and lists what the account offers. Elsewhere it asks nothing:
    without --ssh-key and --admin, nobody can log in.

    --example writes one of the examples that come with reconciler, as it is.

    --project writes the file of a project, which says what is common to the stacks of a repository.
    """
    if listed:
        return _list(console)
    place = Path(folder)
    if project:
        from reconciler.cli.subcommands.first_files.first_project import write_project

        others = [name for name in _given(choices) if name != "name"]
        others += [] if example is None else ["example"]
        return write_project(console, place, choices.name, next(iter(others), None))
    if place.is_dir() and any(place.glob("*.yaml")):
        raise stop_usage(
            msg("{folder} already contains a stack", folder=folder),
            msg(
                "continue with `reconciler plan`: a stack needs no initialization. init writes "
                "only into a folder without *.yaml files"
            ),
        )
    if example is not None:
        return _example(console, example, place, choices)
    return _first_stack(console, place, choices, Session(console, place, None, **cloud))


def _list(console: Console) -> int:
    width = max(map(len, EXAMPLES))
    lines = [Line(f" {name:<{width}}  {escape.outside(text)}") for name, text in EXAMPLES.items()]
    below = msg("Write one with:  reconciler init DIR --example NAME")
    console.result([*lines, Line(), Line(f" {escape.outside(below)}", Tone.FAINT)])
    return exit_codes.DONE


def _example(console: Console, name: str, place: Path, choices: InitOptions) -> int:
    from reconciler.importing import examples

    given = _given(choices)
    if given:
        raise stop_usage(
            msg("--example cannot be used with --{option}", option=given[0]),
            msg("write the example first, then edit its files"),
        )
    found = examples.example(name, place)
    console.begin()
    show(console, write_new(found.files), found.commands)
    return exit_codes.DONE


def _given(choices: InitOptions) -> list[str]:
    """The names of the options that were given."""
    names = [field.name for field in fields(choices) if getattr(choices, field.name) is not None]
    return [name.replace("_", "-") for name in names]


def _first_stack(console: Console, place: Path, choices: InitOptions, session: Session) -> int:
    from reconciler.importing import examples, starter

    os, version = _checked(choices)
    found = _catalogue(session)
    zone = choices.zone or _first_zone(found)
    choice = starter.Choice(
        stack=chosen_name(
            console,
            choices.name,
            place,
            lambda usual: msg("1  What is the name of the stack? [{default}]", default=usual),
            "shop",
        ),
        zone=zone,
        flavor=choices.flavor or _flavor(console, found, zone),
        os=os,
        version=version,
        ssh_key=choices.ssh_key or _ssh_key(console, found),
        admin=choices.admin or _admin(console),
    )
    text = starter.text(choice)
    console.begin()
    written = write_new({place / "stack.yaml": text, **examples.companions(place, [text])})
    again = ["reconciler", "plan", str(place), *(["--simulate"] if session.simulate else [])]
    show(console, written, [suggestions.command_line(again)])
    for warning in _warnings(choice.ssh_key, choice.admin):
        console.note([Line(f" {escape.outside(warning)}", Tone.CARE)])
    return exit_codes.DONE


def _warnings(ssh_key: str | None, admin: str | None) -> Iterable[str]:
    if admin is None:
        yield msg(
            "No address can reach SSH: write your own address into the rule `ssh`, or use --admin."
        )
    if admin == "0.0.0.0/0":
        yield msg("Anyone may try to log in: set the default of `admin_cidr` to your own address.")
    if ssh_key is None:
        yield msg(
            "No SSH key is set: write one into `ssh_keys` before the first apply, or use --ssh-key."
        )


def _checked(choices: InitOptions) -> tuple[str, str]:
    """The operating system and its version. Raises `Abort` if an option has a wrong form."""
    image = choices.image or "ubuntu:22.04"
    os, _, version = image.partition(":")
    wrong = None if choices.admin is None else validators.cidr(choices.admin)
    if wrong is None and not (os and version):
        wrong = msg("--image must be OS:VERSION, such as ubuntu:22.04, not {image}", image=image)
    if wrong is not None:
        raise stop_usage(wrong)
    return os, version


def _catalogue(session: Session) -> Catalogue:
    """What the account offers; empty without an access key, which a first stack does not need."""
    from reconciler.commands import session as opening
    from reconciler.model.ports import RefreshScope

    keys = session.environ.get("IWINV_ACCESS_KEY") and session.environ.get("IWINV_SECRET_KEY")
    if not session.simulate and not keys:
        session.console.note(
            [
                Line(
                    msg(
                        " No keys are set, so the choices of your account cannot be listed; add "
                        "--simulate to see examples."
                    )
                )
            ]
        )
        return Catalogue()
    with session.connect() as connection:
        scope = RefreshScope(catalogue=frozenset({"zones", "flavors", "ssh_keys"}))
        return opening.read_account(connection, scope).catalogue


def _first_zone(found: Catalogue) -> str:
    open_ones = [row for row in found.zones or () if row.get("available", True)]
    return str(open_ones[0]["id"]) if open_ones else _FALLBACK_ZONE


def _flavor(console: Console, found: Catalogue, zone: str) -> str:
    offered = [
        row
        for row in found.flavors or ()
        if row.get("available", True) and (not row.get("zones") or zone in row["zones"])
    ]
    offered.sort(
        key=lambda row: (
            row.get("price_month") is None,
            row.get("price_month") or 0,
            str(row["id"]),
        )
    )
    small = next(
        (str(row["id"]) for row in offered if (row.get("memory_mb") or 0) >= 2048), _FALLBACK_FLAVOR
    )
    if not console.can_ask:
        return small
    console.note([Line(f"    {escape.outside(_offer(row))}") for row in offered[:_OFFERED_MAX]])
    return asked(
        console,
        msg("2  Which flavor should the instance have? [{default}]", default=escape.outside(small)),
        small,
        _one_of(str(row["id"]) for row in offered),
    )


def _one_of(offered: Iterable[str]) -> Callable[[str], str | None]:
    """A check that describes an answer the account does not offer, or returns None. Without a list
    from the account every answer passes.
    """
    known = list(offered)
    return lambda answer: (
        None
        if not known or answer in known
        else msg(
            "{answer} does not exist: {hint}",
            answer=answer,
            hint=suggestions.hint_for(answer, known),
        )
    )


def _offer(row: Mapping[str, Any]) -> str:
    price = row.get("price_month")
    cost = msg(", {price} a month", price=format.won(price)) if isinstance(price, int) else ""
    return msg(
        "{flavor}: {vcpu} vCPU, {memory} GB{cost}",
        flavor=row["id"],
        vcpu=row.get("vcpu"),
        memory=(row.get("memory_mb") or 0) // 1024,
        cost=cost,
    )


def _ssh_key(console: Console, found: Catalogue) -> str | None:
    keys: Sequence[str] = [str(row["name"]) for row in found.ssh_keys or () if row.get("name")]
    first = keys[0] if keys else None
    if not console.can_ask:
        return None
    offered = f" ({', '.join(map(escape.outside, keys))})" if keys else ""
    question = msg(
        "3  Which SSH key may log in?{offered} [{default}]",
        offered=offered,
        default=escape.outside(first) if first else msg("none"),
    )
    return asked(console, question, first or "", _one_of(keys)) or None


def _admin(console: Console) -> str | None:
    if not console.can_ask:
        return None
    question = msg("4  Which address range may reach SSH, such as 203.0.113.7/32? [none]")
    return (
        asked(console, question, "", lambda text: validators.cidr(text) if text else None) or None
    )
