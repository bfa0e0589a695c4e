"""`import`, `adopt`, `absorb`: take existing objects and drift into state and files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import option_types, options
from reconciler.cli.run_context import Session, lock_seconds, on_stack, stop_usage
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import command_line, pasted
from reconciler.common.text import msg
from reconciler.importing.romanization import romanized
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.render import escape
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.commands.import_ import Bound
    from reconciler.importing.adopt import Adoption
    from reconciler.model.owners import Elsewhere, OtherState
    from reconciler.planner.checks.approval import Acceptance


@dataclass(frozen=True, slots=True)
class AdoptOptions:
    """The options of `adopt`, each the option of its name."""

    everything: bool = False
    zones: tuple[str, ...] = ()
    name: str | None = None
    out: str | None = None
    accept: tuple[Acceptance, ...] = ()


@click.command(
    "import",
    epilog="""\b
Examples:
  reconciler import instances.db shop-db
  reconciler import instances.db 203.0.113.10
  reconciler import 'instances.web[0]' INSTANCE-Fq1aWFZsggSX0InttsJX8Y --env prod --yes""",
)
@click.argument("address", metavar="ADDRESS", type=option_types.AddressText())
@click.argument("named", metavar="OBJECT")
@options.stack_argument
@options.environment_option
@options.variable_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--accept",
    multiple=True,
    type=option_types.AcceptParam(),
    help="Consent: shared=ADDRESS, if another stack owns the object as well.",
)
@options.simulate_options
@options.lock_option
@options.output_options
@on_stack
def import_object(
    session: Session,
    *,
    address: str,
    named: str,
    yes: bool,
    accept: Sequence[Acceptance],
    lock_timeout: float | None,
) -> int:
    """Bind an existing object to an address in the file. Only the state changes; the account is
    only read. OBJECT is the object's id, name, or public or private IP address.

    The next plan shows what the file would change on the object. `import: ID` on the resource does
    the same at the next apply, so that it can be reviewed.
    """
    from reconciler.cli import composition
    from reconciler.cli.asking import ask
    from reconciler.commands import import_
    from reconciler.model.address import parse

    console = session.console
    wanted = session.load()
    store = session.store(wanted.name, wanted.environment)
    found, accepted = parse(address), tuple((one.risk.value, one.address) for one in accept)
    assert found is not None  # the option's type has checked it

    def agree(bound: Bound) -> None:
        live = bound.binding.live
        console.problems([session.pasteable(problem) for problem in bound.problems])
        name = live.attributes.get("name")
        cells = (address, live.id, *((name,) if name else ()))
        console.result([Line(f" =  {'  '.join(map(escape.outside, cells))}")])
        ask(console, wanted.title, yes, msg("bind it"))

    def again(id: str) -> str:
        return session.again("import", address, id, by_option=True)

    with session.connect() as connection:
        import_.bind(
            wanted,
            connection,
            store,
            import_.ImportRequest(found, named, agree, again, accepted),
            composition.holder("reconciler import", composition.run_id()),
            lock_timeout_seconds=lock_seconds(lock_timeout, console),
        )
    session.show_problems()
    text = msg(
        " Bound. To see what the file would change on it:  {command}",
        command=escape.outside(session.again("plan")),
    )
    console.result([Line(text, Tone.GOOD)])
    return exit_codes.DONE


@click.command(
    epilog="""\b
