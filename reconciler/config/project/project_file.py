"""`reconciler.yaml` at the root of a repository, found upwards from a stack and read
(stack-files#project-file).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from reconciler.common import paths
from reconciler.common.suggestions import nearest
from reconciler.common.text import enumerated, msg
from reconciler.config import yaml_errors, yaml_reader
from reconciler.config.document import Table
from reconciler.config.project.location import PROJECT_FILE as NAME
from reconciler.config.project.location import find
from reconciler.config.project.project import Project
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Place, Problem, error, has_errors, in_order
from reconciler.resources import all_kinds

FILE_BYTES_MAX = 256 * 1024


def load(stack: Path) -> Project:
    """The project of a stack, which is the file or folder that the user named. Stops with all
    mistakes of its file.
    """
    file = find(stack)
    if file is None:
        return Project()
    problems: list[Problem] = []
    root = _root(file, problems)
    if root is None or has_errors(problems):
        raise Abort(*in_order(problems))
    from reconciler.config.project import parsing
    from reconciler.config.schema import joined

    meaning: list[Problem] = []
    project = parsing.values(root, file, meaning)
    hidden = {each.place for each in parsing.hidden_values(root)}
    hidden |= {each.place for each in meaning if each.code == "out-of-bounds" and each.place}
    form = tuple(_mistakes(root, str(file), hidden))
    found = joined(form, meaning)
    if has_errors(found):
        raise Abort(*found)
    return project


def _root(file: Path, problems: list[Problem]) -> Table | None:
    data = _data(file, problems)
    text = None if data is None else yaml_errors.decode(data, str(file), problems)
    if text is None:
        return None
    found: list[Problem] = []
    root = yaml_reader.parse(text, str(file), found)
    problems += map(_of_project, found)
    return root


def _data(file: Path, problems: list[Problem]) -> bytes | None:
    """The bytes of the file, or None with a problem."""
    hint: str | None = None
    try:
        if file.is_symlink():
            message = msg("{file} is not read: it is a symbolic link", file=file)
            hint = msg("replace the link with the file itself")
        elif not _is_trusted(file):
            message = msg("{file} is not read: it belongs to another user", file=file)
            hint = msg("delete it, or move the stack into a repository (`git init`)")
        else:
            data = paths.read_ordinary(file, FILE_BYTES_MAX + 1)
            if len(data) <= FILE_BYTES_MAX:
                return data
            message = msg("{file} is larger than 256 KiB", file=file)
            problems.append(error("file-too-large", message, place=Place(str(file), 1, 1)))
            return None
    except OSError as failure:
        reason = failure.strerror or str(failure)
        message = msg("{file} cannot be read: {reason}", file=file, reason=reason)
        hint = msg("it names the place of the states, so nothing is done without it")
    problems.append(error("file-missing", message, hint=hint))
    return None


def _is_trusted(file: Path) -> bool:
    """Whether the file may say where states are. Outside a repository, anybody could put one into a
    folder above, such as `/tmp`.
    """
    folder = file.absolute().parent
    if any((above / ".git").exists() for above in (folder, *folder.parents)):
        return True
    return file.stat().st_uid in (os.geteuid(), 0)


def _mistakes(root: Table, file: str, hidden: Collection[Place]) -> Iterator[Problem]:
    """The mistakes of form. Those at the places of `hidden` values are reported elsewhere, without
    the value.
    """
    from reconciler.config import schema

    known = tuple(schema.load("reconciler")["properties"])
    sections = ("stack", "component", *all_kinds().sections)
    of_stack = next((key for key in root.entries if key in sections), None)
    if of_stack is not None:
        message = msg(
            "{name} is the file of the project, and the key `{key}` belongs into a stack",
            name=NAME,
            key=of_stack,
        )
        hint = msg("rename the file of the stack, for example to stack.yaml")
        yield error("unknown-key", message, place=root.key_place(of_stack), hint=hint)
        return
    missing = [key for key in ("version", "project") if key not in root.entries]
    if missing:
        keys = enumerated([f"`{key}`" for key in missing])
        message = msg("{file} has no {keys}", file=file, keys=keys)
        hint = msg("start it with `version: 1` and `project: NAME`")
        yield error("missing-key", message, place=root.place, hint=hint)
    for problem in schema.check_table(root, "reconciler"):
        is_of_root = problem.place in [root.key_place(key) for key in root.entries]
        if problem.code == "unknown-key" and is_of_root:
            yield _unknown(problem, root, known)
        elif problem.place not in hidden and (
            problem.code != "missing-key" or problem.place != root.place
        ):
            yield problem


def _unknown(problem: Problem, root: Table, known: Iterable[str]) -> Problem:
    """The problem of an unknown key, with the keys of this file in the hint."""
    known = tuple(known)
    key = next((key for key in root.entries if root.key_place(key) == problem.place), "")
    close = nearest(key, known)
    if close is not None:
        return replace(problem, hint=msg("did you mean `{close}`?", close=close))
    hint = msg(
        "the keys of this version are {keys}",
        keys=enumerated([f"`{each}`" for each in known]),
    )
    return replace(problem, hint=hint)


def _of_project(problem: Problem) -> Problem:
    """A problem with the text, reworded, because the file is read like a stack file."""
    if problem.code == "wrong-type":
        return replace(
            problem,
            message=msg("{name} must be a mapping", name=NAME),
            hint=msg("start it with `version: 1` and `project: NAME`"),
        )
    return problem
