"""The use case of `state move --to`: a whole state moves to another place.

One record decides: before the source says that its state was moved, the source is the state; from
then on, the destination is. Interrupted anywhere, the same command completes the move.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import Enum

from reconciler.commands import session
from reconciler.commands.relocation.transfer import Opening
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports import Arrival, Departure, KeptStates, Store
from reconciler.model.resource import title_of
from reconciler.model.state import State
from reconciler.recovery import hand_over


@dataclass(frozen=True, slots=True)
class Site:
    """The state of a stack in one place. `place` names the place, as in `RECONCILER_STATE`."""

    store: Store
    place: str


class Work(Enum):
    """What is left to do: everything, the last step, or nothing."""

    ALL = "all"
    COMPLETE = "complete"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Relocation:
    """The move of one state. `stack` and `environment` name it in both places."""

    source: Site
    target: Site
    stack: str
    environment: str | None

    @property
    def title(self) -> str:
        """The name of the state, for people."""
        return title_of(self.stack, self.environment)

    def examine(self) -> tuple[Work, State | None]:
        """What is left to do, and the state; None if the source has none. Takes no lock. Stops if
        the state cannot be moved.
        """
        with _stopping():
            gone = self.source.store.transit()
            if isinstance(gone, Departure):
                arrival = self._arrival(gone)
                if arrival is not None:
                    return Work.COMPLETE, arrival.state
                return Work.NONE, self.target.store.read()
            state = self.source.store.read()
            if state is None:
                return Work.NONE, None
            self._check(state)
            return Work.ALL, state

    def run(self, opening: Opening) -> Work:
        """Moves the state and returns what had to be done. Stops if that fails; the same command
        then continues.
        """
        step, _ = self.examine()
        if step is Work.ALL:
            arrival = self._carry_over(opening)
        elif step is Work.COMPLETE:
            with _stopping():
                gone = self.source.store.transit()
                found = self._arrival(gone) if isinstance(gone, Departure) else None
            if found is None:  # another run completed it meanwhile
                return Work.NONE
            arrival = found
        else:
            return step
        with _stopping():
            self.target.store.complete(arrival, opening.holder)
        return step

    def _carry_over(self, opening: Opening) -> Arrival:
        """Brings the state to the target, until the source says that it is there."""
        writing = session.Writing(
            self.source.store,
            opening.holder,
            timeout_seconds=opening.timeout_seconds,
            stack=self.stack,
            environment=self.environment,
            notify=opening.notify,
        )
        with writing as writer:
            self._check(writer.state)
            state = writer.commit()
            arrival = Arrival(replace(state, serial=state.serial + 1), self.source.place)
            store = self.target.store
            store.receive(
                arrival,
                opening.holder,
                instead_of=store.transit(),
                kept=self._kept(until=state.serial),
            )
            if store.transit() != arrival:
                raise Abort(self._differs())
            writer.depart(Departure(self.target.place, state.lineage, arrival.state.serial))
            return arrival

    def _kept(self, *, until: int) -> KeptStates:
        """The former states, as far as they can be read: none of them is needed."""
        store, states, start = self.source.store, list[State](), None
        with suppress(ports.StoreError):
            for serial in store.history():
                if serial <= until:
                    states.append(store.past(serial))
        with suppress(ports.StoreError):
            before = store.before_last_run()
            start = None if before is None else before.serial
        return KeptStates(tuple(states), start)

    def _check(self, state: State) -> None:
        """Stops if the state cannot leave, or the target cannot take it."""
        if hand_over.is_pending(state):
            message = msg("a move of objects of {stack} was interrupted", stack=self.title)
            hint = msg("run the command that moves them again first")
            raise Abort(error("hand-over", message, hint=hint))
        problem = self._obstacle(state)
        if problem is not None:
            raise Abort(problem)

    def _obstacle(self, state: State) -> Problem | None:
        """What in the target speaks against taking the state, None if nothing does."""
        store, place = self.target.store, self.target.place
        found = store.transit()
        if found is None:
            other = store.read()
            return None if other is None else self._taken(state, other)
        if isinstance(found, Departure):
            if found.lineage == state.lineage and found.serial <= state.serial:
                return None
            message = msg(
                "{place} had a state of {stack} that was moved to {to}",
                place=place,
                stack=self.title,
                to=found.to,
            )
            return error("name-taken", message, hint=msg("choose another place"))
        theirs = found.state
        is_ours = theirs.lineage == state.lineage and (
            theirs.serial <= state.serial
            or replace(theirs, serial=state.serial) == state
            or (found.origin == self.source.place and theirs.serial == state.serial + 1)
        )
        if is_ours:
            return None
        message = msg(
            "a move of {stack} from {origin} to {place} was interrupted",
            stack=self.title,
            origin=found.origin,
            place=place,
        )
        hint = msg(
            "run that command again first: RECONCILER_STATE={origin} reconciler state move --to "
            "{place}",
            origin=pasted(found.origin),
            place=pasted(place),
        )
        return error("name-taken", message, hint=hint)

    def _taken(self, state: State, other: State) -> Problem:
        if other.lineage == state.lineage:
            message = msg(
                "{place} already has this state of {stack}, with serial {serial}",
                place=self.target.place,
                stack=self.title,
                serial=other.serial,
            )
            hint = msg(
                "use it there: export RECONCILER_STATE={place}", place=pasted(self.target.place)
            )
            return error("name-taken", message, hint=hint)
        message = msg(
            "{place} has another state of {stack}", place=self.target.place, stack=self.title
        )
        return error("name-taken", message, hint=msg("choose another place"))

    def _arrival(self, gone: Departure) -> Arrival | None:
        """What arrived in the target of the state that left the source, None if it is complete.
        Stops if it is not there.
        """
        found = self.target.store.transit()
        if isinstance(found, Arrival):
            state = found.state
            if (state.lineage, state.serial) == (gone.lineage, gone.serial):
                return found
        elif found is None:
            there = self.target.store.read()
            if there is not None and there.lineage == gone.lineage:
                return None
        self.source.store.read()  # says where it is
        raise Abort(self._differs())

    def _differs(self) -> Problem:
        message = msg(
            "{place} does not return what was written there; the state stays in {source}",
            place=self.target.place,
            source=self.source.place,
        )
        return error("state-damaged", message, hint=msg("choose another place"))


@contextmanager
def _stopping() -> Iterator[None]:
    try:
        yield
    except ports.StoreError as failure:
        session.stop_for_store(failure)
