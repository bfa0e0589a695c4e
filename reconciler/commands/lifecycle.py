"""The use cases, about one function each: what `plan`, `apply`, `destroy`, `drift`, `show` and
`output` mean.

They work on ports and know neither flags nor screens: what is shown, asked and told comes as
functions. A use case that cannot go on raises `Abort` with the problems to show and the exit code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from reconciler.commands import session
from reconciler.commands.context import (
    Applied,
    ConcurrentRun,
    Connection,
    Planned,
    Prompter,
    Run,
    _nobody,
)
from reconciler.commands.settle import Settler
from reconciler.common import suggestions
from reconciler.common.text import msg
from reconciler.model import exit_codes, ports
from reconciler.model.abort import Abort
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, Severity, error
from reconciler.model.events import Event, ProblemFound, Summary
from reconciler.model.plan import Action, Plan, unstated
from reconciler.model.resource import Account, Stack
from reconciler.model.resource_type import ResourceType
from reconciler.model.state import Entry, Phase, State, is_stale
from reconciler.planner import saved_plan
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Approval, GivenConsent
from reconciler.planner.checks.login_check import without_login
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.planner.estimate import cost as costs
from reconciler.planner.estimate import unmanaged
from reconciler.planner.saved_plan import SavedPlan
from reconciler.planner.steps.outputs import output_changes
from reconciler.recovery import evidence, undo


def plan(
    stack: Stack,
    connection: Connection,
    store: ports.StateReader,
    options: PlanOptions,
    beside: Callable[[], ConcurrentRun | None] = _nobody,
) -> Planned:
    """Reads the account and says what an apply would do. Changes nothing and takes no lock.

    `beside` says who works on the stack now: what that run has under way is no doubt, and the plan
    is provisional (safety#one-writer).
    """
    running = beside()
    state, told = session.own_state(stack, store, options, connection.endpoint)
    running = running or beside()  # it may have begun just before the state was read
    options = replace(options, elsewhere=session.elsewhere(store))
    if running is not None:
        options = replace(options, running=running.run)
    found = _plan(stack, state, connection, options, told=told)
    return found if running is None else replace(found, provisional=running.said)


def drift(
    stack: Stack,
    connection: Connection,
    store: ports.StateReader,
    beside: Callable[[], ConcurrentRun | None] = _nobody,
) -> Planned:
    """What somebody else changed: the plan's drift alone, never a change that the file asks for."""
    found = plan(stack, connection, store, PlanOptions(), beside)
    errors = (
        p
        for p in found.plan.problems
        if p.severity is Severity.ERROR or p.code in exit_codes.SAID_FIRST
    )
    kept = tuple(
        problem for problem in errors if problem.code not in exit_codes.OF_WHAT_THE_FILE_ASKS
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
        eta_seconds=None,
    )
    return replace(found, plan=shown, outputs=())


_AT_ONCE = frozenset(
    {exit_codes.INTERRUPTED, exit_codes.NOT_RECORDED, exit_codes.ACCOUNT, exit_codes.LOCKED}
)
"""Exit codes after which a run ends at once: nothing more is looked at or sent."""


def apply(
    stack: Stack,
    connection: Connection,
    store: ports.Store,
    options: PlanOptions,
    given: GivenConsent,
    run: Run,
    talk: Prompter,
) -> Applied:
    """Plans under the lock, shows the plan, asks, and does it. Also `destroy`, where the options
    say so.
    """
    # before the lock, which makes the folder
    _, told = session.own_state(stack, store, options, connection.endpoint)
    options = replace(options, elsewhere=session.elsewhere(store))
    with _writing(store, stack, run) as writer:
        writer.belong(account=connection.account, endpoint=connection.endpoint)
        settling = Settler(connection, writer, run.id)
        planned = _plan(stack, writer.state, connection, options, settling, told=told)
        applied = decide_and_do(planned, connection, writer, given, run, talk)
        # What an earlier run left open and may still come is waited for last, when everything else
        # is done (safety#settling).
        while (
            run.wait
            and applied.exit_code not in _AT_ONCE
            and settling.wait(run.interrupts, talk.emit)
        ):
            planned = _plan(stack, writer.state, connection, options, settling)
            applied = decide_and_do(planned, connection, writer, given, run, talk)
        if not settling.interrupted:
            return applied
        from reconciler.executor.exposed import interruption

        talk.emit(ProblemFound(interruption(writer.state, ())))
        return replace(applied, exit_code=exit_codes.INTERRUPTED)


def apply_saved(
    stack: Stack,
    connection: Connection,
    store: ports.Store,
    plan: SavedPlan,
    given: GivenConsent,
    run: Run,
    talk: Prompter,
) -> Applied:
    """Does exactly a saved plan, or refuses it whole where anything would now be done otherwise."""
    _check_origin(plan, connection)
    options = replace(
        plan.plan_options,
        first_passwords=run.keep is not None,
        elsewhere=session.elsewhere(store),
    )
    _, told = session.own_state(stack, store, options, connection.endpoint)
    with _writing(store, stack, run) as writer:
        writer.belong(account=connection.account, endpoint=connection.endpoint)
        planned = _plan(
            stack,
            writer.state,
            connection,
            options,
            Settler(connection, writer, run.id),
            told=told,
        )
        found = saved_plan.differences(plan, planned.plan)
        if found:
            hint = msg(
                "run `plan` again: applying this file would no longer do what was reviewed\n"
                "{differences}",
                differences="\n".join(found),
            )
            message = msg("the saved plan is stale: something changed since it was created")
            raise Abort(error("plan-stale", message, hint=hint))
        return decide_and_do(planned, connection, writer, given, run, talk)


def entry_of(state: State | None, address: Address) -> Entry:
    """What the state keeps of an address. Stops where it keeps nothing."""
    entries = {} if state is None else state.entries
    found = entries.get(str(address))
    if found is None:
        asked = state is not None and any(
            intent.address == str(address) for intent, _ in state.open.values()
        )
        hint = (
            msg("a request for it is open: `reconciler recover` shows it")
            if asked
            else suggestions.hint_for(str(address), entries)
        )
        message = msg("{address} is not in the state", address=address)
        raise Abort(error("missing-reference", message, hint=hint))
    return found


def outputs(state: State | None, name: str | None) -> Mapping[str, tuple[Any, str | None]]:
    """The outputs of the last apply: all, or the one named. Stops where there is none of that name."""
    kept = {} if state is None else state.outputs
    if name is None:
        return dict(sorted(kept.items()))
    if name not in kept:
        hint = (
            suggestions.hint_for(name, kept)
            if kept
            else msg("outputs are computed at the end of an apply")
        )
        raise Abort(error("output", msg("the output {name} does not exist", name=name), hint=hint))
    return {name: kept[name]}


def check_recordable(planned: Planned) -> None:
    """Stops where a plan may not be saved: it has errors, or was made beside a running apply."""
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


def _writing(store: ports.Store, stack: Stack, run: Run) -> session.Writing:
    return session.Writing(
        store,
        run.holder,
        timeout_seconds=run.lock_timeout_seconds,
        stack=stack.name,
        environment=stack.environment,
    )


def _plan(
    stack: Stack,
    state: State | None,
    connection: Connection,
    options: PlanOptions,
    settling: Settler | None = None,
    *,
    told: tuple[Problem, ...] = (),
) -> Planned:
    from reconciler.planner.compare.refresh_scope import refresh_scope

    _check_addresses(stack, state, options)
    settling, begun = settling or Settler(connection), connection.exchange.unix()
    account, beside = _read(stack, state, connection, options)
    if state is not None:
        before, observed = state, evidence.Observation(account, begun)
        state, settled = settling.settle(state, observed, options, _wanted(stack, options))
        if settled is not options:
            read = refresh_scope(stack, before, options)
            options = settled
            # What was settled asks for lists that were not read.
            if replace(refresh_scope(stack, state, options), whole=read.whole) != read:
                account, beside = _read(stack, state, connection, options)
    made = _make(stack, state, account, connection, options)
    if account.cached and any(problem.code in _ABOUT_THE_CATALOGUE for problem in made.problems):
        # once: what the kept lists do not show may be new
        account = session.read_again(connection, account)
        made = _make(stack, state, account, connection, options)
    made = made if options.undo is None else undo.without_edit_notices(made)
    return Planned(
        plan=replace(made, calls=replace(made.calls, read=account.calls)),
        account=account,
        stack=stack,
        at=connection.exchange.unix(),
        problems=(*told, *beside, *_told_of(made, stack, options, connection.kinds)),
        tracked=() if state is None else tuple(state.entries),
        unmanaged=unmanaged.unmanaged(account, state, stack.prices, made.records)
        if options.unmanaged
        else None,
        outputs=()
        if options.destroy or exit_codes.stops(made.problems)
        else output_changes(
            made.outputs, {} if state is None else state.outputs, steps=bool(made.steps)
        ),
    )


def _make(
    stack: Stack,
    state: State | None,
    account: Account,
    connection: Connection,
    options: PlanOptions,
) -> Plan:
    # Imported late, so that the first request goes out sooner.
    from reconciler.planner import planner

    return planner.make(
        stack=stack,
        state=state,
        account=account,
        kinds=connection.kinds,
        options=options,
        pace=connection.exchange.pace(),
    )


_ABOUT_THE_CATALOGUE = frozenset({"lookup", "not-offered", "out-of-bounds"})
"""Codes of problems that a newer catalogue may not have."""


def _read(
    stack: Stack, state: State | None, connection: Connection, options: PlanOptions
) -> tuple[Account, tuple[Problem, ...]]:
    """What a plan needs of the account, and what there is to tell of whose it is."""
    from reconciler.planner.compare.refresh_scope import refresh_scope

    account = session.read_account(connection, refresh_scope(stack, state, options), cached=True)
    return account, tuple(session.account_problems(state, account, connection))


def _wanted(stack: Stack, options: PlanOptions) -> frozenset[str]:
    """The addresses where an object is to be at the end."""
    return (
        frozenset() if options.destroy else frozenset(str(address) for address in stack.resources)
    )


def _told_of(
    made: Plan, stack: Stack, options: PlanOptions, kinds: Mapping[str, ResourceType]
) -> Iterable[Problem]:
    """What there is to tell of a plan for how it was asked for."""
    if not options.first_passwords:
        yield from without_login(made, stack)
    if options.undo is not None:
        yield from undo.lost(made, options.undo, kinds)


def _check_addresses(stack: Stack, state: State | None, options: PlanOptions) -> None:
    """Stops where `--replace` or `--unprotect` names what is not there: a typing error must not
    pass as a plan without it.
    """
    known = {str(address) for address in stack.resources} | (
        set() if state is None else set(state.entries)
    )
    for name, addresses in (("--replace", options.replace), ("--unprotect", options.unprotect)):
        unknown = sorted(addresses - known)
        if unknown:
            raise Abort(
                error(
                    "missing-reference",
                    msg("{option}: {address} does not exist", option=name, address=unknown[0]),
                    hint=suggestions.hint_for(unknown[0], known),
                )
            )


def decide_and_do(
    planned: Planned,
    connection: Connection,
    writer: ports.StateWriter,
    given: GivenConsent,
    run: Run,
    talk: Prompter,
) -> Applied:
    """Shows a plan, asks where it has to be asked, and does it. Stops where it may not be done."""
    made = planned.plan
    decision = approval.decide(
        made, given, tracked=planned.tracked, empty_file=not planned.stack.resources
    )
    talk.show(planned, decision)
    if exit_codes.stops((*made.problems, *planned.problems)):
        return Applied(planned, planned.exit_code)
    if not planned.has_changes and (made.records or is_stale(writer.state.outputs)):
        # what only the state has to learn asks for nothing
        return _do(planned, connection, writer, run, talk)
    if not planned.has_changes or _is_held_back(planned):
        if not writer.state.is_empty:
            # what was settled, and the key that it was seen with
            writer.commit(account=connection.account, endpoint=connection.endpoint)
        return Applied(planned, planned.exit_code, outputs=writer.state.outputs)
    if decision.verdict is Approval.ASK:
        decision = approval.answer(decision, made.title, talk.ask(planned, decision))
    if decision.verdict is not Approval.GO:
        raise Abort(
            *((decision.problem,) if decision.problem else ()), exit_code=exit_codes.REFUSED
        )
    return _do(planned, connection, writer, run, talk)


def _is_held_back(planned: Planned) -> bool:
    """Whether all there would be to do waits for a decision or is blocked: then there is nothing to
    ask.
    """
    plan = planned.plan
    actions = {change.action for change in plan.changes} - {Action.NONE}
    return (
        not (plan.steps or plan.records or planned.outputs)
        and bool(actions)
        and actions <= {Action.DECIDE, Action.BLOCKED}
    )


def _do(
    planned: Planned, connection: Connection, writer: ports.StateWriter, run: Run, talk: Prompter
) -> Applied:
    from reconciler import executor as applying

    summaries: list[Summary] = []

    def emit(event: Event) -> None:
        if isinstance(event, Summary):
            code = exit_codes.worst((event.exit_code, planned.exit_code))
            for problem in exit_codes.held_back(planned.plan.problems):
                # once more at the end: it is why the run ends as it does
                talk.emit(ProblemFound(problem))
            incomplete = event.failed or event.skipped or event.unknown
            # otherwise everything is held back
            again = bool(incomplete) or code not in (exit_codes.DONE, exit_codes.REFUSED)
            event = replace(event, exit_code=code, next=run.again if again else None)
            summaries.append(event)
        talk.emit(event)

    inputs = applying.RunInputs(
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
    with run.interrupts:
        result = applying.run(inputs)
    if connection.cache is not None:
        connection.cache.learn(result.durations)
    return Applied(
        planned,
        exit_codes.worst((result.exit_code, planned.exit_code)),
        summaries[-1],
        result.outputs,
        result,
    )


def _tracked(writer: ports.StateWriter) -> Callable[[str], frozenset[str]]:
    """What a list must show to be believed: the ids of its kind that the state holds now, those
    under a delete apart.
    """

    def ids(what: str) -> frozenset[str]:
        entries = writer.state.entries.values() if ":" not in what else ()
        return frozenset(
            entry.id
            for entry in entries
            if entry.kind == what and entry.phase is not Phase.DELETING
        )

    return ids


def _check_origin(plan: SavedPlan, connection: Connection) -> None:
    if (plan.endpoint, plan.simulated) != (connection.endpoint, connection.simulated):
        message = msg(
            "the plan was created for {planned_endpoint}{simulated}, but the current "
            "endpoint is {endpoint}",
            planned_endpoint=plan.endpoint,
            simulated=" (simulated)" if plan.simulated else "",
            endpoint=connection.endpoint,
        )
        hint = msg("apply it with the endpoint it was created for, or create a new plan")
        raise Abort(error("plan-stale", message, hint=hint))
    if plan.account != connection.account:
        message = msg(
            "the plan was created with a different key than ..{key_suffix}",
            key_suffix=connection.key_suffix,
        )
        hint = msg("apply it with the key it was created with, or create a new plan")
        raise Abort(error("plan-stale", message, hint=hint))
