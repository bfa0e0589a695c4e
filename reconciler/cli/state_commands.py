"""`show`: what is kept, without asking the cloud."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.session import Session, ends, shown_path, stop_usage
from reconciler.core import exits


@click.command(
    epilog="""\b
Examples:
  reconciler show
  reconciler show instances.web[0] --env prod
  reconciler show prod.plan"""
)
@click.argument("what", required=False, metavar="[ADDRESS or FILE.plan]")
@options.stack_option
@options.environment_option
@options.plan_format_option
@options.simulate_options
@options.look_options
@ends
def show(
    console: Console, *, what: str | None, stack: str, environment: str | None, format: str, simulate: bool, time_scale: float | None
) -> int:
    """Show the state, one object of it, or a saved plan. Nothing is sent."""
    from reconciler import app, loading
    from reconciler.cli import looking
    from reconciler.core.address import parse

    if what is not None and what.endswith(".plan"):
        return _show_plan(console, what)
    address = None if what is None else parse(what)
    if what is not None and address is None:
        raise stop_usage(f"{what} is neither an address nor a FILE.plan", "an address is like instances.web or instances.web[0]")
    session = Session(console, Path(stack), environment, simulate, time_scale)
    name, environment = loading.identify(session.path, environment)
    store = session.store(name, environment)
    state = app.read_state(store)
    if address is not None:
        entry = app.entry_of(state, address)
        if console.json:
            console.result_json(looking.entry_document(entry))
        else:
            console.result(list(looking.entry_lines(entry)))
    elif console.json:
        console.result_json(looking.state_document(state))
    else:
        title = name if environment is None else f"{name}/{environment}"
        title += "    simulated" if simulate else ""
        console.result(list(looking.state_lines(state, title=title, where=shown_path(store.folder))))
    return exits.DONE


def _show_plan(console: Console, what: str) -> int:
    from reconciler import planfile
    from reconciler.core.problems import error
    from reconciler.core.saved import Unreadable
    from reconciler.stop import Stop
    from reconciler.ui import plan_json, plan_markdown, plan_text, saved_text

    saved = planfile.read(Path(what))
    try:
        plan = saved_text.plan_of(saved)
    except Unreadable as failure:
        raise Stop(error("plan-unreadable", f"{what} is refused: {failure}", hint="make a new one with `plan --out`")) from failure
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
