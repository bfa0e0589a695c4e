"""Opening what a use case works on: the state, to read or to write, and the account, which must be
the one that the state belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from reconciler.commands import former_names
from reconciler.commands.relocation import pending
from reconciler.common import suggestions
from reconciler.common.paths import shown_path
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error, notice, warning
from reconciler.model.events import Activity, ActivityEnded, LockWait
from reconciler.model.owners import Elsewhere, LaterElsewhere, OtherState
from reconciler.model.ports import RefreshScope, StateMoved
from reconciler.model.resource import Account, Stack, title_of
from reconciler.model.state import Entry, State

if TYPE_CHECKING:
    from reconciler.commands.context import Connection, Run
    from reconciler.iwinv.shared.account_pool import PoolView
    from reconciler.planner.compare.assessment import PlanOptions

T = TypeVar("T")


JUDGEMENT_SECONDS = 30.0
"""The longest time after which a holder that gives no sign of life counts as dead."""


class Writing:
    """Holds the lock of a stack while a block runs. Stops if the lock cannot be had, or the state
    cannot be read or written.
    """

    def __init__(
        self,
        store: ports.Store,
        holder: ports.Holder,
        *,
        timeout_seconds: float,
        stack: str,
        environment: str | None,
        notify: Callable[[Activity], None] = lambda activity: None,
    ) -> None:
        def judging(text: str) -> None:
            notify(LockWait(text, JUDGEMENT_SECONDS))

        def opened(
            timeout_seconds: float, waiting: Callable[[str], None] = judging
        ) -> ports.StateWriter:
            return store.open(
                holder,
                timeout_seconds=timeout_seconds,
                stack=stack,
                environment=environment,
                waiting=waiting,
            )

        try:
            try:
                self._writer = opened(0.0)
            except ports.Locked as locked:
                if timeout_seconds <= 0.0:
                    raise
                notify(LockWait(str(locked), timeout_seconds))
                self._writer = opened(timeout_seconds, lambda text: None)
            finally:
                notify(ActivityEnded())
            try:
                pending.complete(store, self._writer, holder.run or "")
            except BaseException:
                self._writer.close()
                raise
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
        try:
            if isinstance(failure, Abort):
                # What a run that has lost its lock found wrong may be the work of the other one.
                self._writer.check()
        except ports.LostLock as lost:
            failure = lost
        finally:
            self._writer.close()
        if isinstance(failure, ports.StoreError):
            stop_for_store(failure)


def writing(
    store: ports.Store,
    stack: Stack,
    run: Run,
    notify: Callable[[Activity], None] = lambda activity: None,
) -> Writing:
    """The lock of a stack for a run. `notify` is called if another run has it and is waited for."""
    return Writing(
        store,
        run.holder,
        timeout_seconds=run.lock_timeout_seconds,
        stack=stack.name,
        environment=stack.environment,
        notify=notify,
    )


def read_state(store: ports.StateReader) -> State | None:
    """The state with the hand-overs to it, or None if there is none. Stops if it cannot be read."""
    try:
        state = store.read()
    except ports.StoreError as failure:
        stop_for_store(failure)
    return None if state is None else pending.seen(state, store)


def read_place(read: Callable[[], T]) -> T:
    """What was read of the place of a state. Stops if the place cannot be used."""
    try:
        return read()
    except ports.StoreError as failure:
        stop_for_store(failure)


def entry_of(state: State | None, address: Address) -> Entry:
    """The entry of an address. Stops if there is none."""
    entries = {} if state is None else state.entries
    found = entries.get(str(address))
    if found is not None:
        return found
    requests = () if state is None else state.open.values()
    hint = suggestions.hint_for(str(address), entries)
    if any(intent.address == str(address) for intent, _ in requests):
        hint = msg("a request for it is open: `reconciler recover` shows it")
    message = msg("{address} is not in the state", address=address)
    raise Abort(error("missing-reference", message, hint=hint))


def outputs(state: State | None, name: str | None) -> Mapping[str, tuple[Any, str | None]]:
    """The outputs of the last apply: all of them, or the one named. Stops if it does not exist."""
    kept = {} if state is None else state.outputs
    if name is None:
        return dict(sorted(kept.items()))
    if name in kept:
        return {name: kept[name]}
    computed = msg("outputs are computed at the end of an apply")
    hint = suggestions.hint_for(name, kept) if kept else computed
    raise Abort(error("output", msg("the output {name} does not exist", name=name), hint=hint))


def elsewhere(store: ports.StateReader) -> Elsewhere:
    """What other states in the same place contain. Those of a distant place are read when they are
    first looked at, which stops if they cannot be read.
    """
    return LaterElsewhere(lambda: _found(store)) if store.is_distant else _found(store)


def _found(store: ports.StateReader) -> dict[str, OtherState]:
    found = {}
    for other in read_place(store.others):
        state = other.state
        deposed = {old.id: old.address for old in state.deposed.values()}
        current = {entry.id: entry.address for entry in state.entries.values()}
        title = title_of(state.stack, state.environment)
        found[title] = OtherState(deposed | current, shown_path(other.where))
    return found


def own_state(
    stack: Stack, store: ports.StateReader, options: PlanOptions, endpoint: str | None = None
) -> tuple[State | None, tuple[Problem, ...]]:
    """The state of a stack under its name, and notices about that name.

    Stops if the folder was copied and contains the state of another stack or environment, and if
    the objects of the stack are in a state under a former name. `endpoint` is the cloud of the run:
    objects of another one are not the stack's.
    """
    state = read_state(store)
    if state is None or (state.stack, state.environment) == (stack.name, stack.environment):
        found = problems_of_former_names(stack, store, state, options, endpoint)
        found = (*found, *pending.problems(stack, state, store))
        if found:
            raise Abort(*found)
        return state, () if state is not None else tuple(_of_other_projects(stack, store))
    if not read_place(lambda: store.was_moved(state)):
        title = title_of(state.stack, state.environment)
        message = msg("this folder contains the state of {stack}", stack=title)
        if store.is_distant:
            message = msg(
                "{location} contains the state of {stack}", location=store.location, stack=title
            )
        hint = msg("choose another place with RECONCILER_STATE")
        raise Abort(error("state-damaged", message, hint=hint))
    renamed = replace(state, stack=stack.name, environment=stack.environment)
    return renamed, (former_names.moved(state, stack),)


def _of_other_projects(stack: Stack, store: ports.StateReader) -> Iterable[Problem]:
    """A warning for each other project that has a state of the name of a stack without one."""
    for project in store.same_name_projects():
        yield warning(
            "state-place",
            msg(
                "{location} has no state yet, but the project {project} of the same place has one "
                "of {stack}",
                location=store.location,
                project=project,
                stack=stack.title,
            ),
            hint=msg(
                "if that is this stack, write `project: {project}` in reconciler.yaml at the root "
                "of the repository",
                project=project,
            ),
        )


def require_same_name(
    stack: Stack, store: ports.StateReader, state: State, options: PlanOptions, endpoint: str
) -> None:
    """Stops if the state that was opened is new because the stack's own one was given another name
    before its lock was taken.
    """
    found = problems_of_former_names(stack, store, state, options, endpoint)
    if state.serial == 0 and found:
        raise Abort(*found)


def problems_of_former_names(
    stack: Stack,
    store: ports.StateReader,
    state: State | None,
    options: PlanOptions,
    endpoint: str | None = None,
) -> tuple[Problem, ...]:
    """An error for each state under a former name that contains objects of the stack, as long as
    its own state contains none.
    """
    if state is not None and not state.is_empty:
        return ()
    neighbors = (
        each
        for each in read_place(store.neighbors)
        if endpoint is None or each.state.endpoint in (None, endpoint)
    )
    return tuple(former_names.held(stack, neighbors, options))


def read_account(
    connection: Connection,
    scope: RefreshScope,
    *,
    cached: bool = False,
    view: PoolView | None = None,
) -> Account:
    """The account as far as the scope asks for it; with `cached`, lists of the catalog as they were
    kept. Stops if a list cannot be read.

    `view` is what may be used of the lists that the run has read for other stacks. Without it
    everything is read.
    """
    from reconciler.iwinv import refresh
    from reconciler.iwinv.driver import ReadFailed

    asked, kept = without_kept(connection, scope) if cached else (scope, {})
    if view is None and connection.pool is not None:
        view = connection.pool.fresh()
    try:
        account = refresh.read_account(
            connection.exchange,
            asked,
            connection.kinds,
            time_scale=connection.time_scale,
            notify=connection.notify,
            pool=view,
        )
    except ReadFailed as failure:
        raise Abort(failure.problem) from failure
    finally:
        connection.notify(ActivityEnded())
    if connection.cache is not None:
        lists = (scope.catalogue | scope.optional) - kept.keys()
        read = {name: getattr(account.catalogue, name) for name in lists}
        connection.cache.keep_catalogue(
            {name: rows for name, rows in read.items() if rows is not None}
        )
    rows = {name: tuple(rows) for name, rows in kept.items()}
    return replace(account, catalogue=replace(account.catalogue, **rows), cached=frozenset(rows))


def without_kept(
    connection: Connection, scope: RefreshScope
) -> tuple[RefreshScope, Mapping[str, ports.Rows]]:
    """The scope without the lists of the catalog that an earlier run kept, and those lists."""
    lists = scope.catalogue | scope.optional
    kept = {} if connection.cache is None else connection.cache.catalogue(lists)
    asked = replace(
        scope, catalogue=scope.catalogue - kept.keys(), optional=scope.optional - kept.keys()
    )
    return asked, kept


def read_again(connection: Connection, account: Account, view: PoolView | None = None) -> Account:
    """The account with the lists read that came from the cache: what those do not show may be new.
    Stops if one cannot be read.
    """
    fresh = read_account(connection, RefreshScope(catalogue=account.cached), view=view)
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
    """The problems with a different key or endpoint than the state names. The run continues only if
    the account shows an object of the stack (safety#account).
    """
    if state is None or state.is_empty:
        return
    if state.endpoint is not None and state.endpoint != connection.endpoint:
        message = msg(
            "the state belongs to {state_endpoint}, but the current endpoint is {endpoint}",
            state_endpoint=state.endpoint,
            endpoint=connection.endpoint,
        )
        hint = msg(
            "set IWINV_ENDPOINT to it, or RECONCILER_STATE to the place of the matching state"
        )
        raise Abort(error("account", message, hint=hint))
    if state.account is None or state.account == connection.account:
        return
    if not _shows_object_of(state, account):
        message = msg(
            "key ..{key_suffix} cannot see any of this stack's objects; the state was "
            "written with a different account",
            key_suffix=connection.key_suffix,
        )
        hint = msg("set the keys of the account that the stack was applied to")
        raise Abort(error("account", message, hint=hint))
    message = msg(
        "using a different access key (..{key_suffix}) than last time; it can see this "
        "stack's objects, so continuing",
        key_suffix=connection.key_suffix,
    )
    yield notice("account", message)


def _shows_object_of(state: State, account: Account) -> bool:
    """Whether the account shows an object in the state, or one that carries the marker of an open
    request.
    """
    kept = {(entry.kind, entry.id) for entry in state.entries.values()}
    kept |= {(old.kind, old.id) for old in state.deposed.values()}
    sent = {intent.nonce for intent, _ in state.open.values() if intent.nonce is not None}
    return any(account.find(kind, id) for kind, id in kept) or any(
        row.nonce in sent for rows in account.objects.values() for row in rows.values()
    )


def stop_for_store(failure: ports.StoreError) -> NoReturn:
    """Stops with what a failure of the record means for the user."""
    code = next((code for kind, code in _CODES if isinstance(failure, kind)), "state-damaged")
    raise Abort(error(code, str(failure), hint=failure.hint)) from failure


_CODES: tuple[tuple[type[ports.StoreError], str], ...] = (
    (ports.Locked, "locked"),
    (ports.LostLock, "locked"),
    (ports.StateNewer, "state-newer"),
    (StateMoved, "state-moved"),
    (ports.NameTaken, "name-taken"),
    (ports.RecordFailed, "state-write"),
    (ports.PlaceUnusable, "state-place"),
    (ports.StateDamaged, "state-damaged"),
)
