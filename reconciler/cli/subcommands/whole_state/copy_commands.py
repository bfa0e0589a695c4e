"""`state pull`, `push`, `history`: a copy of a state as a file, and the states that are kept
(commands#overview).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.asking import ask
from reconciler.cli.run_context import Session, lock_seconds, on_stack
from reconciler.common.paths import read_ordinary, shown_path
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.resource import title_of
from reconciler.render import escape, format
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.commands.relocation.push import Replacement
    from reconciler.model.ports import Store, Version
    from reconciler.model.state import Freeze, State

_FILE_BYTES_MAX = 256 * 1024 * 1024


@click.command(
    epilog="""\b
Examples:
  reconciler state pull > shop.json
  reconciler state pull --env prod"""
)
@options.stack_argument
@options.environment_option
@options.simulate_options
@options.output_options
@on_stack
def pull(session: Session) -> int:
    """Write the state to standard output, as one file with all records so far.

    The file is a backup: `state push` takes it back if the place of the state is lost.
    """
    from reconciler.cli import composition
    from reconciler.commands import session as opening
    from reconciler.model import ports

    session, store, name = opened(session)
    try:
        found = store.read()
    except ports.StoreError as failure:
        opening.stop_for_store(failure)
    if found is None:
        raise _no_state(title_of(name, session.environment), store)
    text = composition.state_text(found).decode()
    out = session.console.out
    if out.is_terminal:
        text = "".join(f"{escape.outside(line)}\n" for line in text.splitlines())
    out.write(text)
    return exit_codes.DONE


@click.command(
    epilog="""\b
Examples:
  reconciler state push shop.json
  reconciler state push prod.json web.yaml --env prod --yes
  reconciler state push - --yes < shop.json"""
)
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True))
@options.stack_argument
@options.environment_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.simulate_options
@options.lock_option
@options.output_options
@on_stack
def push(session: Session, *, file: str, yes: bool, lock_timeout: float | None) -> int:
    """Make a file that `state pull` wrote the state, with the next serial. `-` is standard input.

    The file is refused if it is of another stack, descends from another state, or is older than
    the state; and if the state has requests without a known outcome that the file does not have. No
    object is changed.
    """
    from reconciler.cli import composition
    from reconciler.commands.relocation.push import Push
    from reconciler.commands.relocation.transfer import Opening

    session, store, name = opened(session)
    console, title = session.console, title_of(name, session.environment)
    copy = _copy_in(file)

    def agree(found: Replacement) -> None:
        console.result(list(_changed_lines(found)))
        ask(console, title, yes, msg("replace the state"))

    with console.activity() as notify:
        holder = composition.holder("reconciler state push", composition.run_id())
        opening = Opening(holder, lock_seconds(lock_timeout, console), notify)
        after = Push(store, copy, _shown(file), name, session.environment).run(opening, agree)
    text = (
        msg(" Nothing to do: the state has this content.")
        if after is None
        else msg(" The state has serial {serial} now. Plan the stack.", serial=after.serial)
    )
    console.result([Line(text, Tone.GOOD)])
    return exit_codes.DONE


@click.command(
    epilog="""\b
Examples:
  reconciler state history
  reconciler state history --env prod --format json"""
)
@options.stack_argument
@options.environment_option
@options.format_option
@options.simulate_options
@options.output_options
@on_stack
def history(session: Session) -> int:
    """List the states that are kept, newest first: serial, time, who wrote it and with which
    command, where the place records that.

    `plan --undo SERIAL` shows what would return to one of them.
    """
    from reconciler.commands import session as opening
    from reconciler.model import ports
    from reconciler.render.documents.state_json import history_document

    session, store, name = opened(session)
    try:
        kept = store.versions()
    except ports.StoreError as failure:
        opening.stop_for_store(failure)
    console, title = session.console, title_of(name, session.environment)
    if console.json:
        console.result_json(history_document(kept, stack=name, environment=session.environment))
        return exit_codes.DONE
    console.result(list(_history_lines(kept, title, shown_path(store.location))))
    with suppress(ports.StoreError):
        gone = store.transit()
        if isinstance(gone, ports.Departure):
            text = msg(
                " The state was moved: export RECONCILER_STATE={to}",
                to=escape.outside(pasted(gone.to)),
            )
            console.result([Line(text, Tone.CARE)])
    return exit_codes.DONE


def opened(session: Session) -> tuple[Session, Store, str]:
    """The session with the identified environment, the store of its stack, and the stack's name."""
    name, environment = session.identify()
    session = replace(session, environment=environment)
    store = session.store(name, environment)
    return session, store, name


