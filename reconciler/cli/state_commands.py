"""`show`: what is kept; only `show --why` asks the cloud."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.session import Session, on_stack, shown_path, stop_usage
from reconciler.core import exits
from reconciler.core.model import title_of

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.model import Stack
    from reconciler.core.state import Entry


@click.command(
    epilog="""\b
Examples:
  reconciler show
  reconciler show instances.web[0] --env prod
  reconciler show instances.db --why
  reconciler show prod.plan"""
)
@click.argument("what", required=False, metavar="[ADDRESS or FILE.plan]")
@options.stack_option
@options.environment_option
@options.variable_options
@click.option("--why", is_flag=True, help="Read the account, and tell why it changes: file, field, rule, steps, what waits for what.")
@options.plan_format_option
@options.simulate_options
@options.look_options
@on_stack
def show(session: Session, *, what: str | None, why: bool) -> int:
    """Show the state, one object of it, or a saved plan. Nothing is sent, but with --why the account is read."""
    from reconciler.core.address import typed

    console = session.console
    if what is not None and what.endswith(".plan"):
        if why:
            raise stop_usage("--why is about an address", "reconciler show ADDRESS --why")
        return _show_plan(console, what)
    address = None if what is None else typed(what)
    if what is not None and address is None:
        raise stop_usage(f"{what} is neither an address nor a FILE.plan", "an address is like instances.web or instances.web[0]")
    if console.markdown:
        raise stop_usage("--format markdown is for plans", "reconciler show FILE.plan --format markdown")
    if not why:
        return _show_state(session, address)
    if address is None:
        raise stop_usage("--why is about an address", "reconciler show ADDRESS --why")
    return _show_why(session, address)


def _show_state(session: Session, address: Address | None) -> int:
    from reconciler import app, opening
    from reconciler.cli import looking
    from reconciler.ui import plan_text

    console = session.console
    name, environment = session.identify()
    store = session.store(name, environment)
    state = opening.read_state(store)
    if address is not None:
        entry = app.entry_of(state, address)
        if console.json:
            console.result_json(looking.entry_document(entry))
        else:
            stack = session.load_if_it_can_be()
            cost = _monthly(session, entry, stack)
            written = None if stack is None else stack.resources.get(address)
            console.result([*looking.entry_lines(entry, cost), *looking.written_lines(written)])
    elif console.json:
        console.problems(session.exposed(store, state))
        console.result_json(looking.state_document(state))
    else:
        title = title_of(name, environment)
        title += "    simulated" if session.simulate else ""
        console.result(list(plan_text.first_lines(session.exposed(store, state), console.look(console.out))))
        console.result(list(looking.state_lines(state, title=title, where=shown_path(store.folder))))
        console.problems(session.former_names(store, state))
    return exits.DONE


def _monthly(session: Session, entry: Entry, stack: Stack | None) -> int | None:
    """What the object costs a month as it was last applied, where the catalogue was kept or the stack says it."""
    from reconciler.core.cost import Prices

    return Prices.known(session.kept_catalogue(), {} if stack is None else stack.prices).of(entry.kind, entry.applied)


def _show_why(session: Session, address: Address) -> int:
    """The chain of one address, from a plan made now."""
    from reconciler import app
    from reconciler.cli import showing
    from reconciler.core import names
    from reconciler.core.problems import error
    from reconciler.core.survey import PlanOptions
    from reconciler.core.why import why as why_of
    from reconciler.stop import Stop
    from reconciler.ui import why_text

    console = session.console
    stack = session.load()
    store = session.store(stack.name, stack.environment)
    with session.connect() as connection:
        planned = app.plan(stack, connection, store, PlanOptions(), showing.running(store))
    plan = showing.with_problems(planned, session)
    known = {str(change.address) for change in plan.changes} | set(planned.tracked)
    if str(address) not in known:
        raise Stop(error("missing-reference", f"neither the file nor the state has {address}", hint=names.hint_for(str(address), known)))
    found = why_of(plan, address, connection.kinds)
    if console.json:
        console.result_json(why_text.why_document(found))
    else:
        console.result(list(why_text.why_lines(found, console.look(console.out))))
    return exits.DONE


def _show_plan(console: Console, what: str) -> int:
    from reconciler import planfile, schema
    from reconciler.core.problems import error
    from reconciler.core.saved import Unreadable
    from reconciler.stop import Stop
    from reconciler.ui import plan_json, plan_markdown, plan_text, saved_text

    saved = planfile.read(Path(what))
    try:
        wrong = schema.plan_mistake(saved.document)
        if wrong is not None:
            raise Unreadable(wrong)
        plan = saved_text.plan_of(saved)
    except Unreadable as failure:
        raise Stop(error("plan-unreadable", f"{what} is refused: {failure}", hint="make a new one with `plan --out FILE`")) from failure
    if console.json:
        console.out.write(plan_json.text(dict(saved.document)))
        return exits.DONE
    header = plan_text.Header(
        key_suffix="",
        state=f"of lineage {saved.lineage[:8] or 'none'}",
        at=saved.made_at,
        simulated=saved.simulated,
        saved=what,
        id=saved_text.id_of(saved, plan),
    )
    decision = saved_text.decision_of(saved, plan)
    if console.markdown:
        console.out.write(plan_markdown.plan_markdown(plan, header, decision))
        return exits.DONE
    console.result(list(plan_text.plan_lines(plan, header, console.look(console.out), decision)))
    return exits.DONE
