"""The options that choose several stacks: `--all`, `--changed-since`, several STACKs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg

Command = TypeVar("Command", bound=Callable[..., Any])

_ALL = click.option(
    "--all",
    "all_stacks",
    is_flag=True,
    help="All stacks that reconciler.yaml lists, with each environment or that of --env.",
)
_CHANGED = click.option(
    "--changed-since",
    metavar="REV",
    help="Only stacks with files that changed since this branch left the commit REV.",
)


@dataclass(frozen=True, slots=True)
class StackChoice:
    """Which stacks a command takes: those named, all of the project, or those that changed since a
    commit.
    """

    named: tuple[str, ...]
    all: bool = False
    changed_since: str | None = None

    @property
    def one(self) -> str | None:
        """The stack, if the command is for one alone."""
        is_one = not self.all and self.changed_since is None and len(self.named) < 2
        return (*self.named, ".")[0] if is_one else None

    @property
    def arguments(self) -> tuple[str, ...]:
        """The same choice on a command line."""
        chosen = ("--all",) if self.all else self.named
        since = () if self.changed_since is None else ("--changed-since", self.changed_since)
        return (*chosen, *since)


def several_stacks_options(command: Command) -> Command:
    """`--all` and `--changed-since`, for a command that takes several STACKs."""
    return _ALL(_CHANGED(command))


def stack_choice(values: dict[str, Any]) -> StackChoice:
    """Takes the options that choose stacks out of the values of a command."""
    stacks = values.pop("stacks")
    all_stacks, revision = values.pop("all_stacks", False), values.pop("changed_since", None)
    named = () if tuple(stacks) == (".",) else tuple(stacks)
    if all_stacks and named:
        raise click.UsageError(
            msg("--all takes every stack of the project, so no STACK can be named")
        )
    return StackChoice(named, all_stacks, revision)