Examples:
  reconciler adopt --all --out company/stack.yaml
  reconciler adopt web-01 web-02 203.0.113.10 --name web
  reconciler adopt --all --zone KR1-Z01 > zone.yaml"""
)
@click.argument("objects", nargs=-1, metavar="[OBJECT]...")
@click.option("--all", "everything", is_flag=True, help="Take over everything that the API lists.")
@click.option(
    "--zone",
    "zones",
    multiple=True,
    metavar="ZONE",
    help="Only objects in this zone, by id or console name; repeatable.",
)
@click.option(
    "--name",
    metavar="STACK",
    help="The name of the new stack (default: that of the file, else `adopted`).",
)
@click.option(
    "--out",
    metavar="FILE.yaml",
    type=click.Path(dir_okay=False),
    help="Write to a new file instead of stdout, in a folder without another stack.",
)
@click.option(
    "--accept",
    multiple=True,
    type=option_types.AcceptParam(),
    help="Consent: shared=ADDRESS, if another stack owns a named object as well.",
)
@options.stack_option
@options.simulate_options
@options.output_options
@options.gathered_in(AdoptOptions)
@on_stack
def adopt(session: Session, *, objects: Sequence[str], choices: AdoptOptions) -> int:
    """Write a stack file for existing objects: instances, block storages, firewalls with their
    rules and members. OBJECT is an id, a name, or a public or private IP address.

    The plan of this file only binds objects (=) and is empty after the next apply, which writes the
    state. The account is only read. With --all, objects of other stacks are written as comments.
    With --simulate, --stack chooses the local cloud.
    """
    from reconciler.commands import adopt as adopting
    from reconciler.importing import adopt_writer

    name, out = choices.name, choices.out
    if choices.everything == bool(objects):
        raise stop_usage(
            msg("name the objects to take over, or use --all"),
            "reconciler adopt --all --out company/stack.yaml",
        )
    title = _stack_name(name, out)
    _check_place(session, title, out)
    console = session.console
    extra = [*(("--name", name) if name else ()), *(("--out", out) if out else ())]
    selection = adopting.AdoptSelection(
        choices.everything,
        tuple(objects),
        frozenset(choices.zones),
        frozenset(each.address for each in choices.accept if each.address is not None),
        lambda id: session.again("adopt", id, *extra, by_option=True),
    )
    with session.connect() as connection:
        found, account, problems = adopting.adopt(
            connection, selection, stack=title, elsewhere=_elsewhere(session, title, out)
        )
    session.problems.extend(problems)
    text = adopt_writer.text(found, account, for_editors=out is not None)
    if out is None:
        console.out.write(text)
    else:
        _write_new(Path(out), text)
        _check_local_cloud(session, out)
    console.note(
        [Line(f" {escape.outside(line)}") for line in adopt_writer.seen_lines(found, account)]
    )
    session.show_problems()
    if out is not None:
        console.note(list(_written_lines(out, found, simulate=session.simulate)))
    return exit_codes.DONE


@click.command(
    epilog="""\b
