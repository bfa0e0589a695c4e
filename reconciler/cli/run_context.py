"""What all commands on a stack share: the stack, its store, the account, and how a command ends."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli import composition, options, state_places
from reconciler.cli.arguments import piped_arguments
from reconciler.cli.arguments.piped_arguments import stop_usage as stop_usage  # noqa: PLC0414
from reconciler.cli.console import Console
from reconciler.commands.relocation import removed_environments
from reconciler.common.dataclass import dataclass
from reconciler.common.paths import SourceLines, shown_path
from reconciler.common.suggestions import command_line
from reconciler.common.text import joined, msg, rewritten
from reconciler.config import loader
from reconciler.model import exit_codes, http
from reconciler.model.abort import Abort, Cancelled
from reconciler.model.diagnostics import Problem, error, warning
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.commands.context import Connection, Planned
    from reconciler.model.ports import StatePlace, Store
    from reconciler.model.resource import Catalogue, Stack
    from reconciler.model.state import State
    from reconciler.planner.compare.assessment import PlanOptions
    from reconciler.render.plan.plan_text import PlanHeader

LOCK_SECONDS_AT_TERMINAL = 60.0

_BARE = re.compile(
    r"\breconciler (?:"
    r"(apply|destroy|plan|recover|doctor|catalog [\w-]+|state (?:unlock|move|plans))"
    r"(?=$|[`\n,;:)]| --(?!stack|env|var|only|except|simulate))"
    r"|(state (?:forget|rename-stack|rename-env)|import)(?= (?:[^-]|- )))"
)
"""A command in a hint that does not name a stack."""

_QUOTED = re.compile(
    r"(`reconciler (?:apply|destroy|plan|recover|doctor|catalog|state) (?![^`]*--simulate)[^`]*)`"
)


@dataclass(frozen=True, slots=True)
class Session:
    """One command on one stack. `part` are the options that narrow it. `problems` collects what is
    reported in addition to the result. `observe` takes each request with what came for it.
    """

    console: Console
    path: Path
    environment: str | None = None
    simulate: bool = False
    time_scale: float | None = None
    variables: Sequence[tuple[str, str]] = ()
    variable_files: Sequence[str] = ()
    part: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    problems: list[Problem] = field(default_factory=list)
    observe: http.Observer | None = None

    @property
    def variable_sources(self) -> loader.VariableSources:
        """The options and files with values for variables, and the environment."""
        files = [Path(name) for name in self.variable_files]
        return loader.VariableSources(self.variables, files, self.environ)

    def load(self, *, values: Mapping[str, Any] | None = None, destroy: bool = False) -> Stack:
        """The stack; its warnings go to `problems`. Raises `Abort` if it has errors. `values` are
        the variables of a saved plan. `destroy`: a false `assert` is not an error.
        """
        loaded = loader.load_stack(
            self.path,
            environment=self.environment,
            variables=replace(self.variable_sources, pinned=values),
            others=self.outputs_of,
            check=None if destroy else self.also_wrong,
        )
        self.problems.extend(loaded.problems)
        return loaded.stack

    def also_wrong(self, stack: Stack) -> Sequence[Problem]:
        """What a plan would report next about a stack with mistakes."""
        from reconciler.commands import session
        from reconciler.planner.checks import offline

        try:
            state = session.read_state(self.store(stack.name, stack.environment))
        except Abort:
            return ()  # which objects are new is not known
        return offline.of_new_objects(stack, state, self.kept_catalogue())

    def outputs_of(
        self, path: Path, environment: str | None
    ) -> Mapping[str, tuple[Any, str | None]]:
        """The outputs of another stack, from its state on this machine. Raises `Abort` if it was
        never applied.
        """
        from reconciler.commands import session

        name, environment = loader.identify(path, environment)
        state = session.read_state(replace(self, path=path).store(name, environment))
        if state is None:
            other = Session(self.console, Path(os.path.relpath(path)), environment, self.simulate)
            message = msg("stack `{name}` has no state yet, so it has no outputs", name=name)
            raise Abort(
                error(
                    "output",
                    message,
                    hint=msg("apply it first: {command}", command=other.again("apply")),
                )
            )
        if self.simulate and composition.world_of(path, self.environ) != composition.world_of(
            self.path, self.environ
        ):
            message = msg(
                "stack `{name}` has a local cloud of its own: its ids mean nothing here", name=name
            )
            hint = msg(
                "set RECONCILER_STATE to one folder for both stacks and apply both again: "
                "they then share one local cloud"
            )
            self.problems.append(warning("simulator", message, hint=hint))
        return state.outputs

    def identify(self) -> tuple[str, str | None]:
        """The name of the stack and the environment: one in the file, or a removed one that still
        has a state.
        """
        return loader.identify(self.path, self.environment, kept=self.kept_environments)

    def kept_environments(self, stack: str) -> tuple[str, ...]:
        """The environments of a stack that have a state, sorted."""
        return state_places.kept_environments(self.state_place, stack)

    def removed(self) -> tuple[str, ...]:
        """The environments that are no longer in the file and have a state, sorted."""
        with suppress(Abort):
            name, known = loader.identities(self.path)
            return tuple(each for each in self.kept_environments(name) if each not in known)
        return ()

    def load_to_destroy(self) -> Stack:
        """The stack to destroy. If its environment was removed from the file, the stack has no
        resources: its state lists what it owns.
        """
        from reconciler.model.resource import Stack

        name, known = loader.identities(self.path)
        if (
            self.environment is not None
            and self.environment not in known
            and self.environment in self.kept_environments(name)
        ):
            return Stack(name, self.environment, {})
        return self.load(destroy=True)

    def load_if_it_can_be(self) -> Stack | None:
        """The stack, or None if the file has errors: reading the state does not need the file."""
        try:
            return self.load()
        except Abort:
            return None

    def former_names(self, store: Store, state: State | None) -> Sequence[Problem]:
        """A problem for each state of a former stack name that owns this stack's objects, if the
        stack's own state is empty and its file is readable.
        """
        from reconciler.commands.session import problems_of_former_names as names
        from reconciler.planner.compare.assessment import PlanOptions

        stack = self.load_if_it_can_be() if state is None or state.is_empty else None
        found = () if stack is None else names(stack, store, state, PlanOptions())
        return list(map(self.pasteable, found))

    def exposed(self, store: Store, state: State | None) -> list[Problem]:
        """A problem for each instance that has, or may have, no firewall according to state and
        file; none while another run is active.
        """
        from reconciler.commands.session import read_place
        from reconciler.planner.checks import unprotected

        held = read_place(store.holder)
        stack = self.load_if_it_can_be() if held is None or not held.alive else None
        return (
            []
            if stack is None
            else [self.pasteable(problem) for problem in unprotected.by_state(stack, state)]
        )

    def kept_catalogue(self) -> Catalogue:
        """The catalogue cached by an earlier run."""
        return composition.kept_catalogue(self.path, self.environ, simulated=self.simulate)

    @property
    def state_place(self) -> StatePlace:
        """The place of the states of the stack's project."""
        return state_places.place_of(
            self.path, self.environ, self.problems, self.console.remark, simulated=self.simulate
        )

    def store(self, stack: str, environment: str | None) -> Store:
        """The store of the state of that stack and environment."""
        return self.state_place.store(stack, environment)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """The account while the block runs; the console shows what the command waits for."""
        opened = composition.connect(
            self.path,
            self.environ,
            simulated=self.simulate,
            time_scale=self.time_scale,
            problems=self.problems,
            # what is observed for a report leaves nothing of the account on this machine
            wire=composition.WireOptions(
                options.uses_cache() and self.observe is None, self.observe
            ),
        )
        with self.console.activity() as notify, opened as connection:
            yield replace(connection, notify=notify)

    def back(
        self,
        stack: Stack,
        store: Store,
        connection: Connection,
        options: PlanOptions,
        undo: str | int | None,
    ) -> tuple[Stack, PlanOptions]:
        """The stack and options of an undo, or both unchanged without one. `undo` is a serial or
        `last`.
        """
        if undo is None:
            return stack, options
        from reconciler.commands import undo as undoing

        stack, options, problems = undoing.back(stack, store, connection.kinds, options, str(undo))
        self.problems.extend(problems)
        return stack, options

    def header(self, planned: Planned, connection: Connection, store: Store) -> PlanHeader:
        """What the first line of a plan shows of account and state."""
        from reconciler.render.plan.plan_text import PlanHeader

        return PlanHeader(
            key_suffix=connection.key_suffix,
            state=shown_path(store.location),
            at=planned.at,
            simulated=connection.simulated,
            provisional=planned.provisional,
        )

    def show_problems(self) -> None:
        """Shows the collected problems and clears them, so that each is shown once."""
        self.console.problems([self.pasteable(problem) for problem in self.taken_problems()])

    def taken_problems(self) -> list[Problem]:
        """The collected problems, which are cleared."""
        found = list(self.problems)
        self.problems.clear()
        return found

    def pasteable(self, problem: Problem) -> Problem:
        """The problem with a hint whose commands work for this stack when pasted: with its path,
        its environment and `--simulate`.
        """
        problem = removed_environments.explained(problem, self.environment, self.removed)
        if problem.hint is None or "reconciler " not in problem.hint:
            return problem
        # an instance without a firewall may be outside the narrowed part
        here = replace(self, part=()) if problem.code == "exposed" else self
        hint = rewritten(problem.hint, here._completed)
        return problem if hint == problem.hint else replace(problem, hint=hint)

    def _completed(self, hint: str) -> str:
        hint = _BARE.sub(lambda found: self._pasted(found[1] or found[2]), hint)
        return _QUOTED.sub(r"\1 --simulate`", hint) if self.simulate else hint

    def _pasted(self, command: str) -> str:
        """A command in a hint, completed with the arguments for this stack."""
        arguments = command.split()
        if arguments[0] in ("apply", "destroy", "plan"):
            return self.again(*arguments)
        if arguments[0] == "recover":
            return replace(self, part=()).again(*arguments)
        of_all = arguments[0] == "catalog" or arguments[-1] in ("rename-stack", "rename-env")
        environment = None if of_all else self.environment
        plain = replace(self, environment=environment, variables=(), variable_files=(), part=())
        return plain.again(*arguments, by_option=True)

    def again(self, *command: str, by_option: bool = False) -> str:
        """A command line for this stack, ready to paste. `by_option`: the stack is given with
        `--stack`.
        """
        arguments = ["reconciler", *command]
        if str(self.path) != ".":
            arguments += [*(["--stack"] if by_option else []), piped_arguments.pasted(self.path)]
        arguments += ["--env", self.environment] if self.environment is not None else []
        for name, value in self.variables:
            arguments += ["--var", f"{name}={value}"]
        for name in self.variable_files:
            arguments += ["--var-file", piped_arguments.pasted(Path(name))]
        arguments += self.part
        arguments += ["--simulate"] if self.simulate else []
        return command_line(arguments)


