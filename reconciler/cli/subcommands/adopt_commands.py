"""`import`, `adopt`, `absorb`: take existing objects and drift into state and files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import option_types, options
from reconciler.cli.run_context import Session, lock_seconds, on_stack, stop_usage
from reconciler.common.suggestions import command_line
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.render import escape
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.commands.import_ import Bound
    from reconciler.planner.checks.approval import Acceptance


@click.command(
    "import",
    epilog="""\b
Examples:
  reconciler import instances.db INSTANCE-Fq1aWFZsggSX0InttsJX8Y
  reconciler import 'instances.web[0]' INSTANCE-Fq1aWFZsggSX0InttsJX8Y --env prod --yes""",
)
@click.argument("address", metavar="ADDRESS", type=option_types.AddressText())
@click.argument("id", metavar="ID")
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
    id: str,
    yes: bool,
    accept: Sequence[Acceptance],
    lock_timeout: float | None,
) -> int:
    """Bind an existing object to an address in the file. Only the state changes; the account is
    only read.

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
        named = live.attributes.get("name")
        cells = (address, live.id, *((named,) if named else ()))
        console.result([Line(f" =  {'  '.join(map(escape.outside, cells))}")])
        ask(console, wanted.title, yes, msg("bind it"))

    with session.connect() as connection:
        import_.bind(
            wanted,
            connection,
            store,
            import_.ImportRequest(found, id, agree, accepted),
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
  reconciler adopt --all --out company.yaml
  reconciler adopt web-01 web-02 web-policy --name web
  reconciler adopt --all --zone KR1-Z01 > zone.yaml"""
)
@click.argument("objects", nargs=-1, metavar="[NAME or ID]...")
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
    help="Write to a new file instead of stdout.",
)
@options.stack_option
@options.simulate_options
@options.output_options
@on_stack
def adopt(
    session: Session,
    *,
    objects: Sequence[str],
    everything: bool,
    zones: Sequence[str],
    name: str | None,
    out: str | None,
) -> int:
    """Write a stack file for existing objects: instances, block storages, firewalls with their
    rules and members.

    The plan of this file only binds objects (=) and is empty after the next apply, which writes the
    state. The account is only read. Objects whose marker names another stack are written as
    comments. With --simulate, --stack chooses the local cloud.
    """
    from reconciler.commands import adopt as adopting
    from reconciler.importing import adopt_writer
    from reconciler.importing.adopt import AdoptRequest

    if everything == bool(objects):
        raise stop_usage(
            msg("name the objects to take over, or use --all"),
            "reconciler adopt --all --out company.yaml",
        )
    title = _stack_name(name, out)
    if out is not None and Path(out).exists():
        raise stop_usage(
            msg("{path} already exists", path=out),
            msg("adopt writes only new files: choose another name"),
        )
    alone = None if out is None else _alone_in(Path(out).parent)
    console = session.console
    with session.connect() as connection:
        found, account, problems = adopting.adopt(
            connection, AdoptRequest(everything, frozenset(objects), frozenset(zones)), stack=title
        )
    session.problems.extend(problems)
    text = adopt_writer.text(found, account)
    if out is None:
        console.out.write(text)
    else:
        _write_new(Path(out), text)
    console.note(
        [Line(f" {escape.outside(line)}") for line in adopt_writer.seen_lines(found, account)]
    )
    session.show_problems()
    if out is not None:
        console.note(list(_written_lines(out, alone, simulate=session.simulate)))
    return exit_codes.DONE


@click.command(
    epilog="""\b
Examples:
  reconciler absorb instances.web
  reconciler absorb firewalls.web instances.db --env prod
  reconciler absorb firewalls.web --dry-run"""
)
@click.argument(
    "addresses",
    nargs=-1,
    required=True,
    metavar="ADDRESS... [STACK]",
    type=option_types.AddressOrStack(),
)
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
def absorb(session: Session, *, addresses: Sequence[str], dry_run: bool) -> int:
    """Write changes made outside into the stack's files, keeping comments and order.

    The new text is checked before it is saved: it must match the account for these objects and be
    equal to the old text for everything else. Expressions are never overwritten. The account is
    only read; the state is updated at the next apply.
    """
    from reconciler.commands import absorb as absorbing
    from reconciler.config import loader
    from reconciler.model.address import parse

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

    chosen = tuple(address for text in addresses if (address := parse(text)) is not None)
    with session.connect() as connection:
        found = absorbing.absorb(
            wanted, chosen, connection, session.store(wanted.name, wanted.environment), load
        )
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
    """The name from `--name`, else one made from the file name."""
    import re

    pattern = r"[a-z][a-z0-9-]{0,19}"
    if name is not None:
        if re.fullmatch(pattern, name) is None:
            raise stop_usage(
                msg("{name} is not a valid stack name", name=name),
                msg("use a-z, 0-9 and -, starting with a letter, at most 20 characters"),
            )
        return name
    stem = re.sub(r"[^a-z0-9]+", "-", Path(out or "").stem.lower()).strip("-")[:20].strip("-")
    return stem if re.fullmatch(pattern, stem) else "adopted"


def _written_lines(out: str, alone: Path | None, *, simulate: bool) -> Iterator[Line]:
    """What was written, the next command, and a warning about the other stack in the folder."""
    again = command_line(["reconciler", "plan", out, *(["--simulate"] if simulate else [])])
    yield Line(
        msg(
            " Written: {file}    Next:  {command}",
            file=escape.outside(out),
            command=escape.outside(again),
        ),
        Tone.GOOD,
    )
    if alone is not None:
        text = msg(
            " {folder} contains two stacks now: name the file of the other one in commands, {file}",
            folder=escape.outside(alone.parent),
            file=escape.outside(alone),
        )
        yield Line(text, Tone.CARE)


def _alone_in(folder: Path) -> Path | None:
    """The only file of another stack in the folder, if any. Raises `Abort` if the folder itself is
    a stack: one more file would break it.
    """
    from reconciler.config import loader
    from reconciler.model.abort import Abort

    files = sorted(file for file in folder.glob("*.yaml") if not file.name.startswith("."))
    if not files:
        return None
    try:
        name, _ = loader.identities(folder)
    except Abort:  # several stacks, each named by its file
        return None
    if len(files) > 1 or files[0].name == "stack.yaml":
        hint = msg("write to a folder of its own: adopt --out FOLDER/FILE.yaml")
        raise stop_usage(
            msg(
                "{folder} already contains stack `{name}`; all *.yaml files in a folder form "
                "one stack",
                folder=folder,
                name=name,
            ),
            hint,
        )
    return files[0]


def _write_new(path: Path, text: str) -> None:
    from reconciler.model.abort import Abort
    from reconciler.model.diagnostics import error

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as failure:
        raise Abort(
            error(
                "state-write",
                msg(
                    "{path} cannot be written: {reason}",
                    path=path,
                    reason=failure.strerror or failure,
                ),
            )
        ) from failure
