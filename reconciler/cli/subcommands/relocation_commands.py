"""`state rename-stack`, `rename-env`, `move`: the state of a stack follows its name, and objects go
to another stack (commands#overview).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import option_types, options
from reconciler.cli.asking import ask
from reconciler.cli.run_context import Session, lock_seconds, on_stack, stop_usage
from reconciler.cli.subcommands.whole_state import to_place_command
from reconciler.common.dataclass import dataclass
from reconciler.common.paths import shown_path
from reconciler.common.suggestions import listed
from reconciler.common.text import joined, msg
from reconciler.config import loader
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.resource import title_of
from reconciler.render import escape, format
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.commands.relocation.moving import Moving
    from reconciler.commands.relocation.rename import Name, Rename
    from reconciler.model.address import Address
    from reconciler.model.ports import Store

_STACK, _ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,19}"), re.compile(r"[a-z][a-z0-9-]{0,11}")

NONE = "-"
"""The word for no environment on a command line."""

_yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def _options(command: Callable[..., int]) -> Callable[..., int]:
    for option in reversed(
        (
            options.stack_argument,
            _yes_option,
            options.simulate_options,
            options.lock_option,
            options.output_options,
        )
    ):
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  reconciler state rename-stack shop store
  reconciler state rename-stack shop store shop/ --yes"""
)
@click.argument("former", metavar="OLD")
@click.argument("name", metavar="NEW")
@_options
@on_stack
def rename_stack(
    session: Session, *, former: str, name: str, yes: bool, lock_timeout: float | None
) -> int:
    """Give the states of a stack another name: all its environments, each with its history.

    Edit `stack: NEW` in the file before or after this. Between the two, every run of the stack
    stops before it sends anything. No object is changed.
    """
    if _STACK.fullmatch(name) is None:
        raise stop_usage(
            msg("{name} is not a valid stack name", name=name),
            msg("use a-z, 0-9 and -, starting with a letter, at most 20 characters"),
        )
    own, _ = loader.identities(session.path)
    if own not in (former, name):
        raise stop_usage(
            msg(
                "the file is of the stack {own}, which is neither {former} nor {name}",
                own=own,
                former=former,
                name=name,
            ),
            msg("name the file or folder of the stack as the last argument"),
        )
    files = loader.others_named(session.path, {former, name} - {own})
    if files:
        message = msg(
            "{file} is a stack of that name, so its state is not renamed",
            file=joined(", ", map(str, files)),
        )
        raise Abort(error("name-taken", message, hint=msg("choose another name")))
    environments = sorted({*session.kept_environments(former), *session.kept_environments(name)})
    known: list[str | None] = [None, *environments]
    ended = _renamed(
        session,
        (((former, each), (name, each)) for each in known),
        yes=yes,
        lock_timeout=lock_timeout,
    )
    if ended and own != name:
        _then_edit(session, f"stack: {name}")
    return exit_codes.DONE


@click.command(
    epilog="""\b
Examples:
  reconciler state rename-env prod production
  reconciler state rename-env - prod
  reconciler state rename-env prod - web.yaml"""
)
@click.argument("former", metavar="OLD")
@click.argument("name", metavar="NEW")
@_options
@on_stack
def rename_env(
    session: Session, *, former: str, name: str, yes: bool, lock_timeout: float | None
) -> int:
    """Give the state of an environment another name, with its history. `-` is the stack without
    environments: `- prod` makes its state that of prod, `prod -` the other way round.

    Edit `environments:` in the file before or after this. Between the two, every run of the
    environment stops before it sends anything. No object is changed.
    """
    if name != NONE and _ENVIRONMENT.fullmatch(name) is None:
        raise stop_usage(
            msg("{name} is not a valid name of an environment", name=name),
            msg("use a-z, 0-9 and -, starting with a letter, at most 12 characters"),
        )
    stack, known = loader.identities(session.path)
    old, new = (None if each == NONE else each for each in (former, name))
    if {old, new} <= set(known or (None,)) and old != new:
        message = msg(
            "the file defines {former} and {name}: without its state, the next apply of {former} "
            "would create every object again",
            former=former,
            name=name,
        )
        hint = msg("remove {former} from `environments:` first", former=former)
        raise Abort(error("name-taken", message, hint=hint))
    ended = _renamed(session, (((stack, old), (stack, new)),), yes=yes, lock_timeout=lock_timeout)
    if ended and new not in (known or (None,)):
        _then_edit(session, f"environments: {{{name}: {{}}}}" if new is not None else None)
    return exit_codes.DONE


