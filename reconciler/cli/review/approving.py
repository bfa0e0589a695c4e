"""`ci approve`: a person approves a plan of a pull request, by a comment in their name."""

from __future__ import annotations

import re

from reconciler.cli.arguments.piped_arguments import stop_usage
from reconciler.cli.review.review_context import Review
from reconciler.commands.review.approvals import ID_LETTERS_MIN
from reconciler.common.suggestions import hint_for, listed
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.ports.forge_ports import PullState
from reconciler.model.ports.plan_ports import short_id
from reconciler.render import escape
from reconciler.render.review import markers, pull_comment
from reconciler.render.run.screen import Line, Tone

_ID = re.compile(rf"[0-9a-f]{{{ID_LETTERS_MIN},64}}")


def approve(review: Review, number: int, text: str) -> int:
    """Writes the comment that approves a plan. Returns the exit code. Stops if the pull request
    shows no such plan. Whether the approval counts is decided by the rules of the base branch.
    """
    start = text.strip().lower()
    if _ID.fullmatch(start) is None:
        message = msg(
            "{text} is not the id of a plan: it has at least {letters} letters (0-9, a-f)",
            text=escape.outside(text),
            letters=ID_LETTERS_MIN,
        )
        raise stop_usage(message, msg("copy it from the comment of the pull request"))
    pull = review.forge.pull(number)
    if pull.state is PullState.CLOSED:
        message = msg("pull request {number} is closed: nothing of it is applied", number=number)
        raise Abort(error("pull-request", message))
    shown = [
        plans[0]
        for each in review.forge.comments(number)
        if (plans := markers.plans_of_comment(each.body))
    ]
    if not any(each.startswith(start) or start.startswith(each) for each in shown):
        message = msg("pull request {number} shows no plan {id}", number=number, id=short_id(start))
        known = [short_id(each) for each in shown]
        hint = hint_for(short_id(start), known) or msg("its plans are: {ids}", ids=listed(known))
        raise Abort(error("plan-unknown", message, hint=hint if shown else None))
    review.forge.add_comment(number, pull_comment.approval_line(start))
    line = msg(
        "Wrote the approval of plan {id} into pull request {number}.",
        id=short_id(start),
        number=number,
    )
    after = msg(
        "The next `reconciler ci apply --pull {number}` says whether it counts by the rules.",
        number=number,
    )
    review.console.result([Line(line, Tone.GOOD), Line(after, Tone.FAINT)])
    return exit_codes.DONE
