"""Loads stacks from files. The result is a `Stack`, or every mistake at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.common import paths
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, Severity, error, has_errors, warning
from reconciler.model.resource import EMPTY, Stack

if TYPE_CHECKING:
    from reconciler.config.builder import VariableInputs
    from reconciler.config.document import Document

VARIABLE_PREFIX = "RECONCILER_VAR_"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A stack read from its files, with the warnings and notices about them."""

    stack: Stack
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class VariableSources:
    """The sources of values for variables: `*.auto.vars.yaml` beside the stack, `files`, then
    `RECONCILER_VAR_<name>` in `process`, then `options`. If there are `pinned` values (of a saved
    plan), only those count.
    """

    options: Sequence[tuple[str, str]] = ()
    files: Sequence[Path] = ()
    process: Mapping[str, str] = EMPTY
    pinned: Mapping[str, Any] | None = None


NO_SOURCES = VariableSources()


def load_stack(
    path: Path,
    *,
    environment: str | None,
    variables: VariableSources = NO_SOURCES,
    instead: Mapping[str, str] = EMPTY,
    others: Others | None = None,
    check: Check | None = lambda stack: (),
) -> Loaded:
    """The stack of a file or folder. Stops with all its mistakes.

    `instead` contains texts, by file, that are read instead of the file. `others` reads the outputs
    of other stacks. `check` returns what else is wrong with the readable part of a stack that has
    mistakes. None: the stack is only to be destroyed, so a false `assert` is not a mistake.
    """
    from reconciler.config import digest
    from reconciler.config.builder import draft
    from reconciler.config.schema import joined

    document, problems = _document(path, instead=instead)
    inputs, found = _inputs(variables, path)
    stacks, unread = _others(document, environment, others)
    problems = (*problems, *found, *unread)
    stack, found = draft(document, environment=environment, variables=inputs, stacks=stacks)
    if check is None:
        found = tuple(problem for problem in found if problem.code != "assert")
    every = joined(problems, found)
    if has_errors(every):
        more = check(stack) if check is not None and document.whole else ()
        raise Abort(*joined(problems, (*found, *more)))
    return Loaded(digest.signed(stack), every)


def validate(
    path: Path,
    *,
    environment: str | None,
    variables: VariableSources = NO_SOURCES,
    others: Others | None = None,
    check: Check = lambda stack: (),
) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """Every mistake that can be found without the network, and the names of the stacks that were
    checked: all environments if `environment` is None.

    `check` returns further problems of what could be read of a stack.
    """
    from reconciler.config.builder import draft, environments, equal_names
    from reconciler.config.requirements import demands
    from reconciler.config.schema import joined

    document, problems = _document(path)
    inputs, found = _inputs(variables, path)
    form, meaning, checked = [*problems, *found], list[Problem](), []
    for name in (environment,) if environment is not None else environments(document) or (None,):
        stacks, unread = _others(document, name, others)
        stack, found = draft(document, environment=name, variables=inputs, stacks=stacks)
        # Without the outputs of another stack, what reads them cannot be checked. This is a warning
        # here, and an error for a plan.
        meaning += (*found, *(replace(problem, severity=Severity.WARNING) for problem in unread))
        meaning += check(stack)
        if document.whole:
            meaning += (demand.problem for demand in demands(stack))
        meaning += equal_names(stack)
        checked.append(stack.title)
    return joined(form, meaning), tuple(checked)


