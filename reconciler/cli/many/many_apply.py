"""`apply` and `destroy` of several stacks: one plan of all, one question, then each stack by a run
of its own, those that do not need each other side by side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import apply as applying
from reconciler.cli import composition, interrupts, options, plan_output
from reconciler.cli.arguments.freeze_options import reason_to_override
from reconciler.cli.many import many_plans
from reconciler.cli.many.chosen_stacks import ChosenStack, ChosenStacks
from reconciler.cli.many.stack_carrier import Accounts, CheckedPlan, RunTerms, StackCarrier
from reconciler.cli.many.stack_threads import StackThreads
from reconciler.cli.options import Choices
from reconciler.cli.run_context import Session, stop_usage
from reconciler.commands import session as sessions
from reconciler.commands.password_file import FirstPasswords
from reconciler.commands.project import apply_all
from reconciler.commands.project.apply_all import StackResult
from reconciler.commands.project.stack_queue import StackEnd, StackQueue, drive, reversed_needs
from reconciler.commands.project.values import ProjectPlan
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import hint_for
from reconciler.common.text import Text, msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort, Cancelled
from reconciler.model.address import titled
from reconciler.model.events import ProblemFound
from reconciler.planner.checks.approval import Acceptance, Decision
from reconciler.render import escape
from reconciler.render.project import project_consent, project_run, project_text
from reconciler.render.project.project_run import StackEnding
from reconciler.render.run.events_json import JsonLines
from reconciler.render.run.screen import Line, Tone
from reconciler.version import VERSION

if TYPE_CHECKING:
    from reconciler.iwinv.shared.account_pool import AccountPool
    from reconciler.model.diagnostics import Problem
    from reconciler.model.state import State
    from reconciler.planner.compare.assessment import PlanOptions

_QUESTIONS: Mapping[tuple[bool, bool], Callable[[str], Text]] = {
    (False, True): lambda name: msg(
        "Type {name} to apply all of this, or no to cancel:", name=name
    ),
    (False, False): lambda name: msg(
        "Type {name} or yes to apply all of this, or no to cancel:", name=name
    ),
    (True, True): lambda name: msg(
        "Type {name} to destroy all of this, or no to cancel:", name=name
    ),
    (True, False): lambda name: msg(
        "Type {name} or yes to destroy all of this, or no to cancel:", name=name
    ),
}
"""The question by whether it destroys, and whether only the project's name is consent."""

ALL = "all"
"""What is typed as consent to the plans of stacks without a project."""


def apply(chosen: ChosenStacks, *, choices: Choices, plan_file: str | None = None) -> int:
    """Applies all stacks, each after those that it needs. Returns the exit code."""
    options.refuse_with_several({"--plan": plan_file, "--undo": choices.undo})
    return _carry_out(chosen, choices, destroy=False)


def destroy(chosen: ChosenStacks, *, choices: Choices) -> int:
    """Destroys all stacks, each before those that it needs. Returns the exit code."""
    return _carry_out(chosen, choices, destroy=True)


def _carry_out(chosen: ChosenStacks, choices: Choices, *, destroy: bool) -> int:
    options.refuse_with_several(
        {
            "--replace": choices.replace,
            "--unprotect": choices.unprotect,
            "--only": choices.only,
            "--except": choices.without,
        }
    )
    reason_to_override(choices.reason)
    _check_titles(choices.accept, [each.title for each in chosen.stacks])
    wanted, run_id = plan_output.plan_options(choices, destroy=destroy), composition.run_id()
    lines = JsonLines(run=run_id, now=time.time, write=chosen.console.write_line)
    if chosen.console.json:
        lines.version(VERSION)
    needs = reversed_needs(chosen.needs) if destroy else chosen.needs
    terms = RunTerms(
        chosen, choices, wanted, run_id, chosen.command("destroy" if destroy else "apply")
    )
    run = ManyRun(terms, needs, lines)
    try:
        return run.carry_out()
    except Abort as stop:
        if not chosen.console.json:
            raise
        for problem in stop.problems:
            lines(ProblemFound(problem))
        return run.end((), stop.exit_code)


