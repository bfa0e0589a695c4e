"""Plans on the way to the screen: text or JSON, with what stands beside them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.cli.run_context import Session
from reconciler.commands.context import ConcurrentRun, Connection, Planned
from reconciler.model import exit_codes
from reconciler.model.diagnostics import in_order
from reconciler.model.plan import Plan, unstated
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Acceptance, GivenConsent
from reconciler.render import escape
from reconciler.render.plan import plan_json, plan_text
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.store.folder_store import FileStore


def exit_code(planned: Planned, *, detailed: bool) -> int:
    """What `plan` and `drift` end with; `detailed` turns only a 0 into 2."""
    code = planned.exit_code
    exposed = any(problem.code == "exposed" for problem in planned.plan.problems)
    changed = bool(unstated(planned.plan.drift)) or planned.has_changes or exposed
    return exit_codes.CHANGES if detailed and code == exit_codes.DONE and changed else code


def running(store: FileStore) -> Callable[[], ConcurrentRun | None]:
    """Asks who works on the stack now (safety#one-writer)."""

    def ask() -> ConcurrentRun | None:
        held = store.holder()
        if held is None or not held.alive:
            return None
        if held.holder is None:
            return ConcurrentRun("another run works on this stack now")
        who = held.holder
        at = f", at {who.step}" if who.step else ""
        return ConcurrentRun(
            f"{who.user} on {who.host} (process {who.pid}, `{who.command}`{at}) works on this stack now",
            who.run,
        )

    return ask


def show_plan(
    session: Session,
    planned: Planned,
    connection: Connection,
    store: FileStore,
    *,
    given: Sequence[Acceptance],
    code: int,
) -> None:
    """The plan as the command's result, with problems found on the way among its own."""
    plan = with_problems(planned, session)
    console = session.console
    if console.json:
        document = plan_json.plan_document(
            plan, given=given, exit_code=code, verbose=console.verbose, unmanaged=planned.unmanaged
        )
        console.out.write(plan_json.text(document))
        return
    decision = approval.decide(
        plan,
        _given(planned, given),
        tracked=planned.tracked,
        empty_file=not planned.stack.resources,
    )
    if console.markdown:
        from reconciler.render.plan.plan_markdown import plan_markdown

        console.out.write(
            plan_markdown(
                plan, session.header(planned, connection, store), decision, planned.outputs
            )
        )
        return
    lines = plan_text.plan_lines(
        plan,
        session.header(planned, connection, store),
        console.look(console.out),
        decision,
        planned.outputs,
    )
    console.result(list(lines))
    if planned.unmanaged is not None:
        from reconciler.render.unmanaged_text import unmanaged_lines

        console.result(list(unmanaged_lines(planned.unmanaged, console.look(console.out))))
    emptying = approval.is_emptying(
        plan, tracked=planned.tracked, empty_file=not planned.stack.resources
    )
    if emptying is not None and not plan.destroy:
        console.tell(
            [
                Line(
                    f" apply will refuse this without --allow-empty: {escape.outside(emptying)}",
                    Tone.CARE,
                )
            ]
        )


def show_drift(
    session: Session, planned: Planned, connection: Connection, store: FileStore, *, code: int
) -> None:
    """The drift as the command's result."""
    plan = with_problems(planned, session)
    console = session.console
    if console.json:
        console.out.write(plan_json.text(plan_json.plan_document(plan, exit_code=code)))
        return
    if console.markdown:
        from reconciler.render.plan.plan_markdown import plan_markdown

        console.out.write(
            plan_markdown(plan, session.header(planned, connection, store), drift=True)
        )
        return
    console.result(
        list(
            plan_text.drift_lines(
                plan, session.header(planned, connection, store), console.look(console.out)
            )
        )
    )


def with_problems(planned: Planned, session: Session) -> Plan:
    """The plan with the problems found beside it, which the session then forgets, and hints that
    can be pasted as they stand.
    """
    beside, session.problems = session.problems, []
    found = (*planned.plan.problems, *planned.problems, *beside)
    return replace(planned.plan, problems=in_order(map(session.pasteable, found)))


def saved_lines(out: str, session: Session) -> list[Line]:
    """That the plan was saved, and how to do it."""
    where = [] if str(session.path) == "." else [str(session.path)]
    command = shlex.join(
        [
            "reconciler",
            "apply",
            "--plan",
            out,
            *where,
            *(["--simulate"] if session.simulate else []),
        ]
    )
    return [Line(f" Saved. To do exactly this:  {escape.outside(command)}", Tone.GOOD)]


def _given(planned: Planned, accept: Sequence[Acceptance]) -> GivenConsent:
    standing = tuple(
        found for found in map(approval.parse, planned.stack.accept) if found is not None
    )
    return GivenConsent(accept=tuple(accept), standing=standing, terminal=True)
