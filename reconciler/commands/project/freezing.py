"""Freezing stacks and ending that (`freeze`, `unfreeze`): a record in the state of each."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.commands import session
from reconciler.common.dataclass import dataclass
from reconciler.model import ports
from reconciler.model.events import Activity
from reconciler.model.resource import title_of
from reconciler.model.state import Freeze, Note, State, StateChange

_REASON_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class FreezeTarget:
    """A stack to freeze: its store, its name and its environment."""

    store: ports.Store
    stack: str
    environment: str | None

    @property
    def title(self) -> str:
        """`shop` or `shop/prod`."""
        return title_of(self.stack, self.environment)


@dataclass(frozen=True, slots=True)
class FreezeResult:
    """What is in force now, and whether this run changed it. `frozen` is None if the stack is not
    frozen.
    """

    stack: str
    environment: str | None
    frozen: Freeze | None
    is_changed: bool

    @property
    def title(self) -> str:
        """`shop` or `shop/prod`."""
        return title_of(self.stack, self.environment)


@dataclass(frozen=True, slots=True)
class FreezeRun:
    """Who freezes, and for how long a run that has the lock is waited for."""

    holder: ports.Holder
    timeout_seconds: float
    notify: Callable[[Activity], None] = lambda activity: None


def freeze(target: FreezeTarget, frozen: Freeze, run: FreezeRun) -> FreezeResult:
    """Freezes a stack under its lock. One that is frozen already keeps its first freeze."""
    return _changed(target, run, lambda state: None if state.frozen else _freezes(frozen))


def unfreeze(target: FreezeTarget, by: str, run: FreezeRun) -> FreezeResult:
    """Ends the freeze of a stack under its lock. No state is made of a stack that has none."""
    state = session.read_state(target.store)
    if state is None or state.frozen is None:
        return FreezeResult(target.stack, target.environment, None, is_changed=False)
    return _changed(target, run, lambda state: _ends(by) if state.frozen else None)


def _freezes(frozen: Freeze) -> tuple[str, StateChange]:
    return f"frozen: {frozen.reason}", StateChange(freeze=frozen)


def _ends(by: str) -> tuple[str, StateChange]:
    return f"unfrozen by {by}", StateChange(unfreeze=by)


def _changed(
    target: FreezeTarget,
    run: FreezeRun,
    decide: Callable[[State], tuple[str, StateChange] | None],
) -> FreezeResult:
    writing = session.Writing(
        target.store,
        run.holder,
        timeout_seconds=run.timeout_seconds,
        stack=target.stack,
        environment=target.environment,
        notify=run.notify,
    )
    with writing as writer:
        state = writer.state
        decided = decide(state)
        if decided is not None:
            reason, change = decided
            note = Note(
                state.sequence + 1, run.holder.run or "", reason[:_REASON_LENGTH_MAX], (change,)
            )
            writer.append(note)
            state = writer.commit()
        return FreezeResult(
            target.stack, target.environment, state.frozen, is_changed=decided is not None
        )
