"""`state unlock --origin-lost`: a move that can never be completed from where it began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.cli import state_places
from reconciler.cli.asking import ask
from reconciler.cli.run_context import Session
from reconciler.common.text import msg
from reconciler.model import exit_codes, ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.resource import title_of
from reconciler.render import escape, format
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.model.ports import Arrival, Store


def require_here(store: Store) -> None:
    """Stops if the state was moved away or did not arrive, with what completes that."""
    found = None
    try:
        found = store.transit()
        if found is not None:
            store.read()  # says where it is
    except ports.StateMoved as failure:
        hint = failure.hint
        if isinstance(found, ports.Arrival) and _can_be_lost(found):
            hint = msg(
                "{hint}\nor, only if {origin} is lost: reconciler state unlock --origin-lost",
                hint=hint,
                origin=found.origin,
            )
        raise Abort(error("state-moved", str(failure), hint=hint)) from failure
    except ports.StoreError:
        return  # who needs the state finds out


def complete_lost(session: Session, store: Store, stack: str, *, yes: bool) -> int:
    """Makes the state that did not arrive the state, after a question. Stops if the place that it
    comes from still has it.
    """
    from reconciler.cli import composition
    from reconciler.commands import session as opening

    console, title = session.console, title_of(stack, session.environment)
    found = opening.read_place(store.transit)
    if not isinstance(found, ports.Arrival) or not _can_be_lost(found):
        require_here(store)
        text = msg(" {stack}: no move to this place is incomplete.", stack=escape.outside(title))
        console.result([Line(text, Tone.GOOD)])
        return exit_codes.DONE
    _require_lost(session, store, stack, found, yes=yes)
    console.result(list(_lines(found, title)))
    ask(console, title, yes, msg("make it the state"))
    holder = composition.holder("reconciler state unlock", composition.run_id())
    try:
        store.complete(found, holder)
    except ports.StoreError as failure:
        opening.stop_for_store(failure)
    text = msg(
        " The state is here now, with serial {serial}. Plan the stack.", serial=found.state.serial
    )
    console.result([Line(text, Tone.GOOD)])
    return exit_codes.DONE


def _can_be_lost(found: Arrival) -> bool:
    """Whether it comes from another place: another name in this one is not lost alone."""
    return not found.origin.startswith("../")


def _require_lost(session: Session, store: Store, stack: str, found: Arrival, *, yes: bool) -> None:
    """Stops if the place that an arrival comes from has the state, or moved it elsewhere. If that
    place cannot be read, only a person who is asked may say that it is lost.
    """
    state = None
    try:
        with state_places.named(session.path, session.environ, found.origin) as place:
            former = place.store(stack, session.environment)
            gone = former.transit()
            if isinstance(gone, ports.Departure):
                if not _is_here(session, store, stack, gone.to):
                    former.read()  # says where it went
                return
            state = former.read()
    except ports.StateMoved as failure:
        raise Abort(error("state-moved", str(failure), hint=failure.hint)) from failure
    except (Abort, ports.StoreError) as failure:
        if yes:
            message = msg(
                "{origin} cannot be read, which does not say that it is lost", origin=found.origin
            )
            hint = msg(
                "make {origin} readable, or answer the question yourself, without --yes",
                origin=found.origin,
            )
            raise Abort(error("state-moved", message, hint=hint)) from failure
    if state is None or state.lineage != found.state.lineage:
        return
    message = msg(
        "{origin} is not lost: it has this state, with serial {serial}",
        origin=found.origin,
        serial=state.serial,
    )
    try:
        store.read()
    except ports.StoreError as failure:
        raise Abort(error("state-moved", message, hint=failure.hint)) from failure


def _is_here(session: Session, store: Store, stack: str, place: str) -> bool:
    """Whether a state that departed to a place is the one of this store."""
    with state_places.named(session.path, session.environ, place) as target:
        return target.store(stack, session.environment).identity == store.identity


def _lines(found: Arrival, title: str) -> tuple[Line, ...]:
    state, origin = found.state, escape.outside(found.origin)
    objects = sum(1 for entry in state.entries.values() if entry.parent is None)
    return (
        Line(
            msg(
                " =  {stack}    {count}, serial {serial}    from {origin}",
                stack=escape.outside(title),
                count=format.count(objects, "object"),
                serial=state.serial,
                origin=origin,
            )
        ),
        Line(
            msg(
                " What was recorded in {origin} after this copy is not in it. If {origin} still "
                "exists, there are two states of the same objects from now on.",
                origin=origin,
            ),
            Tone.CARE,
        ),
    )
