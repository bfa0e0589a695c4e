"""What the commands about a stack share: the stack and its environment, the store, the account, and
the end of a command.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli import composition, options
from reconciler.cli.console import Console
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config import loader
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error, warning
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.commands.context import Connection, Planned
    from reconciler.model.resource import Catalogue, Stack
    from reconciler.model.state import State
    from reconciler.planner.compare.assessment import PlanOptions
    from reconciler.render.plan.plan_text import PlanHeader
    from reconciler.store.folder_store import FileStore

LOCK_SECONDS_AT_TERMINAL = 60.0

_BARE = re.compile(
    r"\breconciler (?:(apply|destroy|plan|recover|doctor|catalog [\w-]+|state unlock)"
    r"(?=$|[`\n,;:)]| --(?!stack|env|var|only|except|simulate))|(state forget)(?= [^-]))"
)
"""A command in a hint that does not name a stack."""

_QUOTED = re.compile(r"(`reconciler (?:apply|destroy|plan|recover|doctor|catalog|state) [^`]*)`")


@dataclass(slots=True)
class Session:
    """One command on one stack. `part` are the options that narrow it. `problems` gathers what is
    told beside the result.
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

    def load(self, *, values: Mapping[str, Any] | None = None) -> Stack:
        """The stack; its warnings are kept. Stops where it has mistakes. `values` are those of a
        saved plan.
        """
        loaded = loader.load_stack(
            self.path,
            environment=self.environment,
            options=self.variables,
            files=[Path(name) for name in self.variable_files],
            environ=self.environ,
            values=values,
            others=self.outputs_of,
        )
        self.problems += loaded.problems
        return loaded.stack

    def outputs_of(
        self, path: Path, environment: str | None
    ) -> Mapping[str, tuple[Any, str | None]]:
        """The outputs of another stack, from its state as it lies on this machine. Stops where it
        was never applied.
        """
        from reconciler.commands import session

        name, environment = loader.identify(path, environment)
        state = session.read_state(
            composition.store(
                composition.StateLocation(path, name, environment, self.simulate), self.environ
            )
        )
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
                "set RECONCILER_STATE_DIR to one folder for both stacks and apply both again: "
                "they then share one local cloud"
            )
            self.problems.append(warning("simulator", message, hint=hint))
        return state.outputs

    def identify(self) -> tuple[str, str | None]:
        """The name of the stack, and the environment that is meant: one of the file, or one that
        left the file and has a state.
        """
        return loader.identify(self.path, self.environment, kept=self.kept_environments)

    def kept_environments(self, stack: str) -> tuple[str, ...]:
        """The environments of a stack that have a state, sorted."""
        return composition.kept_environments(
            self.path, stack, self.environ, simulated=self.simulate
        )

    def load_what_stands(self) -> Stack:
        """The stack, to destroy it. Of an environment that left the file only its name is known:
        what it owns stands in its state.
        """
        from reconciler.model.resource import Stack

        name, known = loader.identities(self.path)
        if (
            self.environment is not None
            and self.environment not in known
            and self.environment in self.kept_environments(name)
        ):
            return Stack(name, self.environment, {})
        return self.load()

    def load_if_it_can_be(self) -> Stack | None:
        """The stack, where the file can be read now: to look at the state needs no file without
        mistakes.
        """
        try:
            return self.load()
        except Abort:
            return None

    def former_names(self, store: FileStore, state: State | None) -> Sequence[Problem]:
        """The states under former names that hold the objects of the stack, where its own is empty
        and the file can be read.
        """
        from reconciler.commands import session
        from reconciler.planner.compare.assessment import PlanOptions

        stack = self.load_if_it_can_be() if state is None or state.is_empty else None
        return () if stack is None else session.former_names(stack, store, state, PlanOptions())

    def exposed(self, store: FileStore, state: State | None) -> list[Problem]:
        """The servers that have, or may have, no firewall as the state and the file say; none while
        a run is at work.
        """
        from reconciler.planner.checks import unprotected

        held = store.holder()
        stack = self.load_if_it_can_be() if held is None or not held.alive else None
        return (
            []
            if stack is None
            else [self.pasteable(problem) for problem in unprotected.by_state(stack, state)]
        )

    def kept_catalogue(self) -> Catalogue:
        """The catalogue as an earlier run kept it."""
        return composition.kept_catalogue(self.path, self.environ, simulated=self.simulate)

    def place(self, stack: str, environment: str | None) -> composition.StateLocation:
        """Where the files of that stack and environment lie."""
        return composition.StateLocation(self.path, stack, environment, self.simulate)

    def store(self, stack: str, environment: str | None) -> FileStore:
        """The store of the state of that stack and environment."""
        return composition.store(self.place(stack, environment), self.environ)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """The account as long as the block lasts; while something is waited for, the console says
        so.
        """
        with composition.connect(
            self.path,
            self.environ,
            simulated=self.simulate,
            time_scale=self.time_scale,
            problems=self.problems,
            cached=options.uses_cache(),
        ) as connection:
            yield replace(
                connection, notify=lambda line: self.console.tell([Line(f" {line}", Tone.FAINT)])
            )

    def back(
        self,
        stack: Stack,
        store: FileStore,
        connection: Connection,
        options: PlanOptions,
        undo: str | int | None,
    ) -> tuple[Stack, PlanOptions]:
        """The stack and the options of an undo; as they are where there is none. `undo` is a serial
        or `last`.
        """
        if undo is None:
            return stack, options
        from reconciler.commands import undo as undoing

        stack, options, told = undoing.back(stack, store, connection.kinds, options, str(undo))
        self.problems += told
        return stack, options

    def header(self, planned: Planned, connection: Connection, store: FileStore) -> PlanHeader:
        """What the first line of a plan tells of account and state."""
        from reconciler.render.plan.plan_text import PlanHeader

        return PlanHeader(
            key_suffix=connection.key_suffix,
            state=shown_path(store.folder),
            at=planned.at,
            simulated=connection.simulated,
            provisional=planned.provisional,
        )

    def tell_problems(self) -> None:
        """Shows what was gathered and forgets it, so that nothing is told twice."""
        found, self.problems = self.problems, []
        self.console.problems([self.pasteable(problem) for problem in found])

    def pasteable(self, problem: Problem) -> Problem:
        """A problem whose hint names its commands as they are typed for this stack: with its file
        and environment, and on the local cloud where this command is.
        """
        if problem.hint is None or "reconciler " not in problem.hint:
            return problem
        # a server without its firewall may lie outside of what a narrowed run looks at
        here = replace(self, part=()) if problem.code == "exposed" else self
        hint = _BARE.sub(lambda found: here._typed(found[1] or found[2]), problem.hint)
        if self.simulate:
            hint = _QUOTED.sub(
                lambda found: found[0] if "--simulate" in found[0] else f"{found[1]} --simulate`",
                hint,
            )
        return problem if hint == problem.hint else replace(problem, hint=hint)

    def _typed(self, command: str) -> str:
        """A command of a hint with what it has to be told about this stack."""
        words = command.split()
        if words[0] in ("apply", "destroy", "plan"):
            return self.again(*words)
        if words[0] == "recover":
            return replace(self, part=()).again(*words)
        environment = None if words[0] == "catalog" else self.environment
        plain = replace(self, environment=environment, variables=(), variable_files=(), part=())
        return plain.again(*words, by_option=True)

    def again(self, *command: str, by_option: bool = False) -> str:
        """The command line that would go on with this run, ready to paste. `by_option`: it takes
        the stack by `--stack`.
        """
        here = (
            []
            if str(self.path) == "."
            else ["--stack", str(self.path)]
            if by_option
            else [str(self.path)]
        )
        words = ["reconciler", *command, *here]
        words += ["--env", self.environment] if self.environment is not None else []
        for name, value in self.variables:
            words += ["--var", f"{name}={value}"]
        for name in self.variable_files:
            words += ["--var-file", name]
        words += self.part
        words += ["--simulate"] if self.simulate else []
        return shlex.join(words)