@dataclass(frozen=True, slots=True)
class Target:
    """Where `state move` moves objects: the stack, its environment, and the address there."""

    to: str
    to_environment: str | None = None
    name: str | None = None


@click.command(
    epilog="""\b
Examples:
  reconciler state move instances.db block_storages.data --to ../data
  reconciler state move instances.db --to data.yaml --as instances.main shop.yaml
  reconciler state move firewalls.web --env prod --to ../net --to-env prod --yes
  reconciler state move --to postgresql://db.internal/reconciler shop.yaml"""
)
@click.argument(
    "addresses",
    nargs=-1,
    metavar="[ADDRESS...] [STACK]",
    type=option_types.AddressOrStack(),
)
@click.option(
    "--to",
    required=True,
    metavar="STACK|PLACE",
    help="The file or folder of the stack that gets the objects; without ADDRESS, the folder or "
    "URL that gets the state.",
)
@click.option("--to-env", "to_environment", metavar="NAME", help="Its environment.")
@click.option(
    "--as",
    "name",
    metavar="ADDRESS",
    type=option_types.AddressText(),
    help="The address there (default: the same).",
)
@options.stack_option
@options.environment_option
@_yes_option
@options.simulate_options
@options.lock_option
@options.output_options
@options.stack_last("addresses")
@options.gathered_in(Target)
@on_stack
def move(
    session: Session,
    *,
    addresses: Sequence[str],
    choices: Target,
    yes: bool,
    lock_timeout: float | None,
) -> int:
    """Move objects to the state of another stack, a firewall with its rules. No object is changed.

    Before this, move them from one file to the other, without an apply in between. An interrupted
    move is completed by the same command, or by the next apply of either stack.

    Without ADDRESS, the whole state moves to another place: that of one environment with --env,
    else those of all environments. An interrupted move is completed by the same command.
    """
    from reconciler.cli import composition
    from reconciler.model.address import parse

    if not addresses:
        if choices.to_environment is not None or choices.name is not None:
            raise stop_usage(msg("--to-env and --as need an ADDRESS"))
        return to_place_command.move_states(session, choices.to, yes=yes, lock_timeout=lock_timeout)
    chosen = tuple(address for text in addresses if (address := parse(text)) is not None)
    as_name = None if choices.name is None else parse(choices.name)
    _require_move(chosen, as_name)
    other = replace(session, path=Path(choices.to), environment=choices.to_environment)
    if session.simulate and composition.world_of(other.path, session.environ) != (
        composition.world_of(session.path, session.environ)
    ):
        message = msg(
            "{stack} has a local cloud of its own, without these objects", stack=choices.to
        )
        hint = msg("set RECONCILER_STATE to one folder for both stacks")
        raise Abort(error("simulator", message, hint=hint))
    return _moved(session, other, (chosen, as_name), yes=yes, lock_timeout=lock_timeout)


def _require_move(addresses: Sequence[Address], name: Address | None) -> None:
    """Stops if the addresses cannot be moved at all."""
    rules = [address for address in addresses if address.rule is not None]
    if rules or (name is not None and name.rule is not None):
        raise stop_usage(msg("a rule stays in its firewall: name the firewall"))
    if name is None:
        return
    (only,) = addresses if len(addresses) == 1 else (None,)
    if only is None:
        raise stop_usage(msg("--as needs exactly one ADDRESS"))
    if only.kind != name.kind or (only.index is None and name.index is not None):
        raise stop_usage(
            msg(
                "{address} cannot become {name}: the kind must be the same", address=only, name=name
            )
        )


