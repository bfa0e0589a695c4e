"""Opening what a use case works on: the state to read or to write, and the account, which has to be
the one that the state belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from reconciler.commands import former_names as former
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error, notice
from reconciler.model.owners import Elsewhere
from reconciler.model.resource import Account, RefreshScope, Stack, title_of
from reconciler.model.state import State

if TYPE_CHECKING:
    from reconciler.commands.context import Connection
    from reconciler.planner.compare.assessment import PlanOptions


class Writing:
    """Holds the lock of a stack for the length of a block. Stops where it cannot be had, or the
    state cannot be read or written.
    """

    def __init__(
        self,
        store: ports.Store,
        holder: ports.Holder,
        *,
        timeout_seconds: float,
        stack: str,
        environment: str | None,
    ) -> None:
        try:
            self._writer = store.open(
                holder, timeout_seconds=timeout_seconds, stack=stack, environment=environment
            )
        except ports.StoreError as failure:
            stop_for_store(failure)

    def __enter__(self) -> ports.StateWriter:
        return self._writer

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
        if isinstance(failure, ports.StoreError):
            stop_for_store(failure)


def read_state(store: ports.StateReader) -> State | None:
    """The state, or None where there is none. Stops where it cannot be read."""
    try:
        return store.read()
    except ports.StoreError as failure:
        stop_for_store(failure)


def elsewhere(store: ports.StateReader) -> Elsewhere:
    """What other states of the same place hold."""
    found = {}
    for state in store.others():
        old, own = state.deposed.values(), state.entries.values()
        held = {
            **{each.id: each.address for each in old},
            **{each.id: each.address for each in own},
        }
        found[title_of(state.stack, state.environment)] = held
    return found


def own_state(
    stack: Stack, store: ports.StateReader, options: PlanOptions, endpoint: str | None = None
) -> tuple[State | None, tuple[Problem, ...]]:
    """The state of a stack under its name, and what there is to tell of that name.

    Stops where the folder was copied and holds the state of another stack or environment, and where
    the objects of the stack stand in a state under a former name. `endpoint` is the cloud that the
    run is about: objects of another one are not the stack's.
    """
    state = read_state(store)
    if state is not None and (state.stack, state.environment) != (stack.name, stack.environment):
        if not store.was_moved(state):
            message = msg(
                "this folder contains the state of {stack}",
                stack=title_of(state.stack, state.environment),
            )
            raise Abort(
                error(
                    "state-damaged",
                    message,
                    hint=msg("choose another folder with RECONCILER_STATE_DIR"),
                )
            )
        return replace(state, stack=stack.name, environment=stack.environment), (
            former.moved(state, stack),
        )
    found = former_names(stack, store, state, options, endpoint)
    if found:
        raise Abort(*found)
    return state, ()


def former_names(
    stack: Stack,
    store: ports.StateReader,
    state: State | None,
    options: PlanOptions,
    endpoint: str | None = None,
) -> tuple[Problem, ...]:
    """An error for each state under a former name that holds objects of the stack, as long as its
    own state holds none.
    """
    if state is not None and not state.is_empty:
        return ()
    neighbors = (
        each
        for each in store.neighbors()
        if endpoint is None or each.state.endpoint in (None, endpoint)
    )
    return tuple(former.held(stack, neighbors, options))


def read_account(connection: Connection, wants: RefreshScope, *, cached: bool = False) -> Account:
    """What is wanted of the account; with `cached`, lists of the catalogue as they were kept. Stops
    where a list cannot be read.
    """
    from reconciler.iwinv import refresh
    from reconciler.iwinv.driver import ReadFailed

    cache = connection.cache
    kept = cache.catalogue(wants.catalogue | wants.hoped) if cache is not None and cached else {}
    asked = replace(wants, catalogue=wants.catalogue - kept.keys(), hoped=wants.hoped - kept.keys())
    try:
        account = refresh.read_account(
            connection.exchange,
            asked,
            connection.kinds,
            time_scale=connection.time_scale,
            notify=connection.notify,
        )
    except ReadFailed as failure:
        raise Abort(failure.problem) from failure
    if cache is not None:
        cache.keep_catalogue(
            {
                name: rows
                for name in asked.catalogue | asked.hoped
                if (rows := getattr(account.catalogue, name)) is not None
            }
        )
    lists = {name: tuple(rows) for name, rows in kept.items()}
    return replace(account, catalogue=replace(account.catalogue, **lists), cached=frozenset(lists))


def read_again(connection: Connection, account: Account) -> Account:
    """The account with the lists read that were taken from the cache: what those do not show may be
    new. Stops where one cannot be read.
    """
    fresh = read_account(connection, RefreshScope(catalogue=account.cached))
    lists = {name: getattr(fresh.catalogue, name) for name in account.cached}
    return replace(
        account,
        catalogue=replace(account.catalogue, **lists),
        cached=frozenset(),
        calls=account.calls + fresh.calls,
    )


def account_problems(
    state: State | None, account: Account, connection: Connection
) -> Iterable[Problem]:
    """Another key or endpoint than the state knows: it goes on only where the account shows an
    object of ours (safety#account).
    """
    if state is None or state.is_empty:
        return
    if state.endpoint is not None and state.endpoint != connection.endpoint:
        message = msg(
            "the state belongs to {state_endpoint}, but the current endpoint is {endpoint}",
            state_endpoint=state.endpoint,
            endpoint=connection.endpoint,
        )
        raise Abort(
            error(
                "account",
                message,
                hint=msg(
                    "set IWINV_ENDPOINT to it, or RECONCILER_STATE_DIR to the folder of the "
                    "matching state"
                ),
            )
        )
    if state.account is None or state.account == connection.account:
        return
    kept = [(entry.kind, entry.id) for entry in state.entries.values()] + [
        (old.kind, old.id) for old in state.deposed.values()
    ]
    sent = {intent.nonce for intent, _ in state.open.values() if intent.nonce is not None}
    bearing = any(row.nonce in sent for rows in account.objects.values() for row in rows.values())
    if not bearing and not any(account.find(kind, id) for kind, id in kept):
        message = msg(
            "key ..{key_suffix} cannot see any of this stack's objects; the state was "
            "written with a different account",
            key_suffix=connection.key_suffix,
        )
        raise Abort(
            error(
                "account",
                message,
                hint=msg("set the keys of the account that the stack was applied to"),
            )
        )
    yield notice(
        "account",
        msg(
            "using a different access key (..{key_suffix}) than last time; it can see this "
            "stack's objects, so continuing",
            key_suffix=connection.key_suffix,
        ),
    )


def stop_for_store(failure: ports.StoreError) -> NoReturn:
    """Stops with what a failure of the record means for the user."""
    code = next((code for kind, code in _CODES if isinstance(failure, kind)), "state-damaged")
    raise Abort(error(code, str(failure), hint=failure.hint)) from failure


_CODES: tuple[tuple[type[ports.StoreError], str], ...] = (
    (ports.Locked, "locked"),
    (ports.LostLock, "locked"),
    (ports.StateNewer, "state-newer"),
    (ports.RecordFailed, "state-write"),
    (ports.StateDamaged, "state-damaged"),
)
