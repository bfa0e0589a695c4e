"""`validate`, `plan`, `apply`, `destroy`, `drift`: the commands that read a stack file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import option_types, options
from reconciler.cli.arguments.stack_choice import several_stacks_options
from reconciler.cli.console import Console
from reconciler.cli.many.dispatch import on_one_or_many, on_stacks
from reconciler.cli.options import Choices
from reconciler.cli.run_context import Session
from reconciler.common.text import Text, msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem

if TYPE_CHECKING:
    from reconciler.cli.many.chosen_stacks import ChosenStacks


@click.command(
    epilog="""\b
Examples:
  reconciler validate
  reconciler validate web.yaml --env prod
  reconciler validate shop/ web.yaml
  reconciler validate --all"""
)
@options.stacks_argument
@several_stacks_options
@options.environment_option
@options.variable_options
@options.report_format_option
@options.simulate_options
@options.output_options
@on_stacks
def validate(console: Console, sessions: Sequence[Session]) -> int:
    """Check everything that can be checked without the network.

    Without --env every environment is checked. All errors are listed together with file, line and
    column. If an earlier run has cached the catalogue, names that are not in it are warnings. A
    file that is part of a folder's stack is checked with its folder.
    """
    from reconciler.config import loader
    from reconciler.model import serialize
    from reconciler.model.diagnostics import in_order
    from reconciler.planner.checks import offline
    from reconciler.render import escape
    from reconciler.render import problem_text as view
    from reconciler.render.documents.json_document import DocumentType, document
    from reconciler.render.problems import github_commands, junit, report_paths, sarif
    from reconciler.render.run.screen import Line, Tone

    problems, names = [item for each in sessions for item in each.problems], list[str]()
    for path in loader.stacks_of(session.path for session in sessions):
        session = replace(sessions[0], path=path)
        found, checked_names = loader.validate(
            path,
            environment=session.environment,
            variables=session.variable_sources,
            others=session.outputs_of,
            check=partial(offline.unanswered, catalogue=session.kept_catalogue()),
        )
        problems += found
        problems += (each for each in _of_project_and_state(session) if each not in problems)
        names += checked_names
    found = in_order(problems)
    code = exit_codes.of_problems(found)
    if console.json:
        members = {
            "stacks": names,
            "problems": [serialize.problem(item) for item in found],
            "exit_code": code,
        }
        console.result_json(document(DocumentType.VALIDATION, members))
    elif console.format != "text":
        root = report_paths.root_of(console.environ)
        if console.format == "sarif":
            console.out.write(escape.json_text(sarif.document(found, root), indent=2) + "\n")
        elif console.format == "junit":
            console.out.write(junit.text(found, names, root))
        else:
            console.out.write(github_commands.text(found, root))
    elif found:
        console.result(
            list(view.problems_lines(found, console.style(console.out), console.sources))
        )
    if code == exit_codes.DONE and console.format in ("text", "github"):
        checked = escape.outside(", ".join(names))
        text = msg("{stacks}: no errors", stacks=checked) if names else _nothing(sessions)
        console.result([Line(text, Tone.GOOD)])
    return code


def _nothing(sessions: Sequence[Session]) -> Text:
    """Why there was no stack to check."""
    if sessions:
        return msg("no stack to check: a component is checked with the stack that uses it")
    return msg("no stack to check: no file of a stack changed")


def _of_project_and_state(session: Session) -> Iterator[Problem]:
    """The mistakes of the file of the project; without any, what the states show."""
    from reconciler.cli import state_places

    found = state_places.mistakes(session.path, session.environ)
    yield from found or _removed_environments(session)


def _removed_environments(session: Session) -> Iterator[Problem]:
    """A notice for each environment that is no longer in the file, but still has objects."""
    from reconciler.commands.relocation import removed_environments
    from reconciler.commands.session import read_state

    for environment in session.removed() if session.environment is None else ():
        former = replace(session, environment=environment)
        with suppress(Abort):
            state = read_state(former.store(former.identify()[0], environment))
            found = removed_environments.left(environment, state)
            if found is not None:
                yield former.pasteable(found)


def _plan_many(chosen: ChosenStacks, **values: Any) -> int:
    from reconciler.cli.many import many_plans

    return many_plans.plan(chosen, **values)


def _apply_many(chosen: ChosenStacks, **values: Any) -> int:
    from reconciler.cli.many import many_apply

    return many_apply.apply(chosen, **values)


def _destroy_many(chosen: ChosenStacks, **values: Any) -> int:
    from reconciler.cli.many import many_apply

    return many_apply.destroy(chosen, **values)


def _drift_many(chosen: ChosenStacks, **values: Any) -> int:
    from reconciler.cli.many import many_plans

    return many_plans.drift(chosen, **values)


@click.command(
    epilog="""\b
