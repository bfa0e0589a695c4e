"""Another name for a stack or an environment: its state follows (`state rename-stack`,
`state rename-env`).

The file is edited by the user, before or after. In between, every run of the stack stops: see
`commands.former_names`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from reconciler.commands import session
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import listed
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error
from reconciler.model.events import Activity, ActivityEnded, LockWait
from reconciler.model.resource import title_of
from reconciler.model.state import State
from reconciler.recovery import hand_over

Name: TypeAlias = "tuple[str, str | None]"
"""The name of a state: its stack and environment."""

Stores: TypeAlias = Callable[[Name], ports.Store]
"""Returns the store of the state of a name, in the place of the stack."""


@dataclass(frozen=True, slots=True)
class Rename:
    """One state that gets another name. `state` is as it was read last."""

    former: Name
    name: Name
    state: State

    @property
    def titles(self) -> tuple[str, str]:
        """The former and the new name, for people."""
        return title_of(*self.former), title_of(*self.name)


def find(names: Iterable[tuple[Name, Name]], stores: Stores) -> tuple[Rename, ...]:
    """The renames to do, of pairs of a former and a new name: those whose former name has a state,
    and those that were interrupted. Stops if a new name has a state with objects.
    """
    found, problems = list[Rename](), list[Problem]()
    for former, name in names:
        arriving = _arriving(stores(former), stores(name))
        if arriving is not None:
            found.append(Rename(former, name, arriving))
            continue
        state, other = session.read_state(stores(former)), session.read_state(stores(name))
        if state is None:
            # its folder has the new name already, but not the state in it
            if other is not None and (other.stack, other.environment) == former:
                found.append(Rename(former, name, other))
        elif other is not None and not other.is_empty:
            problems.append(_taken(former, name, other))
        elif any(each is not None and hand_over.is_pending(each) for each in (state, other)):
            problems.append(_pending(former))
        else:
            found.append(Rename(former, name, state))
    if problems:
        raise Abort(*problems)
    return tuple(found)


def _arriving(former: ports.Store, store: ports.Store) -> State | None:
    """The state of a rename that was interrupted, None if there was none."""
    found = session.read_place(store.transit)
    if not isinstance(found, ports.Arrival):
        return None
    is_ours = found.origin == store.place_of(former)
    try:
        state = former.read()
    except ports.StateMoved:
        return found.state if is_ours else None
    except ports.StoreError as failure:
        session.stop_for_store(failure)
    is_older = state is not None and (
        found.state.lineage == state.lineage and found.state.serial <= state.serial
    )
    return state if is_ours or is_older else None


def _pending(former: Name) -> Problem:
    message = msg(
        "the state of {former} has a move of objects that was interrupted",
        former=title_of(*former),
    )
    return error("hand-over", message, hint=msg("run the command that moves them again first"))


def _taken(former: Name, name: Name, other: State) -> Problem:
    title = title_of(*name)
    return error(
        "name-taken",
        msg(
            "{former} cannot become {name}: {name} has a state with {addresses}",
            former=title_of(*former),
            name=title,
            addresses=listed(sorted(other.entries)) or msg("open requests"),
        ),
        hint=msg("choose another name, or first destroy or move what {name} has", name=title),
    )


def carry_out(
    rename: Rename,
    stores: Stores,
    holder: ports.Holder,
    *,
    timeout_seconds: float,
    notify: Callable[[Activity], None] = lambda activity: None,
) -> State | None:
    """The state under its new name; None if it is no longer there. Stops if it cannot be renamed;
    the same command then continues.
    """
    store, (stack, environment) = stores(rename.former), rename.name

    def attempt(timeout_seconds: float) -> State | None:
        return store.rename(
            holder, timeout_seconds=timeout_seconds, stack=stack, environment=environment
        )

    try:
        try:
            return attempt(0.0)
        except ports.Locked as locked:
            if timeout_seconds <= 0.0:
                raise
            notify(LockWait(str(locked), timeout_seconds))
            try:
                return attempt(timeout_seconds)
            finally:
                notify(ActivityEnded())
    except ports.StoreError as failure:
        session.stop_for_store(failure)