def lock_seconds(given: float | None, console: Console) -> float:
    """Seconds to wait for the lock: as given, else 60 at a terminal, 0 elsewhere."""
    usual = LOCK_SECONDS_AT_TERMINAL if console.can_ask else 0.0
    return usual if given is None else given


def ends(function: Callable[..., int]) -> Callable[..., int]:
    """Turns every way a command can stop into shown problems and an exit code.

    The command receives a `Console` built from its options `format`, `verbose` and `color`,
    which it does not receive itself.
    """

    @wraps(function)
    def guarded(
        *, format: str = "text", verbose: bool = False, color: str = "auto", **values: Any
    ) -> int:
        console = Console(format=format, verbose=verbose, color=color)
        console.sources = SourceLines(hidden=values.get("variable_files", ()))
        try:
            with state_places.open_places():
                code = function(console, **values)
            return _written(console, code)
        except Abort as stop:
            _show(console, stop)
            return stop.exit_code
        except KeyboardInterrupt:
            console.note(
                [Line(), Line(msg(" Interrupted: nothing was changed by this command."), Tone.CARE)]
            )
            return exit_codes.INTERRUPTED

    return guarded


SESSION_OPTIONS = ("environment", "simulate", "time_scale", "variables", "variable_files")
"""Options of a command that are fields of its `Session`."""


