"""`state list`, `mv`, `forget`, `unlock`: the few repairs of a state, and what it holds
(commands#overview).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.run_context import Session, lock_seconds, on_stack, shown_path
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.resource import title_of
from reconciler.render import escape, format
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.model.ports import StateWriter
    from reconciler.model.state import State
    from reconciler.store.folder_store import FileStore
    from reconciler.store.lock import Held

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group()
def state() -> None:
    """What the state holds, and the few repairs of it. Nothing is sent to the cloud."""


@state.command(
    "list",
    epilog="""\b
Examples:
  reconciler state list --env prod
  reconciler state list --format json""",
)
@options.stack_option
@options.environment_option
@options.format_option
@options.simulate_options
@options.look_options
@on_stack
def list_entries(session: Session) -> int:
    """List the objects that the state holds, those that a replacement left behind, and requests
    whose end is not known.
    """
    from reconciler.cli import state_text
    from reconciler.commands import session as opening
    from reconciler.render.plan import plan_text

    console = session.console
    store, name = _open(session)
    title = title_of(name, session.environment)
    found = opening.read_state(store)
    exposed = session.exposed(store, found)
    if console.json:
        console.problems(exposed)
        console.result_json(state_text.state_document(found))
        return exit_codes.DONE
    console.result(list(plan_text.first_lines(exposed, console.look(console.out))))
    shown = f"{title}    simulated" if session.simulate else title
    console.result(list(state_text.state_lines(found, title=shown, where=shown_path(store.folder))))
    if found is not None:
        console.result(list(_open_lines(found, session)))
    console.problems(session.former_names(store, found))
    return exit_codes.DONE


@state.command(
    epilog="""\b
Examples:
  reconciler state forget instances.old
  reconciler state forget INSTANCE-Fq1aWFZsggSX0InttsJX8Y --env prod"""
)
@click.argument("what", metavar="ADDRESS or ID")
@options.stack_option
@options.environment_option
@yes_option
@options.simulate_options
@options.lock_option
@options.look_options
@on_stack
def forget(session: Session, *, what: str, yes: bool, lock_timeout: float | None) -> int:
    """Take an object out of the state. It stays in the cloud, and nobody of this stack touches it
    any more.

    An address is forgotten with its rules and its open requests; an object that a replacement left
    behind is named by its id.
    """
    from reconciler.cli import composition
    from reconciler.common import suggestions
    from reconciler.model.address import typed
    from reconciler.recovery import manual

    console = session.console
    address = typed(what)
    text = what if address is None else str(address)
    run = composition.run_id()
    with _writing(session, "state forget", run, lock_timeout) as (writer, title):
        notes = manual.forget(writer.state, text, run)
        if notes is None:
            known = [
                *writer.state.entries,
                *writer.state.deposed,
                *(intent.address for intent, _ in writer.state.open.values()),
            ]
            raise Abort(
                error(
                    "missing-reference",
                    msg("{address} is not in the state", address=text),
                    hint=suggestions.hint_for(text, known),
                )
            )
        console.result(list(_forgotten_lines(writer.state, text)))
        ask(console, title, yes, "forget it")
        for note in notes:
            writer.append(note)
        writer.commit()
    console.result([Line(f" Forgotten: {escape.outside(text)}", Tone.GOOD)])
    return exit_codes.DONE


@state.command(
    epilog="""\b
Examples:
  reconciler state mv instances.api instances.web
  reconciler state mv 'instances.web[0]' 'instances.web["seoul"]' --env prod --yes"""
)
@click.argument("source", metavar="ADDRESS", type=options.AddressText())
@click.argument("target", metavar="ADDRESS", type=options.AddressText())
@options.stack_option
@options.environment_option
@yes_option
@options.simulate_options
@options.lock_option
@options.look_options
@on_stack
def mv(session: Session, *, source: str, target: str, yes: bool, lock_timeout: float | None) -> int:
    """Give an object, or all of a resource, another address in the state. A firewall takes its
    rules along.

    `moved: [{from: ADDRESS, to: ADDRESS}]` in the file does the same at the next apply, in every
    environment, in review.
    """
    from reconciler.cli import composition
    from reconciler.common import suggestions
    from reconciler.model.address import parse
    from reconciler.model.state import Note
    from reconciler.planner.compare import moves

    console = session.console
    before, after, run = parse(source), parse(target), composition.run_id()
    assert before is not None and after is not None  # the option's type has read them
    with _writing(session, "state mv", run, lock_timeout) as (writer, title):
        found = moves.rename(writer.state, before, after)
        if found.problems:
            raise Abort(*found.problems)
        if not found.places:
            raise Abort(
                error(
                    "missing-reference",
                    msg("{address} is not in the state", address=source),
                    hint=suggestions.hint_for(source, writer.state.entries),
                )
            )
        console.result(
            [
                Line(f" =  {escape.outside(old)} -> {escape.outside(new)}")
                for new, old in sorted(found.places.items())
            ]
        )
        ask(console, title, yes, "move it")
        writer.append(
            Note(writer.state.sequence + 1, run, f"moved {source} to {target}"[:200], found.effects)
        )
        writer.commit()
    console.result(
        [Line(f" Moved. The file must now contain {escape.outside(target)}.", Tone.GOOD)]
    )
    return exit_codes.DONE


@state.command(
    epilog="""\b
