"""Carries out one stack of several, in a thread of its own: it plans again under the lock of the
stack, and applies the plan if it needs no more consent than was given.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from reconciler.cli import composition, options, plan_output, state_places
from reconciler.cli.apply import RunPrompter
from reconciler.cli.interrupts import SharedInterrupts
from reconciler.cli.many.chosen_stacks import ChosenStacks
from reconciler.cli.many.stack_threads import Turn
from reconciler.cli.many.titled_console import TitledConsole
from reconciler.cli.options import Choices
from reconciler.cli.run_context import Session, lock_seconds
from reconciler.commands import apply as applying
from reconciler.commands.context import Applied, Connection, Execution, Planned, Run
from reconciler.commands.project import apply_all
from reconciler.commands.project.apply_all import StackResult
from reconciler.commands.project.stack_queue import StackEnd
from reconciler.common.dataclass import dataclass
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.events import Activity, ActivityEnded, Event, Summary
from reconciler.model.resource import EMPTY
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Decision, GivenConsent
from reconciler.render import escape
from reconciler.render.plan import plan_text

if TYPE_CHECKING:
    from reconciler.commands.password_file import FirstPasswords
    from reconciler.executor.first_passwords import KeepPassword
    from reconciler.iwinv.shared.account_pool import AccountPool
    from reconciler.model.diagnostics import Problem
    from reconciler.model.plan import Plan
    from reconciler.model.resource import Stack
    from reconciler.planner.compare.assessment import PlanOptions
    from reconciler.planner.saved_plan import SavedPlan


Link: TypeAlias = Callable[[], "AbstractContextManager[Connection]"]
"""Opens the account of a run."""

CheckedPlan: TypeAlias = Callable[["SavedPlan", "Planned"], "Problem | None"]
"""Returns why a plan that was made under the lock is not carried out, None if it may be. The first
argument is the plan as it would be saved.
"""


@dataclass(frozen=True, slots=True)
class Accounts:
    """For each stack by title the environment variables that name its account, and what the run has
    read of that account.
    """

    variables: Mapping[str, Mapping[str, str]]
    pools: Mapping[str, AccountPool | None] = EMPTY


@dataclass(frozen=True, slots=True)
class RunTerms:
    """What holds for all stacks of a run: the options of the command, its id, and the command that
    continues it.
    """

    chosen: ChosenStacks
    choices: Choices
    wanted: PlanOptions
    run: str
    again: str

    def given(self, title: str, stack: Stack) -> GivenConsent:
        """The consent of the options and of the stack file."""
        accepted = map(approval.parse, stack.accept)
        return GivenConsent(
            accept=approval.own(self.choices.accept, title),
            from_stack=tuple(each for each in accepted if each is not None),
            yes=self.choices.yes,
            allow_empty=self.choices.allow_empty,
            terminal=self.chosen.console.can_ask,
            destroy=self.wanted.destroy,
        )


class StackCarrier:
    """Carries out stacks. `decisions` are those about the plans that were shown, and `final` has
    those plans by title, without provisional ones. `check` may refuse a plan under the lock.
    """

    def __init__(
        self,
        terms: RunTerms,
        decisions: Mapping[str, Decision],
        final: Mapping[str, Plan],
        accounts: Accounts,
        passwords: FirstPasswords | None,
        check: CheckedPlan | None = None,
    ) -> None:
        self._terms, self._decisions, self._accounts = terms, decisions, accounts
        self._final, self._passwords, self._check = final, passwords, check
        self._lock = threading.Lock()
        # An option of the command, which other threads do not see.
        self._cached = options.uses_cache()

    def carry_out(self, turn: Turn) -> StackResult:
        """Plans and applies the stack whose turn it is."""
        title, terms = turn.title, self._terms
        cells = max(escape.width(each.title) for each in terms.chosen.stacks)
        console = TitledConsole(terms.chosen.console, title, self._lock, cells=cells)
        own = next(each.session for each in terms.chosen.stacks if each.title == title)
        session = replace(own, console=console, problems=[])
        link, shown = self._link(session, turn), self._final.get(title)
        prompter = StackPrompter(session, terms, turn, link, shown)
        prompter.check = self._check
        try:
            with state_places.open_places():
                applied = self._applied(session, prompter, turn)
            prompter.ended(applied)
        except Abort as stop:
            stop.problems = tuple(map(session.pasteable, stop.problems))
            prompter.failed(stop)
            raise
        finally:
            prompter.close()
        well = applied.exit_code == exit_codes.DONE
        end = StackEnd.DONE if well else StackEnd.FAILED
        return StackResult(title, end, applied.exit_code, applied)

    def _applied(self, session: Session, prompter: StackPrompter, turn: Turn) -> Applied:
        title, terms = turn.title, self._terms
        stack = session.load_to_destroy() if terms.wanted.destroy else session.load()
        given = apply_all.agreed(terms.given(title, stack), self._decisions.get(title))
        with prompter.at(stack) as (connection, store):
            gates = plan_output.gates(session, terms.choices.reason)
            execution = Execution(self._run(turn), given, prompter.conversation, gates)
            return applying.apply(stack, connection, store, terms.wanted.of_stack(title), execution)

    def _run(self, turn: Turn) -> Run:
        terms = self._terms
        command = "destroy" if terms.wanted.destroy else "apply"
        return Run(
            id=terms.run,
            holder=composition.holder(f"reconciler {command}", terms.run),
            nonce=composition.nonce,
            interrupts=SharedInterrupts(turn.interrupted),
            again=terms.again,
            lock_timeout_seconds=lock_seconds(terms.choices.lock_timeout, terms.chosen.console),
            wait=not terms.choices.no_wait,
            keep=self._keep(turn.title),
        )

    def _keep(self, title: str) -> KeepPassword | None:
        file = self._passwords
        if file is None:
            return None

        def keep(address: str, id: str, username: str, password: str) -> None:
            with self._lock:
                file.keep(f"{title}:{address}", id, username, password)

        return keep

    def _link(self, session: Session, turn: Turn) -> Link:
        @contextmanager
        def connect() -> Iterator[Connection]:
            opened = composition.connect(
                session.path,
                self._accounts.variables[turn.title],
                simulated=session.simulate,
                time_scale=session.time_scale,
                problems=session.problems,
                wire=composition.WireOptions(self._cached, is_served=session.simulate),
            )
            with session.console.activity() as notify, opened as connection:

                def notified(activity: Activity) -> None:
                    notify(activity)
                    if not isinstance(activity, ActivityEnded):
                        turn.stop_if_interrupted()

                pool = self._accounts.pools.get(turn.title)
                yield replace(connection, notify=notified, pool=pool)

        return connect


class StackPrompter(RunPrompter):
    """Follows the run of one stack of several. The question was asked before: a plan that needs
    more consent than that stops here, before anything is sent.
    """

    def __init__(
        self,
        session: Session,
        terms: RunTerms,
        turn: Turn,
        connect: Link,
        shown: Plan | None = None,
    ) -> None:
        super().__init__(session, run=terms.run, stack=turn.title)
        self._turn, self._connect, self._shown = turn, connect, shown
        self._terms = terms
        self.check: CheckedPlan | None = None

    def connect(self) -> AbstractContextManager[Connection]:
        """The account of the run."""
        return self._connect()

    def show(self, planned: Planned, decision: Decision) -> None:
        """Shows a plan that was not shown before. Stops if it does more or needs more consent than
        the one that was shown, or if the run was interrupted.
        """
        plan, console = self.follow(planned), self.session.console
        if console.json:
            self.show_json(plan, decision, planned.exit_code)
        elif self._shown is None:
            style = console.style(console.out)
            header = self.session.header(planned, *self.opened)
            found = plan_text.plan_lines(plan, header, style, decision, planned.outputs)
            console.result(list(found))
        problem = apply_all.grown(self._turn.title, planned, decision, self._shown)
        if problem is None and self.check is not None:
            problem = self.check(self._saved(planned), planned)
        if problem is not None:
            raise Abort(problem, exit_code=exit_codes.REFUSED)
        self._turn.begin()

    def _saved(self, planned: Planned) -> SavedPlan:
        title, terms = self._turn.title, self._terms
        accept = approval.own(terms.choices.accept, title)
        options = terms.wanted.of_stack(title)
        return plan_output.saved(self.session, planned, self.opened[0], options, accept)

    def ask(self, planned: Planned, decision: Decision) -> bool:
        """Nobody is asked during the run."""
        return False

    def emit(self, event: Event) -> None:
        """Shows one event of the run. The command that continues comes at the end of all runs."""
        if isinstance(event, Summary) and not self.session.console.json:
            event = replace(event, next=None)
        super().emit(event)

    def failed(self, stop: Abort) -> None:
        """Shows why the stack stopped."""
        if self.session.console.json:
            self.stopped(stop)
            return
        self.close()
        self.session.show_problems()
        self.session.console.problems(stop.problems)