def shown_path(path: Path) -> str:
    """A path as short as it can be told from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def lock_seconds(given: float | None, console: Console) -> float:
    """How long to wait for the lock: as asked, else 60 s at a terminal and not at all elsewhere
    (commands#options).
    """
    if given is not None:
        return given
    return LOCK_SECONDS_AT_TERMINAL if console.can_ask else 0.0


def ends(function: Callable[..., int]) -> Callable[..., int]:
    """Makes a command end well whatever stops it: problems shown as its format asks, and the exit
    code that goes with them.

    The command gets a `Console` first, made of its options `format`, `verbose` and `no_color`,
    which it does not see itself.
    """

    @wraps(function)
    def guarded(
        *, format: str = "text", verbose: bool = False, no_color: bool = False, **given: Any
    ) -> int:
        console = Console(format=format, verbose=verbose, color=not no_color)
        try:
            return _written(console, function(console, **given))
        except Abort as stop:
            _show(console, stop)
            return stop.exit_code
        except KeyboardInterrupt:
            console.tell(
                [Line(), Line(" Interrupted: nothing was changed by this command.", Tone.CARE)]
            )
            return exit_codes.INTERRUPTED

    return guarded


def on_stack(function: Callable[..., int]) -> Callable[..., int]:
    """As `ends`, for a command on a stack: it gets a `Session` first, made of what its options say
    of the stack and the local cloud.
    """

    @wraps(function)
    def opened(
        console: Console,
        *,
        stack: str,
        environment: str | None = None,
        simulate: bool = False,
        time_scale: float | None = None,
        variables: Sequence[tuple[str, str]] = (),
        variable_files: Sequence[str] = (),
        **given: Any,
    ) -> int:
        session = Session(
            console, Path(stack), environment, simulate, time_scale, variables, variable_files
        )
        try:
            return function(session, **given)
        except Abort as stop:
            stop.problems = tuple(map(session.pasteable, stop.problems))
            raise

    return ends(opened)


def _written(console: Console, code: int) -> int:
    """The code, or 1 instead of a success whose result could not be written and was all that the
    command was for.
    """
    if not console.out.failed:
        return code
    console.tell([Line(f"error: the result could not be written: {console.out.lost}", Tone.DANGER)])
    return code if console.begun else exit_codes.worst((code, exit_codes.ERROR))


def _show(console: Console, stop: Abort) -> None:
    if console.json:
        from reconciler.render.plan import plan_json

        console.result_json(plan_json.problems_document(stop.problems, exit_code=stop.exit_code))
    elif console.markdown:
        from reconciler.render.plan import plan_markdown

        console.out.write(plan_markdown.problems_markdown(stop.problems))
    if not console.json or console.out.lost is not None:
        console.problems(stop.problems)
    console.cause(stop)


def stop_usage(message: str, hint: str | None = None) -> Abort:
    """A mistake in options or arguments (exit 64) that shows only after they are parsed."""
    return Abort(error("usage", message, hint=hint))