Examples:
  reconciler state unlock --env prod"""
)
@options.stack_option
@options.environment_option
@yes_option
@options.simulate_options
@options.look_options
@on_stack
def unlock(session: Session, *, yes: bool) -> int:
    """Take the lock from a run that hangs, or whose machine is gone. A run that ended, however it
    did, holds no lock.

    The holder stops before its next request, should it still live; the next run goes on from what
    it recorded.
    """
    from reconciler.commands import session as opening
    from reconciler.model import ports

    console = session.console
    store, name = _open(session)
    title = title_of(name, session.environment)
    held = store.holder()
    if held is None or (held.holder is None and not held.alive):
        console.result([Line(f" {escape.outside(title)}: the state is not locked.", Tone.GOOD)])
        return exit_codes.DONE
    console.result(list(held_lines(held)))
    ask(console, title, yes or not held.alive, "break the lock")
    try:
        store.unlock()
    except ports.StoreError as failure:
        opening.stop_for_store(failure)
    said = (
        "The lock is broken: that run stops before its next request."
        if held.alive
        else "The lock was removed."
    )
    console.result([Line(f" {said}", Tone.GOOD)])
    return exit_codes.DONE


def held_lines(held: Held) -> Iterable[Line]:
    """The story of who holds the lock, or died holding it."""
    who = held.holder
    if who is None:
        yield Line(" The state is locked; the holder cannot be read.", Tone.CARE)
        return
    if held.alive:
        yield Line(" The state is locked.", Tone.CARE)
    else:
        yield Line(" The lock is free: the run that held it has died.")
    facts = [
        ("who", f"{who.user} on {who.host}, process {who.pid}"),
        ("command", who.command),
        ("since", format.moment(who.since)),
    ]
    facts += [("step", who.step)] if who.step is not None else []
    facts += [("run", who.run)] if who.run is not None else []
    for name, value in facts:
        yield Line(f"    {name:<9}{escape.outside(value)}")


def _open(session: Session) -> tuple[FileStore, str]:
    """The store of the stack that is meant, and its name; the session is told which environment
    that is.
    """
    name, session.environment = session.identify()
    return session.store(name, session.environment), name


@contextmanager
def _writing(
    session: Session, command: str, run: str, lock_timeout: float | None
) -> Iterator[tuple[StateWriter, str]]:
    """The state to write to, under the lock, and the title of the stack, as long as the block
    lasts.
    """
    from reconciler.cli import composition
    from reconciler.commands import session as opening

    store, name = _open(session)
    timeout_seconds = lock_seconds(lock_timeout, session.console)
    holder = composition.holder(f"reconciler {command}", run)
    with opening.Writing(
        store, holder, timeout_seconds=timeout_seconds, stack=name, environment=session.environment
    ) as writer:
        yield writer, title_of(name, session.environment)


def _open_lines(found: State, session: Session) -> Iterable[Line]:
    """What to do about requests whose end is not known; they stand in the list itself."""
    if any(result != "accepted" for _, result in found.open.values()):
        again = escape.outside(session.again("recover"))
        yield Line(f"  What is open is settled by the next apply, or by  {again}", Tone.FAINT)


def _forgotten_lines(found: State, text: str) -> Iterable[Line]:
    entry, old = found.entries.get(text), found.deposed.get(text)
    if entry is not None:
        rules = sum(1 for other in found.entries.values() if other.parent == entry.id)
        more = f", with {format.count(rules, 'rule')}" if rules else ""
        yield Line(
            f" x  {escape.outside(text)}  {escape.outside(entry.id)}{more}: it stays in the cloud, and goes on costing what it costs"
        )
        yield Line(
            ("    While the file still contains this address, the next plan creates it again."),
            Tone.FAINT,
        )
    if old is not None:
        yield Line(
            f" x  {escape.outside(text)}: the old object of {escape.outside(old.address)}, which is then not deleted any more"
        )
    for intent, _ in found.open.values():
        if intent.address == text or intent.address.startswith(f"{text}.rules."):
            said = f"its open request is forgotten too ({format.deed(intent.operation)}, sent {format.moment(intent.signed)})"
            yield Line(
                f" x  {escape.outside(intent.address)}: {said}: what it made, if anything, is not looked for any more",
                Tone.CARE,
            )


def ask(console: Console, title: str, yes: bool, what: str) -> None:
    """Asks before a change of the state; stops where nobody says yes, or could see what it is
    about.
    """
    console.begin()
    if yes:
        return
    if not console.can_ask:
        raise Abort(
            error(
                "consent",
                msg("cannot ask: there is no terminal, and --yes is not given"),
                hint=msg("add --yes to {action}", action=what),
            )
        )
    typed = console.ask(
        msg(
            "Type {stack} or yes to {action}, anything else to stop:",
            stack=escape.outside(title),
            action=what,
        )
    )
    if typed not in ("yes", title):
        raise Abort(error("consent", msg("Cancelled. Nothing was changed.")))
