"""`show`: the state or a saved plan, without the network, or one object with its status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.run_context import Session, on_stack, stop_usage
from reconciler.common.paths import shown_path
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.resource import title_of

if TYPE_CHECKING:
    from reconciler.model.address import Address
    from reconciler.model.resource import LiveResource, Stack
    from reconciler.model.state import Entry


@click.command(
    epilog="""\b
Examples:
  reconciler show
  reconciler show 'instances.web[0]' --env prod
  reconciler show instances.db --why
  reconciler show prod.plan
  reconciler show plan://8fa3c1d20b77"""
)
@click.argument("what", required=False, metavar="[ADDRESS or PLAN]")
@options.stack_argument
@options.environment_option
@options.variable_options
@click.option(
    "--why",
    is_flag=True,
    help=("Read the account and explain the change: file, field, rule, steps, dependencies."),
)
@options.plan_format_option
@options.simulate_options
@options.output_options
@options.stack_alone("what")
@on_stack
def show(session: Session, *, what: str | None, why: bool) -> int:
    """Show the state, one object in it, or a saved plan.

    A saved plan is FILE.plan, or plan://ID for one that `plan --save` has kept.
    For an object, one list is read for its status and addresses; --why reads what a plan reads.
    """
    from reconciler.model.address import typed

    console = session.console
    if what is not None and (what.endswith(".plan") or what.startswith("plan://")):
        if why:
            raise stop_usage(msg("--why needs an address"), "reconciler show ADDRESS --why")
        return _show_plan(session, what)
    address = None if what is None else typed(what)
    if what is not None and address is None:
        raise stop_usage(
            msg("{argument} is neither an address nor a FILE.plan", argument=what),
            msg("an address is like instances.web or instances.web[0]"),
        )
    if console.markdown:
        raise stop_usage(
            msg("--format markdown works only for plans"),
            "reconciler show FILE.plan --format markdown",
        )
    if not why:
        return _show_state(session, address)
    if address is None:
        raise stop_usage(msg("--why needs an address"), "reconciler show ADDRESS --why")
    return _show_why(session, address)


@click.command(
    epilog="""\b
Examples:
  reconciler state plans --env prod
  reconciler state plans --remove plan://8fa3c1d20b77"""
)
@options.stack_argument
@options.environment_option
@click.option(
    "--remove",
    multiple=True,
    metavar="plan://ID",
    help="Remove this plan; repeatable.",
)
@options.format_option
@options.simulate_options
@options.output_options
@on_stack
def plans(session: Session, *, remove: tuple[str, ...]) -> int:
    """List the plans that `plan --save` has kept beside the state, the newest first.

    A plan is stale once the state has changed. apply compares everything else as well.
    """
    import time
    from dataclasses import replace

    from reconciler.commands import session as opening
    from reconciler.commands.saved_plans import kept_plans
    from reconciler.render import escape
    from reconciler.render.plan import kept_plans_text as view
    from reconciler.render.run.screen import Line, Tone

    console = session.console
    name, environment = session.identify()
    session = replace(session, environment=environment)
    store = session.store(name, environment)
    place = kept_plans.PlanPlace(name, environment, store)
    removed = kept_plans.remove(place, remove)
    found, more = kept_plans.listed(store, opening.read_state(store), time.time())
    if console.json:
        console.result_json(view.plans_document(found, stack=name, environment=environment))
    elif remove:
        for plan in removed:
            text = msg(" Removed: {plan}", plan=escape.outside(kept_plans.reference(plan.id)))
            console.result([Line(text, Tone.GOOD)])
    else:
        title = title_of(name, environment)
        console.result(list(view.plans_lines(found, more, title, console.style(console.out))))
    return exit_codes.DONE


def _show_state(session: Session, address: Address | None) -> int:
    from dataclasses import replace

    from reconciler.commands import session as opening
    from reconciler.render import escape, state_text
    from reconciler.render.documents import state_json
    from reconciler.render.format import phrase
    from reconciler.render.plan import plan_text

    console = session.console
    name, environment = session.identify()
    store = session.store(name, environment)
    state = opening.read_state(store)
    rules = {} if state is None or address is None else state_text.rules_of(state, address)
    if state is not None and rules and str(address) not in state.entries:
        if console.json:
            part = replace(state, entries=rules, deposed={}, open={})
            console.result_json(
                state_json.state_document(part, stack=name, environment=environment)
            )
        else:
            console.result(list(state_text.rule_lines(rules, escape.outside(address))))
    elif address is not None:
        entry = opening.entry_of(state, address)
        live = _live(session, entry)
        if console.json:
            console.result_json(
                state_json.entry_document(entry, live, stack=name, environment=environment)
            )
        else:
            stack = session.load_if_it_can_be()
            cost = _monthly(session, entry, stack)
            written = None if stack is None else stack.resources.get(address)
            console.result(
                [
                    *state_text.entry_lines(entry, cost, live),
                    *state_text.written_lines(written),
                    *(state_text.rule_lines(rules, phrase("its rules")) if rules else ()),
                ]
            )
    elif console.json:
        found = session.exposed(store, state)
        console.result_json(
            state_json.state_document(state, stack=name, environment=environment, problems=found)
        )
    else:
        title = title_of(name, environment)
        title += escape.outside(msg("    simulated")) if session.simulate else ""
        console.result(
            list(
                plan_text.attention_lines(session.exposed(store, state), console.style(console.out))
            )
        )
        console.result(
            list(state_text.state_lines(state, title=title, where=shown_path(store.location)))
        )
        console.problems(session.former_names(store, state))
    return exit_codes.DONE


