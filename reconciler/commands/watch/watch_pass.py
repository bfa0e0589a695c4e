"""One pass of `watch` over one stack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reconciler.commands import apply as applying
from reconciler.commands import plan as planning
from reconciler.commands import recover as recovering
from reconciler.commands import session
from reconciler.commands.context import (
    Applied,
    ConcurrentRun,
    Connection,
    Execution,
    Planned,
    Prompter,
    Run,
)
from reconciler.commands.project.gate_values import Gates
from reconciler.commands.watch import memory as notes
from reconciler.commands.watch import sight as sights
from reconciler.commands.watch.decide import decide
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes, ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, Severity, in_order
from reconciler.model.events import Event
from reconciler.model.resource import Stack
from reconciler.model.state import State
from reconciler.model.watching import Allowed, Health, Passed, Sight, WatchDecision
from reconciler.planner.checks.approval import GivenConsent
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.planner.saved_plan import Made, SavedOptions, SavedPlan


@dataclass(frozen=True, slots=True)
class Watched:
    """What a pass watches and how. `load` reads the files, `allowed` is what holds back a revert by
    the state, `concurrent` the run that is active now. `gates` are asked again before a
    revert is sent.
    """

    title: str
    load: Callable[[], Stack]
    store: ports.Store
    allowed: Callable[[State | None], Allowed]
    concurrent: Callable[[], ConcurrentRun | None]
    gates: Gates | None = None


def watch(
    watched: Watched, connection: Connection, run: Run, emit: Callable[[Event], None]
) -> Passed:
    """Reads the stack, settles what an earlier run left open, and does what `decide` says.

    What it finds is the result, also if the stack cannot be read. Stops only if the place of the
    state cannot be used.
    """
    exchange = connection.exchange
    sent, at = exchange.sent, exchange.unix()
    known = notes.kept(watched.store)
    work = _Pass(watched, connection, run, emit)
    sight, allowed = work.look(at), work.allowed
    decision = decide(sight, known, allowed)
    reverted: tuple[str, ...] = ()
    if decision.revert:
        decision, reverted = work.revert(decision, sight)
    else:
        notes.keep(watched.store, decision.memory)
    return Passed(
        watched.title,
        decision,
        drifted=tuple(row.address for row in sight.drift),
        reverted=reverted,
        problems=in_order(work.problems),
        calls=exchange.sent - sent,
        monthly=None if work.planned is None else work.planned.plan.cost.before,
    )


@dataclass(slots=True)
class _Pass:
    watched: Watched
    connection: Connection
    run: Run
    emit: Callable[[Event], None]
    stack: Stack | None = None
    planned: Planned | None = None
    allowed: Allowed = Allowed()
    problems: tuple[Problem, ...] = ()

    def look(self, at: float) -> Sight:
        """What the files, the state and the account show now."""
        watched = self.watched
        try:
            self.stack = watched.load()
            state = session.read_state(watched.store)
            self.allowed = watched.allowed(state)
            if state is not None and state.open and watched.concurrent() is None:
                self._settle(self.stack)
            self.planned = self._plan(PlanOptions(), self.connection)
        except Abort as stop:
            self.problems = stop.problems
            return sights.of_stop(stop, at)
        self.problems = (*self.planned.plan.problems, *self.planned.problems)
        return sights.of(self.planned, at)

    def _plan(self, options: PlanOptions, connection: Connection) -> Planned:
        assert self.stack is not None
        watched = self.watched
        return planning.plan(
            self.stack, connection, watched.store, options, watched.concurrent, watched.gates
        )

    def _settle(self, stack: Stack) -> None:
        """Records what is proved of requests that an earlier run left open."""
        asks = recovering.RecoveryPrompter(self.emit, lambda proposal: None, lambda proposal: False)
        recovering.recover(
            stack, self.connection, self.watched.store, recovering.Answers(), self.run, asks
        )

    def revert(
        self, decision: WatchDecision, sight: Sight
    ) -> tuple[WatchDecision, tuple[str, ...]]:
        """Reverts what was decided, if a plan of just that does nothing else. The memory is kept
        first: a revert that is cut off counts.
        """
        wanted = frozenset(decision.revert)
        options = PlanOptions(only=decision.revert)
        try:
            # read once more, not from what the stacks of this pass share
            planned = self._plan(options, replace(self.connection, pool=None))
        except Abort as stop:
            return self._failed(decision, stop), ()
        if planned.provisional is not None or not sights.is_revert(planned.plan, wanted):
            reason = msg("a plan of just this would do something else as well")
            left = dict.fromkeys(decision.revert, reason)
            # Counted although nothing was sent: the next pass must not try it at once again.
            notes.keep(self.watched.store, decision.memory)
            return replace(decision, revert=(), left={**decision.left, **left}), ()
        notes.keep(self.watched.store, decision.memory)
        if not sights.is_same(planned, sight, wanted):
            reason = msg("it changed once more; it is seen again")
            left = dict.fromkeys(decision.revert, reason)
            return replace(decision, revert=(), left={**decision.left, **left}), ()
        try:
            applied = self._apply(planned, options)
        except Abort as stop:
            return self._failed(decision, stop), ()
        if applied.exit_code == exit_codes.DONE:
            return decision, decision.revert
        reason = msg("a revert failed: exit code {code}", code=applied.exit_code)
        return replace(decision, health=Health.FAILED, reason=reason), ()

    def _apply(self, planned: Planned, options: PlanOptions) -> Applied:
        connection, holder = replace(self.connection, pool=None), self.run.holder
        saved = SavedPlan(
            planned.plan,
            account=connection.account,
            endpoint=connection.endpoint,
            simulated=connection.simulated,
            made=Made(int(planned.at), f"{holder.user}@{holder.host}"),
            options=SavedOptions.of(options),
        )
        prompter = Prompter(
            show=lambda planned, decision: None,
            ask=lambda planned, decision: False,
            emit=self.emit,
        )
        gates = self.watched.gates
        execution = Execution(self.run, GivenConsent(yes=True), prompter, gates)
        assert self.stack is not None
        return applying.apply_saved(self.stack, connection, self.watched.store, saved, execution)

    def _failed(self, decision: WatchDecision, stop: Abort) -> WatchDecision:
        """The decision after a revert that stopped. Nothing was sent."""
        self.problems = (*self.problems, *stop.problems)
        codes = {each.code for each in stop.problems if each.severity is Severity.ERROR}
        if codes <= {"plan-stale", "locked", "frozen", "window"}:
            return replace(
                decision, revert=(), reason=msg("it changed once more; it is seen again")
            )
        reason = msg("a revert failed: {reason}", reason=stop.problems[0].message)
        return replace(decision, health=Health.FAILED, reason=reason, revert=())
