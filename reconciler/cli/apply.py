"""`apply` and `destroy`, from options to exit code: lock, question, progress and summary."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import composition, interrupts, plan_output
from reconciler.cli.arguments import piped_arguments, plan_reference
from reconciler.cli.arguments.freeze_options import reason_to_override
from reconciler.cli.options import Choices, part_arguments
from reconciler.cli.run_context import Session, lock_seconds
from reconciler.commands import actions
from reconciler.commands import apply as applying
from reconciler.commands.context import Applied, Connection, Execution, Planned, Prompter, Run
from reconciler.commands.password_file import FirstPasswords
from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, msg
from reconciler.locale import language
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.address import parse
from reconciler.model.events import Event, Message, ProblemFound, Summary
from reconciler.model.ports.plan_ports import short_id
from reconciler.model.resource import Stack
from reconciler.model.serialize import shown
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Acceptance, Decision, GivenConsent
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.render import escape, state_text
from reconciler.render.format import count, moment
from reconciler.render.plan import plan_json, plan_sections, plan_text
from reconciler.render.plan.tally import NO_RESOURCES, tally
from reconciler.render.run import events_json, live_area, progress, run_end
from reconciler.render.run.run_clock import RunClock
from reconciler.render.run.run_report import RunReport
from reconciler.render.run.screen import Line, Tone
from reconciler.version import VERSION

if TYPE_CHECKING:
    from reconciler.cli.console import Console
    from reconciler.model.plan import Plan, Step
    from reconciler.model.ports import Store
    from reconciler.planner.saved_plan import SavedPlan
    from reconciler.render.plan.plan_rows import PlanRow
    from reconciler.render.plan.tally import Tally

_INTERRUPTED = msg(
    "\n Interrupted: starting no new steps and waiting a few seconds for pending answers.\n"
    " Press Ctrl-C again to stop immediately.\n"
)

_QUESTIONS: Mapping[tuple[bool, bool], Callable[[str], Text]] = {
    (False, True): lambda name: msg("Type {name} to apply, or no to cancel:", name=name),
    (False, False): lambda name: msg("Type {name} or yes to apply, or no to cancel:", name=name),
    (True, True): lambda name: msg("Type {name} to destroy, or no to cancel:", name=name),
    (True, False): lambda name: msg("Type {name} or yes to destroy, or no to cancel:", name=name),
}
"""The question by whether the plan destroys, and whether only the stack's name is consent."""


def apply(session: Session, options: PlanOptions, choices: Choices) -> int:
    """Plans, asks for confirmation and applies; destroys if the options say so. Returns the exit
    code.
    """
    prompter = RunPrompter(session)

    def work() -> Applied:
        reason = reason_to_override(choices.reason)
        stack = session.load_to_destroy() if options.destroy else session.load()
        if not session.console.json:
            session.show_problems()
        given = _given(session, stack.accept, choices, destroy=options.destroy)
        with (
            _run(session, choices, prompter, destroy=options.destroy) as run,
            prompter.at(stack) as (connection, store),
        ):
            stack, chosen = session.back(stack, store, connection, options, choices.undo)
            prompter.identify = lambda planned: (
                plan_output.saved(session, planned, connection, chosen, choices.accept).id
            )
            gates = plan_output.gates(session, reason)
            execution = Execution(run, given, prompter.conversation, gates)
            return applying.apply(stack, connection, store, chosen, execution)

    return _carry_out(prompter, work)


