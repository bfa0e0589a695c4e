"""Which stacks a command takes, each with a session of its own, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli import composition
from reconciler.cli.arguments import piped_arguments
from reconciler.cli.console import Console
from reconciler.cli.run_context import SESSION_OPTIONS, Session, ends
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import command_line
from reconciler.config.project import order, project_file, selection
from reconciler.config.project.project import Project
from reconciler.config.project.selection import StackRun
from reconciler.model.abort import Abort
from reconciler.model.resource import title_of

if TYPE_CHECKING:
    from reconciler.cli.arguments.stack_choice import StackChoice

HERE = Path()


@dataclass(frozen=True, slots=True)
class ChosenStack:
    """One stack of the run. `stop` is why nothing of it can be read."""

    title: str
    session: Session
    name: str
    environment: str | None = None
    stop: Abort | None = None


@dataclass(frozen=True, slots=True)
class ChosenStacks:
    """The stacks of a command, each after those that it needs. `needs` has the titles that must be
    applied before each, among those of the run; `environment` is what `--env` chose. `again` are
    the arguments that choose the same stacks.
    """

    console: Console
    project: Project
    stacks: tuple[ChosenStack, ...]
    needs: order.Needs = field(default_factory=dict)
    environment: str | None = None
    simulate: bool = False
    again: tuple[str, ...] = ()

    @property
    def name(self) -> str | None:
        """The name of the project that the stacks belong to, None without one."""
        return None if self.project.file is None else self.project.name

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The titles by level: those of one level do not need each other."""
        return order.levels(self.needs)

    def command(self, name: str, *more: str) -> str:
        """A command line for the same stacks, ready to paste."""
        arguments = ["reconciler", name, *self.again]
        if self.stacks:
            session = self.stacks[0].session
            for variable, value in session.variables:
                arguments += ["--var", f"{variable}={value}"]
            for file in session.variable_files:
                arguments += ["--var-file", file]
        return command_line([*arguments, *more, *(["--simulate"] if self.simulate else [])])


def on_chosen(function: Callable[..., int], choice: StackChoice, values: Mapping[str, Any]) -> int:
    """Runs a command on several stacks. The function takes them as `ChosenStacks`, and the options
    that do not choose them.
    """

    def opened(console: Console, **rest: Any) -> int:
        given = {name: rest.pop(name) for name in SESSION_OPTIONS if name in rest}
        with piped_arguments.readable(choice.named, given):
            return function(choose(console, choice, given), **rest)

    return ends(opened)(**values)


def choose(
    console: Console,
    choice: StackChoice,
    given: Mapping[str, Any],
    *,
    changed: Collection[Path] | None = None,
) -> ChosenStacks:
    """The stacks that the options name, with `changed` only those of them that one of these files
    touches. `given` are the options of a session. Raises `Abort` if there is none, or the file of
    the project has mistakes.
    """
    given = dict(given)
    environment = given.pop("environment", None)
    session = Session(console, HERE, environment, **given)
    named = tuple(map(piped_arguments.path_of, choice.named))
    project = project_file.load(named[0] if named else HERE)
    runs, failed = _selected(session, project, named, choice, changed)
    needs = dict(selection.needs(project)) if project.stacks else {}
    titles = _titles(runs)
    stacks = [
        ChosenStack(title, _session(session, run), run.entry.name, run.environment)
        for title, run in zip(titles, runs, strict=True)
    ]
    return ChosenStacks(
        console,
        project,
        (*stacks, *failed),
        _between(needs, [*titles, *(each.title for each in failed)]),
        environment,
        session.simulate,
        (*choice.arguments, *(() if environment is None else ("--env", environment))),
    )


def sessions_to_check(
    console: Console, choice: StackChoice, given: Mapping[str, Any]
) -> list[Session]:
    """A session for each stack to validate, with all its environments if none is given. Mistakes
    between the stacks of a project are among the problems of the first one.
    """
    session = Session(console, HERE, **given)
    project = project_file.load(HERE)
    if not choice.all or not project.stacks:
        chosen = choose(console, choice, given)
        paths = dict.fromkeys(each.session.path for each in chosen.stacks)
        return [replace(session, path=path, problems=[]) for path in paths]
    wanted = session.environment
    found = [
        replace(session, path=entry.path, problems=[])
        for entry in project.stacks.values()
        if wanted is None or wanted in entry.environments
    ]
    if not found:
        selection.select(project, all=True, environment=wanted)  # stops: no stack has it
    found[0].problems.extend(selection.mistakes(project))
    return found


def _changed_since(revision: str, session: Session, project: Project) -> frozenset[Path]:
    from reconciler.cli.many.git_changes import changed_since

    folder = HERE if project.file is None else project.file.parent
    return changed_since(revision, folder, session.environ)


def _selected(
    session: Session,
    project: Project,
    named: Sequence[Path],
    choice: StackChoice,
    changed: Collection[Path] | None,
) -> tuple[tuple[StackRun, ...], list[ChosenStack]]:
    """The runs, and the named stacks of which nothing can be read."""
    if choice.changed_since is not None:
        changed = _changed_since(choice.changed_since, session, project)

    def selected(paths: Sequence[Path]) -> tuple[StackRun, ...]:
        return selection.select(
            project,
            named=paths,
            all=choice.all,
            changed=changed,
            environment=session.environment,
        )

    if choice.all or len(named) < 2:
        return selected(named), []
    with suppress(Abort):
        return selected(named), []
    runs: list[StackRun] = []
    failed: list[ChosenStack] = []
    for path in named:
        try:
            runs += selected([path])
        except Abort as stop:
            own = replace(session, path=path, problems=[])
            failed.append(ChosenStack(str(path), own, str(path), session.environment, stop))
    if not runs:
        stops = [each.stop for each in failed if each.stop is not None]
        raise Abort(*(problem for stop in stops for problem in stop.problems))
    return tuple(runs), failed


def _titles(runs: Sequence[StackRun]) -> list[str]:
    """The titles of the runs; for stacks of one name, outside a project, their paths."""
    every = [run.title for run in runs]
    return [
        run.title if every.count(run.title) == 1 else title_of(str(run.entry.path), run.environment)
        for run in runs
    ]


def _session(session: Session, run: StackRun) -> Session:
    return replace(session, path=run.entry.path, environment=run.environment, problems=[])


def _between(needs: order.Needs, titles: Sequence[str]) -> order.Needs:
    """What the titles need of each other, also by others that are not among them."""
    chosen = frozenset(titles)

    def reached(title: str) -> frozenset[str]:
        found, waiting = set[str](), list(needs.get(title, ()))
        while waiting:
            other = waiting.pop()
            if other not in found:
                found.add(other)
                waiting += needs.get(other, ())
        return frozenset(found) & chosen

    return {title: reached(title) for title in titles}


def by_account(chosen: ChosenStacks) -> list[list[ChosenStack]]:
    """The stacks by the account that they belong to: one, or one for each local cloud."""
    groups: dict[Path | None, list[ChosenStack]] = {}
    for each in chosen.stacks:
        session = each.session
        cloud = None
        if session.simulate:
            cloud = composition.world_of(session.path, session.environ).resolve()
        groups.setdefault(cloud, []).append(each)
    return list(groups.values())