def _live(session: Session, entry: Entry) -> LiveResource | None:
    """The object as the account shows it, by one list; None, with a note, if that cannot be read or
    does not show it. What the state records is shown anyway.
    """
    from reconciler.commands import session as opening
    from reconciler.model.diagnostics import notice
    from reconciler.model.ports import RefreshScope
    from reconciler.resources import all_kinds

    if entry.kind not in all_kinds().sections:
        return None
    tracked = {entry.kind: frozenset({entry.id})}
    try:
        with session.connect() as connection:
            scope = RefreshScope(kinds=frozenset({entry.kind}), tracked=tracked)
            live = opening.read_account(connection, scope).find(entry.kind, entry.id)
    except Abort as stop:
        message = msg(
            "the account could not be read, so only the state is shown: {reason}",
            reason=stop.problems[0].message,
        )
        session.console.problems([notice("cloud", message)])
        return None
    if live is None:
        message = msg("{address} is missing from the account", address=entry.address)
        hint = msg("make a plan: it says what to do")
        problem = notice("missing-object", message, address=entry.address, hint=hint)
        session.console.problems([session.pasteable(problem)])
    return live


def _monthly(session: Session, entry: Entry, stack: Stack | None) -> int | None:
    """The monthly cost of the object as last applied, in KRW, if the cached catalogue or the stack
    has its price.
    """
    from reconciler.model.resource import Prices
    from reconciler.resources import all_kinds

    prices = Prices.known(session.kept_catalogue(), {} if stack is None else stack.prices)
    price = all_kinds()[entry.kind].price
    return 0 if price is None else price(entry.applied, prices)


def _show_why(session: Session, address: Address) -> int:
    """Explains the change of one address, from a plan made now."""
    from reconciler.cli import plan_output
    from reconciler.commands import plan as planning
    from reconciler.common import suggestions
    from reconciler.model.diagnostics import error
    from reconciler.planner.compare.assessment import PlanOptions
    from reconciler.render import why_text
    from reconciler.render.explain_change import why as why_of

    console = session.console
    stack = session.load()
    store = session.store(stack.name, stack.environment)
    with session.connect() as connection:
        planned = planning.plan(stack, connection, store, PlanOptions(), plan_output.running(store))
    plan = plan_output.with_problems(planned, session)
    known = {str(change.address) for change in plan.changes} | set(planned.tracked)
    if str(address) not in known:
        raise Abort(
            error(
                "missing-reference",
                msg("{address} is neither in the file nor in the state", address=address),
                hint=suggestions.hint_for(str(address), known),
            )
        )
    found = why_of(plan, address)
    if console.json:
        console.result_json(why_text.why_document(found))
    else:
        console.result(list(why_text.why_lines(found, console.style(console.out))))
    return exit_codes.DONE


def _show_plan(session: Session, what: str) -> int:
    from reconciler.cli import plan_output
    from reconciler.cli.arguments import plan_reference
    from reconciler.commands.saved_plans import kept_plans
    from reconciler.planner.checks import approval
    from reconciler.planner.checks.approval import GivenConsent
    from reconciler.render.plan import plan_json, plan_markdown, plan_text

    console, saved = session.console, plan_reference.read(session, what)
    plan, stack = saved.plan, saved.options.stack
    if kept_plans.is_reference(what):  # it may have been made in another folder
        what, stack = kept_plans.reference(saved.id), str(session.path)
    if console.json:
        document = plan_json.plan_document(plan, given=saved.accept, exit_code=saved.exit_code)
        console.result_json(plan_json.with_id(document, saved.id))
        return exit_codes.DONE
    header = plan_text.PlanHeader(
        key_suffix="",
        state="",
        at=saved.made.at,
        simulated=saved.simulated,
        saved=what,
        id=saved.id,
        command=plan_output.saved_command(what, stack, simulate=saved.simulated),
    )
    given = GivenConsent(accept=saved.accept, terminal=True, allow_empty=True)
    decision = approval.decide(plan, given, tracked=())
    if console.markdown:
        console.out.write(plan_markdown.plan_markdown(plan, header, decision))
        return exit_codes.DONE
    console.result(list(plan_text.plan_lines(plan, header, console.style(console.out), decision)))
    return exit_codes.DONE
