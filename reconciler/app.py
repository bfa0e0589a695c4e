"""The use cases, about one function each: what `plan`, `apply`, `destroy`, `drift`, `show` and `output` mean.

They work on ports and know neither flags nor screens: what is shown, asked and told comes as functions. A use case that cannot go on
raises `Stop` with the problems to show and the exit code.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from reconciler import opening, ports
from reconciler.core import consent, evidence, exits, names, saved, undo, unmanaged
from reconciler.core import cost as costs
from reconciler.core.address import Address
from reconciler.core.changes import Action, Plan, unstated
from reconciler.core.consent import Decision, Given, Verdict
from reconciler.core.dataclass import dataclass
from reconciler.core.events import Event, ProblemFound, Summary
from reconciler.core.kind import Kind
from reconciler.core.logins import without_login
from reconciler.core.model import Account, Stack
from reconciler.core.output_changes import OutputChange, output_changes
from reconciler.core.outputs import is_stale
from reconciler.core.problems import Problem, Severity, error
from reconciler.core.saved import SavedPlan
from reconciler.core.state import Entry, Phase, State
from reconciler.core.survey import PlanOptions
from reconciler.core.unmanaged import Unmanaged
from reconciler.settling import Settling
from reconciler.stop import Stop

if TYPE_CHECKING:
    from reconciler.apply import Result
    from reconciler.apply.passwords import Keeper


@dataclass(frozen=True, slots=True)
class Connection:
    """The account as one run sees it. `account` is the digest of its key, `key_suffix` the end that a screen may show.

    `reads` makes the readings of a run from what tells the ids that a list must show. `cache` is what is kept of the account between
    runs, None where nothing is (`--no-cache`). `tell` takes a line about a reading that has to wait.
    """

    exchange: ports.Exchange
    reads: Callable[[Callable[[str], frozenset[str]]], ports.Reads]
    kinds: Mapping[str, Kind]
    account: str
    key_suffix: str
    endpoint: str
    simulated: bool = False
    time_scale: float = 1.0
    cache: ports.AccountCache | None = None
    tell: Callable[[str], None] = lambda line: None


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what it was made from. `problems` are those beside the plan's own; `tracked` the addresses that the state holds.

    `unmanaged` are the objects that are not this stack's, where they were asked for.
    """

    plan: Plan
    account: Account
    stack: Stack
    at: float
    problems: tuple[Problem, ...] = ()
    tracked: Collection[str] = ()
    outputs: tuple[OutputChange, ...] = ()
    provisional: str | None = None
    unmanaged: tuple[Unmanaged, ...] | None = None

    @property
    def has_changes(self) -> bool:
        """Whether an apply would change anything that the user would call so: outputs alone are enough."""
        return not self.plan.is_empty or bool(self.outputs)

    @property
    def exit_code(self) -> int:
        """What a command that only shows this plan ends with, changes aside: blocked 4, to decide 3, mistakes 1, else 0."""
        actions = {change.action for change in self.plan.changes}
        codes = [exits.of_problems((*self.plan.problems, *self.problems))]
        codes += [exits.DECIDE] if Action.DECIDE in actions else []
        codes += [exits.REFUSED] if Action.BLOCKED in actions else []
        return exits.worst(codes)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a use case says and asks. `ask` gives the typed text, None where the input ended."""

    show: Callable[[Planned, Decision], None]
    ask: Callable[[Planned, Decision], str | None]
    emit: Callable[[Event], None]


class Interrupts(Protocol):
    """Takes the signals of the process while its block lasts; called, it says whether an end was asked for."""

    def __enter__(self) -> object: ...

    def __exit__(self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None) -> None: ...

    def __call__(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Run:
    """How a run is done. `again` is the command that would go on; `nonce` gives a new marker for each create.

    `interrupts` is entered while the plan is being done, and then says whether an end was asked for. `wait`: what an earlier run left open
    is waited for until it can be settled; else the run ends with exit 3. `keep` takes the first passwords of new servers.
    """

    id: str
    holder: ports.Holder
    nonce: Callable[[], str]
    interrupts: Interrupts
    again: str
    lock_timeout_seconds: float = 0.0
    wait: bool = True
    keep: Keeper | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """The end of an apply: the plan and what became of it. `summary` is None where there was nothing to do."""

    planned: Planned
    exit_code: int
    summary: Summary | None = None
    outputs: Mapping[str, tuple[Any, str | None]] = field(default_factory=dict)
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """A run that works on the stack now: `said` tells who, `run` is its name in the records where that is known."""

    said: str
    run: str | None = None


def _nobody() -> Beside | None:
    return None


def plan(
    stack: Stack,
    connection: Connection,
    store: ports.StateReader,
    options: PlanOptions,
    beside: Callable[[], Beside | None] = _nobody,
) -> Planned:
    """Reads the account and says what an apply would do. Changes nothing and takes no lock.

    `beside` says who works on the stack now: what that run has under way is no doubt, and the plan is provisional (SPEC 5, one writer).
    """
    running = beside()
    state, told = opening.own_state(stack, store, options, connection.endpoint)
    running = running or beside()  # it may have begun just before the state was read
    options = replace(options, elsewhere=opening.elsewhere(store))
    if running is not None:
        options = replace(options, running=running.run)
    found = _plan(stack, state, connection, options, told=told)
    return found if running is None else replace(found, provisional=running.said)


def drift(stack: Stack, connection: Connection, store: ports.StateReader, beside: Callable[[], Beside | None] = _nobody) -> Planned:
    """What somebody else changed: the plan's drift alone, never a change that the file asks for."""
    found = plan(stack, connection, store, PlanOptions(), beside)
    errors = (p for p in found.plan.problems if p.severity is Severity.ERROR or p.code in exits.SAID_FIRST)
    kept = tuple(problem for problem in errors if problem.code not in exits.OF_WHAT_THE_FILE_ASKS)
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