Examples:
  reconciler plan --simulate
  reconciler plan web.yaml --env prod --save
  reconciler plan web.yaml --env prod --out prod.plan
  reconciler plan --format json --detailed-exitcode
  reconciler plan --all --env staging --report plans.html
  reconciler plan --changed-since origin/main"""
)
@options.stacks_argument
@several_stacks_options
@options.environment_option
@options.variable_options
@options.plan_options
@options.part_options
@options.undo_option
@options.unmanaged_option
@click.option(
    "--save",
    is_flag=True,
    help="Keep the plan beside the state for 30 days, for `apply --plan plan://ID` on any machine.",
)
@click.option(
    "--out",
    metavar="FILE.plan",
    type=click.Path(dir_okay=False),
    help="Save the plan in a file for `apply --plan FILE.plan`; plan:// is the same as --save.",
)
@click.option(
    "--report",
    metavar="FILE.html",
    type=click.Path(),
    help="Also write the plan, or those of all stacks, as one HTML file for reviewers.",
)
@click.option(
    "--accept",
    multiple=True,
    type=option_types.AcceptParam(),
    help="Consent stored in the saved plan; repeatable.",
)
@options.plan_format_option
@options.exit_code_option
@options.simulate_options
@options.output_options
@options.gathered
@on_one_or_many(_plan_many)
def plan(
    session: Session,
    *,
    choices: Choices,
    save: bool,
    out: str | None,
    report: str | None,
    detailed_exitcode: bool,
) -> int:
    """Read the account and show what apply would change. Nothing is changed.

    Dangerous changes come first, totals last. A plan takes no lock; it is provisional while an
    apply is running.
    """
    from reconciler.cli import plan_output
    from reconciler.cli.arguments import plan_reference
    from reconciler.commands import plan as planning
    from reconciler.commands.saved_plans import kept_plans

    file, save = plan_reference.wanted(out, save=save)
    wanted = session.load()
    store = session.store(wanted.name, wanted.environment)
    chosen = plan_output.plan_options(choices)
    with session.connect() as connection:
        wanted, chosen = session.back(wanted, store, connection, chosen, choices.undo)
        planned = planning.plan(
            wanted,
            connection,
            store,
            chosen,
            plan_output.running(store),
            plan_output.gates(session),
        )
    code = plan_output.exit_code(planned, detailed=detailed_exitcode)
    made = plan_output.saved(session, planned, connection, chosen, choices.accept, code=code)
    named = kept_plans.reference(made.id) if save else file
    header = replace(
        session.header(planned, connection, store),
        id=made.id if planning.is_recordable(planned) else None,
        command=None
        if plan_output.is_held_back(planned)
        else plan_output.command(session, choices, saved=named),
    )
    shown = plan_output.show_plan(session, planned, header, given=choices.accept, code=code)
    if report is not None:
        from reconciler.cli.reporting import report_output

        found = report_output.of_saved(
            replace(made, plan=shown),
            id=header.id,
            verbose=session.console.verbose,
            unmanaged=planned.unmanaged,
        )
        report_output.write(session.console, found, report)
    if named is not None:
        planning.check_recordable(planned)
        session.console.begin()
        made = replace(made, plan=plan_output.with_problems(planned, session))
        plan_output.save(session, made, store if save else None, file)
    return code


@click.command(
    epilog="""\b