def stacks_of(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The stacks that the files and folders belong to, each once. Files of components belong to
    none.
    """
    from reconciler.config import stack_folder

    found = map(stack_folder.stack_of, paths)
    return tuple(dict.fromkeys(path for path in found if path is not None))


Check: TypeAlias = Callable[[Stack], Iterable[Problem]]
"""Returns problems with a stack of which some values may be missing."""

Others: TypeAlias = "Callable[[Path, str | None], Mapping[str, tuple[Any, str | None]]]"
"""Returns the outputs of another stack and environment, by name as (value, reason). Stops if that
stack was never applied.
"""


def _others(
    document: Document, environment: str | None, read: Others | None
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The outputs of the other stacks that a document names, and the problems with reading them."""
    from reconciler.config.document import Scalar, table
    from reconciler.config.references import UNAVAILABLE
    from reconciler.model.state import STALE, is_stale

    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, node in table(document.root.get("stacks")).items():
        members = table(node)
        path, env = members.get("path"), members.get("env")
        found[name] = {"outputs": UNAVAILABLE}
        if not isinstance(path, Scalar) or read is None:
            continue
        chosen = env.text if isinstance(env, Scalar) and env.value is not None else None
        chosen = environment if chosen == "${env.name}" else chosen
        target = Path(path.file).parent / path.text
        refused = paths.refused(target, Path(path.file).parent)
        if refused is not None:
            hint = msg(
                "`path` must name a stack of the same repository; give values of other stacks "
                "as variables"
            )
            problems.append(
                error(
                    "file-missing",
                    msg("{path} is not read: it {reason}", path=target, reason=refused),
                    place=path.place,
                    hint=hint,
                )
            )
            continue
        try:
            outputs = read(target, chosen)
        except Abort as stop:
            problems += [
                replace(problem, place=problem.place or path.place) for problem in stop.problems
            ]
            continue
        found[name] = {
            "outputs": {
                key: value for key, (value, reason) in outputs.items() if reason in (None, STALE)
            }
        }
        if is_stale(outputs):
            message = msg(
                "the outputs of `{name}` are older than its last run, which was interrupted or "
                "is still running",
                name=name,
            )
            environments = "" if chosen is None else f" --env {pasted(chosen)}"
            hint = msg(
                "finish that run first: `reconciler apply {stack}{environment}`",
                stack=pasted(target),
                environment=environments,
            )
            problems.append(warning("output", message, place=path.place, hint=hint))
    return found, tuple(problems)


def identify(
    path: Path,
    environment: str | None,
    *,
    kept: Callable[[str], Collection[str]] = lambda stack: (),
) -> tuple[str, str | None]:
    """The name of the stack in a file or folder, and the environment. Stops if the stack has no
    such environment.

    For commands that only read the state: variables need no values. `kept` returns the environments
    of a stack that have a state, because one that was removed from the file can still be inspected.
    """
    from reconciler.config.builder import environment_problem

    name, known = identities(path)
    problem = environment_problem(known, environment)
    # Which states are kept is looked up last, as it may take a way over a network.
    if problem is not None and (environment is None or environment not in kept(name)):
        raise Abort(problem)
    return name, environment


def neighbors(path: Path) -> frozenset[tuple[str, str | None]]:
    """The stacks, each with its environments, whose states may be in the same folder: those of this
    file, of the other files in its folder, and of the stacks whose outputs it reads. Files that
    cannot be read are skipped.
    """
    others = [] if path.is_dir() else sorted(path.parent.iterdir())
    files = (path, *(file for file in others if file.suffix in (".yaml", ".yml") and file != path))
    found: set[tuple[str, str | None]] = set()
    for file in (*files, *_stacks_read(path)):
        with suppress(Abort, OSError):
            name, known = identities(file)
            found.update((name, environment) for environment in known or (None,))
    return frozenset(found)


def others_named(path: Path, names: Collection[str]) -> tuple[Path, ...]:
    """The files in the folder of a stack's file that are stacks with one of these names, without
    the file itself. Files that cannot be read are skipped.
    """
    found = []
    for file in () if path.is_dir() else sorted(path.parent.iterdir()):
        if file.suffix in (".yaml", ".yml") and not file.samefile(path):
            with suppress(Abort, OSError):
                if identities(file)[0] in names:
                    found.append(file)
    return tuple(found)


def _stacks_read(path: Path) -> Iterator[Path]:
    """The files of the other stacks whose outputs a stack reads."""
    from reconciler.config.document import Scalar, table

    document, _ = _document(path, checked=False)
    for node in table(document.root.get("stacks")).values():
        other = table(node).get("path")
        if isinstance(other, Scalar):
            target = Path(other.file).parent / other.text
            if paths.refused(target, Path(other.file).parent) is None:
                yield target


def identities(path: Path) -> tuple[str, tuple[str, ...]]:
    """The name of the stack in a file or folder, and the names of its environments. Stops if the
    stack has no name.
    """
    from reconciler.config.builder import environments
    from reconciler.config.document import Scalar

    document, problems = _document(path, checked=False)
    name = document.root.get("stack")
    if has_errors(problems) or not isinstance(name, Scalar):
        raise Abort(
            *(
                problems
                or (
                    error(
                        "missing-key",
                        msg("{path} does not name its stack", path=path),
                        hint=msg("start it with `version: 1` and `stack: NAME`"),
                    ),
                )
            )
        )
    return name.text, environments(document)


def _document(
    path: Path, *, checked: bool = True, instead: Mapping[str, str] = EMPTY
) -> tuple[Document, tuple[Problem, ...]]:
    from reconciler.config import stack_folder

    document, problems = stack_folder.load(path, instead=instead)
    if checked:
        from reconciler.config import schema

        problems = (*problems, *schema.check(document))
    return document, problems


def _inputs(sources: VariableSources, stack: Path) -> tuple[VariableInputs, tuple[Problem, ...]]:
    from reconciler.config import stack_folder
    from reconciler.config.builder import VariableInputs

    if sources.pinned is not None:
        return _pinned(sources.pinned)
    unread: list[Problem] = []
    files = (*stack_folder.auto_files(stack, unread), *sources.files)
    read = [stack_folder.load_values(file) for file in files]
    given = {
        name.removeprefix(VARIABLE_PREFIX): text
        for name, text in sources.process.items()
        if name.startswith(VARIABLE_PREFIX)
    }
    inputs = VariableInputs(
        files=tuple(document for document, _ in read),
        process=given,
        arguments=dict(sources.options),
    )
    found = [_of_values(problem) for _, problems in read for problem in problems]
    return inputs, (*unread, *found)


def _of_values(problem: Problem) -> Problem:
    """A problem with a file of variables, reworded, because the file is read like a stack file."""
    if problem.code == "file-missing":
        return replace(problem, hint=msg("--var-file needs a file with one `NAME: VALUE` per line"))
    if problem.code == "wrong-type":
        return replace(
            problem,
            message=msg("a file of variables must be a mapping"),
            hint=msg("write one `NAME: VALUE` per line"),
        )
    return problem


def _pinned(values: Mapping[str, Any]) -> tuple[VariableInputs, tuple[Problem, ...]]:
    """The values of a saved plan, read as a file of variables."""
    import json

    from reconciler.config.builder import VariableInputs
    from reconciler.config.inputs import json_reader

    document, problems = json_reader.read(
        json.dumps(values, ensure_ascii=False), msg("the saved plan")
    )
    return VariableInputs(files=(document,)), problems
