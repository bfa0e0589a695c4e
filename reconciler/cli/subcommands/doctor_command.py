"""`doctor`: checks everything around a run; its output is safe to paste into a report."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.contract import contract_check
from reconciler.cli.contract.contract_check import ContractChoices
from reconciler.cli.run_context import Session, on_stack, stop_usage
from reconciler.common.text import joined, msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, Severity, error, has_errors, warning
from reconciler.model.resource import title_of
from reconciler.version import VERSION

if TYPE_CHECKING:
    from reconciler.commands.context import Connection
    from reconciler.commands.doctor import Check


@click.command(
    epilog="""\b
Examples:
  reconciler doctor
  reconciler doctor --stack web.yaml --env prod
  reconciler doctor --simulate
  reconciler doctor --contract
  reconciler doctor --contract --write-probe --budget 1000
  reconciler doctor --contract --read contract-report.json"""
)
@options.stack_argument
@options.environment_option
@click.option(
    "--contract",
    is_flag=True,
    help="Compare this account's API with the contract, by about 45 reads, and write a report.",
)
@click.option(
    "--write-probe",
    is_flag=True,
    help="With --contract: also create, change and delete a firewall with a rule (free).",
)
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    metavar="KRW",
    default=None,
    help=(
        "With --write-probe: also create and delete the cheapest instance with a block storage, "
        "if it costs at most this much a day."
    ),
)
@click.option("--yes", is_flag=True, help="With --contract: do not ask.")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="With --contract: write the report to this file (default: contract-report.json).",
)
@click.option(
    "--read",
    "report",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="With --contract: print what a report changes in the contract; sends nothing.",
)
@click.option(
    "--no-catalogue", is_flag=True, help="With --contract: leave out codes of zones and flavors."
)
@click.option(
    "--refusals",
    is_flag=True,
    help="With --contract: also send two reads with a wrong signature.",
)
@click.option(
    "--provoke-429",
    "provoke_429",
    is_flag=True,
    help="With --contract: also exceed the quota once; the key is then idle for a minute.",
)
@options.format_option
@options.simulate_options
@options.output_options
@options.gathered_in(ContractChoices)
@on_stack
def doctor(session: Session, *, choices: ContractChoices) -> int:
    """Check the place of the states, key, clock, endpoint, quota log, state, lock, unsettled
    requests, and look for objects in a dangerous condition.

    For each environment with a state, doctor reads what a plan reads. This finds instances without
    a firewall and objects that are missing from the state. Nothing is changed, and the output
    contains no key, password or link.
    """
    if choices.contract:
        return contract_check.run(session, choices)
    if choices.given is not None:
        raise stop_usage(
            msg("{option} works only with --contract", option=choices.given),
            "reconciler doctor --contract",
        )
    console = session.console
    found = sorted(
        _checks(session),
        key=lambda check: check.problem is None or check.problem.code not in exit_codes.SHOWN_FIRST,
    )
    problems = [check.problem for check in found if check.problem is not None]
    code = exit_codes.of_problems(problems)
    if console.json:
        from reconciler.render.documents.json_document import DocumentType, document

        members = {"checks": [_row(check) for check in found], "exit_code": code}
        console.result_json(document(DocumentType.DIAGNOSIS, members))
    else:
        _show(console, found, problems)
    return code


def _checks(session: Session) -> Iterator[Check]:
    from reconciler.commands import doctor as diagnosis

    system = f"Python {platform.python_version()} on {platform.system()}"
    yield diagnosis.Check(msg("program"), f"reconciler {VERSION}, {system}")
    place = tuple(_place(session))
    yield from place
    usable = not any(has_errors([check.problem]) for check in place if check.problem is not None)
    if session.simulate and not usable:
        return  # the local cloud is in a folder of the place
    connection: Connection | None = None
    conditions: list[Check] = []
    try:
        with session.connect() as connection:
            found = tuple(diagnosis.cloud(connection))
            yield from found
            if usable and all(
                check.problem is None or check.problem.severity is not Severity.ERROR
                for check in found
            ):
                conditions += _conditions(session, connection)
    except Abort as stop:
        names = {
            "credentials": msg("key"),
            "endpoint": msg("endpoint"),
            "quota": msg("quota log"),
        }
        yield from (
            diagnosis.Check(names.get(problem.code, msg("cloud")), msg("not usable"), problem)
            for problem in stop.problems
        )
    yield from _quota(session)
    if usable:
        yield from _kept(session, connection)
    yield from conditions


def _quota(session: Session) -> Iterator[Check]:
    """The quota in force. What is wrong with its choice is reported with the cloud."""
    from reconciler.cli import composition
    from reconciler.cli.quota import quota_choice
    from reconciler.commands import doctor as diagnosis

    unusable = next((problem for problem in session.problems if problem.code == "quota"), None)
    with suppress(Abort):
        quota = composition.quota_of(session.path, session.environ, simulated=session.simulate)
        text = quota_choice.described(quota, _short(str(quota.folder)))
        yield diagnosis.Check(msg("quota log"), text, unusable)


def _place(session: Session) -> Iterator[Check]:
    """The place of the states: what names it, whether it can be reached, and what it does not
    keep.
    """
    from reconciler.cli import state_places
    from reconciler.commands import doctor as diagnosis
    from reconciler.model.ports import PlaceUnusable

    name = msg("place")
    try:
        place = session.state_place
        unused = [problem for problem in session.problems if problem.code == "state-place"]
        named = state_places.named_by(session.path, session.environ)
        origin = msg("of the local cloud") if session.simulate else named
        text = joined(", ", (_short(place.location), origin))
        facts = place.facts()
    except Abort as stop:
        yield diagnosis.Check(name, msg("not usable"), stop.problems[0])
        return
    except PlaceUnusable as failure:
        problem = error("state-place", str(failure), hint=failure.hint)
        yield diagnosis.Check(name, joined(", ", (text, msg("not usable"))), problem)
        return
    more = (facts.text,) if facts.text else ()
    yield diagnosis.Check(name, joined(", ", (text, *more)))
    for each in facts.warnings:
        yield diagnosis.Check(name, msg("may lose records"), warning("state-place", each))
    for problem in unused:
        yield diagnosis.Check(name, msg("another one is named"), problem)


def _kept(session: Session, connection: Connection | None) -> Iterator[Check]:
    """Checks of the stack's state, or of each environment's state if none is chosen."""
    from reconciler.cli import plan_output
    from reconciler.commands import doctor as diagnosis

    try:
        name, environments = _identities(session)
    except Abort as stop:
        missing = all(problem.code == "file-missing" for problem in stop.problems)
        yield diagnosis.Check(
            msg("stack"),
            msg("none here") if missing else msg("cannot be read"),
            None if missing else stop.problems[0],
        )
        return
    for environment in environments:
        store = session.store(name, environment)
        yield diagnosis.Check(msg("stack"), title_of(name, environment))
        here = replace(session, environment=environment)
        for check in diagnosis.kept(
            store, _short(store.location), connection, plan_output.running(store)
        ):
            problem = None if check.problem is None else here.pasteable(check.problem)
            yield replace(check, problem=problem)
        yield from _former_names(session, name, environment)


def _identities(session: Session) -> tuple[str, tuple[str | None, ...]]:
    """The name of the stack, and the chosen environment or all: those in the file, and removed ones
    that still have a state.
    """
    from reconciler.config import loader

    name, known = loader.identities(session.path)
    if session.environment is not None or not known:
        return name, (session.identify()[1],)
    return name, tuple(sorted({*known, *session.kept_environments(name)}))


def _conditions(session: Session, connection: Connection) -> Iterator[Check]:
    """Dangerous conditions in the account, for each environment that has a state."""
    from reconciler.cli import plan_output
    from reconciler.commands import doctor as diagnosis
    from reconciler.commands import session as opening

    try:
        name, environments = _identities(session)
    except Abort:
        return  # reported with the state
    for environment in environments:
        here = replace(session, environment=environment, problems=[])
        store = here.store(name, environment)
        with suppress(Abort):  # an unreadable state is already reported
            if opening.read_state(store) is not None:
                yield from diagnosis.objects(
                    here.load_to_destroy,
                    here.pasteable,
                    connection,
                    store,
                    plan_output.running(store),
                )


def _former_names(session: Session, name: str, environment: str | None) -> Iterator[Check]:
    from reconciler.commands import doctor as diagnosis
    from reconciler.commands import session as opening

    session = replace(session, environment=environment, problems=[])
    store = session.store(name, environment)
    with suppress(Abort):  # an unreadable state is already reported
        for problem in session.former_names(store, opening.read_state(store)):
            yield diagnosis.Check(
                msg("former name"), msg("the state of a former name owns objects"), problem
            )


def _short(path: str) -> str:
    """A path without the part that names the user."""
    from reconciler.common.paths import shown_path

    text = shown_path(path)
    home = os.path.expanduser("~")  # noqa: PTH111  (Path.home() fails without a home)
    return (
        "~" + text.removeprefix(home)
        if home not in ("", "/", "~") and text.startswith(home + "/")
        else text
    )


def _row(check: Check) -> dict[str, Any]:
    from reconciler.model import serialize

    problem: Problem | None = check.problem
    return {
        "name": check.name,
        "text": check.text,
        "problem": None if problem is None else serialize.problem(problem),
    }


def _show(console: Console, found: list[Check], problems: list[Problem]) -> None:
    from reconciler.render import escape
    from reconciler.render import problem_text as view
    from reconciler.render.run.screen import Line, Tone

    tones = {"error": Tone.DANGER, "warning": Tone.CARE, "notice": Tone.PLAIN}
    lines = []
    width = max([14, *(escape.width(escape.outside(check.name)) + 2 for check in found)])
    for check in found:
        mark = (
            "ok"
            if check.problem is None
            else {"error": "!!", "warning": "! "}.get(check.problem.severity.value, "ok")
        )
        tone = Tone.PLAIN if check.problem is None else tones[check.problem.severity.value]
        name = escape.pad(escape.outside(check.name), width)
        lines.append(Line(f" {mark:<3} {name}{escape.outside(check.text)}", tone))
    console.result(lines)
    if problems:
        console.result([Line(), *view.problems_lines(problems, console.style(console.out))])
