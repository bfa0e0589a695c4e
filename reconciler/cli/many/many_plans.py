"""`plan` and `drift` of several stacks: read the account once, plan each stack, show all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.cli import options, plan_output
from reconciler.cli.arguments import plan_reference
from reconciler.cli.many.chosen_stacks import ChosenStack, ChosenStacks, by_account
from reconciler.cli.options import Choices
from reconciler.commands import plan as planning
from reconciler.commands.project.plan_all import drift_all, plan_all, with_pool
from reconciler.commands.project.values import ProjectPlan, StackInput, StackPlan, StackStatus
from reconciler.commands.session import read_state
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config import loader
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, Severity, error
from reconciler.model.resource import Stack
from reconciler.planner.checks import approval
from reconciler.render.project.shown_project import (
    ShownPlan,
    ShownProject,
    ShownStack,
    ShownStatus,
    status_of,
)

if TYPE_CHECKING:
    from reconciler.commands.context import Connection
    from reconciler.planner.compare.assessment import PlanOptions
    from reconciler.planner.saved_plan import SavedPlan


@dataclass(frozen=True, slots=True)
class PlannedStacks:
    """The plans of a run, with the account of each stack by title."""

    plan: ProjectPlan
    connections: Mapping[str, Connection]


def plan(
    chosen: ChosenStacks,
    *,
    choices: Choices,
    save: bool,
    out: str | None,
    report: str | None,
    detailed_exitcode: bool,
) -> int:
    """Plans all stacks and shows what an apply of them would change. Returns the exit code."""
    file, save = plan_reference.wanted(out, save=save)
    options.refuse_with_several({"--out": file, "--undo": choices.undo})
    wanted = plan_output.plan_options(choices)
    with planned_stacks(chosen, wanted) as found:
        shown = shown_project(chosen, found, choices, detailed=detailed_exitcode)
        shown = replace(shown, command=chosen.command("apply", *plan_output.given(choices)))
        show(chosen, shown)
        if report is not None:
            from reconciler.cli.reporting import report_output

            verbose = chosen.console.verbose
            page = report_output.of_project(shown, simulated=chosen.simulate, verbose=verbose)
            report_output.write(chosen.console, page, report)
        return _saved(chosen, found, shown, choices) if save else shown.exit_code


def drift(chosen: ChosenStacks, *, detailed_exitcode: bool) -> int:
    """Shows what was changed outside in all stacks. Returns the exit code."""
    with planned_stacks(chosen, None) as found:
        shown = shown_project(chosen, found, None, detailed=detailed_exitcode)
        show(chosen, shown)
    return shown.exit_code


@contextmanager
def planned_stacks(
    chosen: ChosenStacks,
    wanted: PlanOptions | None,
    further: Callable[[ProjectPlan], PlanOptions | None] = lambda made: None,
) -> Iterator[PlannedStacks]:
    """The plans of all stacks, or without options their drift; the account stays open while the
    block runs. Stacks with local clouds of their own are planned apart. If `further` gives options
    for the plans, they are made once more, of the same reading.
    """
    if wanted is not None and chosen.project.policies:
        from reconciler.policies import policy_set

        policy_set.load(chosen.project)  # stops once, and not for each stack
    parts: dict[str, StackPlan] = {}
    connections: dict[str, Connection] = {}
    calls = 0
    for group in by_account(chosen):
        with group[0].session.connect() as opened:
            connection = with_pool(opened)
            if wanted is None:
                made = drift_all([drift_input(each) for each in group], connection)
            else:
                made = plan_all([stack_input(each, wanted) for each in group], connection)
                if (again := further(made)) is not None:
                    calls += made.calls
                    made = plan_all([stack_input(each, again) for each in group], connection)
        calls += made.calls
        parts |= {part.title: part for part in made.parts}
        connections |= {each.title: connection for each in group}
    yield PlannedStacks(ProjectPlan(tuple(parts.values()), calls), connections)


def stack_input(each: ChosenStack, wanted: PlanOptions | None = None) -> StackInput:
    """A stack as the use cases over many stacks take it."""
    session = each.session

    def load(others: loader.Others) -> loader.Loaded:
        if each.stop is not None:
            raise each.stop
        return loader.load_stack(
            session.path,
            environment=session.environment,
            variables=session.variable_sources,
            others=others,
            check=None if wanted is not None and wanted.destroy else session.also_wrong,
        )

    found = StackInput(
        each.title,
        session.path,
        each.environment,
        load=load,
        store=lambda stack: session.store(stack.name, stack.environment),
        kept=session.outputs_of,
        concurrent=lambda store: plan_output.running(session.store(each.name, each.environment))(),
        gates=plan_output.gates(session),
    )
    return found if wanted is None else replace(found, options=wanted.of_stack(each.title))


def drift_input(each: ChosenStack) -> StackInput:
    """A stack of which only the drift is wanted. If it has no objects and only lacks the outputs of
    stacks that have none either, there is no drift.
    """
    found = stack_input(each)

    def load(others: loader.Others) -> loader.Loaded:
        try:
            return found.load(others)
        except Abort as stop:
            errors = [item for item in stop.problems if item.severity is Severity.ERROR]
            if each.stop is not None or any(item.code != "output" for item in errors):
                raise
            state = read_state(each.session.store(each.name, each.environment))
            if state is not None and state.entries:
                raise
            return loader.Loaded(Stack(each.name, each.environment, {}))

    return replace(found, load=load)


def _saved(
    chosen: ChosenStacks, found: PlannedStacks, shown: ShownProject, choices: Choices
) -> int:
    """Keeps the plan of each stack beside its state. Returns the exit code. A plan that cannot be
    carried out as it is, is not kept.
    """
    problems, codes = list[Problem](), [shown.exit_code]
    chosen.console.begin()
    for each in chosen.stacks:
        part = found.plan.part(each.title)
        if part.planned is None or not part.planned.has_changes:
            continue
        try:
            _check_final(part)
            planning.check_recordable(part.planned)
            made = saved_plan(each, part, found, choices)
            store = each.session.store(each.name, each.environment)
            plan_output.save(each.session, made, store, None)
        except Abort as stop:
            problems += stop.problems
            codes.append(stop.exit_code)
    chosen.console.problems(problems)
    return exit_codes.worst(codes)


def _check_final(part: StackPlan) -> None:
    if part.after:
        message = msg(
            "the plan of {stack} is not saved: it is provisional until {titles} is applied",
            stack=part.title,
            titles=", ".join(part.after),
        )
        raise Abort(error("usage", message), exit_code=exit_codes.DONE)


def saved_plan(
    each: ChosenStack, part: StackPlan, found: PlannedStacks, choices: Choices
) -> SavedPlan:
    """The plan of one stack as it is saved, with its id."""
    assert part.planned is not None
    session, planned = each.session, part.planned
    code = plan_output.exit_code(planned, detailed=False)
    connection = found.connections[each.title]
    accept = approval.own(choices.accept, each.title)
    options = plan_output.plan_options(choices).of_stack(each.title)
    return plan_output.saved(session, planned, connection, options, accept, code=code)


# What is shown
# ------------------------------------------------------------------------------------------------


def shown_project(
    chosen: ChosenStacks, found: PlannedStacks, choices: Choices | None, *, detailed: bool
) -> ShownProject:
    """The plans as the views show them. Without choices it is drift."""
    by_title = {each.title: each for each in chosen.stacks}
    stacks = [
        _shown(by_title[part.title], part, found, choices, chosen) for part in found.plan.parts
    ]
    code = exit_codes.worst(each.exit_code for each in stacks)
    changed = {each.status for each in stacks} & {ShownStatus.CHANGED, ShownStatus.WAITING}
    if detailed and code == exit_codes.DONE and changed:
        code = exit_codes.CHANGES
    return ShownProject(
        tuple(stacks),
        chosen.name,
        chosen.environment,
        order=chosen.levels,
        calls=found.plan.calls,
        given=() if choices is None else choices.accept,
        drift=choices is None,
        exit_code=code,
    )


def _shown(
    each: ChosenStack,
    part: StackPlan,
    found: PlannedStacks,
    choices: Choices | None,
    chosen: ChosenStacks,
) -> ShownStack:
    session = each.session
    shown, code = None, part.exit_code
    problems = [session.pasteable(problem) for problem in part.problems]
    if part.planned is not None:
        code = plan_output.exit_code(part.planned, detailed=False)
        shown = _shown_plan(each, part, found, choices)
    else:
        problems += map(session.pasteable, session.taken_problems())
    status = ShownStatus(part.status.value) if shown is None else ShownStatus.UNCHANGED
    if shown is not None:
        status = status_of(shown, drift=choices is None)
    return ShownStack(
        each.title,
        each.name,
        each.environment,
        str(session.path),
        status,
        shown,
        tuple(problems),
        needs=tuple(sorted(chosen.needs.get(each.title, ()))),
        after=part.after or (part.reads if part.status is StackStatus.WAITING else ()),
        exit_code=code,
    )


def _shown_plan(
    each: ChosenStack, part: StackPlan, found: PlannedStacks, choices: Choices | None
) -> ShownPlan:
    planned, session = part.planned, each.session
    assert planned is not None
    store = session.store(planned.stack.name, planned.stack.environment)
    header = session.header(planned, found.connections[each.title], store)
    final = choices is not None and not part.after and planning.is_recordable(planned)
    if choices is not None and final:
        header = replace(header, id=saved_plan(each, part, found, choices).id)
    made = plan_output.with_problems(planned, session)
    if choices is None:
        return ShownPlan(made, header)
    decision = approval.decide(
        made,
        plan_output.given_consent(planned, choices.accept),
        tracked=planned.tracked,
        empty_file=not planned.stack.resources,
    )
    return ShownPlan(made, header, decision, planned.outputs, planned.unmanaged)


def show(chosen: ChosenStacks, project: ShownProject) -> None:
    """Shows the plans as the command's result."""
    console = chosen.console
    if console.json:
        from reconciler.render.project import project_json

        console.result_json(project_json.project_document(project, verbose=console.verbose))
    elif console.markdown:
        from reconciler.render.project import project_markdown

        console.out.write(project_markdown.project_markdown(project))
    else:
        from reconciler.render.project import project_text

        console.result(list(project_text.project_lines(project, console.style(console.out))))
