"""`--accept` with `frozen`, and `--reason`: options of the commands that change something in the
cloud.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from reconciler.cli import option_types
from reconciler.common.text import msg
from reconciler.model.plan import RiskClass
from reconciler.planner.checks.approval import Acceptance

Command = TypeVar("Command", bound=Callable[..., Any])

_FROZEN = "reconciler.frozen"
_OF_FREEZE = Acceptance(RiskClass.DELETE, option_types.FROZEN)
"""Takes the place of `--accept frozen` until the callback of the option drops it."""


class _AcceptOfRun(option_types.AcceptParam):
    """The value of `--accept` of a command that changes something: also `frozen`."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Acceptance:
        """The acceptance; that of a freeze is remembered for `reason_to_override`."""
        if value == option_types.FROZEN and ctx is not None:
            ctx.meta[_FROZEN] = True
            return _OF_FREEZE
        return super().convert(value, param, ctx)


def _without_freeze(
    context: click.Context, parameter: click.Parameter, value: tuple[Acceptance, ...]
) -> tuple[Acceptance, ...]:
    return tuple(each for each in value if each is not _OF_FREEZE)


def freeze_options(command: Command) -> Command:
    """`--accept`, which also takes `frozen`, and `--reason`."""
    accept = click.option(
        "--accept",
        multiple=True,
        type=_AcceptOfRun(),
        callback=_without_freeze,
        help="Consent to a risk class, for all objects or one address; or frozen; repeatable.",
    )
    reason = click.option(
        "--reason",
        metavar="TEXT",
        help="Why the run changes a frozen stack; kept in the state. For --accept frozen.",
    )
    return accept(reason(command))


def reason_to_override(reason: str | None) -> str | None:
    """The reason why the run passes a freeze, or None if it does not: `--accept frozen` and
    `--reason` need each other.
    """
    context = click.get_current_context(silent=True)
    is_accepted = context is not None and bool(context.meta.get(_FROZEN))
    if is_accepted and not (reason or "").strip():
        raise click.UsageError(msg("--accept frozen needs --reason TEXT, which is kept"))
    if reason is not None and not is_accepted:
        raise click.UsageError(msg("--reason is for --accept frozen"))
    return reason