Examples:
  reconciler absorb
  reconciler absorb --all
  reconciler absorb firewalls.web instances.db --env prod
  reconciler absorb 'firewalls.*' --dry-run"""
)
@click.argument(
    "addresses",
    nargs=-1,
    metavar="[ADDRESS]... [STACK]",
    type=option_types.AddressOrStack(),
)
@click.option("--all", "everything", is_flag=True, help="Absorb everything that can be written.")
@options.stack_option
@options.environment_option
@options.variable_options
@click.option(
    "--dry-run", is_flag=True, help="Show what would change in the files without changing them."
)
@options.simulate_options
@options.output_options
@options.stack_last("addresses")
@on_stack
def absorb(session: Session, *, addresses: Sequence[str], everything: bool, dry_run: bool) -> int:
    """Write changes made outside into the stack's files, keeping comments and order. ADDRESS may
    be a pattern with `*` and `?`.

    Without an address it lists what was changed outside, and asks which to write; if nobody can
    be asked, it prints the commands. The new text is checked before it is saved: it must match the
    account for these objects and be equal to the old text for everything else. Expressions are
    never overwritten. The account is only read; the state is updated at the next apply.
    """
    from reconciler.cli.asking import AbsorbChoice
    from reconciler.commands import absorb as absorbing
    from reconciler.config import loader

    if everything and addresses:
        raise stop_usage(
            msg("--all absorbs every address: leave out {address}", address=addresses[0]),
            msg("or leave out --all"),
        )
    console = session.console
    wanted = session.load()
    session.problems.clear()

    def load(texts: Mapping[str, str]) -> loader.Loaded:
        return loader.load_stack(
            session.path,
            environment=session.environment,
            variables=session.variable_sources,
            instead=texts,
            others=session.outputs_of,
        )

    choice = None if everything or addresses else AbsorbChoice(session)
    with session.connect() as connection:
        found = absorbing.absorb(
            wanted,
            tuple(addresses),
            connection,
            session.store(wanted.name, wanted.environment),
            load,
            choice or tuple,
        )
    if choice is not None and choice.shown and not console.can_ask:
        console.note(list(choice.commands()))
        return exit_codes.DONE
    console.result([Line(f" {escape.outside(line)}") for line in found.difference()])
    if not dry_run:
        console.begin()
        absorbing.write(found)
    session.problems.extend(found.problems)
    session.show_problems()
    names = escape.outside(", ".join(str(change.address) for change in found.changes))
    if names:
        template = " Would be absorbed: {names}" if dry_run else " Absorbed: {names}"
        console.note([Line(msg(template, names=names), Tone.GOOD)])
    elif not found.problems:
        console.note([Line(msg(" Nothing to absorb: there is no drift."), Tone.GOOD)])
    return exit_codes.of_problems(found.problems)


def _stack_name(name: str | None, out: str | None) -> str:
    """The name from `--name`, else one made from the file name; for `stack.yaml`, the folder."""
    pattern = r"[a-z][a-z0-9-]{0,19}"
    if name is not None:
        if re.fullmatch(pattern, name) is None:
            raise stop_usage(
                msg("{name} is not a valid stack name", name=name),
                msg("use a-z, 0-9 and -, starting with a letter, at most 20 characters"),
            )
        return name
    own = Path(out or "").stem
    own = Path(out or "").resolve().parent.name if own == "stack" else own
    stem = re.sub(r"[^a-z0-9]+", "-", romanized(own).lower()).strip("-")[:20].strip("-")
    return stem if re.fullmatch(pattern, stem) else "adopted"


def _check_place(session: Session, title: str, out: str | None) -> None:
    """Stops if a stack of that name already has objects in its state, or if the new file would
    become a part of another stack.
    """
    from reconciler.commands import session as opening

    if out is not None and os.path.lexists(out):
        raise stop_usage(
            msg("{path} already exists", path=out),
            msg("adopt writes only new files: choose another name"),
        )
    here = session if out is None else replace(session, path=Path(out).parent)
    state = opening.read_state(here.store(title, None))
    if state is not None and not state.is_empty:
        raise stop_usage(
            msg("the stack `{name}` already has objects in its state", name=title),
            msg("choose another name for the new stack with --name"),
        )
    other = None if out is None else _stack_in(Path(out).parent)
    if out is not None and other is not None:
        raise stop_usage(
            msg(
                "{folder} already contains stack `{name}`; all *.yaml files in a folder form "
                "one stack",
                folder=Path(out).parent,
                name=other,
            ),
            msg(
                "write to a folder of its own: adopt --out {file}",
                file=pasted(Path(out).parent / title / "stack.yaml"),
            ),
        )


def _stack_in(folder: Path) -> str | None:
    """The name of the stack whose files are in a folder. None if there is none, or if each of
    several files is a stack of its own.
    """
    found = {name for file in sorted(folder.glob("*.yaml")) if (name := _stack_of(file))}
    return found.pop() if len(found) == 1 else None


def _stack_of(file: Path) -> str | None:
    """The name of the stack that a file names, even if the rest of it has errors."""
    from reconciler.config import loader

    try:
        return loader.identities(file)[0]
    except (Abort, OSError):
        pass
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"^stack:[ \t]*(\S+)", text, re.MULTILINE)
    return None if found is None else found[1]


def _elsewhere(session: Session, title: str, out: str | None) -> Elsewhere:
    """What the states contain beside the new stack's, and beside the current folder's."""
    from reconciler.commands import session as opening

    places = [session.path] if out is None else [session.path, Path(out).parent]
    found: dict[str, OtherState] = {}
    for path in places:
        found |= opening.elsewhere(replace(session, path=path).store(title, None))
    return found


def _written_lines(out: str, found: Adoption, *, simulate: bool) -> Iterator[Line]:
    """What was written, and the next command."""
    words = ["reconciler", "plan", out, *(["--simulate"] if simulate else [])]
    for address in found.shared:
        words += ["--accept", f"shared={address}"]
    yield Line(
        msg(
            " Written: {file}    Next:  {command}",
            file=escape.outside(out),
            command=escape.outside(command_line(words)),
        ),
        Tone.GOOD,
    )


def _write_new(path: Path, text: str) -> None:
    """Writes the new file, with the files beside it that belong to a stack and are missing."""
    from reconciler.cli.subcommands.first_files.new_files import write_new
    from reconciler.importing import examples

    others = examples.companions(path.parent, [text])
    missing = {file: each for file, each in others.items() if not os.path.lexists(file)}
    write_new({path: text, **missing})


def _check_local_cloud(session: Session, out: str) -> None:
    """Warns if the new file would be planned on a local cloud of its own."""
    from reconciler.cli import composition
    from reconciler.model.diagnostics import warning

    of_file = composition.world_of(Path(out), session.environ)
    if (
        session.simulate
        and of_file.resolve() != composition.world_of(session.path, session.environ).resolve()
    ):
        message = msg("{file} has a local cloud of its own, without these objects", file=out)
        hint = msg(
            "set RECONCILER_STATE to one folder for both commands: they then share one local cloud"
        )
        session.problems.append(warning("simulator", message, hint=hint))