def apply_saved(session: Session, plan_file: str, choices: Choices) -> int:
    """Applies exactly a saved plan, or refuses it. Returns the exit code."""
    prompter = RunPrompter(session)

    def work() -> Applied:
        reason = reason_to_override(choices.reason)
        saved = plan_reference.read(session, plan_file)
        prompter.identify = lambda planned: saved.id
        piped_arguments.saved_from(str(session.path), plan_file, saved.options.stack)
        options, values = saved.options, shown(saved.plan.variables)
        here = prompter.session = replace(
            session,
            environment=saved.plan.environment,
            # A plan made on the local cloud can only be applied there.
            simulate=session.simulate or saved.simulated,
            # After a partial run, the hint suggests a new plan with the same variables.
            variables=[(name, state_text.raw(value)) for name, value in values.items()],
            part=part_arguments(options.only, options.without),
        )
        stack = replace(here, variables=()).load(values=values)
        if not here.console.json:
            here.console.note([_origin(saved)])
        merged = replace(choices, accept=(*saved.accept, *choices.accept))
        given = _given(here, stack.accept, merged, destroy=options.destroy)
        with (
            _run(here, merged, prompter, destroy=options.destroy) as run,
            prompter.at(stack) as (connection, store),
        ):
            # The plan of an undo contains the serial to return to; its lookups stay pinned.
            stack, _ = here.back(stack, store, connection, PlanOptions(), options.undo)
            gates = plan_output.gates(here, reason)
            execution = Execution(run, given, prompter.conversation, gates)
            return applying.apply_saved(stack, connection, store, saved, execution)

    return _carry_out(prompter, work)


def _origin(saved: SavedPlan) -> Line:
    """The line that says which saved plan is applied."""
    return Line(
        msg(
            "Saved plan {id}, made {moment} by {who}.",
            id=escape.outside(short_id(saved.id)),
            moment=moment(saved.made.at),
            who=escape.outside(saved.made.by),
        )
    )


def act(session: Session, verb: str, address: str, choices: Choices, *, unprotect: bool) -> int:
    """Does one act of `server VERB` to an instance of the stack. Only the stack's name is read from
    its file.
    """
    prompter = RunPrompter(session)

    def work() -> Applied:
        reason = reason_to_override(choices.reason)
        name, environment = session.identify()
        stack, found = Stack(name, environment, {}), parse(address)
        assert found is not None
        given = _given(session, (), choices, destroy=False)
        with (
            _run(session, choices, prompter, destroy=False) as run,
            prompter.at(stack) as (connection, store),
        ):
            run = replace(run, again=session.again("server", verb, address, by_option=True))
            gates = plan_output.gates(session, reason, of_act=True)
            execution = Execution(run, given, prompter.conversation, gates)
            what = actions.ACTS[verb]
            what = replace(what, protected_as=None) if unprotect else what
            return actions.act(stack, found, what, connection, store, execution)

    return _carry_out(prompter, work)


def _carry_out(prompter: RunPrompter, work: Callable[[], Applied]) -> int:
    """Runs the work, always ends the display properly, and returns the exit code."""
    console = prompter.session.console
    try:
        applied = work()
    except Abort as stop:
        if not console.json:
            # The session of a saved plan has its environment and its cloud, which hints need.
            stop.problems = tuple(map(prompter.session.pasteable, stop.problems))
            raise
        prompter.stopped(stop)
        return stop.exit_code
    except KeyboardInterrupt:
        prompter.close()
        if not prompter.began:
            raise
        console.note(
            [Line(msg(" Interrupted after the run; everything it did is recorded."), Tone.CARE)]
        )
        return exit_codes.INTERRUPTED
    finally:
        prompter.close()
    prompter.ended(applied)
    return applied.exit_code


@contextmanager
def _run(
    session: Session, choices: Choices, prompter: RunPrompter, *, destroy: bool
) -> Iterator[Run]:
    """The run. The file for first passwords, if any, is open while the block runs."""
    command = "destroy" if destroy else "apply"
    run = Run(
        id=prompter.run,
        holder=composition.holder(f"reconciler {command}", prompter.run),
        nonce=composition.nonce,
        interrupts=interrupts.SignalHandler(
            lambda: report_interrupt(session.console),
            leave=lambda code: interrupts.leave(session.console.err.area, code),
        ),
        again=session.again(command),
        lock_timeout_seconds=lock_seconds(choices.lock_timeout, session.console),
        wait=not choices.no_wait,
    )
    if choices.first_passwords is None:
        yield run
        return
    with FirstPasswords(Path(choices.first_passwords)) as file:
        yield replace(run, keep=file.keep)
        if file.kept and not session.console.json:
            text = msg(
                " {number} written to {path}: change it at the first login, then delete the file.",
                number=count(file.kept, "first password"),
                path=escape.outside(choices.first_passwords),
            )
            session.console.note([Line(text, Tone.CARE)])


