"""Hand-overs that an interrupted `state move` left: every command that opens one of the two states
completes them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.commands.relocation.references import received
from reconciler.common.suggestions import command_line, listed
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Resource, Stack
from reconciler.model.state import Note, State, StateChange, fold
from reconciler.recovery import hand_over
from reconciler.recovery.hand_over import HandOver, Stage

_REASON = "hand-over completed"


def seen(state: State, store: ports.StateReader) -> State:
    """The state as it is after what is left of its hand-overs. Nothing is written."""
    if not hand_over.is_pending(state):
        return state
    effects = tuple(_left(state, store))
    note = Note(state.sequence + 1, "", _REASON, effects)
    return fold(state, [note]) if effects else state


def complete(store: ports.StateReader, writer: ports.StateWriter, run: str) -> None:
    """Records what is left of the hand-overs of a state."""
    if not hand_over.is_pending(writer.state):
        return
    effects = tuple(_left(writer.state, store))
    if effects:
        writer.append(Note(writer.state.sequence + 1, run, _REASON, effects))


def _left(state: State, store: ports.StateReader) -> Iterator[StateChange]:
    for each in hand_over.incoming(state):
        if hand_over.stage_of_incoming(each, _other(store, each.source.place)) is Stage.GIVEN:
            yield from received(each, state)
    for each in hand_over.outgoing(state):
        if hand_over.stage_of_outgoing(each, _other(store, each.target.place)) is Stage.RECEIVED:
            yield StateChange(fact=(hand_over.OUTGOING + each.token, None))


def problems(stack: Stack, state: State | None, store: ports.StateReader) -> Iterator[Problem]:
    """An error for each hand-over that may not be passed over: to an address of this stack, of
    objects that the other stack still has; or of objects that neither has.
    """
    for each in () if state is None else hand_over.incoming(state):
        wanted = {entry.address for entry in each.entries if entry.parent is None}
        found = [one for address, one in stack.resources.items() if str(address) in wanted]
        if found:
            stage = hand_over.stage_of_incoming(each, _other(store, each.source.place))
            yield _unfinished(each, stage, found)
    for each in () if state is None else hand_over.outgoing(state):
        stage = hand_over.stage_of_outgoing(each, _other(store, each.target.place))
        if stage is Stage.LOST:
            yield _lost(each)


def _unfinished(each: HandOver, stage: Stage, resources: list[Resource]) -> Problem:
    addresses = [str(resource.address) for resource in resources]
    if stage is Stage.UNKNOWN:
        message = msg(
            "the move of {addresses} from {source} is not complete, and the state of {source} "
            "cannot be read: creating it could duplicate it",
            addresses=listed(addresses),
            source=each.source.title,
        )
    else:
        message = msg(
            "the move of {addresses} from {source} was interrupted: {source} still has it, and "
            "creating it would duplicate it",
            addresses=listed(addresses),
            source=each.source.title,
        )
    place = resources[0].place
    command = _again(each, Path() if place is None else Path(place.file).parent)
    hint = msg(
        "to complete the move: {command}\nor let {source} keep it: write it in that file again "
        "and remove it from this one",
        command=command,
        source=each.source.title,
    )
    if stage is Stage.UNKNOWN:
        # The source may have given it away already, and would create it again.
        hint = msg("to complete the move: {command}", command=command)
    return error("hand-over", message, place=place, address=addresses[0], hint=hint)


def _again(each: HandOver, folder: Path) -> str:
    """The commands that complete a move to the stack in a folder, as hints print them."""
    source = Path(os.path.normpath(folder / each.source.file))
    near = source.parent if source.suffix in (".yaml", ".yml") else source
    rest = ["--to", os.path.normpath(near / each.target.file), "--yes"]
    for option, side in (("--env", each.source), ("--to-env", each.target)):
        rest += [] if side.environment is None else [option, side.environment]
    moved = {
        text: entry.address
        for text, entry in zip(each.given, each.entries, strict=True)
        if entry.parent is None
    }
    alike = [text for text, new in moved.items() if text == new]
    words = [alike] if alike else []
    words += [[text, "--as", new] for text, new in moved.items() if text != new]
    commands = (["reconciler", "state", "move", *each, *rest, str(source)] for each in words)
    return " and ".join(f"`{command_line(command)}`" for command in commands)


def _lost(each: HandOver) -> Problem:
    message = msg(
        "{addresses} was moved to {target}, but is not in the state of {target}: no stack has it",
        addresses=listed(each.given),
        target=each.target.title,
    )
    hint = msg("run the command that moved it to {target} again", target=each.target.title)
    return error("hand-over", message, address=each.given[0], hint=hint)


def _other(store: ports.StateReader, place: str) -> State | None:
    with suppress(ports.StoreError, OSError):
        return store.at(place).read()
    return None
