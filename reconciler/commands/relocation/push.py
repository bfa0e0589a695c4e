"""The use case of `state push`: a copy of a state becomes the state.

A copy that knows less than the state is refused: with it, objects would be created again, and
requests whose outcome is not known would be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from reconciler.commands import session
from reconciler.commands.relocation.transfer import Opening
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import listed
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports import Store
from reconciler.model.resource import title_of
from reconciler.model.state import State
from reconciler.recovery import hand_over


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a push changes, as addresses; a deposed object by its id."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Push:
    """A copy that is to become the state of this stack and environment. `name` is its file."""

    store: Store
    copy: State
    name: str
    stack: str
    environment: str | None

    def run(self, opening: Opening, agree: Callable[[Replacement], None]) -> State | None:
        """The state after the push; None if it already has this content. `agree` shows the change
        and stops without consent. Stops if the copy does not continue the state.
        """
        before = session.read_state(self.store)
        if self._is_done(before):
            return None
        self._check(before)
        writing = session.Writing(
            self.store,
            opening.holder,
            timeout_seconds=opening.timeout_seconds,
            stack=self.stack,
            environment=self.environment,
            notify=opening.notify,
        )
        with writing as writer:
            current = writer.state if writer.state.serial else None
            if self._is_done(current):
                return None
            self._check(current)
            agree(compared(current, self.copy))
            kept = None if current is None else current.frozen
            # A push ends no freeze.
            return writer.replace(replace(self.copy, frozen=kept or self.copy.frozen))

    def _is_done(self, state: State | None) -> bool:
        """Whether the state has the content of the copy, and is not older."""
        if state is None or state.serial < self.copy.serial:
            return False
        kept = max(state.sequence, self.copy.sequence)
        frozen = state.frozen or self.copy.frozen
        return replace(self.copy, serial=state.serial, sequence=kept, frozen=frozen) == replace(
            state, sequence=kept
        )

    def _check(self, state: State | None) -> None:
        """Stops if the copy is of another state, or knows less than the state."""
        problems = tuple(self._problems(state))
        if problems:
            raise Abort(*problems)

    def _problems(self, state: State | None) -> Iterator[Problem]:
        copy, title = self.copy, title_of(self.stack, self.environment)
        if (copy.stack, copy.environment) != (self.stack, self.environment):
            other = title_of(copy.stack, copy.environment)
            message = msg("{file} is the state of {other}", file=self.name, other=other)
            yield error("push", message, hint=msg("name the stack and the environment of the file"))
        elif state is None:
            return
        elif copy.lineage != state.lineage:
            message = msg(
                "{file} does not descend from the state of {stack}: its lineage is another one",
                file=self.name,
                stack=title,
            )
            yield error("push", message)
        elif copy.serial <= state.serial:
            message = (
                msg(
                    "{file} has serial {serial} as the state has, but other content",
                    file=self.name,
                    serial=copy.serial,
                )
                if copy.serial == state.serial
                else msg(
                    "{file} has serial {serial}, the state has {later}: the file is older",
                    file=self.name,
                    serial=copy.serial,
                    later=state.serial,
                )
            )
            hint = msg(
                "to return to what an older state describes: `reconciler apply --undo SERIAL`"
            )
            yield error("push", message, hint=hint)
        else:
            yield from self._lost(state)

    def _lost(self, state: State) -> Iterator[Problem]:
        """The open requests and hand-overs of the state that the copy does not contain."""
        if hand_over.is_pending(state):
            message = msg("the state has a move of objects that was interrupted")
            hint = msg("run the command that moves them again first")
            yield error("push", message, hint=hint)
        known = [intent for intent, _ in self.copy.open.values()]
        lost = [intent.address for intent, _ in state.open.values() if intent not in known]
        if lost:
            message = msg(
                "the state has requests without a known outcome that {file} does not have: "
                "{addresses}",
                file=self.name,
                addresses=listed(sorted(set(lost))),
            )
            hint = msg("settle them first: `reconciler recover`")
            yield error("push", message, hint=hint)


def compared(state: State | None, copy: State) -> Replacement:
    """What changes if the copy becomes the state."""
    before = {} if state is None else {**state.entries, **state.deposed}
    after = {**copy.entries, **copy.deposed}
    return Replacement(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(before.keys() - after.keys())),
        tuple(sorted(key for key in after.keys() & before.keys() if after[key] != before[key])),
    )
