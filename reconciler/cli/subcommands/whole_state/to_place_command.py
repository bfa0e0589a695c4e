"""`state move --to PLACE`: all states of a stack move to another place (commands#overview)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import state_places
from reconciler.cli.asking import ask
from reconciler.cli.run_context import Session, lock_seconds, stop_usage
from reconciler.commands.relocation.to_place import Relocation, Site, Work
from reconciler.common.suggestions import listed, pasted
from reconciler.common.text import msg
from reconciler.config import loader
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.ports import StoreError
from reconciler.model.resource import title_of
from reconciler.render import escape, format
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.model.ports import StatePlace
    from reconciler.model.state import State


def move_states(session: Session, to: str, *, yes: bool, lock_timeout: float | None) -> int:
    """Moves the state of the environment, or of all environments if none is named."""
    from reconciler.cli import composition
    from reconciler.commands.relocation.transfer import Opening

    _require_place(session, to)
    console, source = session.console, session.state_place
    stack, chosen = _names(session, source)
    with state_places.named(session.path, session.environ, to) as target:
        moves = [_relocation(stack, each, source, target) for each in chosen]
        found = [(each, *each.examine()) for each in moves]
        left = [(each, work, state) for each, work, state in found if work is not Work.NONE]
        if left:
            console.result([_line(each, state) for each, _, state in left])
            ask(console, stack, yes, msg("move the state"))
        elif all(state is None for _, _, state in found):
            message = msg("{stack} has no state in {place}", stack=stack, place=source.location)
            raise Abort(error("missing-reference", message))
        holder = composition.holder("reconciler state move", composition.run_id())
        with console.activity() as notify:
            opening = Opening(holder, lock_seconds(lock_timeout, console), notify)
            for each, _, _ in left:
                each.run(opening)
        console.result(list(_ended(moves[0], moved=bool(left))))
    return exit_codes.DONE


def _require_place(session: Session, to: str) -> None:
    if session.simulate:
        raise stop_usage(msg("the state of the local cloud stays with it, so it is not moved"))
    folder = Path(to)
    if folder.suffix in (".yaml", ".yml") or any(folder.glob("*.yaml")):
        raise stop_usage(
            msg("{path} is a stack, not a place of states", path=to),
            msg("name the ADDRESS of each object that moves to that stack"),
        )


def _names(session: Session, source: StatePlace) -> tuple[str, Sequence[str | None]]:
    """The name of the stack, and the environments whose states are to move."""
    if session.environment is not None:
        name, environment = session.identify()
        return name, [environment]
    name, known = loader.identities(session.path)
    kept = state_places.kept_environments(source, name)
    return name, [*kept, *([] if known and kept else [None])]


def _relocation(
    stack: str, environment: str | None, source: StatePlace, target: StatePlace
) -> Relocation:
    sites = []
    for place in (source, target):
        store = place.store(stack, environment)
        sites.append(Site(store, _setting(place)))
    if sites[0].store.identity == sites[1].store.identity:
        raise stop_usage(msg("the state is already in {place}", place=sites[1].place))
    return Relocation(sites[0], sites[1], stack, environment)


def _setting(place: StatePlace) -> str:
    """The value of `RECONCILER_STATE` that names the place from every folder."""
    text = place.location
    return text if "://" in text else os.path.realpath(text)


def _line(each: Relocation, state: State | None) -> Line:
    entries = {} if state is None else state.entries
    objects = sum(1 for entry in entries.values() if entry.parent is None)
    text = msg(
        " =  {stack}    {count}    {source} -> {target}",
        stack=escape.outside(each.title),
        count=format.count(objects, "object"),
        source=escape.outside(each.source.place),
        target=escape.outside(each.target.place),
    )
    return Line(text)


def _ended(each: Relocation, *, moved: bool) -> Iterator[Line]:
    place = each.target.place
    text = (
        msg(" Moved. Set the new place for everyone who works on this stack:")
        if moved
        else msg(" Nothing to move: the state is in the new place. It is used with:")
    )
    yield Line(text, Tone.GOOD)
    yield Line(f"   export RECONCILER_STATE={escape.outside(pasted(place))}")
    yield Line(
        msg(" Or write it into reconciler.yaml:  state: {place}", place=escape.outside(place))
    )
    left = list[str]()
    with suppress(StoreError):  # it has moved, whatever else is there
        others = each.source.store.others()
        left = sorted(title_of(other.state.stack, other.state.environment) for other in others)
    if left:
        text = msg(
            " Still in {place}: {names}. Move them too, or they have no state in the new place.",
            place=escape.outside(each.source.place),
            names=escape.outside(listed(left)),
        )
        yield Line(text, Tone.CARE)
