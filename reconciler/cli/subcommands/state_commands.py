"""`state list`, `mv`, `forget`, `unlock`: list and repair a state (commands#overview)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reconciler import resources
from reconciler.cli import option_types, options
from reconciler.cli.asking import ask
from reconciler.cli.run_context import Session, lock_seconds, on_stack
from reconciler.cli.subcommands import relocation_commands, show_command
from reconciler.cli.subcommands.whole_state import check_command, copy_commands
from reconciler.common.paths import shown_path
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.ports import holder_text
from reconciler.model.resource import title_of
from reconciler.render import escape, format, layout
from reconciler.render.run.screen import Line, Tone
from reconciler.resources import rule

if TYPE_CHECKING:
    from reconciler.model.ports import Held, StateWriter, Store
    from reconciler.model.state import State

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group()
def state() -> None:
    """List or repair the state. The cloud is not changed."""


state.add_command(relocation_commands.rename_stack)
state.add_command(relocation_commands.rename_env)
state.add_command(relocation_commands.move)
state.add_command(copy_commands.pull)
state.add_command(copy_commands.push)
state.add_command(copy_commands.history)
state.add_command(show_command.plans)
state.add_command(check_command.check)


@state.command(
    "list",
    epilog="""\b
Examples:
  reconciler state list --env prod
  reconciler state list --format json""",
)
@options.stack_argument
@options.environment_option
@options.format_option
@options.simulate_options
@options.output_options
@on_stack
def list_entries(session: Session) -> int:
    """List the objects in the state, deposed objects, and requests with an unknown outcome."""
    from reconciler.commands import session as opening
    from reconciler.render import state_text
    from reconciler.render.documents import state_json
    from reconciler.render.plan import plan_text

    console = session.console
    session, store, name = _opened(session)
    title = title_of(name, session.environment)
    found = opening.read_state(store)
    exposed = session.exposed(store, found)
    if found is not None and found.frozen is not None:
        from reconciler.commands.project.gates import frozen_warning

        exposed.append(frozen_warning(title, found.frozen))
    if console.json:
        document = state_json.state_document(
            found, stack=name, environment=session.environment, problems=exposed
        )
        console.result_json(document)
        return exit_codes.DONE
    console.result(list(plan_text.attention_lines(exposed, console.style(console.out))))
    held = opening.read_place(store.holder)
    if held is not None and held.alive:
        text = holder_text.title(held.holder, held.last_sign, time.time())
        style = console.style(console.out)
        console.result([*layout.sentence(escape.outside(text), style, tone=Tone.CARE), Line()])
    shown = title + escape.outside(msg("    simulated")) if session.simulate else title
    console.result(
        list(state_text.state_lines(found, title=shown, where=shown_path(store.location)))
    )
    if found is not None:
        console.result(list(_open_lines(found, session)))
    console.problems(session.former_names(store, found))
    return exit_codes.DONE


@state.command(
    epilog="""\b
Examples:
  reconciler state forget instances.db
  reconciler state forget 'instances.web[1]' --env prod --yes"""
)
@click.argument("what", metavar="ADDRESS or ID")
@options.stack_argument
@options.environment_option
@yes_option
@options.simulate_options
@options.lock_option
@options.output_options
@on_stack
def forget(session: Session, *, what: str, yes: bool, lock_timeout: float | None) -> int:
    """Remove an object from the state. It stays in the cloud, and this stack no longer manages it.

    Forgetting an address also forgets its rules and its unsettled requests. Name a deposed object
    by its id.
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
        ask(console, title, yes, msg("forget it"))
        for note in notes:
            writer.append(note)
        writer.commit()
    console.result([Line(f" Forgotten: {escape.outside(text)}", Tone.GOOD)])
    return exit_codes.DONE


@state.command(
    epilog="""\b
Examples:
  reconciler state mv instances.db instances.database
  reconciler state mv 'instances.web[0]' 'instances.web["seoul"]' --env prod --yes
  reconciler state mv 'instances.web[0]' 'instances.web[1]' --swap"""
)
@click.argument("source", metavar="ADDRESS", type=option_types.AddressText())
@click.argument("target", metavar="ADDRESS", type=option_types.AddressText())
@options.stack_argument
@options.environment_option
@click.option("--swap", is_flag=True, help="Exchange the addresses of two objects or resources.")
@yes_option
@options.simulate_options
@options.lock_option
@options.output_options
@on_stack
def mv(
    session: Session, *, source: str, target: str, swap: bool, yes: bool, lock_timeout: float | None
) -> int:
    """Change the address of an object, or of all objects of a resource, in the state. The rules of
    a firewall move with it.

    `moved: [{from: ADDRESS, to: ADDRESS}]` in the file does the same at the next apply in every
    environment, and can be reviewed.
    """
    from reconciler.cli import composition
    from reconciler.common import suggestions
    from reconciler.model.address import parse
    from reconciler.model.state import Note
    from reconciler.recovery import addresses

    console = session.console
    before, after, run = parse(source), parse(target), composition.run_id()
    assert before is not None and after is not None  # the option's type has checked them
    with _writing(session, "state mv", run, lock_timeout) as (writer, title):
        found = addresses.rename(writer.state, before, after, exchange=swap)
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
        ask(console, title, yes, msg("move it"))
        writer.append(
            Note(writer.state.sequence + 1, run, f"moved {source} to {target}"[:200], found.effects)
        )
        writer.commit()
    console.result(
        [
            Line(
                msg(" Moved. The file must now contain {address}.", address=escape.outside(target)),
                Tone.GOOD,
            )
        ]
    )
    return exit_codes.DONE


