"""Planning many stacks of one account: the account is read once, and a stack that reads another one
is planned with the values that this one will have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from reconciler.commands import plan as planning
from reconciler.commands.context import Connection, Planned
from reconciler.commands.project.values import ProjectPlan, StackInput, StackPlan, StackStatus
from reconciler.common.dataclass import dataclass
from reconciler.common.text import joined, msg
from reconciler.config import loader
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, Severity, error, notice
from reconciler.model.resource import Deferred, NoValue, Unknown, output_of
from reconciler.model.serialize import shown

WAITING = "waiting"
"""The code of a problem that only says that another stack must be applied first."""


def plan_all(
    stacks: Sequence[StackInput],
    connection: Connection,
    *,
    begun: Callable[[str], None] = lambda title: None,
) -> ProjectPlan:
    """The plans of the stacks, in an order in which each comes after those that it reads. Changes
    nothing and takes no lock. What is wrong with one stack does not stop the others.

    `begun` takes the title of each stack before it is planned.
    """
    run = _Run(stacks, connection, begun)
    for stack in stacks:
        run.part(stack)
    parts = tuple(run.parts.values())
    return ProjectPlan(parts, sum(_calls(part) for part in parts))


def drift_all(
    stacks: Sequence[StackInput],
    connection: Connection,
    *,
    begun: Callable[[str], None] = lambda title: None,
) -> ProjectPlan:
    """What somebody else changed in each of the stacks. The outputs of other stacks are those of
    their states, because nothing is planned.
    """
    run = _Run(stacks, connection, begun)
    parts = tuple(run.drift(stack) for stack in stacks)
    return ProjectPlan(parts, sum(_calls(part) for part in parts))


def _calls(part: StackPlan) -> int:
    return 0 if part.planned is None else part.planned.plan.calls.read


class _WaitsFor(Exception):
    """The stack reads another one of the run that is not planned."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.title = title


@dataclass(slots=True)
class _Run:
    """One run. `parts` are what is planned so far, in that order; `busy` are the titles that are
    being planned, each of which reads the next.
    """

    stacks: Sequence[StackInput]
    connection: Connection
    begun: Callable[[str], None]
    parts: dict[str, StackPlan] = field(default_factory=dict)
    busy: list[str] = field(default_factory=list)
    places: dict[tuple[Path, str | None], StackInput] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.places.update({_key(each.path, each.environment): each for each in self.stacks})

    def part(self, stack: StackInput) -> StackPlan:
        """The plan of a stack, after those of the stacks that it reads. Stops if they read each
        other.
        """
        if stack.title not in self.parts:
            if stack.title in self.busy:
                path = [*self.busy[self.busy.index(stack.title) :], stack.title]
                message = msg("the stacks read each other: {path}", path=joined(" -> ", path))
                raise Abort(error("cycle", message))
            self.busy.append(stack.title)
            try:
                found = self._planned(stack)
            finally:
                self.busy.pop()
            self.parts[stack.title] = found
        return self.parts[stack.title]

    def _planned(self, stack: StackInput) -> StackPlan:
        reads: list[str] = []

        def others(path: Path, environment: str | None) -> Mapping[str, tuple[Any, str | None]]:
            named = self.places.get(_key(path, environment))
            if named is None or stack.options.destroy:
                return stack.kept(path, environment)
            producer = self.part(named)
            reads.append(producer.title)
            if producer.status is not StackStatus.PLANNED or producer.planned is None:
                raise _WaitsFor(producer.title)
            return _outputs(producer.title, producer.planned)

        try:
            made = self._made(stack, others, planning.plan)
        except _WaitsFor as waits:
            made = StackPlan(stack.title, StackStatus.WAITING, problems=(_when(waits.title),))
        except Abort as stop:
            made = _stopped(stack.title, stop)
        after = [title for name in reads for title in self._waits(self.parts[name])]
        return replace(made, reads=tuple(dict.fromkeys(reads)), after=tuple(dict.fromkeys(after)))

    def _waits(self, producer: StackPlan) -> tuple[str, ...]:
        """What must be applied before a stack that reads the producer is planned for real."""
        return (*producer.after, producer.title) if producer.has_changes else producer.after

    def drift(self, stack: StackInput) -> StackPlan:
        """The drift of a stack."""
        try:
            return self._made(stack, stack.kept, planning.drift)
        except Abort as stop:
            return _stopped(stack.title, stop)

    def _made(
        self, stack: StackInput, others: loader.Others, make: Callable[..., Planned]
    ) -> StackPlan:
        loaded = stack.load(others)
        self.begun(stack.title)
        store = stack.store(loaded.stack)

        def concurrent() -> Any:
            return stack.concurrent(store)

        if make is planning.plan:
            planned = planning.plan(
                loaded.stack, self.connection, store, stack.options, concurrent, stack.gates
            )
        else:
            planned = planning.drift(loaded.stack, self.connection, store, concurrent)
        is_stopped = exit_codes.stops((*planned.plan.problems, *planned.problems))
        status = StackStatus.FAILED if is_stopped else StackStatus.PLANNED
        return StackPlan(stack.title, status, planned, loaded.problems)


def _key(path: Path, environment: str | None) -> tuple[Path, str | None]:
    """What names a stack, whichever of its files is given."""
    found = loader.stacks_of((path,)) if path.exists() else ()
    return (found[0] if found else path).resolve(), environment


def _outputs(title: str, planned: Planned) -> Mapping[str, tuple[Any, str | None]]:
    """The outputs that a stack will have. What is not known yet waits for its apply."""
    found: dict[str, tuple[Any, str | None]] = {}
    for name, value in planned.plan.outputs.items():
        if isinstance(value, NoValue):
            found[name] = (None, value.reason)
        elif isinstance(value, Unknown | Deferred):
            found[name] = (output_of(title, name), None)
        else:
            found[name] = (shown(value), None)
    return found


def _when(title: str) -> Problem:
    return notice(WAITING, msg("it is planned when {stack} is applied", stack=title))


def _stopped(title: str, stop: Abort) -> StackPlan:
    """The part of a stack that could not be planned. It waits if all its errors are about values
    that another stack will have.
    """
    errors = [each for each in stop.problems if each.severity is Severity.ERROR]
    if errors and all(each.code == WAITING for each in errors):
        problems = tuple(
            replace(each, severity=Severity.NOTICE) if each.code == WAITING else each
            for each in stop.problems
        )
        return StackPlan(title, StackStatus.WAITING, problems=problems)
    return StackPlan(title, StackStatus.FAILED, problems=stop.problems)
