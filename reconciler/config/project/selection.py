"""Which stacks of a project a command takes, and in which order. Begin with `select`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.config.project import order, stack_heads
from reconciler.config.project.order import Dependency, Needs
from reconciler.config.project.project import Project, StackEntry
from reconciler.config.project.stack_heads import StackHead
from reconciler.config.stack_folder import SUFFIX, is_auto
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error, has_errors, in_order, warning
from reconciler.model.resource import title_of

STATE_FOLDER = "state"
"""A folder beside a stack that is not part of it: an apply writes it."""


@dataclass(frozen=True, slots=True)
class StackRun:
    """One stack in one environment, as a command takes it."""

    title: str
    entry: StackEntry
    environment: str | None


@dataclass(frozen=True, slots=True)
class _Read:
    """A project with the heads of its stacks, and what waits for what."""

    heads: Mapping[str, StackHead]
    dependencies: tuple[Dependency, ...]
    needs: Needs


def select(
    project: Project,
    *,
    named: Sequence[Path] = (),
    all: bool = False,
    changed: Collection[Path] | None = None,
    environment: str | None = None,
) -> tuple[StackRun, ...]:
    """The stacks that a command takes, each after those that it needs. Stops with all mistakes of
    the project.

    `named` are files or folders of stacks, also of those that the project does not list; `all`
    takes every stack of the project. With `changed`, only those of them that a changed file
    touches, directly or by a stack that they read; with `changed` alone, those of the project. With
    an `environment`, only that one of each stack.
    """
    if (all or not named) and not project.stacks:
        raise Abort(_without_stacks(project))
    read = _read(project)
    runs = list(_all(project)) if all or not named else list(_named(project, read, named))
    if changed is not None:
        touched = _touched(project, read, frozenset(path.resolve() for path in changed))
        runs = [run for run in runs if run.title in touched or run.entry.place is None]
    if environment is not None:
        runs = list(_in_environment(runs, environment, is_named=bool(named) and not all))
    place = {title: number for number, title in enumerate(order.in_order(read.needs))}
    return tuple(sorted(runs, key=lambda run: place.get(run.title, -1)))


def needs(project: Project) -> Needs:
    """For each title of the project the titles that must be applied before it. Stops with all
    mistakes of the project.
    """
    return _read(project).needs


def mistakes(project: Project) -> tuple[Problem, ...]:
    """What is wrong between the file of the project and the files of its stacks."""
    problems: list[Problem] = []
    heads = stack_heads.heads(project, problems)
    found = order.dependencies(project, heads)
    problems += order.cycles(order.needs(project, found), found)
    problems += _idle_rules(project)
    return in_order(problems)


def _read(project: Project) -> _Read:
    problems: list[Problem] = []
    heads = stack_heads.heads(project, problems)
    found = order.dependencies(project, heads)
    needs = order.needs(project, found)
    problems += order.cycles(needs, found)
    if has_errors(problems):
        raise Abort(*in_order(problems))
    return _Read(heads, found, needs)


def _idle_rules(project: Project) -> Iterator[Problem]:
    titles = [title for entry in project.stacks.values() for title in entry.titles]
    for rule in project.rules if titles else ():
        if not any(fnmatchcase(title, rule.pattern) for title in titles):
            message = msg("the rule for `{pattern}` matches no stack", pattern=rule.pattern)
            hint = hint_for(rule.pattern, titles)
            yield warning("missing-reference", message, place=rule.place, hint=hint)


def _without_stacks(project: Project) -> Problem:
    if project.file is None:
        message = msg("there is no reconciler.yaml here or in a folder above")
        hint = msg("write one: `reconciler init --project`")
        return error("file-missing", message, hint=hint)
    message = msg("{file} lists no stacks", file=project.file)
    hint = msg("list them: `stacks: {form}`", form="{NAME: {path: FOLDER}}")
    return error("missing-key", message, hint=hint)


def _all(project: Project) -> Iterator[StackRun]:
    for entry in project.stacks.values():
        yield from _runs(entry)


def _runs(entry: StackEntry) -> Iterator[StackRun]:
    for environment in entry.environments or (None,):
        yield StackRun(title_of(entry.name, environment), entry, environment)


def _named(project: Project, read: _Read, named: Sequence[Path]) -> Iterator[StackRun]:
    by_location = {head.location: project.stacks[name] for name, head in read.heads.items()}
    locations = {stack_heads.location(path): path for path in reversed(named)}
    for location, path in reversed(locations.items()):
        entry = by_location.get(location)
        yield from _runs(entry if entry is not None else _unlisted(path))


def _unlisted(path: Path) -> StackEntry:
    """An entry for a stack that the project does not list."""
    problems: list[Problem] = []
    head = stack_heads.head_of(path, problems)
    if head is None:
        raise Abort(*in_order(problems))
    return StackEntry(head.name, path, head.environments)


def _in_environment(
    runs: Sequence[StackRun], environment: str, *, is_named: bool
) -> Iterator[StackRun]:
    known = sorted({run.environment for run in runs if run.environment is not None})
    entries = {run.entry.name: run.entry for run in runs}
    lacking = [name for name, each in entries.items() if environment not in each.environments]
    if runs and (len(lacking) == len(entries) or (is_named and lacking)):
        name = lacking[0] if is_named else None
        message = (
            msg("no stack has the environment `{environment}`", environment=environment)
            if name is None
            else msg(
                "stack `{name}` has no environment `{environment}`",
                name=name,
                environment=environment,
            )
        )
        raise Abort(error("environment", message, hint=hint_for(environment, known)))
    yield from (run for run in runs if run.environment == environment)


def _touched(project: Project, read: _Read, changed: Collection[Path]) -> frozenset[str]:
    """The titles that the changed files touch, with those that read their outputs."""
    if any(_is_common(project, file) for file in changed):
        return frozenset(read.needs)
    names = {name for file in changed for name in _owners(read.heads, file)}
    found = {title for name in names for title in project.stacks[name].titles}
    readers: dict[str, set[str]] = {}
    for each in read.dependencies:
        if each.is_reading:
            readers.setdefault(each.before, set()).add(each.after)
    waiting = list(found)
    while waiting:
        further = readers.get(waiting.pop(), set()) - found
        found |= further
        waiting += further
    return frozenset(found)


def _is_common(project: Project, file: Path) -> bool:
    """Whether a file counts for every stack: that of the project, or a policy."""
    if project.file is None:
        return False
    root = project.file.parent.resolve()
    if file == root / project.file.name:
        return True
    if not file.is_relative_to(root):
        return False
    name = file.relative_to(root).as_posix()
    return any(fnmatchcase(name, pattern.text) for pattern in project.policies)


def _owners(heads: Mapping[str, StackHead], file: Path) -> Iterator[str]:
    """The stacks that a file is part of: those that read it, or have it beside their own file, and
    the one with the nearest folder above it, without that of states.
    """
    yield from (name for name, head in heads.items() if file in head.files or _is_near(head, file))
    above = [
        (len(head.folder.parts), name)
        for name, head in heads.items()
        if head.folder is not None and file.is_relative_to(head.folder)
    ]
    if above:
        depth, name = max(above)
        if STATE_FOLDER not in file.parts[depth:]:
            yield name


def _is_near(head: StackHead, file: Path) -> bool:
    """Whether a file beside a stack of one file counts for it: values of variables, or one that was
    deleted and may have been a part.
    """
    is_near = head.folder is None and file.parent == head.location.parent
    return is_near and (is_auto(file) or (file.suffix == SUFFIX and not file.exists()))