@state.command(
    epilog="""\b
Examples:
  reconciler state unlock --env prod
  reconciler state unlock --origin-lost"""
)
@options.stack_argument
@options.environment_option
@click.option(
    "--origin-lost",
    is_flag=True,
    help="Use a state whose move to this place was interrupted: the place it comes from is lost.",
)
@yes_option
@options.simulate_options
@options.output_options
@on_stack
def unlock(session: Session, *, origin_lost: bool, yes: bool) -> int:
    """Break the lock of a run that no longer responds. A run that has ended never holds a lock.

    If the holder is still alive, it stops before its next request. The next run continues from what
    it recorded.
    """
    from reconciler.cli.subcommands.whole_state import arrival_command
    from reconciler.commands import session as opening
    from reconciler.model import ports

    console = session.console
    session, store, name = _opened(session)
    title = title_of(name, session.environment)
    if origin_lost:
        return arrival_command.complete_lost(session, store, name, yes=yes)
    arrival_command.require_here(store)
    held = store.holder()
    if held is None or (held.holder is None and not held.alive):
        text = msg(" {stack}: the state is not locked.", stack=escape.outside(title))
        console.result([Line(text, Tone.GOOD)])
        return exit_codes.DONE
    console.result(list(held_lines(held)))
    ask(console, title, yes or not held.alive, msg("break the lock"))
    try:
        store.unlock()
    except ports.StoreError as failure:
        opening.stop_for_store(failure)
    text = (
        msg(" The lock is broken: that run stops before its next request.")
        if held.alive
        else msg(" The lock was removed.")
    )
    console.result([Line(text, Tone.GOOD)])
    return exit_codes.DONE


def held_lines(held: Held) -> Iterable[Line]:
    """Lines about the run that holds the lock, or that ended without releasing it."""
    who = held.holder
    if who is None:
        yield Line(msg(" The state is locked; the holder cannot be read."), Tone.CARE)
        return
    if held.alive:
        yield Line(msg(" The state is locked."), Tone.CARE)
    else:
        yield Line(msg(" The lock is free: the run that held it no longer exists."))
    facts = [
        (
            msg("who"),
            msg("{user} on {host}, process {pid}", user=who.user, host=who.host, pid=who.pid),
        ),
        (msg("command"), who.command),
        (msg("since"), format.moment(who.since)),
    ]
    facts += [(msg("step"), who.step)] if who.step is not None else []
    if held.last_sign is not None:
        facts.append((msg("status"), holder_text.sign_of_life(held.last_sign, time.time())))
    facts += [(msg("run"), who.run)] if who.run is not None else []
    cells = max(escape.width(escape.outside(name)) for name, _ in facts) + 2
    for name, value in facts:
        yield Line(f"    {escape.pad(escape.outside(name), cells)}{escape.outside(value)}")


def _opened(session: Session) -> tuple[Session, Store, str]:
    """The session with the identified environment, the store of its stack, and the stack's name."""
    name, environment = session.identify()
    session = replace(session, environment=environment)
    return session, session.store(name, environment), name


@contextmanager
def _writing(
    session: Session, command: str, run: str, lock_timeout: float | None
) -> Iterator[tuple[StateWriter, str]]:
    """The locked state, to write to, and the title of the stack, while the block runs."""
    from reconciler.cli import composition
    from reconciler.commands import session as opening

    session, store, name = _opened(session)
    timeout_seconds = lock_seconds(lock_timeout, session.console)
    holder = composition.holder(f"reconciler {command}", run)
    with session.console.activity() as notify:
        writing = opening.Writing(
            store,
            holder,
            timeout_seconds=timeout_seconds,
            stack=name,
            environment=session.environment,
            notify=notify,
        )
    with writing as writer:
        yield writer, title_of(name, session.environment)


def _open_lines(found: State, session: Session) -> Iterable[Line]:
    """What to do about requests with an unknown outcome."""
    if any(result != "accepted" for _, result in found.open.values()):
        again = escape.outside(session.again("recover"))
        text = msg("  The next apply settles open requests, or run  {command}", command=again)
        yield Line(text, Tone.FAINT)


def _forgotten_lines(found: State, text: str) -> Iterable[Line]:
    entry, old = found.entries.get(text), found.deposed.get(text)
    if entry is not None:
        rules = sum(1 for other in found.entries.values() if other.parent == entry.id)
        counted = format.objects(rules, resources.all_kinds()[rule.NAME])
        more = f", with {counted}" if rules else ""
        yield Line(
            msg(
                " x  {address}  {id}{more}: stays in the cloud and is still billed",
                address=escape.outside(text),
                id=escape.outside(entry.id),
                more=more,
            )
        )
        yield Line(
            msg("    If the file still contains this address, the next plan creates it again."),
            Tone.FAINT,
        )
    if old is not None:
        yield Line(
            msg(
                " x  {id}: the deposed object of {address}; no run will delete it",
                id=escape.outside(text),
                address=escape.outside(old.address),
            )
        )
    for intent, _ in found.open.values():
        if intent.address == text or intent.address.startswith(f"{text}.rules."):
            yield Line(
                msg(
                    " x  {address}: its unsettled request ({operation}, sent {sent}) is forgotten "
                    "too; an object that it created will not be found",
                    address=escape.outside(intent.address),
                    operation=format.operation(intent.operation),
                    sent=format.moment(intent.signed),
                ),
                Tone.CARE,
            )
