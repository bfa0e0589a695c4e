"""Components of a project that stacks name instead of a path: `use: web-tier` is the file
`components/web-tier/component.yaml` beside the file of the project, and `use: web-tier@1.2` the
same in its folder `1.2` (stack-files#components).
"""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.common.suggestions import hint_for, listed
from reconciler.common.text import msg
from reconciler.config.document import Scalar
from reconciler.config.project.location import find
from reconciler.model.diagnostics import Problem, error

FOLDER, FILE = "components", "component.yaml"
_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)(?:@([A-Za-z0-9][A-Za-z0-9._+-]*))?")
_ENDS = (".yaml", ".yml")
_FOLDERS_MAX = 1000


def is_name(use: str) -> bool:
    """Whether a `use` is the name of a component, and not a path."""
    return _NAMED.fullmatch(use) is not None and not use.endswith(_ENDS)


def path_of(use: Scalar, problems: list[Problem]) -> Path | None:
    """The file of a component that is named, or None with a problem."""
    name, _, version = use.text.partition("@")
    message: str
    hint: str | None
    file = find(Path(use.file))
    if file is None:
        message = msg("there is no project with a component `{name}`", name=name)
        hint = msg(
            "a name needs a reconciler.yaml in a folder above; else write the path of a *.yaml file"
        )
        problems.append(error("file-missing", message, place=use.place, hint=hint))
        return None
    folder = file.parent / FOLDER
    found = folder / name / version / FILE
    if _is_exact(found, folder):
        return found
    message, hint = _missing(folder, name, version)
    problems.append(error("file-missing", message, place=use.place, hint=hint))
    return None


def _missing(folder: Path, name: str, version: str) -> tuple[str, str | None]:
    own = folder / name
    names, versions = _folders(folder), _folders(own)
    has_plain = (own / FILE).is_file()
    if name not in names:
        hint = hint_for(name.lower(), names) or msg("create {file}", file=own / FILE)
        return msg(
            "the project has no component `{name}` in {folder}", name=name, folder=folder
        ), hint
    if not version and versions:
        message = msg("component `{name}` has only versions", name=name)
        return message, msg("name one: {versions}", versions=_uses(name, versions))
    if not version or version in versions:
        message = msg("component `{name}` has no file {file}", name=name, file=FILE)
        return message, msg("create {file}", file=own / version / FILE)
    message = msg("component `{name}` has no version `{version}`", name=name, version=version)
    if versions:
        return message, msg("name one: {versions}", versions=_uses(name, versions))
    return message, msg("write `{name}`", name=name) if has_plain else None


def _uses(name: str, versions: list[str]) -> str:
    """How the versions are named, the newest first."""
    return listed(f"{name}@{version}" for version in reversed(versions))


def _folders(folder: Path) -> list[str]:
    """The names of the folders in a folder, by their numbers: 1.9 comes before 1.10."""
    try:
        found = [each.name for each in folder.iterdir() if each.is_dir()]
    except OSError:
        return []
    return sorted(found[:_FOLDERS_MAX], key=_numbers)


def _numbers(name: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _is_exact(file: Path, folder: Path) -> bool:
    """Whether a file exists under exactly that name: a file system that ignores case would find it
    on one machine only.
    """
    above, names = folder, file.relative_to(folder).parts
    try:
        for name in names:
            if name not in {each.name for each in above.iterdir()}:
                return False
            above /= name
    except OSError:
        return False
    return file.is_file()
