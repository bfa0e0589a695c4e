"""`import`, `adopt`, `absorb`: taking over what is in the account into state and files."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.run_context import Session, lock_seconds, on_stack, stop_usage
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
@click.argument("address", metavar="ADDRESS", type=options.AddressText())
@click.argument("id", metavar="ID")
@options.stack_option
@options.environment_option
@options.variable_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--accept",
    multiple=True,
    type=options.AcceptParam(),
    help="Consent: shared=ADDRESS, if another stack owns the object as well.",
)
@options.simulate_options
@options.lock_option
@options.look_options
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
    """Bind an object of the account to an address that the file asks for. Nothing is sent but
    reads; only the state changes.

    The next plan shows what the file would change on it. `import: ID` on the resource does the same
    at the next apply, in review.
    """
    from reconciler.cli import composition
    from reconciler.cli.repair_commands import ask
    from reconciler.commands import import_
    from reconciler.model.address import parse

    console = session.console
    wanted = session.load()
    store = session.store(wanted.name, wanted.environment)
    found, run = parse(address), composition.run_id()
    assert found is not None  # the option's type has read it

    def agree(bound: Bound) -> None:
        live = bound.binding.live
        console.problems([session.pasteable(problem) for problem in bound.problems])
        named = live.attributes.get("name")
        console.result(
            [
                Line(
                    f" =  {escape.outside(address)}  {escape.outside(live.id)}"
                    + (f"  {escape.outside(named)}" if named else "")
                )
            ]
        )
        ask(console, wanted.title, yes, "bind it")

    with session.connect() as connection:
        import_.bind(
            wanted,
            connection,
            store,
            found,
            id,
            holder=composition.holder("reconciler import", run),
            run=run,
            lock_timeout_seconds=lock_seconds(lock_timeout, console),
            agree=agree,
            accept=tuple((said.risk.value, said.address) for said in accept),
        )
    session.tell_problems()
    console.result(
        [
            Line(
                f" Bound. What the file would change on it:  {escape.outside(session.again('plan'))}",
                Tone.GOOD,
            )
        ]
    )
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
@options.look_options
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
    """Write a stack file for what is in the account: servers, volumes, firewalls with their rules
    and members.

    Its plan is nothing but binds (=), and empty after the next apply. Nothing is sent but reads,
    and no state is written until then. Objects that belong to another stack by their marker are
    written as comments. With --simulate, --stack names whose local cloud.
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
        found, account, told = adopting.adopt(
            connection, AdoptRequest(everything, frozenset(objects), frozenset(zones)), stack=title
        )
    session.problems += told
    text = adopt_writer.text(found, account)
    if out is None:
        console.out.write(text)
    else:
        _write_new(Path(out), text)
    console.tell(
        [Line(f" {escape.outside(line)}") for line in adopt_writer.seen_lines(found, account)]
    )
    session.tell_problems()
    if out is not None:
        again = shlex.join(
            ["reconciler", "plan", out, *(["--simulate"] if session.simulate else [])]
        )
        console.tell(
            [Line(f" Written: {escape.outside(out)}    Next:  {escape.outside(again)}", Tone.GOOD)]
        )
        if alone is not None:
            said = f"{alone.parent} contains two stacks now: name the file in commands for the other one, {alone}"
            console.tell([Line(f" {escape.outside(said)}", Tone.CARE)])
    return exit_codes.DONE


@click.command(
    epilog="""\b
Examples:
  reconciler absorb instances.web
  reconciler absorb firewalls.web instances.db --env prod
  reconciler absorb firewalls.web --dry-run"""
)
@click.argument(
    "addresses", nargs=-1, required=True, metavar="ADDRESS...", type=options.AddressText()
)
@options.stack_option
@options.environment_option
@options.variable_options
@click.option(
    "--dry-run", is_flag=True, help="Show what would change in the files without changing them."
)
@options.simulate_options
@options.look_options
@on_stack
def absorb(session: Session, *, addresses: Sequence[str], dry_run: bool) -> int:
    """Take what somebody changed outside into the stack's files, in place: comments and order stay.

    The new text is read before it is kept: it says what is there now, and of all else what the old
    one said. Expressions are never written over. Nothing is sent but reads; the state learns of it
    at the next apply.
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
            options=session.variables,
            files=[Path(name) for name in session.variable_files],
            environ=session.environ,
            instead=texts,
            others=session.outputs_of,
        )

    meant = tuple(address for text in addresses if (address := parse(text)) is not None)
    with session.connect() as connection:
        found = absorbing.absorb(
            wanted, meant, connection, session.store(wanted.name, wanted.environment), load
        )
    console.result([Line(f" {escape.outside(line)}") for line in found.difference()])
    if not dry_run:
        console.begin()
        absorbing.write(found)
    session.problems += found.problems
    session.tell_problems()
    names = ", ".join(str(change.address) for change in found.changes)
    verb = "Would be absorbed" if dry_run else "Absorbed"
    said = (
        f" {verb}: {escape.outside(names)}"
        if names
        else " Nothing to absorb: there is no drift."
        if not found.problems
        else ""
    )
    console.tell([Line(said, Tone.GOOD)] if said else [])
    return exit_codes.of_problems(found.problems)


def _stack_name(name: str | None, out: str | None) -> str:
    """The name asked for, else what the file is called, as far as that can name a stack."""
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


def _alone_in(folder: Path) -> Path | None:
    """The one file of another stack in a folder. Stops where the folder itself is a stack, which
    one more file would break.
    """
    from reconciler.config import loader
    from reconciler.model.abort import Abort

    files = sorted(file for file in folder.glob("*.yaml") if not file.name.startswith("."))
    if not files:
        return None
    try:
        name, _ = loader.identities(folder)
    except Abort:  # several stacks side by side, each named by its file
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
