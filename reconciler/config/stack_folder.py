"""The files of a stack: one file, or the `*.yaml` files of a folder. A file that may belong to the
stack but is not read is reported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from reconciler.common import paths
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.config import document, yaml_errors, yaml_reader
from reconciler.config.document import Document, Scalar, Table
from reconciler.config.inputs import json_reader, piped
from reconciler.config.project.location import PROJECT_FILE
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.resource import EMPTY
from reconciler.resources import all_kinds

SUFFIX = ".yaml"
_ALIKE = frozenset({".yaml", ".yml"})

_AUTO = ("auto.vars.yaml", "auto.vars.json")
"""How the names of files of variables end that are read by themselves."""

_ANOTHER = msg("name the stack's file or folder")


FILE_BYTES_MAX = 4 * 1024 * 1024
"""The maximum size of a file (stack-files#reading)."""


class Files(NamedTuple):
    """The files of a stack, sorted. `alike` are other YAML files of the folder, which are not read
    (`common.yml`).
    """

    read: tuple[Path, ...] = ()
    alike: tuple[Path, ...] = ()


def load(path: Path, *, instead: Mapping[str, str] = EMPTY) -> tuple[Document, tuple[Problem, ...]]:
    """The document of a file, or of a folder of `*.yaml` files, and every mistake of its YAML.
    Never raises because of what a file contains.

    `instead` contains texts, by file, that are read instead of the file.
    """
    problems: list[Problem] = []
    found = files(path, problems)
    with yaml_reader.without_garbage_collection():
        roots = [_root(file, problems, instead) for file in found.read]
        if len(roots) > 1:
            problems[:] = [
                replace(p, hint=yaml_errors.ALL_OF_THE_FOLDER) if p.code == "wrong-type" else p
                for p in problems
            ]
        merged = document.merge(
            [root for root in roots if root is not None], problems, file=str(path)
        )
        problems += [unread(file) for file in found.alike if _is_part(file)]
        parts = _parts(merged, problems, instead)
    return Document(
        merged,
        tuple(map(str, found.read)),
        whole=yaml_reader.is_whole(problems),
        parts=parts,
    ), tuple(problems)


def load_values(path: Path) -> tuple[Document, tuple[Problem, ...]]:
    """The document of a file of variables: YAML, or JSON if its name ends with `.json` or the text
    of a pipe is JSON. Never raises because of what it contains.
    """
    if path.is_dir():
        return load(path)
    problems: list[Problem] = []
    file = str(path)
    text = _text(path, problems) if files(path, problems).read else None
    if text is None:
        return Document(document.empty(file), (), whole=False), tuple(problems)
    if piped.is_named(path) and file != os.devnull and not text.strip():
        # The program that should write the values failed: the defaults would be taken silently.
        hint = msg(
            "look at the program before the pipe; for no values, write {nothing}", nothing="{}"
        )
        problems.append(missing(msg("{file} gave no text", file=file), hint))
        return Document(document.empty(file), (), whole=False), tuple(problems)
    is_yaml = path.suffix.lower() in _ALIKE
    if path.suffix.lower() == ".json" or (not is_yaml and json_reader.is_json(text)):
        return json_reader.read(text, file)
    return yaml_reader.read(text, file)


def auto_files(path: Path, problems: list[Problem]) -> tuple[Path, ...]:
    """The files of variables beside a stack that are read by themselves, sorted by name
    (stack-files#variables). Reports one that cannot be read.
    """
    found: list[Path] = []
    try:
        folder = path if path.is_dir() else path.parent
        names = sorted(folder.iterdir())
    except OSError:
        return ()  # reported with the stack itself
    for file in names:
        if file.name.endswith("auto.vars.yml") and is_auto(file.with_suffix(SUFFIX)):
            message = msg("{file} is not read: its name ends with .yml", file=file)
            place = Place(str(file), 1, 1)
            problems.append(error("file-missing", message, place=place, hint=_renaming(file)))
        elif is_auto(file) and not file.is_dir():
            found += [file] if _is_regular(file, problems) and _stays(file, problems) else []
    return tuple(found)


def is_auto(file: Path) -> bool:
    """Whether a file has values of variables by its name: `auto.vars.yaml`, `x.auto.vars.json`."""
    name = file.name
    return not name.startswith(".") and any(f".{name}".endswith(f".{end}") for end in _AUTO)


def stack_of(path: Path) -> Path | None:
    """The stack that a file belongs to: the file itself, or its folder if another file of it names
    the stack, or if other files of it are parts of the stack that this file names. None for the
    file of a component or of a project. Reads the files of the folder.
    """
    if path.name == PROJECT_FILE:
        return None
    root = _root(path, []) if path.is_file() else None
    if root is None or path.suffix != SUFFIX:
        return path
    if "component" in root.entries:
        return None
    others = [
        other.entries
        for file in files(path.parent, []).read
        if file != path and (other := _root(file, [])) is not None
    ]
    named = sum("stack" in entries for entries in (root.entries, *others))
    if is_auto(path):
        return path.parent if named == 1 else None
    is_folder = named == 1 and bool(others)
    return path.parent if is_folder else path


def _is_part(file: Path) -> bool:
    """Whether a file looks like part of a stack, or cannot be opened. Without such a part, objects
    would be deleted or lose their protection. The file of a component is not part of a stack.
    """
    parts = ("stack", *all_kinds().sections, "existing", "components", "defaults", "guard")
    keys = {*parts, "assert", "moved", "removed"}
    root = _root(file, [])
    if root is not None:
        return "component" not in root.entries and not keys.isdisjoint(root.entries)
    line = re.compile(rf"^(?:{'|'.join(keys)})[ \t]*:".encode(), re.MULTILINE)
    try:
        return line.search(paths.read_ordinary(file, FILE_BYTES_MAX)) is not None
    except OSError:
        return True


def _parts(root: Table, problems: list[Problem], instead: Mapping[str, str]) -> dict[str, Table]:
    """The component file of each include, each read only once."""
    read_already: dict[Path, Table | None] = {}
    found: dict[str, Table] = {}
    for name, node in document.table(root.get("components")).items():
        use = document.table(node).get("use")
        if not isinstance(use, Scalar) or not use.text:
            continue  # the schema reports it
        path = _component(use, problems)
        if path is None:
            continue
        if path not in read_already:
            is_readable = _is_readable(path, use, problems)
            read_already[path] = _root(path, problems, instead) if is_readable else None
        part = read_already[path]
        if part is not None:
            found[name] = part
    return found


def _component(use: Scalar, problems: list[Problem]) -> Path | None:
    """The file of a component. `use` is a path relative to its own file, or the name of a component
    of the project. None with a problem if the project does not have it.
    """
    from reconciler.config.project import shared_components

    if shared_components.is_name(use.text):
        return shared_components.path_of(use, problems)
    return Path(use.file).parent / use.text


def _is_readable(path: Path, use: Scalar, problems: list[Problem]) -> bool:
    """Whether the file of a component exists and is in the repository; reported if not."""
    try:
        refused = paths.refused(path, Path(use.file).parent)
        exists = refused is None and path.is_file()
    except (OSError, ValueError):
        exists, refused = False, None
    if refused is not None:
        message = msg(
            "the component file {path} is not read: it {reason}", path=path, reason=refused
        )
        hint = msg("`use` must name a *.yaml file of the same repository")
    elif not exists:
        message = msg("the component file {path} does not exist", path=path)
        hint = msg("`use` is relative to the folder of {file}", file=use.file)
    else:
        return True
    problems.append(error("file-missing", message, place=use.place, hint=hint))
    return False


def _root(path: Path, problems: list[Problem], instead: Mapping[str, str] = EMPTY) -> Table | None:
    """The mapping of a file, or None with a problem."""
    file = str(path)
    text = instead.get(file)
    if text is None:
        text = _text(path, problems)
    return None if text is None else yaml_reader.parse(text, file, problems)


def _text(path: Path, problems: list[Problem]) -> str | None:
    file = str(path)
    try:
        data = piped.read(path, FILE_BYTES_MAX + 1)
        if data is None:
            data = paths.read_ordinary(path, FILE_BYTES_MAX + 1)
    except OSError as failure:
        message = msg("{file} cannot be read: {reason}", file=file, reason=reason(failure))
        problems.append(missing(message, None))
        return None
    if len(data) > FILE_BYTES_MAX:
        message = msg("{file} is too large to be read", file=file)
        hint = msg(
            "split it into several files in one folder: each may have 4 MiB, and 1 MiB in a pull "
            "request"
        )
        place = Place(file, 1, 1)
        problems.append(error("file-too-large", message, place=place, hint=hint))
        return None
    return yaml_errors.decode(data, file, problems)


def files(path: Path, problems: list[Problem]) -> Files:
    """The files of the stack at a path. Reports a path without a stack, and a file of the folder
    that cannot be read.
    """
    if piped.is_named(path):
        return Files((path,))
    try:
        if path.is_dir():
            return _in_folder(path, problems)
        if path.is_file():
            return Files((path,) if _stays(path, problems) else ())
        if path.exists():
            problems.append(missing(msg("{path} is neither a file nor a folder", path=path), None))
        elif path.is_symlink():
            problems.append(_broken(path))
        else:
            problems.append(
                missing(
                    msg("{path} does not exist", path=path),
                    _ANOTHER if path.suffix else _hint_to_begin(path),
                )
            )
    except (OSError, ValueError) as failure:
        problems.append(
            missing(
                msg("{path} cannot be read: {reason}", path=path, reason=reason(failure)),
                None,
            )
        )
    return Files()


def _in_folder(folder: Path, problems: list[Problem]) -> Files:
    read: list[Path] = []
    alike: list[Path] = []
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in _ALIKE or file.name.startswith(".") or file.is_dir():
            continue
        if is_auto(file) or file.name == PROJECT_FILE:
            continue
        if _is_regular(file, problems):
            (read if file.suffix == SUFFIX else alike).append(file)
    if not read and not problems:
        problems.append(
            missing(
                msg("{folder} contains no stack: no *.yaml file", folder=_named(folder)),
                _renaming(alike[0]) if alike else _hint_to_begin(folder),
            )
        )
    return Files(tuple(file for file in read if _stays(file, problems)), tuple(alike))


def _is_regular(file: Path, problems: list[Problem]) -> bool:
    """Whether a file of a folder is a file, and not a pipe or a broken link; reported if not."""
    if file.is_file():
        return True
    if file.is_symlink() and not file.exists():
        problems.append(_broken(file))
    else:
        problems.append(
            missing(
                msg("{file} is not a regular file", file=file),
                msg("replace it with a file, or move it out of the folder"),
            )
        )
    return False


def _stays(file: Path, problems: list[Problem]) -> bool:
    """Whether a file is not a link to a place outside the repository, which messages would
    quote.
    """
    if not file.is_symlink() or not paths.leaves_repository(file, file.parent):
        return True
    problems.append(
        missing(
            msg("{file} is not read: it is a link to a file outside the repository", file=file),
            msg("replace the link with the file itself"),
        )
    )
    return False


def unread(file: Path) -> Problem:
    """The problem that a file of the folder contains part of the stack but is not read."""
    message = msg(
        "{file} contains part of a stack, but only *.yaml files of the folder are read", file=file
    )
    return error("file-missing", message, place=Place(str(file), 1, 1), hint=_renaming(file))


def _renaming(file: Path) -> str:
    return msg(
        "rename {old} to {new}, or move it out of the folder",
        old=file.name,
        new=f"{file.stem}{SUFFIX}",
    )


def _broken(link: Path) -> Problem:
    return missing(
        msg(
            "{link} is a link to {target}, which does not exist", link=link, target=link.readlink()
        ),
        msg("restore the target, or delete the link"),
    )


def missing(message: str, hint: str | None) -> Problem:
    """The problem that a file or folder does not exist or cannot be read. It has no place, because
    there is no line to look at.
    """
    return error("file-missing", message, hint=hint)


def _named(folder: Path) -> str:
    return msg("this folder") if str(folder) == "." else str(folder)


def _hint_to_begin(folder: Path) -> str:
    """How to name a stack of the project of the folder; else the commands that write one there."""
    if (folder / PROJECT_FILE).is_file():
        return msg("name a stack of the project, or add --all for every stack that it lists")
    place = "" if str(folder) == "." else f" {pasted(folder)}"
    return msg(
        "`reconciler init{place}` writes a first stack\n"
        "`reconciler init{place} --example web-tier` writes an example",
        place=place,
    )


def reason(failure: Exception) -> str:
    """The reason that the system gave."""
    return failure.strerror if isinstance(failure, OSError) and failure.strerror else str(failure)
