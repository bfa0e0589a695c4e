"""Environments that are no longer in the file, but still have a state: their objects are billed
until they are destroyed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from reconciler.common.suggestions import listed
from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, notice
from reconciler.model.state import State


def explained(
    problem: Problem, environment: str | None, find: Callable[[], Collection[str]]
) -> Problem:
    """A problem with the choice of an environment with what is known of removed ones, which `find`
    returns; any other problem unchanged.
    """
    removed = find() if problem.code == "environment" else ()
    if environment in removed:
        hint = msg(
            "it is no longer in the file, and its state remains; to delete its objects:\n"
            "reconciler destroy"
        )
        return replace(problem, hint=hint)
    if environment is None and removed:
        names = ", ".join(sorted(removed))
        hint = msg(
            "{hint}; no longer in the file, but with a state: {names}",
            hint=problem.hint or "",
            names=names,
        )
        return replace(problem, hint=hint)
    return problem


def left(environment: str, state: State | None) -> Problem | None:
    """The notice about a removed environment, None if its state has no objects. The command in its
    hint is completed for a session with that environment.
    """
    if state is None or state.is_empty:
        return None
    message = msg(
        "the environment {environment} is no longer in the file, and its state still has "
        "{addresses}",
        environment=environment,
        addresses=listed(sorted(state.entries)),
    )
    hint = msg("to delete its objects:\nreconciler destroy")
    return notice("former-name", message, hint=hint)
