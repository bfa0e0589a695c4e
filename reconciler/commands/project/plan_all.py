"""Planning many stacks of one account: the account is read once, and a stack that reads another one
is planned with the values that this one will have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from reconciler.commands import plan as planning
from reconciler.commands import session
from reconciler.commands.context import Connection, Planned
from reconciler.commands.project import shared_reading
from reconciler.commands.project.values import ProjectPlan, StackInput, StackPlan, StackStatus
from reconciler.common.dataclass import dataclass
from reconciler.common.text import joined, msg
from reconciler.config import loader
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, Severity, error, notice
from reconciler.model.resource import Deferred, NoValue, Stack, Unknown, output_of
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
    sent = connection.exchange.sent
    run = _Run(stacks, with_pool(connection), begun)
    run.load_first()
    run.prepare()
    for stack in stacks:
        run.part(stack)
    return ProjectPlan(tuple(run.parts.values()), connection.exchange.sent - sent)


def drift_all(
    stacks: Sequence[StackInput],
    connection: Connection,
    *,
    begun: Callable[[str], None] = lambda title: None,
) -> ProjectPlan:
    """What somebody else changed in each of the stacks. The outputs of other stacks are those of
    their states, because nothing is planned.
    """
    sent = connection.exchange.sent
    run = _Run(stacks, with_pool(connection), begun, only_kept=True)
    run.load_first()
    run.prepare()
    parts = tuple(run.drift(stack) for stack in stacks)
    return ProjectPlan(parts, connection.exchange.sent - sent)


def with_pool(connection: Connection) -> Connection:
    """The connection with a pool of what is read, for all connections of a run to its account."""
    from reconciler.iwinv.shared.account_pool import AccountPool

    return connection if connection.pool is not None else replace(connection, pool=AccountPool())


class _WaitsFor(Exception):
    """The stack reads another one of the run that is not planned, or not yet."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.title = title


@dataclass(slots=True)
class _Run:
    """One run. `parts` are what is planned so far, in that order; `busy` are the titles that are
    being planned, each of which reads the next. `loaded` are the stacks that read no other one of
    the run, or why they could not be loaded. `only_kept`: outputs are those of the states.
    """

    stacks: Sequence[StackInput]
    connection: Connection
    begun: Callable[[str], None]
    only_kept: bool = False
    parts: dict[str, StackPlan] = field(default_factory=dict)
    busy: list[str] = field(default_factory=list)
    places: dict[tuple[Path, str | None], StackInput] = field(default_factory=dict)
    loaded: dict[str, loader.Loaded | Abort] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.places.update({_key(each.path, each.environment): each for each in self.stacks})

    def load_first(self) -> None:
        """Loads the stacks that read no other one of the run: what they need of the account is
        known before anything is planned.
        """
        for stack in self.stacks:

            def others(
                path: Path, environment: str | None, stack: StackInput = stack
            ) -> Mapping[str, tuple[Any, str | None]]:
                named = self.named(stack, path, environment)
                if named is not None:
                    raise _WaitsFor(named.title)
                return stack.kept(path, environment)

            try:
                self.loaded[stack.title] = stack.load(others)
            except Abort as stop:
                self.loaded[stack.title] = stop
            except _WaitsFor:
                continue

    def named(self, stack: StackInput, path: Path, environment: str | None) -> StackInput | None:
        """The stack of the run whose plan gives the outputs that a stack reads. None if they are
        those of its state: it is not part of the run, or nothing is to be there in the end.
        """
        if self.only_kept or stack.options.destroy:
            return None
        return self.places.get(_key(path, environment))

    def prepare(self) -> None:
        """Reads what the stacks need of the account, as far as that is known, each list once. Stops
        if a list cannot be read that all of them need.
        """
        from reconciler.planner.compare.refresh_scope import refresh_scope

        scopes = []
        for each in self.stacks:
            loaded = self.loaded.get(each.title)
            if isinstance(loaded, Abort):
                continue
            name = each.title.partition("/")[0]
            stack = Stack(name, each.environment, {}) if loaded is None else loaded.stack
            try:
                state = session.read_state(each.store(stack))
            except Abort:
                continue  # reported when it is planned
            if self.connection.pool is not None:
                shared_reading.view_of(self.connection.pool, each.title, state)
            scopes.append(refresh_scope(stack, state, each.options))
        if scopes:
            shared_reading.prepare(self.connection, scopes)

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
            named = self.named(stack, path, environment)
            if named is None:
                return stack.kept(path, environment)
            producer = self.part(named)
            reads.append(producer.title)
            if producer.status is not StackStatus.PLANNED or producer.planned is None:
                raise _WaitsFor(producer.title)
            return _outputs(producer.title, producer.planned)

        try:
            made = self._made(stack, others)
        except _WaitsFor as waits:
            made = StackPlan(stack.title, StackStatus.WAITING, problems=(_when(waits.title),))
        except Abort as stop:
            made = _stopped(stack.title, stop)
        after = [title for name in reads for title in self._waits(self.parts[name])]
        return replace(made, reads=tuple(dict.fromkeys(reads)), after=tuple(dict.fromkeys(after)))

    def _waits(self, producer: StackPlan) -> tuple[str, ...]:
        """What must be applied before a stack that reads the producer is planned for real."""
        own = (producer.title,) if producer.has_changes or producer.after else ()
        return (*producer.after, *own)

    def drift(self, stack: StackInput) -> StackPlan:
        """The drift of a stack."""
        try:
            return self._made(stack, stack.kept)
        except Abort as stop:
            return _stopped(stack.title, stop)

    def _made(self, stack: StackInput, others: loader.Others) -> StackPlan:
        loaded = self.loaded.get(stack.title)
        if isinstance(loaded, Abort):
            raise loaded
        if loaded is None:
            loaded = stack.load(others)
        self.begun(stack.title)
        store = stack.store(loaded.stack)

        def concurrent() -> Any:
            return stack.concurrent(store)

        if self.only_kept:
            planned = planning.drift(loaded.stack, self.connection, store, concurrent)
        else:
            planned = planning.plan(
                loaded.stack, self.connection, store, stack.options, concurrent, stack.gates
            )
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
