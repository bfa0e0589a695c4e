"""A pull request from another repository: its files are checked, and nothing is read from the
account or the states. Its plan would show a stranger what they contain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.cli.many.chosen_stacks import ChosenStack
from reconciler.cli.review.pull_board import PullBoard
from reconciler.cli.review.pull_tree import WrittenTree
from reconciler.cli.review.review_context import Review
from reconciler.common.text import msg
from reconciler.config import loader
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, Severity, error
from reconciler.model.ports.forge_ports import PullRequest
from reconciler.render.review.shown_review import ReviewNotes, ReviewStage, ShownReview

_UNKNOWN = frozenset({"variable-missing"})
"""Errors that only say that a value is not known here."""


def board_of(
    review: Review, pull: PullRequest, written: WrittenTree, notes: ReviewNotes
) -> PullBoard:
    """What is shown about the pull request: for each stack that it changes, the mistakes."""
    chosen = review.choose(written.changed)
    found = [ShownReview(each.title, ReviewStage.FORK, notes) for each in chosen.stacks]
    checked = [
        replace(one, problems=_checked(each))
        for one, each in zip(found, chosen.stacks, strict=True)
    ]
    return PullBoard(pull, (), {}, notes, checked=tuple(checked))


def _checked(each: ChosenStack) -> tuple[Problem, ...]:
    if each.stop is not None:
        return each.stop.problems
    found, _ = loader.validate(each.session.path, environment=each.environment, others=_not_read)
    return tuple(
        replace(one, severity=Severity.WARNING) if one.code in _UNKNOWN else one for one in found
    )


def _not_read(path: Path, environment: str | None) -> Mapping[str, tuple[Any, str | None]]:
    message = msg("the outputs of other stacks are not read for a fork")
    raise Abort(error("output", message))
