"""The values of a run over many stacks: what it takes, and what it planned."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from reconciler.common.dataclass import dataclass
from reconciler.model import exit_codes
from reconciler.planner.compare.assessment import PlanOptions

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.commands.context import ConcurrentRun, Planned
    from reconciler.commands.project.gate_values import Gates
    from reconciler.config.loader import Loaded, Others
    from reconciler.model import ports
    from reconciler.model.diagnostics import Problem
    from reconciler.model.resource import Stack


@dataclass(frozen=True, slots=True)
class StackInput:
    """One stack of a run. `path` and `environment` are what other stacks name it by.

    `load` reads its files and takes what answers for the outputs of other stacks; it stops if the
    stack has errors. `store` opens its state. `kept` gives the outputs of a stack that is not part
    of the run, from its state. `concurrent` returns the run that works on the stack now. `gates`
    are what may hold back an apply.
    """

    title: str
    path: Path
    environment: str | None
    load: Callable[[Others], Loaded]
    store: Callable[[Stack], ports.StateReader]
    kept: Others
    concurrent: Callable[[ports.StateReader], ConcurrentRun | None] = lambda store: None
    options: PlanOptions = PlanOptions()
    gates: Gates | None = None


class StackStatus(Enum):
    """What became of one stack of a plan: it was planned; it is planned when another one is
    applied; or it could not be planned.
    """

    PLANNED = "planned"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StackPlan:
    """The part of one stack. `planned` is its plan, which has errors if it failed, or None if there
    is none; `problems` are those of loading it, or why it waits or failed.

    `reads` are the stacks of the run whose outputs it reads. `after` are those of them, and of the
    ones they wait for, that have changes: until they are applied, this plan is provisional.
    """

    title: str
    status: StackStatus
    planned: Planned | None = None
    problems: tuple[Problem, ...] = ()
    reads: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def has_changes(self) -> bool:
        """Whether an apply of the run would change something, as far as it is known."""
        return self.status is StackStatus.WAITING or (
            self.planned is not None and self.planned.has_changes
        )

    @property
    def exit_code(self) -> int:
        """The exit code of this part, apart from changes: 0 for a stack that waits."""
        if self.planned is not None:
            return exit_codes.worst((self.planned.exit_code, exit_codes.of_problems(self.problems)))
        return exit_codes.of_problems(self.problems)


@dataclass(frozen=True, slots=True)
class ProjectPlan:
    """The plans of many stacks, in an order in which each comes after those that it reads. `calls`
    is how many reads all of them took together.
    """

    parts: tuple[StackPlan, ...]
    calls: int = 0

    @property
    def has_changes(self) -> bool:
        """Whether an apply would change anything in one of the stacks."""
        return any(part.has_changes for part in self.parts)

    @property
    def exit_code(self) -> int:
        """The worst exit code of the parts, apart from changes."""
        return exit_codes.worst(part.exit_code for part in self.parts)

    def part(self, title: str) -> StackPlan:
        """The part of a stack. Raises `KeyError`."""
        for part in self.parts:
            if part.title == title:
                return part
        raise KeyError(title)