Examples:
  reconciler apply shop --simulate
  reconciler apply web.yaml --env prod --accept downtime=instances.db --yes
  reconciler apply --plan plan://8fa3c1d20b77 web.yaml
  reconciler apply --plan prod.plan web.yaml
  reconciler apply --all --env staging"""
)
@options.stacks_argument
@several_stacks_options
@options.environment_option
@options.variable_options
@options.plan_options
@options.part_options
@options.undo_option
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE.plan or plan://ID",
    type=click.Path(dir_okay=False),
    help="Apply exactly this saved plan, of a file or of `plan --save`, or refuse it.",
)
@options.consent_options
@options.format_option
@options.simulate_options
@options.lock_option
@options.wait_option
@options.first_passwords_option
@options.output_options
@options.gathered
@on_one_or_many(_apply_many)
def apply(session: Session, *, choices: Choices, plan_file: str | None) -> int:
    """Show the plan, ask for confirmation and apply it.

    At a terminal, type the name of the stack to consent to everything shown. Otherwise use --yes,
    and --accept for each risk class: delete, data-loss, downtime, detach, address-change, exposure.
    The classes lockout, gone, duplicate and shared always need an address. Several stacks are
    applied in order, after one question.
    """
    from reconciler.cli import apply as applying
    from reconciler.cli import plan_output

    if plan_file is not None:
        options.refuse_with_plan(
            {
                "--env": session.environment if not plan_file.startswith("plan://") else None,
                "--var": session.variables,
                "--var-file": session.variable_files,
                "--replace": choices.replace,
                "--unprotect": choices.unprotect,
                "--only": choices.only,
                "--except": choices.without,
                "--undo": choices.undo,
            }
        )
        return applying.apply_saved(session, plan_file, choices)
    chosen = plan_output.plan_options(choices)
    return applying.apply(replace(session, part=choices.part), chosen, choices)


@click.command(
    epilog="""\b
Examples:
  reconciler destroy shop --simulate
  reconciler destroy web.yaml --env staging --accept delete --yes
  reconciler destroy --all --env staging"""
)
@options.stacks_argument
@several_stacks_options
@options.environment_option
@options.variable_options
@click.option(
    "--unprotect",
    multiple=True,
    type=option_types.AddressText(),
    help="Lift the object's protection; repeatable.",
)
@options.part_options
@options.consent_options
@options.format_option
@options.simulate_options
@options.lock_option
@options.wait_option
@options.output_options
@options.gathered
@on_one_or_many(_destroy_many)
def destroy(session: Session, *, choices: Choices) -> int:
    """Delete everything that the stack owns, in reverse order.

    Protected objects and what they depend on are kept and listed, and the exit code is 4. Objects
    that the stack only refers to are not changed. Of several stacks, those that need another one
    are destroyed before it.
    """
    from reconciler.cli import apply as applying
    from reconciler.cli import plan_output

    chosen = plan_output.plan_options(choices, destroy=True)
    return applying.apply(replace(session, part=choices.part), chosen, choices)


@click.command(
    epilog="""\b
Examples:
  reconciler drift --env prod
  reconciler drift --format json --detailed-exitcode
  reconciler drift --all"""
)
@options.stacks_argument
@several_stacks_options
@options.environment_option
@options.variable_options
@options.plan_format_option
@options.exit_code_option
@options.simulate_options
@options.output_options
@on_one_or_many(_drift_many)
def drift(session: Session, *, detailed_exitcode: bool) -> int:
    """Show changes made outside reconciler, field by field. Changes in the file are not shown."""
    from reconciler.cli import plan_output
    from reconciler.commands import plan as planning

    wanted = session.load()
    session.problems.clear()
    store = session.store(wanted.name, wanted.environment)
    with session.connect() as connection:
        planned = planning.drift(wanted, connection, store, plan_output.running(store))
    code = plan_output.exit_code(planned, detailed=detailed_exitcode)
    header = session.header(planned, connection, store)
    plan_output.show_drift(session, planned, header, code=code)
    return code