def _moved(
    session: Session,
    other: Session,
    what: tuple[Sequence[Address], Address | None],
    *,
    yes: bool,
    lock_timeout: float | None,
) -> int:
    from reconciler.cli import composition
    from reconciler.commands.relocation.transfer import End, Opening, Transfer

    console, run = session.console, composition.run_id()
    source, target = session.load(), other.load()
    session.problems.clear()
    ends = (
        End(source, session.path, session.store(source.name, source.environment)),
        End(target, other.path, other.store(target.name, target.environment)),
    )
    if len({end.store.identity for end in ends}) == 1:
        raise stop_usage(msg("--to names the same state: use `reconciler state mv`"))

    def agree(found: Moving) -> None:
        console.problems([session.pasteable(problem) for problem in found.problems])
        lines = {text: f"{target.title}  {entry.address}" for text, entry in found.entries.items()}
        console.result(
            [
                Line(f" =  {escape.outside(text)} -> {escape.outside(new)}")
                for text, new in lines.items()
            ]
        )
        ask(console, source.title, yes, msg("move it"))

    with console.activity() as notify:
        opening = Opening(
            composition.holder("reconciler state move", run),
            lock_seconds(lock_timeout, console),
            notify,
        )
        found = Transfer(*ends, *what).run(opening, agree, run)
    title = escape.outside(target.title)
    text = (
        msg(" Nothing to move: {stack} already has it.", stack=title)
        if found is None
        else msg(" Moved to {stack}. Plan both stacks now.", stack=title)
    )
    console.result([Line(text, Tone.GOOD)])
    return exit_codes.DONE


def _renamed(
    session: Session,
    names: Iterable[tuple[Name, Name]],
    *,
    yes: bool,
    lock_timeout: float | None,
) -> bool:
    """Renames states after a question. Returns whether there was anything to rename."""
    from reconciler.cli import composition
    from reconciler.commands.relocation import rename

    console, pairs = session.console, list(names)

    def stores(name: Name) -> Store:
        return session.store(*name)

    found = rename.find(pairs, stores)
    if not found:
        return _nothing(session, pairs)
    console.result([_line(each) for each in found])
    ask(console, title_of(*found[0].former), yes, msg("rename it"))
    holder = composition.holder("reconciler state rename", composition.run_id())
    timeout_seconds = lock_seconds(lock_timeout, console)
    with console.activity() as notify:
        for each in found:
            rename.carry_out(each, stores, holder, timeout_seconds=timeout_seconds, notify=notify)
    console.result([Line(msg(" Renamed. The next apply continues with this state."), Tone.GOOD)])
    return True


def _nothing(session: Session, pairs: list[tuple[Name, Name]]) -> bool:
    from reconciler.commands import session as opening

    done = next(
        (name for _, name in pairs if opening.read_state(session.store(*name)) is not None), None
    )
    former, _ = pairs[0]
    if done is None:
        store = session.store(*former)
        message = msg(
            "{former} has no state in {place}",
            former=title_of(*former),
            place=shown_path(session.state_place.location),
        )
        names = sorted(title_of(each.stack, each.environment) for each in store.others())
        hint = msg("the states there are {names}", names=listed(names)) if names else None
        raise Abort(error("missing-reference", message, hint=hint))
    text = msg(" Nothing to rename: the state is that of {name}.", name=title_of(*done))
    session.console.result([Line(text, Tone.GOOD)])
    return False


def _line(each: Rename) -> Line:
    former, name = each.titles
    objects = sum(1 for entry in each.state.entries.values() if entry.parent is None)
    text = msg(
        " =  {former} -> {name}    {count}",
        former=escape.outside(former),
        name=escape.outside(name),
        count=format.count(objects, "object"),
    )
    return Line(text)


def _then_edit(session: Session, text: str | None) -> None:
    line = (
        msg(" Now write `{text}` in the file: until then, its runs stop.", text=text)
        if text is not None
        else msg(" Now remove `environments:` from the file: until then, its runs stop.")
    )
    session.console.result([Line(line, Tone.CARE)])
