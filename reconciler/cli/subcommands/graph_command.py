"""`graph`: the dependencies in a stack."""

from __future__ import annotations

import click

from reconciler.cli import options
from reconciler.cli.run_context import Session, on_stack
from reconciler.model import exit_codes


@click.command(
    epilog="""\b
Examples:
  reconciler graph shop
  reconciler graph --format dot | dot -Tsvg > graph.svg
  reconciler graph --format mermaid
  reconciler graph --format html > graph.html"""
)
@options.stack_argument
@options.environment_option
@options.variable_options
@click.option(
    "--format",
    "format",
    type=click.Choice(["text", "dot", "mermaid", "json", "html"]),
    default="text",
    help="Output format; dot is for Graphviz, html is one page for a browser.",
)
@click.option(
    "--simulate",
    is_flag=True,
    envvar="RECONCILER_SIMULATE",
    help="Take the outputs of other stacks from their local cloud.",
)
@options.output_options
@on_stack
def graph(session: Session) -> int:
    """Show the dependencies of a stack. The account is not read."""
    from reconciler.render.graph_views import graph_text

    wanted = session.load()
    session.show_problems()
    session.console.out.write(graph_text(wanted, session.console.format))
    return exit_codes.DONE
