"""`init`: writes a first stack from three answers or from options, and lists the catalogue."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.run_context import Session, ends, stop_usage
from reconciler.common import suggestions, validators
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.resource import Catalogue
from reconciler.render import escape, format
from reconciler.render.run.screen import Line, Tone

_STACK = re.compile(r"[a-z][a-z0-9-]{0,19}")
_OFFERED_MAX = 8
_ASKED_MAX = 5
_FALLBACK_FLAVOR, _FALLBACK_ZONE = "std_1.2-g1", "kr1-z01"


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The options of `init`, each the option of its name."""

    name: str | None
    zone: str | None
    flavor: str | None
    image: str
    ssh_key: str | None
    admin: str


@click.command(
    epilog="""\b
Examples:
  reconciler init shop
  reconciler init shop --simulate
  reconciler init shop --name shop --flavor std_2.4-g1 --ssh-key deploy --admin 203.0.113.7/32"""
)
@click.argument("folder", default=".", metavar="[DIR]", type=click.Path(file_okay=False))
@click.option(
    "--name", metavar="STACK", help="The name of the stack (default: that of the folder)."
)
@click.option("--zone", metavar="ZONE", help="The zone, by id or console name.")
@click.option("--flavor", metavar="FLAVOR", help="The flavor of the instance.")
@click.option(
    "--image",
    metavar="OS:VERSION",
    default="ubuntu:22.04",
    show_default=True,
    help="The operating system.",
)
@click.option("--ssh-key", metavar="NAME", help="The SSH key that may log in.")
@click.option(
    "--admin",
    metavar="CIDR",
    default="0.0.0.0/0",
    help="The address range that may log in (default: anywhere).",
)
@options.simulate_options
@options.output_options
@options.gathered_in(InitOptions)
@ends
def init(
    console: Console,
    *,
    folder: str,
    choices: InitOptions,
    simulate: bool,
    time_scale: float | None,
) -> int:
    """Write a first stack into a folder: one instance with a firewall. Only the catalogue is read.

    At a terminal, init asks for the name, the flavor and the SSH key if no option sets them, and
    lists what the account offers.
    """
    from reconciler.importing import starter

    target = Path(folder) / "stack.yaml"
    if any(Path(folder).glob("*.yaml")):
        raise stop_usage(
            msg("{folder} already contains a stack", folder=folder),
            msg("init writes only into a folder without *.yaml files"),
        )
    os, version = _checked(choices)
    found = _catalogue(Session(console, Path(folder), None, simulate, time_scale))
    zone = choices.zone or _first_zone(found)
    choice = starter.Choice(
        stack=_name(console, choices.name, Path(folder)),
        zone=zone,
        flavor=choices.flavor or _flavor(console, found, zone),
        os=os,
        version=version,
        ssh_key=choices.ssh_key or _ssh_key(console, found),
        admin=choices.admin,
    )
    console.begin()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(starter.text(choice))
    except OSError as failure:
        reason = failure.strerror or failure
        message = msg("{path} cannot be written: {reason}", path=target, reason=reason)
        raise Abort(error("state-write", message)) from failure
    again = shlex.join(["reconciler", "plan", folder, *(["--simulate"] if simulate else [])])
    console.result(
        [Line(f" Written: {escape.outside(target)}    Next:  {escape.outside(again)}", Tone.GOOD)]
    )
    if choices.admin == "0.0.0.0/0":
        text = msg(
            " Anyone may try to log in: set the default of `admin_cidr` to your own address."
        )
        console.note([Line(text, Tone.CARE)])
    return exit_codes.DONE


def _checked(choices: InitOptions) -> tuple[str, str]:
    """The operating system and its version. Raises `Abort` if an option has a wrong form."""
    os, _, version = choices.image.partition(":")
    wrong = validators.cidr(choices.admin)
    if wrong is None and not (os and version):
        wrong = msg(
            "--image must be OS:VERSION, such as ubuntu:22.04, not {image}", image=choices.image
        )
    if wrong is not None:
        raise stop_usage(wrong)
    return os, version


def _catalogue(session: Session) -> Catalogue:
    """What the account offers; empty without an access key, which a first stack does not need."""
    from reconciler.commands import session as opening
    from reconciler.model.resource import RefreshScope

    keys = session.environ.get("IWINV_ACCESS_KEY") and session.environ.get("IWINV_SECRET_KEY")
    if not session.simulate and not keys:
        session.console.note(
            [
                Line(
                    " No keys are set, so the choices of your account cannot be listed; add "
                    "--simulate to see examples."
                )
            ]
        )
        return Catalogue()
    with session.connect() as connection:
        scope = RefreshScope(catalogue=frozenset({"zones", "flavors", "ssh_keys"}))
        return opening.read_account(connection, scope).catalogue


def _name(console: Console, given: str | None, folder: Path) -> str:
    own = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:20].strip("-")

    def wrong(name: str) -> str | None:
        return (
            None
            if _STACK.fullmatch(name)
            else msg(
                "{name} is not a valid stack name: use a-z, 0-9 and -, starting with a letter, "
                "at most 20 characters",
                name=name or "that",
            )
        )

    if given is None and console.can_ask:
        usual = own if wrong(own) is None else "shop"
        return _asked(
            console,
            msg("1  What is the name of the stack? [{default}]", default=escape.outside(usual)),
            usual,
            wrong,
        )
    name = given or own
    problem = wrong(name)
    if problem is not None:
        raise stop_usage(problem, msg("choose one with --name"))
    return name


def _asked(console: Console, question: str, usual: str, wrong: Callable[[str], str | None]) -> str:
    """The answer, or the default for an empty one. A wrong answer is asked again a few times."""
    problem: str | None = None
    for _ in range(_ASKED_MAX):
        answer = console.ask(question) or usual
        problem = wrong(answer)
        if problem is None:
            return answer
        console.note([Line(f"    {escape.outside(problem)}", Tone.CARE)])
    raise stop_usage(problem or msg("no answer"))


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
    return _asked(
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
        return first
    offered = f" ({', '.join(map(escape.outside, keys))})" if keys else ""
    question = msg(
        "3  Which SSH key may log in?{offered} [{default}]",
        offered=offered,
        default=escape.outside(first) if first else "none",
    )
    return _asked(console, question, first or "", _one_of(keys)) or None
