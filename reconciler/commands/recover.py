"""`recover`: settles what an interrupted run left open, on proof by itself, else by a person's
word; binds what a lost state knew.

Nothing is sent to the cloud but reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace

from reconciler.commands import session
from reconciler.commands.context import Connection, Run
from reconciler.commands.settle import Settler
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes, ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error
from reconciler.model.events import Event
from reconciler.model.kinds import Kinds
from reconciler.model.owners import Elsewhere
from reconciler.model.resource import Account, Stack
from reconciler.model.state import Note, State
from reconciler.planner import planner as planning
from reconciler.planner.checks import lost_state
from reconciler.planner.compare.assessment import Assessment, PlanOptions
from reconciler.planner.compare.classify import classify
from reconciler.recovery import evidence, manual
from reconciler.recovery.evidence import Finding
from reconciler.recovery.manual import Binding, Proposal, Recovered, Settled
from reconciler.recovery.signature_fence import fence, is_far_ahead


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person said. `adopt` maps an address to the id that is its object, `not_created` are
    addresses whose request was not done.

    `rebuild`: bind what a lost state knew; `yes` says so without being asked, `terminal` whether
    somebody can be asked.
    """

    adopt: Mapping[str, str] = field(default_factory=dict)
    not_created: tuple[str, ...] = ()
    rebuild: bool = False
    yes: bool = False
    terminal: bool = False


@dataclass(frozen=True, slots=True)
class RecoveryPrompter:
    """What is said and asked: `emit` while waiting, `show` a proposal, `ask` for a yes (None where
    the input ended).
    """

    emit: Callable[[Event], None]
    show: Callable[[Proposal], None]
    ask: Callable[[Proposal], str | None]


def recover(
    stack: Stack,
    connection: Connection,
    store: ports.Store,
    words: Answers,
    run: Run,
    talk: RecoveryPrompter,
) -> Recovered:
    """Settles what can be settled, by evidence and by the words given; waits for the fence where
    the run may (safety#settling).
    """
    _, told = session.own_state(stack, store, PlanOptions(), connection.endpoint)
    with session.Writing(
        store,
        run.holder,
        timeout_seconds=run.lock_timeout_seconds,
        stack=stack.name,
        environment=stack.environment,
    ) as writer:
        writer.belong(account=connection.account, endpoint=connection.endpoint)
        settling, beside = Settler(connection, writer, run.id), session.elsewhere(store)
        work = _Recovery(stack, connection, writer, words, run, settling, beside, problems=[*told])
        work.look()
        work.adopt()
        while run.wait and work.is_waiting() and work.settling.wait(run.interrupts, talk.emit):
            work.look()
        work.deny()
        if words.rebuild and not work.settling.open and not work.problems:
            work.rebuild(talk)
        if not writer.state.is_empty:
            writer.commit(account=connection.account, endpoint=connection.endpoint)
        return work.end()


