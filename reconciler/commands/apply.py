"""Applying: plan under the lock, show, ask, and carry out (`apply`, `destroy`, `apply --plan`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reconciler.commands import session
from reconciler.commands.context import Applied, Connection, Execution, Planned
from reconciler.commands.plan import make_plan
from reconciler.commands.project.gate_values import NO_GATES
from reconciler.commands.project.gates import (
    judged,
    of_freeze,
    record_override,
    refusals,
    refusals_since,
)
from reconciler.commands.settle import Settler
from reconciler.common.text import joined, msg
from reconciler.model import exit_codes, ports
from reconciler.model.abort import Abort, Cancelled
from reconciler.model.diagnostics import error
from reconciler.model.events import Event, ProblemFound, RunStarted, Summary
from reconciler.model.resource import Stack
from reconciler.model.state import Phase, is_stale
from reconciler.planner import saved_plan
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Approval
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.planner.estimate.forecast import forecast
from reconciler.planner.saved_plan import SavedPlan

_AT_ONCE = frozenset(
    {exit_codes.INTERRUPTED, exit_codes.NOT_RECORDED, exit_codes.ACCOUNT, exit_codes.LOCKED}
)
"""Exit codes after which a run ends at once: nothing more is read or sent."""


def apply(
    stack: Stack,
    connection: Connection,
    store: ports.Store,
    options: PlanOptions,
    execution: Execution,
) -> Applied:
    """Plans under the lock, shows the plan, asks, and carries it out. Destroys if the options say
    so.
    """
    run, emit = execution.run, execution.prompter.emit
    gates = execution.gates or NO_GATES
    # Before the lock, which creates the folder.
    _, notices = session.own_state(stack, store, options, connection.endpoint)
    options = replace(options, elsewhere=session.elsewhere(store))
    with session.writing(store, stack, run, connection.notify) as writer:
        session.require_same_name(stack, store, writer.state, options, connection.endpoint)
        writer.belong(account=connection.account, endpoint=connection.endpoint)
        settler = Settler(connection, writer, run.id)
        planned = make_plan(stack, writer.state, connection, options, settler, notices=notices)
        while run.wait and _is_premature(planned) and settler.wait(run.interrupts, emit):
            planned = make_plan(stack, writer.state, connection, options, settler, notices=notices)
        applied = carry_out(planned, connection, writer, execution)
        # What an earlier run left open, and may still take effect, is waited for after everything
        # else (safety#settling).
        while run.wait and applied.exit_code not in _AT_ONCE and settler.wait(run.interrupts, emit):
            if applied.planned.plan.steps and applied.result is not None:
                execution = replace(execution, gates=gates.begun())
            planned = make_plan(stack, writer.state, connection, options, settler)
            try:
                applied = carry_out(planned, connection, writer, execution)
            except Cancelled:
                raise Cancelled(msg("Cancelled. Nothing more was changed.")) from None
        if not settler.interrupted:
            return applied
        from reconciler.executor.exposed import interruption

        emit(ProblemFound(interruption(writer.state, ())))
        return replace(applied, exit_code=exit_codes.INTERRUPTED)


def _is_premature(planned: Planned) -> bool:
    """Whether the guard refuses a step, perhaps only because a rule whose create may still take
    effect counts as missing: consent for it would be asked in vain.
    """
    codes = {problem.code for problem in planned.plan.problems}
    return {"lockout", "open-intent"} <= codes


def apply_saved(
    stack: Stack,
    connection: Connection,
    store: ports.Store,
    plan: SavedPlan,
    execution: Execution,
) -> Applied:
    """Carries out exactly a saved plan, or refuses it if anything would now be different."""
    _check_origin(plan, connection)
    run, gates = execution.run, execution.gates or NO_GATES
    options = replace(
        plan.plan_options,
        first_passwords=run.keep is not None,
        elsewhere=session.elsewhere(store),
    )
    _, notices = session.own_state(stack, store, options, connection.endpoint)
    with session.writing(store, stack, run, connection.notify) as writer:
        session.require_same_name(stack, store, writer.state, options, connection.endpoint)
        writer.belong(account=connection.account, endpoint=connection.endpoint)
        settler = Settler(connection, writer, run.id)
        frozen = writer.state.frozen
        if frozen is not None and plan.plan.steps and gates.override is None:
            # A freeze has changed the state, but that is not the reason to name.
            raise Abort(of_freeze(stack.title, frozen))
        planned = make_plan(stack, writer.state, connection, options, settler, notices=notices)
        found = saved_plan.differences(plan, planned.plan)
        if found:
            hint = msg(
                "run `plan` again: applying this file would no longer do what was reviewed\n"
                "{differences}",
                differences=joined("\n", found),
            )
            message = msg("the saved plan is stale: something changed since it was created")
            raise Abort(error("plan-stale", message, hint=hint))
        return carry_out(planned, connection, writer, execution)


def carry_out(
    planned: Planned, connection: Connection, writer: ports.StateWriter, execution: Execution
) -> Applied:
    """Shows a plan, asks if necessary, and carries it out. Stops if that is not allowed, or the
    lock was lost meanwhile. The gates are asked before the question, and again after it.
    """
    writer.check()
    gates, unjudged = execution.gates or NO_GATES, planned
    planned = judged(unjudged, writer.state, gates)
    made, prompter = planned.plan, execution.prompter
    decision = approval.decide(
        made, execution.given, tracked=planned.tracked, empty_file=not planned.stack.resources
    )
    prompter.show(planned, decision)
    if exit_codes.stops((*made.problems, *planned.problems)):
        return Applied(planned, planned.exit_code)
    if refused := refusals(planned, gates):
        raise Abort(*refused)
    only_records = made.records or is_stale(writer.state.outputs)
    if not planned.has_changes and only_records:
        # Changes of the state alone need no consent.
        return _execute(planned, connection, writer, execution)
    # If everything waits for a decision or is blocked, there is nothing to ask.
    if not planned.has_changes or (made.is_held_back and not planned.outputs):
        if not writer.state.is_empty:
            # What was settled, and the key that could see it.
            writer.commit(account=connection.account, endpoint=connection.endpoint)
        return Applied(planned, planned.exit_code, outputs=writer.state.outputs)
    if decision.verdict is Approval.ASK:
        if not prompter.ask(planned, decision):
            raise Cancelled(msg("Cancelled. Nothing was changed."))
    elif decision.verdict is not Approval.GO:
        problems = (decision.problem,) if decision.problem else ()
        raise Abort(*problems, exit_code=exit_codes.REFUSED)
    if refused := refusals_since(planned, judged(unjudged, writer.state, gates), gates):
        raise Abort(*refused)
    if made.steps:
        record_override(writer, gates, execution.run.id)
    return _execute(planned, connection, writer, execution)


def _execute(
    planned: Planned, connection: Connection, writer: ports.StateWriter, execution: Execution
) -> Applied:
    from reconciler import executor

    run, summaries = execution.run, list[Summary]()

    def emit(event: Event) -> None:
        if isinstance(event, Summary):
            event = _summary(event, planned, run.again, execution.prompter.emit)
            summaries.append(event)
        execution.prompter.emit(event)

    inputs = executor.RunInputs(
        plan=planned.plan,
        stack=planned.stack,
        account=planned.account,
        kinds=connection.kinds,
        writer=writer,
        client=connection.exchange,
        reads=connection.reads(_tracked(writer)),
        emit=emit,
        run_id=run.id,
        nonce=run.nonce,
        interrupted=run.interrupts,
        time_scale=connection.time_scale,
        account_digest=connection.account,
        endpoint=connection.endpoint,
        keep=run.keep,
    )
    execution.prompter.emit(_started(planned, connection, writer))
    try:
        with run.interrupts:
            result = executor.run(inputs)
    finally:
        if connection.pool is not None:
            from reconciler.commands.project import shared_reading

            shared_reading.touched(connection.pool, planned.plan.steps)
    if connection.cache is not None:
        connection.cache.learn(result.durations)
    exit_code = exit_codes.worst((result.exit_code, planned.exit_code))
    return Applied(planned, exit_code, summaries[-1], result.outputs, result)


def _started(planned: Planned, connection: Connection, writer: ports.StateWriter) -> RunStarted:
    """The begin of a run, with when each step is expected to end: the time since the plan was made,
    and the calls sent since, are taken into account.
    """
    entries = writer.state.entries
    found = forecast(
        planned.plan.steps,
        planned.account,
        connection.kinds,
        state=writer.state,
        throughput=connection.exchange.throughput(),
        id_of=lambda address: entries[str(address)].id if str(address) in entries else None,
    )
    return RunStarted() if found is None else RunStarted(found.ends)


def _summary(
    event: Summary, planned: Planned, again: str, emit: Callable[[Event], None]
) -> Summary:
    """The summary with the exit code of the plan as well, and the command that would continue. What
    the plan held back is reported once more: it is the reason for the exit code.
    """
    code = exit_codes.worst((event.exit_code, planned.exit_code))
    for problem in exit_codes.held_back(planned.plan.problems):
        emit(ProblemFound(problem))
    incomplete = bool(event.failed or event.skipped or event.unknown)
    continues = incomplete or code not in (exit_codes.DONE, exit_codes.REFUSED)
    return replace(event, exit_code=code, next=again if continues else None)


def _tracked(writer: ports.StateWriter) -> Callable[[str], frozenset[str]]:
    """The ids that a list must show: those of its kind in the state, except those being deleted."""

    def ids(what: str) -> frozenset[str]:
        return frozenset(
            entry.id
            for entry in (writer.state.entries.values() if ":" not in what else ())
            if entry.kind == what and entry.phase is not Phase.DELETING
        )

    return ids


def _check_origin(plan: SavedPlan, connection: Connection) -> None:
    if (plan.endpoint, plan.simulated) != (connection.endpoint, connection.simulated):
        message = msg(
            "the plan was created for {planned_endpoint}{simulated}, but the current "
            "endpoint is {endpoint}",
            planned_endpoint=plan.endpoint,
            simulated=msg(" (simulated)") if plan.simulated else "",
            endpoint=connection.endpoint,
        )
        hint = msg("apply it with the endpoint it was created for, or create a new plan")
    elif plan.account != connection.account:
        message = msg(
            "the plan was created with a different key than ..{key_suffix}",
            key_suffix=connection.key_suffix,
        )
        hint = msg("apply it with the key it was created with, or create a new plan")
    else:
        return
    raise Abort(error("plan-stale", message, hint=hint))