def _given(
    session: Session, accepted: tuple[str, ...], choices: Choices, *, destroy: bool
) -> GivenConsent:
    return GivenConsent(
        accept=choices.accept,
        from_stack=tuple(found for found in map(approval.parse, accepted) if found is not None),
        yes=choices.yes,
        allow_empty=choices.allow_empty,
        terminal=session.console.can_ask,
        destroy=destroy,
    )


def report_interrupt(console: Console) -> None:
    """Reports that the run ends. A signal handler may call it."""
    # Not through the stream: the signal may interrupt a write to it.
    text = language.translated(_INTERRUPTED)
    area = console.err.area
    if area is None or not area.write_above(text):
        os.write(2, text.encode())


@dataclass(frozen=True, slots=True)
class _FollowedRun:
    """What is known of the run of a plan: what its events reported, and how far it is."""

    report: RunReport
    clock: RunClock


class RunPrompter:
    """Shows the plan, asks, follows the run and reports its end, as text or as JSON lines."""

    def __init__(
        self, session: Session, *, run: str | None = None, stack: str | None = None
    ) -> None:
        self.session = session
        self.run = run or composition.run_id()
        self.identify: Callable[[Planned], str] | None = None
        self._opened: tuple[Connection, Store] | None = None
        self._view: progress.ProgressView | None = None
        self._began = False
        self._run = self._followed((), (), NO_RESOURCES)
        self._json = events_json.JsonLines(
            run=self.run, now=time.time, write=session.console.write_line, stack=stack
        )
        if session.console.json and stack is None:
            self._json.version(VERSION)

    @contextmanager
    def at(self, stack: Stack) -> Iterator[tuple[Connection, Store]]:
        """The account and the store of the run, while the block runs."""
        store = self.session.store(stack.name, stack.environment)
        with self.connect() as connection:
            self._opened = connection, store
            yield self._opened

    def connect(self) -> AbstractContextManager[Connection]:
        """The account of the run."""
        return self.session.connect()

    @property
    def conversation(self) -> Prompter:
        """The three callbacks of a use case."""
        return Prompter(show=self.show, ask=self.ask, emit=self.emit)

    def show(self, planned: Planned, decision: Decision) -> None:
        """Shows the plan before the question."""
        console = self.session.console
        id = None if self.identify is None else self.identify(planned)
        plan = self.follow(planned)
        if console.json:
            self.show_json(plan, decision, planned.exit_code, id)
        else:
            header = replace(self.session.header(planned, *self.opened), id=id)
            console.result(
                list(
                    plan_text.plan_lines(
                        plan, header, console.style(console.out), decision, planned.outputs
                    )
                )
            )
        console.begin()

    def follow(self, planned: Planned) -> Plan:
        """Returns the plan with its problems; its run is followed from now on."""
        plan = plan_output.with_problems(planned, self.session)
        rows = [
            row
            for section in plan_sections.sections(plan)
            for row in section.rows
            if section.name != "left"
        ]
        self._run = self._followed(rows, plan.steps, tally(plan))
        return plan

    def show_json(
        self, plan: Plan, decision: Decision, exit_code: int, id: str | None = None
    ) -> None:
        """Writes the event of a plan."""
        given = [Acceptance(item.risk, item.address) for item in decision.given]
        document = plan_json.plan_document(
            plan, given=given, exit_code=exit_code, verbose=self.session.console.verbose
        )
        self._json.plan(plan_json.with_id(document, id))

    def ask(self, planned: Planned, decision: Decision) -> bool:
        """Whether the user consents to the plan that is shown."""
        title = planned.plan.title
        name, by_name = escape.outside(title), bool(decision.open)
        question = _QUESTIONS[planned.plan.destroy, by_name]
        return self.session.console.confirm(question(name), title, by_name=by_name)

    def emit(self, event: Event) -> None:
        """Shows one event of the run."""
        if isinstance(event, ProblemFound):
            event = ProblemFound(self.session.pasteable(event.problem))
        if self.session.console.json:
            self._json(event)
            return
        self._began = True
        if isinstance(event, Summary):
            self.close()
            style = self.session.console.style(self.session.console.err)
            scale = 1.0 if self._opened is None else self._opened[0].time_scale
            lines = run_end.summary_lines(
                event,
                self._run.report,
                style=style,
                time_scale=scale,
                # a live view has left them on the screen
                with_rows=not isinstance(self._view, progress.Live),
            )
            if self._run.report.total or event.exit_code != exit_codes.DONE:
                self.session.console.note(list(lines))
            # what was left open may be settled now and be done in a second round
            self._view = None
            self._run.report.begin_round()
        elif self._view is None and isinstance(event, (ProblemFound, Message)):
            console = self.session.console
            style = console.style(console.err)
            console.note(
                list(progress.event_lines(event, style, self._run.report, self._run.clock))
            )
        elif self._run.clock.resources.total:  # a run that only writes the state shows nothing
            self._view = self._view or self._new_view()
            self._view(event)

    @property
    def opened(self) -> tuple[Connection, Store]:
        """The account and the store of the run. It must be open."""
        assert self._opened is not None
        return self._opened

    @property
    def began(self) -> bool:
        """Whether the run has started to do something."""
        return self._began

    def close(self) -> None:
        """Releases the terminal."""
        if self._view is not None:
            self._view.close()

    def ended(self, applied: Applied) -> None:
        """Shows the outputs as the command's result, and the collected problems."""
        console = self.session.console
        if console.json:
            if applied.summary is None:
                self._summary(applied.exit_code)
            return
        self.session.show_problems()
        shown = [
            Line(f"  {escape.outside(name)} = {state_text.text(*value)}")
            for name, value in sorted(applied.outputs.items())
        ]
        if shown and applied.summary is not None:
            console.result([Line(), Line(msg("Outputs"), Tone.TITLE), *shown])

    def stopped(self, stop: Abort) -> None:
        """Ends the JSON lines of a use case that stopped, with its problems and a summary."""
        for problem in (*self.session.problems, *stop.problems):
            self._json(ProblemFound(self.session.pasteable(problem)))
        self._summary(stop.exit_code)
        if self.session.console.out.lost is not None:
            self.session.console.problems(stop.problems)

    def _summary(self, code: int) -> None:
        self._json(
            Summary(
                0,
                0,
                0,
                0,
                calls=0 if self._opened is None else self._opened[0].exchange.sent,
                seconds=0.0,
                exit_code=code,
            )
        )

    def _followed(
        self, rows: Sequence[PlanRow], steps: Sequence[Step], resources: Tally
    ) -> _FollowedRun:
        scale = 1.0 if self._opened is None else self._opened[0].time_scale
        clock = RunClock(steps, now=time.monotonic, time_scale=scale)
        return _FollowedRun(RunReport(rows, steps, resources), clock)

    def _new_view(self) -> progress.ProgressView:
        console = self.session.console
        style, report, clock = console.style(console.err), self._run.report, self._run.clock
        area, write = console.area(), console.write_progress
        if area is not None:
            return progress.Live(area, write, style, report, clock)
        return progress.Lines(write, style, report, clock, ticker=live_area.threaded)
