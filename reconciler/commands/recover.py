"""`recover`: settles what an interrupted run left open, by evidence or by a person's answers, and
binds what a lost state contained.

Only reads are sent to the cloud.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace

from reconciler.commands import session
from reconciler.commands.context import Connection, Run
from reconciler.commands.settle import Settler
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes, owners, ports
from reconciler.model.abort import Abort, Cancelled
from reconciler.model.diagnostics import Problem, error
from reconciler.model.events import Event
from reconciler.model.owners import Elsewhere
from reconciler.model.resource import Account, Stack
from reconciler.model.resource_type import kind_of
from reconciler.model.state import Note
from reconciler.planner import planner as planning
from reconciler.planner.checks import lost_state
from reconciler.planner.compare import moves
from reconciler.planner.compare.assessment import Assessment, PlanOptions
from reconciler.planner.compare.classify import classify
from reconciler.recovery import evidence, manual
from reconciler.recovery.evidence import Finding
from reconciler.recovery.manual import Binding, ManualDecision, Proposal, Recovered, Settled
from reconciler.recovery.signature_fence import fence, is_far_ahead


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person decided. `adopt` maps an address to the id of its object, `not_created` are
    addresses whose request was not executed.

    `rebuild`: bind what a lost state contained; `yes` consents to that without a question,
    `terminal` is whether somebody can be asked.
    """

    adopt: Mapping[str, str] = field(default_factory=dict)
    not_created: tuple[str, ...] = ()
    rebuild: bool = False
    yes: bool = False
    terminal: bool = False


@dataclass(frozen=True, slots=True)
class RecoveryPrompter:
    """What a recovery reports and asks: `emit` while waiting, `show` a proposal, `ask` for consent
    to it (None if the input ended).
    """

    emit: Callable[[Event], None]
    show: Callable[[Proposal], None]
    ask: Callable[[Proposal], bool]


def recover(
    stack: Stack,
    connection: Connection,
    store: ports.Store,
    answers: Answers,
    run: Run,
    prompter: RecoveryPrompter,
) -> Recovered:
    """Settles what can be settled, by evidence and by the answers. Waits for the signature fence if
    the run may (safety#settling).
    """
    _, notices = session.own_state(stack, store, PlanOptions(), connection.endpoint)
    with session.writing(store, stack, run, connection.notify) as writer:
        writer.belong(account=connection.account, endpoint=connection.endpoint)
        settler = Settler(connection, writer, run.id)
        work = _Recovery(stack, writer, answers, run, settler, session.elsewhere(store))
        work.result.problems += notices
        work.read()
        work.adopt()
        while run.wait and work.is_waiting() and settler.wait(run.interrupts, prompter.emit):
            work.read()
        work.deny()
        if answers.rebuild and not settler.open and not work.result.problems:
            work.rebuild(prompter)
        if not writer.state.is_empty:
            writer.commit(account=connection.account, endpoint=connection.endpoint)
        return work.end()


@dataclass(slots=True)
class _Result:
    problems: list[Problem] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    bound: list[Binding] = field(default_factory=list)


