"""The question before a change of the state alone."""

from __future__ import annotations

from reconciler.cli.console import Console
from reconciler.common.text import msg
from reconciler.model.abort import Abort, Cancelled
from reconciler.model.diagnostics import error
from reconciler.render import escape


def ask(console: Console, title: str, yes: bool, what: str) -> None:
    """Asks before a change of the state. Raises `Abort` without consent, or if what was shown could
    not be written.
    """
    console.begin()
    if yes:
        return
    if not console.can_ask:
        raise Abort(
            error(
                "consent",
                msg("cannot ask: there is no terminal, and --yes is not given"),
                hint=msg("add --yes to {action}", action=what),
            )
        )
    question = msg(
        "Type {stack} or yes to {action}, or no to cancel:",
        stack=escape.outside(title),
        action=what,
    )
    if not console.confirm(question, title):
        raise Cancelled(msg("Cancelled. Nothing was changed."))
