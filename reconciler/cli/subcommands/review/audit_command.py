"""`audit`: who applied what, with whose consent, and whether the log of it is whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.arguments import piped_arguments
from reconciler.cli.run_context import ends
from reconciler.common.dataclass import dataclass
from reconciler.common.paths import shown_path
from reconciler.common.suggestions import command_line
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.diagnostics import Problem, error, warning

if TYPE_CHECKING:
    from reconciler.cli.console import Console
    from reconciler.model.ports.audit_ports import AuditFault, AuditRecord, AuditTrail
    from reconciler.model.review.audit_entry import AuditEntry
    from reconciler.render.documents.json_document import Document
    from reconciler.render.run.screen import Line

_KNOWN_RECORD = re.compile(r"([1-9][0-9]{0,11}):([0-9a-f]{64})")


class KnownRecord(click.ParamType[tuple[int, str]]):
    """The position and the hash of an entry that somebody noted: `12:3f2a...`."""

    name = "position:hash"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, str]:
        """The position and the hash."""
        found = _KNOWN_RECORD.fullmatch(value)
        if found is None:
            self.fail(
                msg(
                    "{value!r} is not a position and a hash, such as 12:HASH with 64 digits",
                    value=value,
                ),
                param,
                ctx,
            )
        return int(found[1]), found[2]


@dataclass(frozen=True, slots=True)
class AuditChoices:
    """The options of `audit`. `expect` is the position and the hash of an entry."""

    environment: str | None = None
    last: int | None = None
    verify: bool = False
    expect: tuple[int, str] | None = None

    def wants(self, entry: AuditEntry, names: frozenset[str]) -> bool:
        """Whether an entry is of a stack of these names, of all if there are none, and of the
        environment.
        """
        name, _, environment = entry.title.partition("/")
        return (not names or name in names) and self.environment in (None, environment)


@dataclass(frozen=True, slots=True)
class _AuditView:
    """The log, the entries to show, where it is for people, and what is wrong with it."""

    trail: AuditTrail
    shown: Sequence[AuditRecord]
    where: str
    fault: AuditFault | None
    problems: Sequence[Problem]


@click.command(
    epilog="""\b
Examples:
  reconciler audit
  reconciler audit --env prod --last 20 -v
  reconciler audit --verify
  reconciler audit shop --format json"""
)
@options.project_stacks_argument
@click.option("--env", "environment", metavar="NAME", help="Only entries of this environment.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the newest N entries.")
@click.option(
    "--verify",
    is_flag=True,
    help="Check the whole log, and exit 1 if an entry was changed, moved or removed.",
)
@click.option(
    "--expect",
    type=KnownRecord(),
    metavar="POSITION:HASH",
    help="With --verify: also check that this entry, noted earlier, is still there.",
)
@options.format_option
@options.simulate_options
@options.output_options
@ends
@options.gathered_in(AuditChoices)
def audit(
    console: Console,
    *,
    choices: AuditChoices,
    stacks: Sequence[str],
    simulate: bool,
    time_scale: float | None,
) -> int:
    """List who applied what through pull requests: when, from where, with whose approval, and what
    became of it. The newest entry is the last.

    The log is beside the states. Entries are only ever added, and each has the hash of the one
    before it. Without STACK, the entries of all stacks of the project are listed.
    """
    if choices.expect is not None and not choices.verify:
        raise click.UsageError(msg("--expect is an option of --verify: add --verify"))
    paths = list(map(piped_arguments.path_of, dict.fromkeys(stacks)))
    found = _read(console, paths, choices, simulated=simulate)
    code = exit_codes.of_problems(found.problems)
    if console.json:
        console.result_json(_document(found, code))
        return code
    again = ["reconciler", "audit", *stacks, "--verify"]
    console.result(list(_lines(found, console, choices, again, simulated=simulate)))
    console.problems(found.problems)
    return code


def _read(
    console: Console, paths: Sequence[Path], choices: AuditChoices, *, simulated: bool
) -> _AuditView:
    from reconciler.cli import state_places
    from reconciler.commands import session as opening
    from reconciler.model import ports

    log = state_places.audit_log(
        paths[0] if paths else Path(), os.environ, console.remark, simulated=simulated
    )
    try:
        trail = log.entries()
    except ports.StoreError as failure:
        opening.stop_for_store(failure)
    names = _names(paths)
    wanted = [each for each in trail.records if choices.wants(each.entry, names)]
    fault = trail.fault
    if fault is None and choices.expect is not None:
        fault = trail.missing_from(*choices.expect)
    where = shown_path(log.location)
    problems = [] if fault is None else [_problem(fault, where, is_error=choices.verify)]
    return _AuditView(
        trail, wanted[-choices.last :] if choices.last else wanted, where, fault, problems
    )


def _document(found: _AuditView, code: int) -> Document:
    from reconciler.render.review import audit_text

    return audit_text.audit_document(
        found.shown,
        location=found.where,
        fault=found.fault,
        last=found.trail.last,
        problems=found.problems,
        exit_code=code,
    )


def _lines(
    found: _AuditView, console: Console, choices: AuditChoices, again: list[str], *, simulated: bool
) -> Iterable[Line]:
    """The entries; with `--verify`, that the log is whole, if it is."""
    from reconciler.render.review import audit_text

    style, last, count = console.style(console.out), found.trail.last, len(found.trail.records)
    if not choices.verify:
        return audit_text.audit_lines(found.shown, count - len(found.shown), style)
    if found.fault is not None:
        return ()
    again += [] if last is None else ["--expect", f"{last.position}:{last.hash}"]
    again += ["--simulate"] if simulated else []
    return audit_text.chain_lines(last, count, command_line(again), style)


def _names(paths: Sequence[Path]) -> frozenset[str]:
    """The names of these stacks; none for all."""
    from reconciler.config import loader

    return frozenset(loader.identities(path)[0] for path in paths)


def _problem(fault: AuditFault, where: str, *, is_error: bool) -> Problem:
    message = msg("the audit log in {place}: {fault}", place=where, fault=fault.message)
    hint = msg(
        "compare it with a copy of the place, and find out who can write there: no command changes "
        "an entry"
    )
    return (error if is_error else warning)("audit", message, hint=hint)
