"""The use case of `state move`: both states are opened, checked, shown and written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from reconciler.commands import session
from reconciler.commands.relocation import moving
from reconciler.commands.relocation.moving import Moving, Party
from reconciler.common.dataclass import dataclass
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.address import Address
from reconciler.model.diagnostics import has_errors
from reconciler.model.events import Activity
from reconciler.model.resource import Stack
from reconciler.model.state import State
from reconciler.planner.compare import moves
from reconciler.recovery import hand_over


@dataclass(frozen=True, slots=True)
class End:
    """One of the two stacks, its file or folder, and the store of its state."""

    stack: Stack
    path: Path
    store: ports.Store

    def seen_from(self, other: End, state: State) -> Party:
        """The stack as a hand-over names it. `state` is its own."""
        folder = other.path if other.path.is_dir() else other.path.parent
        file = os.path.relpath(self.path.resolve(), folder.resolve())
        return Party(self.stack, state, other.store.place_of(self.store), file)


@dataclass(frozen=True, slots=True)
class Opening:
    """How the states are opened: who holds the locks, how long they are waited for, and what
    shows that.
    """

    holder: ports.Holder
    timeout_seconds: float = 0.0
    notify: Callable[[Activity], None] = lambda activity: None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Objects that move from one stack to another; `name` is the address that the only one of them
    gets.
    """

    source: End
    target: End
    addresses: Sequence[Address]
    name: Address | None = None

    def run(self, opening: Opening, agree: Callable[[Moving], None], token: str) -> Moving | None:
        """What was moved, None if an earlier run has moved it. `agree` shows it and stops without
        consent. `token` names the hand-over in both states.
        """
        before = session.read_state(self.source.store)
        if before is not None and not hand_over.is_pending(before):
            # Before the locks, which create folders.
            target = session.read_state(self.target.store) or _new(self.target.stack)
            if self._is_done(before, target):
                return None
            self._checked(before, target)
        with ExitStack() as held:
            writers = dict[str, ports.StateWriter]()
            for end in sorted((self.source, self.target), key=lambda end: end.store.identity):
                writers[end.store.identity] = held.enter_context(_writing(end, opening))
            giver = writers[self.source.store.identity]
            taker = writers[self.target.store.identity]
            moving.take_again(giver, taker, token)
            if self._is_done(giver.state, taker.state):
                taker.commit()
                giver.commit()
                return None
            one, other, found = self._checked(giver.state, taker.state)
            agree(found)
            moving.carry_out((giver, one), (taker, other), found, run=token, token=token)
            return found

    def _checked(self, source: State, target: State) -> tuple[Party, Party, Moving]:
        """The parties and what moves. Stops if something speaks against it."""
        lines = moves.move(self.target.stack, target)
        if has_errors(lines.problems):
            raise Abort(*lines.problems)
        one = self.source.seen_from(self.target, source)
        other = self.target.seen_from(self.source, lines.state)
        found = moving.plan(one, other, self.addresses, self.name)
        if has_errors(found.problems):
            raise Abort(*found.problems)
        return one, other, found

    def _is_done(self, source: State, target: State) -> bool:
        """Whether an earlier run has moved every object."""
        return all(
            moving.is_moved(address, self.name or address, source, target)
            for address in self.addresses
        )


def _writing(end: End, opening: Opening) -> session.Writing:
    return session.Writing(
        end.store,
        opening.holder,
        timeout_seconds=opening.timeout_seconds,
        stack=end.stack.name,
        environment=end.stack.environment,
        notify=opening.notify,
    )


def _new(stack: Stack) -> State:
    return State(lineage="", serial=0, stack=stack.name, environment=stack.environment)