_AT_ONCE = frozenset({exits.INTERRUPTED, exits.NOT_RECORDED, exits.ACCOUNT, exits.LOCKED})
"""Exit codes after which a run ends at once: nothing more is looked at or sent."""


def apply(
    stack: Stack, connection: Connection, store: ports.Store, options: PlanOptions, given: Given, run: Run, talk: Conversation
) -> Applied:
    """Plans under the lock, shows the plan, asks, and does it. Also `destroy`, where the options say so."""
    _, told = opening.own_state(stack, store, options, connection.endpoint)  # before the lock, which makes the folder
    options = replace(options, elsewhere=opening.elsewhere(store))
    with _writing(store, stack, run) as writer:
        writer.belong(account=connection.account, endpoint=connection.endpoint)
        settling = Settling(connection, writer, run.id)
        planned = _plan(stack, writer.state, connection, options, settling, told=told)
        applied = decide_and_do(planned, connection, writer, given, run, talk)
        # What an earlier run left open and may still come is waited for last, when everything else is done (SPEC 5, settling).
        while run.wait and applied.exit_code not in _AT_ONCE and settling.wait(run.interrupts, talk.emit):
            planned = _plan(stack, writer.state, connection, options, settling)
            applied = decide_and_do(planned, connection, writer, given, run, talk)
        if not settling.interrupted:
            return applied
        from reconciler.apply.settle import interruption

        talk.emit(ProblemFound(interruption(writer.state, ())))
        return replace(applied, exit_code=exits.INTERRUPTED)


def apply_saved(
    stack: Stack, connection: Connection, store: ports.Store, plan: SavedPlan, given: Given, run: Run, talk: Conversation
) -> Applied:
    """Does exactly a saved plan, or refuses it whole where anything would now be done otherwise."""
    _check_origin(plan, connection)
    options = replace(saved.options_of(plan), first_passwords=run.keep is not None, elsewhere=opening.elsewhere(store))
    _, told = opening.own_state(stack, store, options, connection.endpoint)
    with _writing(store, stack, run) as writer:
        writer.belong(account=connection.account, endpoint=connection.endpoint)
        planned = _plan(stack, writer.state, connection, options, Settling(connection, writer, run.id), told=told)
        found = saved.differences(plan, planned.plan)
        if found:
            hint = "Make a new plan: what was reviewed is not what would be done.\n" + "\n".join(found)
            raise Stop(error("plan-stale", "the saved plan is refused: not all is as it was when it was made", hint=hint))
        return decide_and_do(planned, connection, writer, given, run, talk)


def entry_of(state: State | None, address: Address) -> Entry:
    """What the state keeps of an address. Stops where it keeps nothing."""
    entries = {} if state is None else state.entries
    found = entries.get(str(address))
    if found is None:
        asked = state is not None and any(intent.address == str(address) for intent, _ in state.open.values())
        hint = "a request for it is open: `reconciler recover` shows it" if asked else names.hint_for(str(address), entries)
        raise Stop(error("missing-reference", f"the state holds no {address}", hint=hint))
    return found