@dataclass(slots=True)
class _Recovery:
    stack: Stack
    writer: ports.StateWriter
    answers: Answers
    run: Run
    settler: Settler
    elsewhere: Elsewhere
    account: Account = field(default_factory=lambda: Account({}))
    result: _Result = field(default_factory=_Result)

    def read(self) -> None:
        """Reads the account, and records what it proves."""
        state, connection = self.writer.state, self.settler.connection
        begun = connection.exchange.unix()
        scope = planning.refresh_scope(self.stack, state, PlanOptions())
        self.account = session.read_account(connection, scope, cached=True)
        for problem in session.account_problems(state, self.account, connection):
            if problem not in self.result.problems:
                self.result.problems.append(problem)
        if state.open:
            wanted = frozenset(map(str, self.stack.resources))
            observed = evidence.Observation(self.account, begun)
            self.settler.settle(state, observed, PlanOptions(), wanted)
        found = {one.intent.sequence: one for one in self.settler.found}
        for intent, result in state.open.values():
            if intent.sequence not in self.writer.state.open and result != "accepted":
                one = found.get(intent.sequence)
                done = one is None or one.finding is Finding.DONE
                reason = "" if one is None else one.reason
                self.result.settled.append(Settled(intent.address, intent.operation, done, reason))

    def adopt(self) -> None:
        """Takes the answers about objects: of open requests, otherwise of addresses of the stack
        that the state does not contain.
        """
        for address, id in sorted(self.answers.adopt.items()):
            state, kinds = self.writer.state, self.settler.connection.kinds
            if manual.open_at(state, address):
                decided = manual.adopt(
                    state, self.account, kinds, address=address, id=id, run=self.run.id
                )
                if not isinstance(decided, Problem):
                    decided = self._foreign(address, id) or decided
                self._take(address, decided)
                continue
            found = lost_state.adoptable(self._classify(), address, id)
            problem = found if isinstance(found, Problem) else manual.free_for(state, found)
            if problem is not None:
                self.result.problems.append(problem)
            elif isinstance(found, Binding):
                self._bind((found,), f"bound to {id} on the operator's word")

    def _foreign(self, address: str, id: str) -> Problem | None:
        """Why an object cannot be what a create of this stack made: another stack owns it."""
        state = self.writer.state
        intent = manual.open_at(state, address)[-1]
        kind = kind_of(self.settler.connection.kinds, intent.operation)
        live = self.account.find(kind.name, id)
        if (
            live is None
            or intent.target is not None
            or (intent.nonce is not None and live.nonce == intent.nonce)
        ):
            return None
        sharer = owners.sharer_of(state, live, self.elsewhere)
        return None if sharer is None else owners.shared(address, live, sharer, is_recovery=True)

    def is_waiting(self) -> bool:
        """Whether time will prove something. If an answer waits for the signature fence, that is
        waited for as well.
        """
        now, still = self.settler.now(), []
        for one in self.settler.open:
            denied = one.intent.address in self.answers.not_created
            limit = fence(one.intent)
            if denied and now < limit and not is_far_ahead(one.intent, now):
                one = replace(one, finding=Finding.NOT_YET, until=limit)
            elif denied:
                # After the fence the answer is enough.
                one = replace(one, finding=Finding.NEEDS_DECISION, until=None)
            still.append(one)
        self.settler.found = tuple(still)
        return any(one.finding is Finding.NOT_YET for one in still)

    def deny(self) -> None:
        """Takes the answers that a request was not executed. One that is settled needs no
        answer.
        """
        known = {one.address: one for one in self.result.settled}
        for address in self.answers.not_created:
            if address not in known:
                decided = manual.not_created(
                    self.writer.state,
                    self.settler.open,
                    address=address,
                    now=self.settler.now(),
                    run=self.run.id,
                )
                self._take(address, decided)
            elif known[address].done:
                message = msg(
                    "{address} was executed after all: {reason}",
                    address=address,
                    reason=known[address].reason,
                )
                problem = error("bad-combination", message, address=address)
                self.result.problems.append(problem)

    def _take(self, address: str, decided: ManualDecision | Problem) -> None:
        if isinstance(decided, Problem):
            self.result.problems.append(decided)
            return
        for note in decided.records:
            intent, _ = self.writer.state.open[note.settles or 0]
            self.writer.append(note)
            settled = Settled(
                address, intent.operation, decided.done, decided.reason, by_person=True
            )
            self.result.settled.append(settled)
        open_now = self.writer.state.open
        self.settler.found = tuple(
            one for one in self.settler.open if one.intent.sequence in open_now
        )

    def rebuild(self, prompter: RecoveryPrompter) -> None:
        """Proposes what the account proves to be this stack's, and binds it after consent."""
        found = self._classify()
        bindings = lost_state.propose(found)
        named = {str(binding.address) for binding in bindings}
        # An object that is missing because a newer state replaced it is bound to its successor.
        problems = [
            problem
            for problem in found.problems
            if problem.code != "mass-absence" or problem.address not in named
        ]
        if exit_codes.stops(problems):
            raise Abort(*problems)
        left = tuple(
            problem
            for problem in lost_state.missing_state(found, rebuilt=True)
            if problem.address not in named
        )
        if bindings:
            proposal = Proposal(bindings, left)
            prompter.show(proposal)
            if not self.answers.yes:
                self._ask(proposal, prompter)
            self._bind(bindings, "rebuilt from the account")
        self.result.problems += left

    def _ask(self, proposal: Proposal, prompter: RecoveryPrompter) -> None:
        if not self.answers.terminal:
            message = msg("cannot ask: there is no terminal, and --yes is not given")
            hint = msg("read what would be bound, then add --yes")
            raise Abort(error("consent", message, hint=hint))
        if not prompter.ask(proposal):
            raise Cancelled(msg("Cancelled. Nothing was bound."))

    def _bind(self, bindings: tuple[Binding, ...], reason: str) -> None:
        sequence = self.writer.state.sequence + 1
        before = moves.before_binding(self.stack, self.writer.state)
        effects = (*before, *lost_state.effects(bindings, self.writer.state))
        self.writer.append(Note(sequence, self.run.id, reason, effects))
        self.result.bound += bindings

    def _classify(self) -> Assessment:
        unsettled = {one.intent.address: one.reason for one in self.settler.open}
        return classify(
            stack=self.stack,
            state=self.writer.state,
            account=self.account,
            kinds=self.settler.connection.kinds,
            options=PlanOptions(unsettled=unsettled, elsewhere=self.elsewhere),
        )

    def end(self) -> Recovered:
        """The result, with the exit code: 3 if something is still open."""
        result, open_now = self.result, self.writer.state.open
        cases = tuple(
            manual.case(one) for one in self.settler.open if one.intent.sequence in open_now
        )
        codes = [exit_codes.of_problems(result.problems)]
        codes += [exit_codes.DECIDE] if cases else []
        codes += [exit_codes.INTERRUPTED] if self.run.interrupts() else []
        return Recovered(
            tuple(result.settled),
            cases,
            tuple(result.bound),
            tuple(result.problems),
            exit_codes.worst(codes),
        )
