"""Saved plans as commands name them: a file, or `plan://ID` for one that the store keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.arguments.piped_arguments import stop_usage
from reconciler.commands.saved_plans import kept_plans, plan_file
from reconciler.commands.saved_plans.kept_plans import PlanPlace
from reconciler.common.text import msg
from reconciler.config import loader
from reconciler.model.abort import Abort

if TYPE_CHECKING:
    from reconciler.cli.run_context import Session
    from reconciler.planner.saved_plan import SavedPlan


def read(session: Session, named: str, now: Callable[[], float] = time.time) -> SavedPlan:
    """The saved plan that a file has, or the store of the session's stack. Without an environment,
    the stores of all its environments are searched. A plan that is not found there may be one of
    the local cloud, as that of a file may be. Stops if it cannot be used.
    """
    if not kept_plans.is_reference(named):
        return plan_file.read(Path(named))
    kept_plans.start_of(named)  # before the stack is read
    try:
        return kept_plans.find(named, places(session), now())
    except Abort as stop:
        if not session.simulate and stop.problems[0].code == "plan-unknown":
            with suppress(Abort):
                return kept_plans.find(named, places(replace(session, simulate=True)), now())
        raise


def places(session: Session) -> Sequence[PlanPlace]:
    """The stores that may keep a plan of the session's stack: that of its environment, or those of
    all environments.
    """
    environments: Sequence[str | None]
    if session.environment is not None:
        name, environment = session.identify()
        environments = [environment]
    else:
        name, known = loader.identities(session.path)
        kept = session.kept_environments(name)
        environments = list(dict.fromkeys((*(known or (None,)), *kept)))
    return [
        PlanPlace(name, environment, session.store(name, environment))
        for environment in environments
    ]


def wanted(out: str | None, *, save: bool) -> tuple[str | None, bool]:
    """The file to save a plan in, if any, and whether the store is to keep it. Stops if `out` names
    a plan in the store: its id is that of its content.
    """
    if out is None or not kept_plans.is_reference(out):
        return out, save
    if out != kept_plans.SCHEME:
        raise stop_usage(
            msg("a plan cannot be saved as {out}: its id is made from its content", out=out),
            msg("write `--save`"),
        )
    return None, True
