"""`state check`: tries out whether a place can keep states that many machines share
(commands#overview).
"""

from __future__ import annotations

import click

from reconciler.cli import options, state_places
from reconciler.cli.run_context import Session, on_stack
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.render import escape
from reconciler.render.run.screen import Line, Tone


@click.command(
    epilog="""\b
Examples:
  reconciler state check
  reconciler state check --place postgresql://db.internal/reconciler
  reconciler state check --place 's3://team-states/infra?region=ap-northeast-2'"""
)
@options.stack_argument
@click.option(
    "--place",
    "url",
    metavar="URL",
    help="The place to check (default: the one that the states of this stack are stored in).",
)
@options.output_options
@on_stack
def check(session: Session, *, url: str | None) -> int:
    """Check that a database or bucket can store states.

    Creates, reads, lists and removes a few objects of its own. A bucket that ignores the condition
    of a write is refused: two runs could write over each other.
    """
    checked = state_places.check_place(session.path, session.environ, url)
    place = escape.outside(checked.location)
    text = (
        msg(" {place}: a folder needs no check.", place=place)
        if checked.is_folder
        else msg(" {place}: all checks passed.", place=place)
    )
    session.console.result([Line(text, Tone.GOOD)])
    return exit_codes.DONE