def _no_state(title: str, store: Store) -> Abort:
    message = msg("{stack} has no state in {place}", stack=title, place=shown_path(store.location))
    return Abort(error("missing-reference", message))


def _shown(file: str) -> str:
    return msg("standard input") if file == "-" else file


def _copy_in(file: str) -> State:
    """The state in a file. Stops if it cannot be read."""
    from reconciler.cli import composition
    from reconciler.commands import session as opening
    from reconciler.model import ports

    try:
        data = (
            sys.stdin.buffer.read(_FILE_BYTES_MAX + 1)
            if file == "-"
            else read_ordinary(Path(file), _FILE_BYTES_MAX + 1)
        )
        return composition.state_of(data, _shown(file))
    except ports.StateNewer as failure:
        opening.stop_for_store(failure)
    except (OSError, ports.StateDamaged) as failure:
        message = (
            str(failure)
            if isinstance(failure, ports.StateDamaged)
            else msg("{name} cannot be read: {reason}", name=_shown(file), reason=failure)
        )
        hint = msg("give a whole file, as `reconciler state pull` writes it")
        raise Abort(error("state-damaged", message, hint=hint)) from failure


def _changed_lines(found: Replacement) -> Iterator[Line]:
    for address in found.added:
        yield Line(msg(" +  {address}: managed from now on", address=escape.outside(address)))
    for address in found.changed:
        yield Line(msg(" ~  {address}: recorded differently", address=escape.outside(address)))
    for address in found.removed:
        text = msg(
            " x  {address}: no longer managed; it stays in the cloud and is still billed",
            address=escape.outside(address),
        )
        yield Line(text, Tone.CARE)
    if not (found.added or found.changed or found.removed):
        yield Line(msg(" The same objects; other records."))


def _frozen_text(found: Freeze | None, before: Freeze | None) -> str:
    """What a version has to do with a freeze, given that of the version before it."""
    if found is None:
        return "" if before is None else msg("unfrozen")
    known = () if before is None else before.overrides
    if found.overrides and found.overrides[-1] not in known:
        last = found.overrides[-1]
        return msg("changed while frozen, by {who}: {reason}", who=last.by, reason=last.reason)
    if before is not None and before.at == found.at:
        return msg("frozen")
    return msg("frozen by {who}: {reason}", who=found.by, reason=found.reason)


def _history_lines(kept: tuple[Version, ...], title: str, where: str) -> Iterator[Line]:
    from reconciler.render.layout import columns

    if not kept:
        text = msg(
            " {stack}: no state is kept in {place}.",
            stack=escape.outside(title),
            place=escape.outside(where),
        )
        yield Line(text)
        return
    yield Line(f" {escape.outside(title)}    {escape.outside(where)}", Tone.TITLE)
    rows = []
    for version, older in zip(kept, (*kept[1:], None), strict=True):
        by = version.by
        who = "" if by is None else msg("{user} on {host}", user=by.user, host=by.host)
        rows.append(
            (
                str(version.serial),
                "" if version.made is None else format.moment(version.made),
                escape.outside(who),
                "" if by is None else escape.outside(by.command),
                escape.outside(
                    _frozen_text(version.frozen, None if older is None else older.frozen)
                ),
            )
        )
    yield from (Line(f"  {row.rstrip()}") for row in columns(rows))