def outputs(state: State | None, name: str | None) -> Mapping[str, tuple[Any, str | None]]:
    """The outputs of the last apply: all, or the one named. Stops where there is none of that name."""
    kept = {} if state is None else state.outputs
    if name is None:
        return dict(sorted(kept.items()))
    if name not in kept:
        hint = names.hint_for(name, kept) if kept else "outputs are computed at the end of an apply"
        raise Stop(error("output", f"there is no output {name}", hint=hint))
    return {name: kept[name]}


def check_recordable(planned: Planned) -> None:
    """Stops where a plan may not be saved: it has errors, or was made beside a running apply."""
    if exits.stops(planned.plan.problems):
        raise Stop(error("usage", "a plan with errors is not saved"), exit_code=exits.of_problems(planned.plan.problems))
    if planned.provisional is not None:
        message = f"a plan made beside a running apply is provisional and is not saved: {planned.provisional}"
        raise Stop(error("locked", message, hint="plan again when that run has ended"))


def _writing(store: ports.Store, stack: Stack, run: Run) -> opening.Writing:
    return opening.Writing(store, run.holder, timeout_seconds=run.lock_timeout_seconds, stack=stack.name, environment=stack.environment)


def _plan(
    stack: Stack,
    state: State | None,
    connection: Connection,
    options: PlanOptions,
    settling: Settling | None = None,
    *,
    told: tuple[Problem, ...] = (),
) -> Planned:
    from reconciler.core.needs import needs

    _check_addresses(stack, state, options)
    settling, begun = settling or Settling(connection), connection.exchange.unix()
    account, beside = _read(stack, state, connection, options)
    if state is not None and _is_unsettled(state):
        before = needs(stack, state, options)
        state, options = settling.settle(state, evidence.Observation(account, begun), options, _wanted(stack, options))
        if replace(needs(stack, state, options), whole=before.whole) != before:  # what was settled asks for lists that were not read
            account, beside = _read(stack, state, connection, options)
    from reconciler.core import plan as planning  # late, so that the first request goes out sooner

    made = planning.make(
        stack=stack, state=state, account=account, kinds=connection.kinds, options=options, pace=connection.exchange.pace()
    )
    if account.cached and any(problem.code in _ABOUT_THE_CATALOGUE for problem in made.problems):
        account = opening.read_again(connection, account)  # once: what the kept lists do not show may be new
        made = planning.make(
            stack=stack, state=state, account=account, kinds=connection.kinds, options=options, pace=connection.exchange.pace()
        )
    made = made if options.undo is None else undo.read(made)
    return Planned(
        plan=replace(made, calls=replace(made.calls, read=account.calls)),
        account=account,
        stack=stack,
        at=connection.exchange.unix(),
        problems=(*told, *beside, *_told_of(made, stack, options, connection.kinds)),
        tracked=() if state is None else tuple(state.entries),
        unmanaged=unmanaged.unmanaged(account, state, stack.prices, made.records) if options.unmanaged else None,
        outputs=()
        if options.destroy or exits.stops(made.problems)
        else output_changes(made.outputs, {} if state is None else state.outputs, steps=bool(made.steps)),
    )


_ABOUT_THE_CATALOGUE = frozenset({"lookup", "not-offered", "out-of-bounds"})
"""Codes of problems that a newer catalogue may not have."""


def _read(stack: Stack, state: State | None, connection: Connection, options: PlanOptions) -> tuple[Account, tuple[Problem, ...]]:
    """What a plan needs of the account, and what there is to tell of whose it is."""
    from reconciler.core.needs import needs

    account = opening.read_account(connection, needs(stack, state, options), cached=True)
    return account, tuple(opening.account_problems(state, account, connection))


def _is_unsettled(state: State) -> bool:
    """Whether an earlier run left something open, or something of which it is not yet proved that it is there, or gone."""
    phases = [entry.phase for entry in state.entries.values()] + [old.phase for old in state.deposed.values()]
    return bool(state.open) or any(phase is not Phase.READY for phase in phases)


def _wanted(stack: Stack, options: PlanOptions) -> frozenset[str]:
    """The addresses where an object is to be at the end."""
    return frozenset() if options.destroy else frozenset(str(address) for address in stack.resources)


def _told_of(made: Plan, stack: Stack, options: PlanOptions, kinds: Mapping[str, Kind]) -> Iterable[Problem]:
    """What there is to tell of a plan for how it was asked for."""
    if not options.first_passwords:
        yield from without_login(made, stack)
    if options.undo is not None:
        yield from undo.lost(made, options.undo, kinds)


