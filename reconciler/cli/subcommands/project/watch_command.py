"""`watch`: passes that report drift and revert what the rules of the project list."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import interrupts, option_types, options
from reconciler.cli.arguments.stack_choice import several_stacks_options, stack_choice
from reconciler.model import exit_codes

if TYPE_CHECKING:
    from reconciler.cli.many.chosen_stacks import ChosenStacks


@click.command(
    epilog="""\b
Examples:
  reconciler watch --simulate
  reconciler watch shop --env prod --every 10m
  reconciler watch --all --env prod --metrics /var/lib/node_exporter/iwinv.prom
  reconciler watch --format json --metrics status.json"""
)
@options.stacks_argument
@several_stacks_options
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
def watch(**values: Any) -> int:
    """Make one pass: read, settle, report drift, and revert what the rules of the project list.

    A revert is in place, needs no consent, and was seen alike in two complete readings at least 5
    minutes apart. Nothing is deleted, and no port is opened. Run it from cron, a systemd timer or a
    CI schedule.
    """
    from reconciler.cli.many.chosen_stacks import on_chosen

    return on_chosen(_watch, stack_choice(values), values)


def _watch(
    chosen: ChosenStacks, *, every: float | None, metrics: tuple[str, ...], detailed_exitcode: bool
) -> int:
    from reconciler.cli.watching import watch_run
    from reconciler.cli.watching.watch_run import WatchOptions

    wanted = WatchOptions(every, metrics, detailed_exitcode)
    try:
        with interrupts.unwinding():
            return watch_run.run(chosen, wanted, sleep=_sleep)
    except KeyboardInterrupt:
        if every is None:
            raise
        return exit_codes.DONE


def _sleep(seconds: float) -> None:
    threading.Event().wait(seconds)