@dataclass(slots=True)
class _Recovery:
    stack: Stack
    connection: Connection
    writer: ports.StateWriter
    words: Answers
    run: Run
    settling: Settler
    elsewhere: Elsewhere
    account: Account | None = None
    problems: list[Problem] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    bound: tuple[Binding, ...] = ()

    def look(self) -> None:
        """Reads the account, and records what it proves."""
        state = self.writer.state
        begun = self.connection.exchange.unix()
        self.account = session.read_account(
            self.connection, planning.refresh_scope(self.stack, state, PlanOptions()), cached=True
        )
        self.problems += [
            one
            for one in session.account_problems(state, self.account, self.connection)
            if one not in self.problems
        ]
        before = dict(state.open)
        if state.open:
            wanted = frozenset(str(address) for address in self.stack.resources)
            self.settling.settle(
                state, evidence.Observation(self.account, begun), PlanOptions(), wanted
            )
        for intent, result in before.values():
            if intent.sequence not in self.writer.state.open and result != "accepted":
                reason, done = self._why(intent.sequence)
                self.settled.append(Settled(intent.address, intent.operation, done, reason))

    def _why(self, sequence: int) -> tuple[str, bool]:
        found = next((one for one in self.settling.found if one.intent.sequence == sequence), None)
        return ("", True) if found is None else (found.reason, found.finding is Finding.DONE)

    def adopt(self) -> None:
        """Takes the words about objects: of open requests, else of addresses of the stack that the
        state does not know.
        """
        assert self.account is not None
        for address, id in sorted(self.words.adopt.items()):
            state = self.writer.state
            if manual.open_at(state, address):
                self._take(
                    address,
                    manual.adopt(
                        state, self.account, self._kinds, address=address, id=id, run=self.run.id
                    ),
                )
                continue
            found = lost_state.adoptable(self._survey(), address, id)
            wrong = found if isinstance(found, Problem) else manual.free_for(state, found)
            if wrong is not None:
                self.problems.append(wrong)
            elif isinstance(found, Binding):
                self._bind((found,), msg("bound to {id} on the operator's word", id=id))

    def is_waiting(self) -> bool:
        """Whether time will tell something; where a word waits for the fence, it is waited for as
        well.
        """
        now, still = self.settling.now(), []
        for one in self.settling.open:
            said = one.intent.address in self.words.not_created
            limit = fence(one.intent)
            if said and now < limit and not is_far_ahead(one.intent, now):
                one = replace(one, finding=Finding.NOT_YET, until=limit)
            elif said:
                # past the fence the word is enough
                one = replace(one, finding=Finding.NEEDS_DECISION, until=None)
            still.append(one)
        self.settling.found = tuple(still)
        return any(one.finding is Finding.NOT_YET for one in still)

    def deny(self) -> None:
        """Takes the words that a request was not done; one that is settled by now needs no word."""
        known = {one.address: one for one in self.settled}
        for address in self.words.not_created:
            if address in known:
                if known[address].done:
                    said = msg(
                        "{address} was executed after all: {reason}",
                        address=address,
                        reason=known[address].reason,
                    )
                    self.problems.append(error("bad-combination", said, address=address))
                continue
            now = self.settling.now()
            self._take(
                address,
                manual.not_created(
                    self.writer.state, self.settling.open, address=address, now=now, run=self.run.id
                ),
            )

    def _take(self, address: str, found: tuple[Note, ...] | Problem) -> None:
        if isinstance(found, Problem):
            self.problems.append(found)
            return
        for note in found:
            intent, _ = self.writer.state.open[note.settles or 0]
            self.writer.append(note)
            reason = note.reason.partition(": ")[2]
            done, said = note.reason.startswith("settled: done"), reason.removeprefix("done: ")
            self.settled.append(Settled(address, intent.operation, done, said, by_word=True))
        open_now = self.writer.state.open
        self.settling.found = tuple(
            one for one in self.settling.open if one.intent.sequence in open_now
        )

    def rebuild(self, talk: RecoveryPrompter) -> None:
        """Proposes what the account proves to be this stack's, and binds it on a yes."""
        seen = self._survey()
        if exit_codes.stops(seen.problems):
            raise Abort(*seen.problems)
        bindings = lost_state.propose(seen)
        named = {str(binding.address) for binding in bindings}
        left = tuple(
            problem for problem in lost_state.missing_state(seen) if problem.address not in named
        )
        if not bindings:
            self.problems += left
            return
        proposal = Proposal(bindings, left)
        talk.show(proposal)
        if not self.words.yes:
            self._ask(proposal, talk)
        self._bind(bindings, "rebuilt from the account")
        self.problems += left

    def _ask(self, proposal: Proposal, talk: RecoveryPrompter) -> None:
        if not self.words.terminal:
            message = msg("cannot ask: there is no terminal, and --yes is not given")
            raise Abort(
                error("consent", message, hint=msg("read what would be bound, then add --yes"))
            )
        if talk.ask(proposal) not in ("yes", self.stack.title):
            raise Abort(error("consent", msg("Cancelled. Nothing was bound.")))

    def _bind(self, bindings: tuple[Binding, ...], reason: str) -> None:
        self.writer.append(
            Note(self.writer.state.sequence + 1, self.run.id, reason, lost_state.effects(bindings))
        )
        self.bound += bindings

    def _survey(self) -> Assessment:
        assert self.account is not None
        return classify(
            stack=self.stack,
            state=self.writer.state,
            account=self.account,
            kinds=self._kinds,
            options=PlanOptions(doubts=self._doubts(), elsewhere=self.elsewhere),
        )

    def _doubts(self) -> dict[str, str]:
        return {one.intent.address: one.reason for one in self.settling.open}

    @property
    def _kinds(self) -> Kinds:
        return self.connection.kinds

    def end(self) -> Recovered:
        """What came of it, with the exit code: 3 while something is open."""
        state: State = self.writer.state
        cases = tuple(
            manual.case(one) for one in self.settling.open if one.intent.sequence in state.open
        )
        codes = [exit_codes.of_problems(self.problems)]
        codes += [exit_codes.DECIDE] if cases else []
        codes += [exit_codes.INTERRUPTED] if self.run.interrupts() else []
        return Recovered(
            tuple(self.settled), cases, self.bound, tuple(self.problems), exit_codes.worst(codes)
        )