def _check_addresses(stack: Stack, state: State | None, options: PlanOptions) -> None:
    """Stops where `--replace` or `--unprotect` names what is not there: a typing error must not pass as a plan without it."""
    known = {str(address) for address in stack.resources} | (set() if state is None else set(state.entries))
    for name, addresses in (("--replace", options.replace), ("--unprotect", options.unprotect)):
        unknown = sorted(addresses - known)
        if unknown:
            raise Stop(error("missing-reference", f"{name}: there is no {unknown[0]}", hint=names.hint_for(unknown[0], known)))


def decide_and_do(
    planned: Planned, connection: Connection, writer: ports.StateWriter, given: Given, run: Run, talk: Conversation
) -> Applied:
    """Shows a plan, asks where it has to be asked, and does it. Stops where it may not be done."""
    made = planned.plan
    decision = consent.decide(made, given, tracked=planned.tracked, empty_file=not planned.stack.resources)
    talk.show(planned, decision)
    if exits.stops((*made.problems, *planned.problems)):
        return Applied(planned, planned.exit_code)
    if not planned.has_changes and (made.records or is_stale(writer.state.outputs)):
        return _do(planned, connection, writer, run, talk)  # what only the state has to learn asks for nothing
    if not planned.has_changes or _is_held_back(planned):
        if not writer.state.is_empty:
            writer.commit(account=connection.account, endpoint=connection.endpoint)  # what was settled, and the key that it was seen with
        return Applied(planned, planned.exit_code, outputs=writer.state.outputs)
    if decision.verdict is Verdict.ASK:
        decision = consent.answer(decision, made.title, talk.ask(planned, decision))
    if decision.verdict is not Verdict.GO:
        raise Stop(*((decision.problem,) if decision.problem else ()), exit_code=exits.REFUSED)
    return _do(planned, connection, writer, run, talk)


def _is_held_back(planned: Planned) -> bool:
    """Whether all there would be to do waits for a decision or is blocked: then there is nothing to ask."""
    plan = planned.plan
    actions = {change.action for change in plan.changes} - {Action.NONE}
    return not (plan.steps or plan.records or planned.outputs) and bool(actions) and actions <= {Action.DECIDE, Action.BLOCKED}


def _do(planned: Planned, connection: Connection, writer: ports.StateWriter, run: Run, talk: Conversation) -> Applied:
    from reconciler import apply as applying

    summaries: list[Summary] = []

    def emit(event: Event) -> None:
        if isinstance(event, Summary):
            code = exits.worst((event.exit_code, planned.exit_code))
            for problem in exits.held_back(planned.plan.problems):
                talk.emit(ProblemFound(problem))  # once more at the end: it is why the run ends as it does
            again = bool(event.failed or event.skipped or event.unknown) or code not in (exits.DONE, exits.REFUSED)  # else all is held back
            event = replace(event, exit_code=code, next=run.again if again else None)
            summaries.append(event)
        talk.emit(event)

    with run.interrupts:
        result = applying.run(
            planned.plan,
            stack=planned.stack,
            account=planned.account,
            writer=writer,
            exchange=connection.exchange,
            reads=connection.reads(_tracked(writer)),
            kinds=connection.kinds,
            emit=emit,
            run=run.id,
            nonce=run.nonce,
            interrupted=run.interrupts,
            time_scale=connection.time_scale,
            account_digest=connection.account,
            endpoint=connection.endpoint,
            keep=run.keep,
        )
    if connection.cache is not None:
        connection.cache.learn(result.durations)
    return Applied(planned, exits.worst((result.exit_code, planned.exit_code)), summaries[-1], result.outputs, result)


def _tracked(writer: ports.StateWriter) -> Callable[[str], frozenset[str]]:
    """What a list must show to be believed: the ids of its kind that the state holds now, those under a delete apart."""

    def ids(what: str) -> frozenset[str]:
        entries = writer.state.entries.values() if ":" not in what else ()
        return frozenset(entry.id for entry in entries if entry.kind == what and entry.phase is not Phase.DELETING)

    return ids


def _check_origin(plan: SavedPlan, connection: Connection) -> None:
    if (plan.endpoint, plan.simulated) != (connection.endpoint, connection.simulated):
        message = f"the plan was made against {plan.endpoint}{' (simulated)' if plan.simulated else ''}, and this is {connection.endpoint}"
        raise Stop(error("plan-stale", message, hint="apply it where it was made, or make a new one"))
    if plan.account != connection.account:
        message = f"the plan was made with another key than ..{connection.key_suffix}"
        raise Stop(error("plan-stale", message, hint="apply it with the key it was made with, or make a new one"))
