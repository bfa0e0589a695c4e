"""One reading of the account for many stacks: what is read for all of them beforehand, what each of
them may use of it, and what a write makes unusable (quota#many-stacks).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reconciler.commands import session
from reconciler.model.abort import Abort
from reconciler.model.events import ActivityEnded
from reconciler.model.plan import Step
from reconciler.model.resource_type import acts_on
from reconciler.resources import block_storage, firewall, instance, rule

if TYPE_CHECKING:
    from reconciler.commands.context import Connection
    from reconciler.iwinv.shared.account_pool import AccountPool, PoolView
    from reconciler.model.ports import RefreshScope
    from reconciler.model.state import State

_EVERYTHING = (instance.NAME, block_storage.NAME, firewall.NAME, firewall.MEMBERS, rule.NAME)


def prepare(connection: Connection, scopes: Iterable[RefreshScope]) -> None:
    """Reads what several stacks need of the account, each list once, into the pool of the
    connection. Stops if a list cannot be read that all of them need.
    """
    from reconciler.iwinv import refresh
    from reconciler.iwinv.driver import ReadFailed

    if connection.pool is None:
        return

    try:
        refresh.prepare(
            connection.exchange,
            [session.without_kept(connection, scope)[0] for scope in scopes],
            connection.kinds,
            connection.pool.fresh(),
            time_scale=connection.time_scale,
            notify=connection.notify,
        )
    except ReadFailed as failure:
        raise Abort(failure.problem) from failure
    finally:
        connection.notify(ActivityEnded())


def view_of(pool: AccountPool, title: str, state: State | None) -> PoolView:
    """What the stack of that title may use of the lists that the run has read."""
    return pool.view(title, _version(state))


def _version(state: State | None) -> tuple[str, int, int] | None:
    """What is different after each write of a state; None if it was never written."""
    if state is None or (state.serial, state.sequence) == (0, 0):
        return None
    return state.lineage, state.serial, state.sequence


def touched(pool: AccountPool, steps: Iterable[Step]) -> None:
    """Forgets the lists that the steps of a run may have changed, whatever became of them."""
    pool.touched({group for step in steps for group in _written(step.operation)})


def _written(operation: str) -> tuple[str, ...]:
    """The lists that an operation may change. Only of rules and block storages it is certain that
    they show in no other list.
    """
    if acts_on(operation, rule.SINGULAR):
        return (rule.NAME, firewall.NAME)
    if acts_on(operation, block_storage.SINGULAR):
        return (block_storage.NAME, instance.NAME)
    return _EVERYTHING
