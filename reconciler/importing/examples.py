"""The example stacks that come with the program, and the files that belong to every new stack."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from reconciler.common.suggestions import pasted
from reconciler.common.text import msg

EXAMPLES: Mapping[str, str] = {
    "single": msg("one instance with a firewall"),
    "web-tier": msg("two web servers and a database with its own block storage"),
    "environments": msg("one file for staging and production"),
    "components": msg("a component that is included twice"),
    "app": msg("a stack that reads the outputs of another stack"),
    "fleet": msg("one instance for each entry of a map, with former names"),
}
"""What each example shows, in the order in which to read them."""

_IN_THE_CHECKOUT = "examples/stacks"
_SCHEMA_LINE = re.compile(r"\A# yaml-language-server: \$schema=\S*?(\w+)\.schema\.json\n")
_COMMAND = re.compile(r"^\$ (reconciler (\w+) .+)$", re.MULTILINE)


class Example(NamedTuple):
    """The files of an example by their path, and the commands of its README that apply it."""

    files: Mapping[Path, str]
    commands: tuple[str, ...]


def example(name: str, folder: Path) -> Example:
    """An example as it is written into a folder: its commands name the folder, and its files name
    the schemas beside them.
    """
    source = _folder_of_examples() / name
    files: dict[Path, str] = {}
    commands: list[str] = []
    for path in sorted([*source.rglob("*.md"), *source.rglob("*.yaml")]):
        text = path.read_text(encoding="utf-8")
        inner = path.relative_to(source)
        if path.suffix == ".md":
            text = _in_folder(text, name, folder)
            commands += [line for line, command in _COMMAND.findall(text) if command == "apply"]
        else:
            text = _with_schema(text, len(inner.parts) - 1)
        files[folder / inner] = text
    return Example({**files, **companions(folder, files.values())}, tuple(commands))


def _folder_of_examples() -> Path:
    """The folder of the examples: in the installed package, or in the checkout."""
    here = Path(__file__).resolve().parents[1]
    packaged = here / "examples"
    return packaged if packaged.is_dir() else here.parent / _IN_THE_CHECKOUT


def _in_folder(text: str, name: str, folder: Path) -> str:
    """The README with commands for the folder to which the example is written."""
    own = f"{_IN_THE_CHECKOUT}/{name}"

    def moved(word: str) -> str:
        inner = word.removeprefix(own)
        if inner == word or not (inner == "" or inner.startswith("/")):
            return word
        return pasted(folder / inner.lstrip("/"))

    return _COMMAND.sub(lambda found: f"$ {' '.join(map(moved, found[1].split(' ')))}", text)


def _with_schema(text: str, depth: int) -> str:
    """A stack file whose first line names the schema that many folders above."""
    return _SCHEMA_LINE.sub(lambda line: _schema_line(line[1], depth), text)


def _schema_line(name: str, depth: int) -> str:
    return f"# yaml-language-server: $schema={'../' * depth}{name}.schema.json\n"


SCHEMA_LINE = _schema_line("stack", 0)
"""The first line of a stack file, for editors: the schema is in the same folder."""


def companions(folder: Path, texts: Iterable[str]) -> dict[Path, str]:
    """The files that belong to a new stack besides its texts: the schemas that they name, and
    `.gitignore`.
    """
    from reconciler.config import schema

    named = {found[1] for text in texts if (found := _SCHEMA_LINE.match(text))}
    files = {
        folder / f"{name}.schema.json": json.dumps(schema.load(name), indent=2, ensure_ascii=False)
        + "\n"
        for name in sorted(named)
    }
    return {**files, folder / ".gitignore": GITIGNORE}


GITIGNORE = msg(
    "# The state belongs to one machine. To keep it in Git instead, remove the next line.\n"
    "state/\n"
    "# A saved plan is for one apply.\n"
    "*.plan\n"
)
"""What Git ignores beside a new stack."""
