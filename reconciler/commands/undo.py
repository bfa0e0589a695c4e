"""`undo`: the stack that a kept state describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

from reconciler.commands import session
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Stack
from reconciler.model.resource_type import ResourceType
from reconciler.model.state import State
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.recovery import undo

LAST = "last"
"""Names the state before the last run that changed something."""


def back(
    stack: Stack,
    store: ports.StateReader,
    kinds: Mapping[str, ResourceType],
    options: PlanOptions,
    serial: str,
) -> tuple[Stack, PlanOptions, tuple[Problem, ...]]:
    """The stack as a kept state describes it, the options with the pins of that time, and notices
    about what is no longer known.

    `serial` is one of the history, or `LAST`. Stops if no such state was kept.
    """
    past = _past(store, serial)
    found = undo.former(stack, past, session.read_state(store), kinds)
    return (
        found.stack,
        replace(options, undo=past.serial, pinned={**found.pins, **options.pinned}),
        found.notices,
    )


def _past(store: ports.StateReader, serial: str) -> State:
    try:
        kept = store.history()
        if serial == LAST:
            return store.before_last_run() or _not_kept(
                msg("there is nothing to undo: no run has changed this stack yet"), kept
            )
        if not serial.isdecimal() or len(serial) >= 16 or int(serial) not in kept:
            _not_kept(msg("the state with serial {serial} is not kept", serial=serial), kept)
        return store.past(int(serial))
    except ports.StoreError as failure:
        session.stop_for_store(failure)


def _not_kept(message: str, kept: tuple[int, ...]) -> NoReturn:
    hint = (
        msg("choose one of the serials {serials}", serials=", ".join(map(str, kept)))
        if kept
        else None
    )
    raise Abort(error("usage", message, hint=hint))
