"""Stacks from disk: files, schema and values become a `Stack`, or every mistake at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.core import names
from reconciler.core.model import EMPTY, Stack
from reconciler.core.problems import Problem, error, has_errors
from reconciler.stop import Stop

if TYPE_CHECKING:
    from reconciler.core.build import VariableInputs
    from reconciler.core.document import Document

VARIABLE_PREFIX = "RECONCILER_VAR_"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A stack read from its files, with the warnings and notices about them."""

    stack: Stack
    problems: tuple[Problem, ...] = ()


def load_stack(
    path: Path,
    *,
    environment: str | None,
    options: Sequence[tuple[str, str]] = (),
    files: Sequence[Path] = (),
    environ: Mapping[str, str],
    values: Mapping[str, Any] | None = None,
    instead: Mapping[str, str] | None = None,
) -> Loaded:
    """The stack of a file or folder. Stops with every mistake in it.

    Values come from `files`, then `RECONCILER_VAR_<name>` in `environ`, then `options`; with `values` (of a saved plan) from those alone.
    `instead` gives texts, by file, that are read in place of what is on the disk.
    """
    from reconciler.core.build import build
    from reconciler.schema import joined

    document, problems = _document(path, instead=instead or {})
    inputs, found = _inputs(options, files, environ) if values is None else _pinned(values)
    problems = (*problems, *found)
    stack, found = build(document, environment=environment, variables=inputs)
    problems = joined(problems, found)
    if stack is None or has_errors(problems):
        raise Stop(*problems)
    return Loaded(stack, problems)


def validate(
    path: Path,
    *,
    environment: str | None,
    options: Sequence[tuple[str, str]],
    files: Sequence[Path],
    environ: Mapping[str, str],
    known: Callable[[Stack], Collection[str]] = lambda stack: (),
) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """Every mistake that shows without the network, and the names of what was checked: without `environment`, each of them.

    `known` gives the addresses that the state holds: what binds only new objects is not asked of those.
    """
    from reconciler.core.build import build, environments
    from reconciler.core.demands import demands
    from reconciler.schema import joined

    document, problems = _document(path)
    inputs, found = _inputs(options, files, environ)
    form, meaning, checked = [*problems, *found], list[Problem](), []
    for name in (environment,) if environment is not None else environments(document) or (None,):
        stack, found = build(document, environment=name, variables=inputs)
        meaning += found
        if stack is not None:
            meaning += (demand.problem for demand in demands(stack) if str(demand.address) not in known(stack))
            checked.append(stack.title)
    return joined(form, meaning), tuple(checked)


def identify(path: Path, environment: str | None) -> tuple[str, str | None]:
    """The name of the stack in a file or folder, and the environment, which has to be one of its own. Stops where there is none.

    For commands that look at the state alone: variables need no values here.
    """
    name, known = identities(path)
    if environment is None and known:
        raise Stop(
            error("environment", "the stack has environments, and none is chosen", hint=f"choose one with --env: {', '.join(known)}")
        )
    if environment is not None and environment not in known:
        raise Stop(error("environment", f"the stack has no environment {environment}", hint=names.hint_for(environment, known)))
    return name, environment


def identities(path: Path) -> tuple[str, tuple[str, ...]]:
    """The name of the stack in a file or folder, and the names of its environments. Stops where no stack is named."""
    from reconciler.core.build import environments
    from reconciler.core.document import Scalar

    document, problems = _document(path, checked=False)
    name = document.root.get("stack")
    if has_errors(problems) or not isinstance(name, Scalar):
        raise Stop(
            *(problems or (error("missing-key", f"{path} does not name its stack", hint="it begins with `version: 1`, `stack: NAME`"),))
        )
    return name.text, environments(document)


def _document(path: Path, *, checked: bool = True, instead: Mapping[str, str] = EMPTY) -> tuple[Document, tuple[Problem, ...]]:
    from reconciler import stackfile

    document, problems = stackfile.load(path, instead=instead)
    if checked and document.whole:
        from reconciler import schema

        problems = (*problems, *schema.check(document))
    return document, problems


def _inputs(
    options: Sequence[tuple[str, str]], files: Sequence[Path], environ: Mapping[str, str]
) -> tuple[VariableInputs, tuple[Problem, ...]]:
    from reconciler import stackfile
    from reconciler.core.build import VariableInputs

    read = [stackfile.load(file) for file in files]
    given = {name.removeprefix(VARIABLE_PREFIX): text for name, text in environ.items() if name.startswith(VARIABLE_PREFIX)}
    inputs = VariableInputs(files=tuple(document for document, _ in read), process=given, arguments=dict(options))
    return inputs, tuple(problem for _, problems in read for problem in problems)


def _pinned(values: Mapping[str, Any]) -> tuple[VariableInputs, tuple[Problem, ...]]:
    """The values of a saved plan, as a file of variables: JSON is YAML."""
    import json

    from reconciler import stackfile
    from reconciler.core.build import VariableInputs

    document, problems = stackfile.read(json.dumps(values, ensure_ascii=False), "the saved plan")
    return VariableInputs(files=(document,)), problems
