"""`watch`: passes that report drift and revert what the rules of the project list."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import click

from reconciler.cli import interrupts, option_types, options
from reconciler.cli.console import Console
from reconciler.cli.many.dispatch import on_stacks
from reconciler.cli.run_context import Session
from reconciler.model import exit_codes


@click.command(
    epilog="""\b
Examples:
  reconciler watch --simulate
  reconciler watch shop --env prod --every 10m
  reconciler watch shop network --env prod --metrics /var/lib/node_exporter/iwinv.prom
  reconciler watch --format json --metrics status.json"""
)
@options.stacks_argument
@options.environment_option
@options.variable_options
@click.option(
    "--every",
    type=option_types.Duration(),
    metavar="TIME",
    help="Make a pass again and again, such as 10m or 1h, until Ctrl-C (default: one pass).",
)
@click.option(
    "--metrics",
    multiple=True,
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write the result of each pass for Prometheus, or as JSON if FILE ends in .json; "
    "repeatable.",
)
@options.format_option
@options.exit_code_option
@options.simulate_options
@options.output_options
@on_stacks
def watch(
    console: Console,
    sessions: Sequence[Session],
    *,
    every: float | None,
    metrics: tuple[str, ...],
    detailed_exitcode: bool,
) -> int:
    """Make one pass: read, settle, report drift, and revert what the rules of the project list.

    A revert is in place, needs no consent, and was seen alike in two complete readings at least 5
    minutes apart. Nothing is deleted, and no port is opened. Run it from cron, a systemd timer or a
    CI schedule.
    """
    from reconciler.cli.watching import watch_run
    from reconciler.cli.watching.watch_run import WatchOptions

    chosen = WatchOptions(every, metrics, detailed_exitcode)
    pause = threading.Event().wait
    try:
        with interrupts.unwinding():
            return watch_run.run(sessions, chosen, sleep=pause)
    except KeyboardInterrupt:
        if every is None:
            raise
        return exit_codes.DONE
