"""Plans: what an apply would do, and what somebody changed outside (`plan`, `drift`).

A use case works on ports and knows neither options nor screens. If it cannot continue, it raises
`Abort` with the problems to show and the exit code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.commands import session
from reconciler.commands.context import ConcurrentRun, Connection, Planned, no_concurrent_run
from reconciler.commands.settle import Settler, is_unsettled
from reconciler.common import suggestions
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes, ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, Severity, error
from reconciler.model.events import ActivityEnded, Planning
from reconciler.model.plan import Plan, unstated
from reconciler.model.ports import RefreshScope
from reconciler.model.resource import Account, Stack
from reconciler.model.state import State
from reconciler.planner.checks.login_check import without_login
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.planner.estimate import cost as costs
from reconciler.planner.estimate import unmanaged
from reconciler.planner.firewall import server_reach
from reconciler.planner.steps.outputs import OutputChange, output_changes
from reconciler.recovery import evidence, undo

if TYPE_CHECKING:
    from reconciler.commands.project.gate_values import Gates
    from reconciler.iwinv.shared.account_pool import PoolView

_ABOUT_THE_CATALOG = frozenset({"lookup", "not-offered", "out-of-bounds"})
"""Codes of problems that a newer catalog may not have."""


def plan(
    stack: Stack,
    connection: Connection,
    store: ports.StateReader,
    options: PlanOptions,
    concurrent: Callable[[], ConcurrentRun | None] = no_concurrent_run,
    gates: Gates | None = None,
) -> Planned:
    """Reads the account and returns what an apply would do. Changes nothing and takes no lock.

    `concurrent` returns the run that works on the stack now. The requests of that run do not count
    as unsettled, and the plan is provisional (safety#one-writer). `gates` are what may hold back an
    apply of it.
    """
    running = concurrent()
    state, notices = session.own_state(stack, store, options, connection.endpoint)
    running = running or concurrent()  # It may have started just before the state was read.
    options = replace(options, elsewhere=session.elsewhere(store))
    if running is not None:
        options = replace(options, running=running.run)
    found = make_plan(stack, state, connection, options, notices=notices)
    if gates is not None or (state is not None and state.frozen is not None):
        from reconciler.commands.project.gate_values import NO_GATES
        from reconciler.commands.project.gates import judged

        found = judged(found, state, gates or NO_GATES)
    return found if running is None else replace(found, provisional=running.title)


def drift(
    stack: Stack,
    connection: Connection,
    store: ports.StateReader,
    concurrent: Callable[[], ConcurrentRun | None] = no_concurrent_run,
) -> Planned:
    """What somebody else changed: only the drift of the plan, no change that the file asks for."""
    found = plan(stack, connection, store, PlanOptions(), concurrent)
    kept = tuple(
        problem
        for problem in found.plan.problems
        if problem.severity is Severity.ERROR
        or problem.code in (*exit_codes.SHOWN_FIRST, "powered-off")
        if problem.code not in exit_codes.OF_DESIRED_CHANGES
    )
    shown = replace(
        found.plan,
        changes=(),
        drift=unstated(found.plan.drift),
        steps=(),
        records=(),
        outputs={},
        problems=kept,
        calls=replace(found.plan.calls, write=0, wait=0),
        cost=costs.left_as_it_is(found.plan.cost),
        reach=server_reach.left_as_it_is(found.plan),
        eta_seconds=None,
    )
    return replace(found, plan=shown, outputs=())


def is_recordable(planned: Planned) -> bool:
    """Whether a plan may be saved: it has no errors, and no other run was active."""
    return not exit_codes.stops(planned.plan.problems) and planned.provisional is None


def check_recordable(planned: Planned) -> None:
    """Stops if a plan may not be saved: it has errors, or was made while another run was active."""
    if exit_codes.stops(planned.plan.problems):
        raise Abort(
            error("usage", msg("a plan with errors cannot be saved")),
            exit_code=exit_codes.of_problems(planned.plan.problems),
        )
    if planned.provisional is not None:
        message = msg(
            "a plan made while another run is active is provisional and cannot be saved: {run}",
            run=planned.provisional,
        )
        raise Abort(error("locked", message, hint=msg("run `plan` again when that run has ended")))


def make_plan(
    stack: Stack,
    state: State | None,
    connection: Connection,
    options: PlanOptions,
    settler: Settler | None = None,
    *,
    notices: tuple[Problem, ...] = (),
) -> Planned:
    """Reads the account, settles what an earlier run left open, and plans. `notices` are problems
    that are reported with those of the plan.
    """
    _check_addresses(stack, state, options)
    settler = settler or Settler(connection)
    view = _view(stack, state, connection, settler)
    work = _Work(stack, connection, options, view)
    account, of_account = work.read(state)
    if state is not None:
        before, observed = state, evidence.Observation(account, account.at)
        state, settled = settler.settle(state, observed, options, work.wanted)
        if settled is not options:
            scope, work = work.scope(before), _Work(stack, connection, settled, view)
            # What was settled may ask for lists that were not read.
            if replace(work.scope(state), whole=scope.whole) != scope:
                account, of_account = work.read(state)
    made = work.make(state, account)
    if account.cached and any(problem.code in _ABOUT_THE_CATALOG for problem in made.problems):
        # Once: what the kept lists do not show may be new.
        account = session.read_again(connection, account, view)
        made = work.make(state, account)
    return work.planned(made, state, account, (*notices, *of_account))


def _view(
    stack: Stack, state: State | None, connection: Connection, settler: Settler
) -> PoolView | None:
    """What the plan may use of the lists that the run has read for other stacks. To settle what an
    earlier run left open, each round needs lists of its own (safety#settling).
    """
    if connection.pool is None:
        return None
    from reconciler.commands.project import shared_reading

    if settler.writer is not None and state is not None and is_unsettled(state):
        return connection.pool.fresh()
    return shared_reading.view_of(connection.pool, stack.title, state)


@dataclass(frozen=True, slots=True)
class _Work:
    stack: Stack
    connection: Connection
    options: PlanOptions
    view: PoolView | None = None

    @property
    def wanted(self) -> frozenset[str]:
        """The addresses that are to have an object at the end."""
        return frozenset() if self.options.destroy else frozenset(map(str, self.stack.resources))

    def scope(self, state: State | None) -> RefreshScope:
        """What a plan needs of the account."""
        from reconciler.planner.compare.refresh_scope import refresh_scope

        return refresh_scope(self.stack, state, self.options)

    def read(self, state: State | None) -> tuple[Account, tuple[Problem, ...]]:
        """The account, and the problems with whose account it is."""
        account = session.read_account(
            self.connection, self.scope(state), cached=True, view=self.view
        )
        return account, tuple(session.account_problems(state, account, self.connection))

    def make(self, state: State | None, account: Account) -> Plan:
        """The plan. The planner is imported here, so that the first request is sent sooner."""
        self.connection.notify(Planning())
        try:
            from reconciler.planner import planner

            return planner.make(
                stack=self.stack,
                state=state,
                account=account,
                kinds=self.connection.kinds,
                options=self.options,
                throughput=self.connection.exchange.throughput(),
            )
        finally:
            self.connection.notify(ActivityEnded())

    def planned(
        self, made: Plan, state: State | None, account: Account, problems: tuple[Problem, ...]
    ) -> Planned:
        """The plan with what it was made from."""
        options, unmanaged_objects = self.options, None
        outputs: tuple[OutputChange, ...] = ()
        if options.undo is not None:
            made = undo.without_edit_notices(made)
        if options.unmanaged:
            prices = self.stack.prices
            unmanaged_objects = unmanaged.unmanaged(account, state, prices, made.records)
        if not (options.destroy or exit_codes.stops(made.problems)):
            kept = {} if state is None else state.outputs
            outputs = output_changes(made.outputs, kept, steps=bool(made.steps))
        return Planned(
            plan=replace(made, calls=replace(made.calls, read=account.calls)),
            account=account,
            stack=self.stack,
            at=self.connection.exchange.unix(),
            problems=(*problems, *self._problems_of(made)),
            tracked=() if state is None else tuple(state.entries),
            unmanaged=unmanaged_objects,
            outputs=outputs,
        )

    def _problems_of(self, made: Plan) -> Iterable[Problem]:
        """Problems of a plan that depend on its options."""
        if not self.options.first_passwords:
            yield from without_login(made, self.stack)
        if self.options.undo is not None:
            yield from undo.lost(made, self.options.undo, self.connection.kinds)


def _check_addresses(stack: Stack, state: State | None, options: PlanOptions) -> None:
    """Stops if `--replace` or `--unprotect` names an address that does not exist: a plan without it
    would hide a typing error.
    """
    known = {str(address) for address in stack.resources}
    known |= set() if state is None else set(state.entries)
    for name, addresses in (("--replace", options.replace), ("--unprotect", options.unprotect)):
        for unknown in sorted(addresses - known)[:1]:
            message = msg("{option}: {address} does not exist", option=name, address=unknown)
            hint = suggestions.hint_for(unknown, known)
            raise Abort(error("missing-reference", message, hint=hint))