def on_stack(function: Callable[..., int]) -> Callable[..., int]:
    """As `ends`, for a command on a stack: it receives a `Session` built from the options for the
    stack and the local cloud.
    """

    @wraps(function)
    def opened(console: Console, *, stack: str, **values: Any) -> int:
        given = {name: values.pop(name) for name in SESSION_OPTIONS if name in values}
        with piped_arguments.readable([stack], given):
            session = Session(console, piped_arguments.path_of(stack), **given)
            try:
                return function(session, **values)
            except Abort as stop:
                stop.problems = tuple(map(session.pasteable, stop.problems))
                raise

    return ends(opened)


def _written(console: Console, code: int) -> int:
    """The exit code, or 1 if the command only had to write a result and could not."""
    if not console.out.failed:
        return code
    text = msg("error: the result could not be written: {reason}", reason=console.out.lost)
    console.note([Line(text, Tone.DANGER)])
    return code if console.begun else exit_codes.worst((code, exit_codes.ERROR))


def _show(console: Console, stop: Abort) -> None:
    if isinstance(stop, Cancelled):
        console.note([Line(joined("", (" ", stop.text)), Tone.CARE)])
        return
    if console.json:
        from reconciler.model import serialize
        from reconciler.render.documents.json_document import problems_document

        rows = [serialize.problem(problem) for problem in stop.problems]
        console.result_json(problems_document(rows, exit_code=stop.exit_code))
    elif console.markdown:
        from reconciler.render.plan import plan_markdown

        console.out.write(plan_markdown.problems_markdown(stop.problems))
    if not console.json or console.out.lost is not None:
        console.problems(stop.problems)
    console.cause(stop)