def _check_titles(accept: tuple[Acceptance, ...], titles: list[str]) -> None:
    """Stops if consent for one object does not say of which stack."""
    for each in accept:
        title, address = titled(each.address or "")
        if each.address is not None and title is None:
            message = msg(
                "--accept {risk}={address} does not name a stack, and there are several",
                risk=each.risk.value,
                address=address,
            )
            raise stop_usage(message, msg("write CLASS=TITLE:ADDRESS, or CLASS for all of them"))
        if title is not None and title not in titles:
            message = msg(
                "--accept: {title} is not a stack of this run", title=escape.outside(title)
            )
            raise stop_usage(message, hint_for(title, titles) or ", ".join(titles))


@dataclass(slots=True)
class ManyRun:
    """One command on several stacks. `needs` is what each waits for, `lines` writes the JSON
    events. `pools` have what was read for the plans, by title. `check` may refuse a plan that was
    made under the lock.
    """

    terms: RunTerms
    needs: Mapping[str, frozenset[str]]
    lines: JsonLines
    began: float = field(default_factory=time.monotonic)
    pools: dict[str, AccountPool | None] = field(default_factory=dict)
    check: CheckedPlan | None = None

    @property
    def chosen(self) -> ChosenStacks:
        """The stacks of the run."""
        return self.terms.chosen

    @property
    def choices(self) -> Choices:
        """The options of the command."""
        return self.terms.choices

    @property
    def wanted(self) -> PlanOptions:
        """The options of the plans."""
        return self.terms.wanted

    def carry_out(self) -> int:
        """Plans, asks and carries out. Returns the exit code."""
        states = dict(_states(self.chosen.stacks))
        gone = [title for title, state in states.items() if self._is_gone(state)]
        left = tuple(each for each in self.chosen.stacks if each.title not in gone)
        plan = self._planned(replace(self.chosen, stacks=left, needs=self.needs))
        quiet = [
            part.title for part in plan.parts if apply_all.is_quiet(part, states.get(part.title))
        ]
        queue = apply_all.begin(plan, self._needs_of(left), quiet)
        ended: Mapping[str, StackResult] = {}
        is_run = bool(queue.ready)
        if is_run:
            decisions = self._ask(plan)
            self.chosen.console.begin()
            queue, ended = self.run(queue, plan, decisions)
        results = apply_all.results(queue, plan, ended)
        results += tuple(StackResult(title, StackEnd.DONE) for title in gone)
        code = exit_codes.worst(each.exit_code for each in results)
        return self.end(results, code, is_shown=is_run)

    def _needs_of(self, left: tuple[ChosenStack, ...]) -> dict[str, frozenset[str]]:
        titles = [each.title for each in left]
        return {title: self.needs.get(title, frozenset()) & {*titles} for title in titles}

    def _planned(self, chosen: ChosenStacks) -> ProjectPlan:
        """The plans of all stacks, which are shown."""
        console = self.chosen.console
        if not chosen.stacks:
            if not console.json:
                text = msg("Nothing to destroy.") if self.chosen.stacks else project_text.NOTHING
                console.result([Line(text, Tone.GOOD)])
            return ProjectPlan(())
        with many_plans.planned_stacks(chosen, self.wanted) as found:
            self.pools = {title: each.pool for title, each in found.connections.items()}
            shown = many_plans.shown_project(chosen, found, self.choices, detailed=False)
        if console.json:
            from reconciler.render.project import project_json

            self.lines.project_plan(project_json.project_document(shown, verbose=console.verbose))
        else:
            many_plans.show(chosen, shown)
        return found.plan

    def _is_gone(self, state: State | None) -> bool:
        """Whether there is nothing to destroy."""
        if not self.wanted.destroy:
            return False
        return state is None or (state.is_empty and not apply_all.is_unsettled(state))

    # Before the run
    # --------------------------------------------------------------------------------------------

    def _ask(self, plan: ProjectPlan) -> Mapping[str, Decision]:
        """Asks for consent to all plans together, and returns the decisions about them. Stops
        without consent.
        """
        decisions = apply_all.decisions(plan, self.terms.given)
        needed = [(title, item) for title, each in decisions.items() for item in each.open]
        wanted = project_consent.accept_options(needed)
        if not apply_all.check(decisions, yes=self.choices.yes, options=wanted):
            return decisions
        name, by_name = self.chosen.name or ALL, bool(needed)
        question = _QUESTIONS[self.wanted.destroy, by_name](escape.outside(name))
        if not self.chosen.console.confirm(question, name, by_name=by_name):
            raise Cancelled(msg("Cancelled. Nothing was changed."))
        return decisions

    # The run
    # --------------------------------------------------------------------------------------------

    def run(
        self, queue: StackQueue, plan: ProjectPlan, decisions: Mapping[str, Decision]
    ) -> tuple[StackQueue, Mapping[str, StackResult]]:
        """Carries out the stacks of a queue, as far as they need no more consent than that of the
        decisions. Returns the queue at its end, and what became of each stack that began.
        """
        console = self.chosen.console
        handler = interrupts.SignalHandler(
            lambda: applying.report_interrupt(console),
            leave=lambda code: interrupts.leave(console.err.area, code),
        )
        console.area()  # one for all stacks, made by this thread
        with self._clouds() as clouds, self._passwords() as passwords:
            final = {
                part.title: part.planned.plan
                for part in plan.parts
                if part.planned is not None and not part.after
            }
            accounts = Accounts(clouds, self.pools)
            carrier = StackCarrier(self.terms, decisions, final, accounts, passwords, self.check)
            threads = StackThreads(carrier.carry_out, handler)
            with handler:
                queue = drive(queue, threads, handler)
            for problem in (one for each in threads.results.values() for one in each.problems):
                if problem.code == "internal":  # nobody has shown it
                    self._show(problem)
            return queue, threads.results

    def _show(self, problem: Problem) -> None:
        if self.chosen.console.json:
            self.lines(ProblemFound(problem))
        else:
            self.chosen.console.problems([problem])

    @contextmanager
    def _clouds(self) -> Iterator[Mapping[str, Mapping[str, str]]]:
        """For each stack the environment variables that name its account: one local cloud serves
        all stacks that share it, while the block runs.
        """
        served: dict[Path, Mapping[str, str]] = {}
        found = {}
        with ExitStack() as opened:
            for each in self.chosen.stacks:
                session = each.session
                if not session.simulate:
                    found[each.title] = session.environ
                    continue
                world = composition.world_of(session.path, session.environ).resolve()
                if world not in served:
                    served[world] = opened.enter_context(_served(session))
                found[each.title] = {**session.environ, **served[world]}
            yield found

    @contextmanager
    def _passwords(self) -> Iterator[FirstPasswords | None]:
        path = self.choices.first_passwords
        with nullcontext() if path is None else FirstPasswords(Path(path)) as file:
            yield file

    def end(self, results: tuple[StackResult, ...], code: int, *, is_shown: bool = True) -> int:
        """Shows what became of all stacks. Returns the exit code."""
        again = None if code in (exit_codes.DONE, exit_codes.REFUSED) else self.terms.again
        seconds, stacks = time.monotonic() - self.began, tuple(map(_ending, results))
        ending = project_run.ProjectEnding(stacks, seconds, code, again, self.wanted.destroy)
        console = self.chosen.console
        if console.json:
            self.lines.project_summary(project_run.members(ending))
        elif is_shown:
            console.note(list(project_run.lines(ending, console.style(console.err))))
        return code


def _states(stacks: tuple[ChosenStack, ...]) -> Iterator[tuple[str, State | None]]:
    """The state of each stack by title. One that cannot be read is left out: its plan says why."""
    for each in stacks:
        if each.stop is None:
            with suppress(Abort):
                store = each.session.store(each.name, each.environment)
                yield each.title, sessions.read_state(store)


@contextmanager
def _served(session: Session) -> Iterator[Mapping[str, str]]:
    scale = session.time_scale or composition.scale_of(session.environ)
    with composition.local_cloud(
        session.path, session.environ, time_scale=scale or composition.SIMULATED_TIME_SCALE
    ) as variables:
        yield variables


def _ending(result: StackResult) -> StackEnding:
    summary = None if result.applied is None else result.applied.summary
    end = "unchanged" if result.is_unchanged else result.end.value
    calls = 0 if summary is None else summary.calls
    return StackEnding(result.title, end, result.exit_code, calls, result.because)
