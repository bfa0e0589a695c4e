"""Shows plans and drift as text, Markdown or JSON, with the collected problems."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import composition
from reconciler.cli.arguments import piped_arguments
from reconciler.cli.options import Choices
from reconciler.cli.run_context import Session
from reconciler.commands.context import ConcurrentRun, Connection, Planned
from reconciler.commands.saved_plans import kept_plans, plan_file
from reconciler.commands.session import read_place
from reconciler.common.suggestions import command_line
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.diagnostics import Severity, in_order
from reconciler.model.plan import Plan, unstated
from reconciler.model.ports import holder_text
from reconciler.model.ports.plan_ports import KEPT_DAYS, short_id
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Acceptance, GivenConsent
from reconciler.planner.saved_plan import Made, SavedOptions, SavedPlan
from reconciler.render import escape
from reconciler.render.documents.json_document import DocumentType
from reconciler.render.plan import plan_json, plan_text
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.commands.project.gate_values import Gates
    from reconciler.model.ports import Store
    from reconciler.planner.compare.assessment import PlanOptions
    from reconciler.render.plan.plan_text import PlanHeader


def plan_options(choices: Choices, *, destroy: bool = False) -> PlanOptions:
    """The options of a plan. Stops if they contradict each other."""
    from reconciler.planner.compare.assessment import PlanOptions

    if choices.only and choices.without:
        raise piped_arguments.stop_usage(
            msg("--only and --except cannot be used together"),
            msg("choose one: what to include, or what to leave out"),
        )
    return PlanOptions(
        destroy=destroy,
        accept=tuple((consent.risk.value, consent.address) for consent in choices.accept),
        replace=frozenset(choices.replace),
        unprotect=frozenset(choices.unprotect),
        only=choices.only,
        without=choices.without,
        first_passwords=bool(choices.first_passwords),
        unmanaged=choices.unmanaged,
    )


def exit_code(planned: Planned, *, detailed: bool) -> int:
    """The exit code of `plan` and `drift`. `detailed` turns 0 into 2 if there are changes."""
    code = planned.exit_code
    exposed = any(problem.code == "exposed" for problem in planned.plan.problems)
    changed = bool(unstated(planned.plan.drift)) or planned.has_changes or exposed
    return exit_codes.CHANGES if detailed and code == exit_codes.DONE and changed else code


def running(store: Store) -> Callable[[], ConcurrentRun | None]:
    """A function that returns the run active on the stack now, or None (safety#one-writer). It
    stops if that cannot be read.
    """

    def ask() -> ConcurrentRun | None:
        held = read_place(store.holder)
        if held is None or not held.alive:
            return None
        title = holder_text.title(held.holder, held.last_sign, time.time())
        return ConcurrentRun(title, None if held.holder is None else held.holder.run)

    return ask


def gates(session: Session, reason: str | None = None, *, of_act: bool = False) -> Gates | None:
    """What may hold back an apply; None without a project. `reason` is why the run passes a freeze.
    Windows are for applies: they hold back neither an act on an instance nor the local cloud.
    """
    from reconciler.config.project import location

    if location.find(session.path) is None and reason is None:
        return None
    from reconciler.commands.project.gates import of_project
    from reconciler.model.state import Override

    override = None
    if reason is not None:
        who = composition.holder("reconciler apply")
        override = Override(reason.strip(), f"{who.user}@{who.host}", int(who.since))
    return of_project(
        session.path,
        time.time,
        override=override,
        with_windows=not (of_act or session.simulate),
    )


def is_held_back(planned: Planned) -> bool:
    """Whether a freeze, a window or a policy would refuse an apply of the plan now."""
    gates = planned.plan.gates
    is_denied = any(
        problem.code == "policy" and problem.severity is Severity.ERROR
        for problem in planned.problems
    )
    return gates.frozen is not None or gates.opens is not None or is_denied


def show_plan(
    session: Session,
    planned: Planned,
    header: PlanHeader,
    *,
    given: Sequence[Acceptance],
    code: int,
) -> Plan:
    """Shows the plan as the command's result, together with the collected problems. Returns it with
    them.
    """
    plan = with_problems(planned, session)
    console = session.console
    if console.json:
        document = plan_json.plan_document(
            plan, given=given, exit_code=code, verbose=console.verbose, unmanaged=planned.unmanaged
        )
        console.result_json(plan_json.with_id(document, header.id))
        return plan
    decision = approval.decide(
        plan,
        given_consent(planned, given),
        tracked=planned.tracked,
        empty_file=not planned.stack.resources,
    )
    if console.markdown:
        from reconciler.render.plan.plan_markdown import plan_markdown

        console.out.write(plan_markdown(plan, header, decision, planned.outputs))
        return plan
    lines = plan_text.plan_lines(
        plan,
        header,
        console.style(console.out),
        decision,
        planned.outputs,
    )
    console.result(list(lines))
    if planned.unmanaged is not None:
        from reconciler.render.unmanaged_text import unmanaged_lines

        console.result(list(unmanaged_lines(planned.unmanaged, console.style(console.out))))
    emptying = approval.is_emptying(
        plan, tracked=planned.tracked, empty_file=not planned.stack.resources
    )
    if emptying is not None and not plan.destroy:
        text = msg(
            " apply will refuse this without --allow-empty: {reason}",
            reason=escape.outside(emptying),
        )
        console.note([Line(text, Tone.CARE)])
    return plan


def show_drift(session: Session, planned: Planned, header: PlanHeader, *, code: int) -> None:
    """Shows the drift as the command's result."""
    plan = with_problems(planned, session)
    console = session.console
    if console.json:
        document = plan_json.plan_document(plan, exit_code=code, type=DocumentType.DRIFT)
        console.result_json(document)
        return
    if console.markdown:
        from reconciler.render.plan.plan_markdown import plan_markdown

        console.out.write(plan_markdown(plan, header, drift=True))
        return
    console.result(list(plan_text.drift_lines(plan, header, console.style(console.out))))


def with_problems(planned: Planned, session: Session) -> Plan:
    """The plan with the session's collected problems, which are cleared, and with hints that work
    when pasted.
    """
    found = (*planned.plan.problems, *planned.problems, *session.taken_problems())
    return replace(planned.plan, problems=in_order(map(session.pasteable, found)))


def saved_command(file: str, stack: str, *, simulate: bool) -> str:
    """The command line that applies a saved plan of a stack."""
    last = [] if stack == "." else [stack]
    return command_line(
        ["reconciler", "apply", "--plan", file, *last, *(["--simulate"] if simulate else [])]
    )


def command(session: Session, choices: Choices, *, saved: str | None) -> str:
    """The command line that applies the plan, with the options that the plan was made with: the
    saved plan if there is one, by its file or its reference, else a new plan.
    """
    if saved is not None:
        return saved_command(saved, str(session.path), simulate=session.simulate)
    arguments = given(choices)
    if choices.undo is not None:
        arguments.append("--undo" if choices.undo == "last" else f"--undo={choices.undo}")
    return replace(session, part=arguments).again("apply")


def given(choices: Choices) -> list[str]:
    """The options that shape a plan and consent to it, as arguments."""
    return [
        *choices.part,
        *(text for address in choices.replace for text in ("--replace", address)),
        *(text for address in choices.unprotect for text in ("--unprotect", address)),
        *(text for each in choices.accept for text in ("--accept", str(each))),
    ]


def saved(
    session: Session,
    planned: Planned,
    connection: Connection,
    options: PlanOptions,
    accept: Sequence[Acceptance],
    *,
    code: int = 0,
) -> SavedPlan:
    """The plan as it is saved, with what it was made for and by whom. `code` is the exit code of
    `plan`.
    """
    who = composition.holder("reconciler plan")
    return SavedPlan(
        planned.plan,
        account=connection.account,
        endpoint=connection.endpoint,
        simulated=connection.simulated,
        made=Made(int(planned.at), f"{who.user}@{who.host}"),
        accept=tuple(accept),
        options=SavedOptions.of(options, piped_arguments.pasted(session.path)),
        exit_code=code,
    )


def save(session: Session, plan: SavedPlan, store: Store | None, file: str | None) -> None:
    """Keeps a plan in a store, a file or both, and shows its id and how it is applied. Stops if
    that is not possible.
    """
    id, note = escape.outside(short_id(plan.id)), session.console.note
    if store is not None:
        kept_plans.keep(store, plan)
        path, simulate = str(session.path), session.simulate
        command = saved_command(kept_plans.reference(plan.id), path, simulate=simulate)
        text = msg(
            "Saved as plan {id}, kept for {days} days. Apply it with:", id=id, days=KEPT_DAYS
        )
        note([Line(text, Tone.GOOD), Line(f"  {escape.outside(command)}")])
    if file is not None:
        plan_file.write(Path(file), plan)
        text = msg("Saved in {file}, as plan {id}.", file=escape.outside(file), id=id)
        note([Line(text, Tone.GOOD)])


def given_consent(planned: Planned, accept: Sequence[Acceptance]) -> GivenConsent:
    """The consent of the options and of the stack file."""
    from_stack = tuple(
        found for found in map(approval.parse, planned.stack.accept) if found is not None
    )
    return GivenConsent(accept=tuple(accept), from_stack=from_stack, terminal=True)
