"""The content of stack files, with the place of every value.

The nodes are named tuples instead of dataclasses, because a large stack has hundreds of thousands
of them and they are created while a user waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.resource import EMPTY, Plain
from reconciler.resources import all_kinds


class Scalar(NamedTuple):
    """One text, number, boolean or null.

    `value` is its meaning, `text` its spelling (`22.10` stays `22.10`). `quoted`: it is written in
    quotes or as a block. `expressions_at` are the line and column of each `${`, in order, empty if
    they are not known.
    """

    value: str | int | float | bool | None
    text: str
    file: str
    line: int
    column: int
    quoted: bool = False
    expressions_at: tuple[tuple[int, int], ...] = ()

    @property
    def place(self) -> Place:
        """The place of its first character."""
        return Place(self.file, self.line, self.column)


class Sequence(NamedTuple):
    """A list."""

    items: tuple[Node, ...]
    file: str
    line: int
    column: int

    @property
    def place(self) -> Place:
        """The place of its first character."""
        return Place(self.file, self.line, self.column)


class Table(NamedTuple):
    """A mapping with text keys. `marks` are the line and column of each key, in the order of
    `entries`. A key is in the file of its value.
    """

    entries: dict[str, Node]
    marks: tuple[tuple[int, int], ...]
    file: str
    line: int
    column: int

    @property
    def place(self) -> Place:
        """The place of its first character."""
        return Place(self.file, self.line, self.column)

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        return self.entries.get(key)

    def key_place(self, key: str) -> Place:
        """The place of a key. The place of the table if it has no such key."""
        for (name, node), (line, column) in zip(self.entries.items(), self.marks, strict=True):
            if name == key:
                return Place(node.file, line, column)
        return self.place

    def keyed(self) -> Iterator[tuple[str, Place, Node]]:
        """Each key with its place and its value, in the order of the file."""
        for (name, node), (line, column) in zip(self.entries.items(), self.marks, strict=True):
            yield name, Place(node.file, line, column), node


Node: TypeAlias = "Scalar | Sequence | Table"

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Document:
    """All files of a stack as one mapping. `parts` maps the name of each include to the file of its
    component.

    `whole` is False if a part could not be read. A missing key is then not a mistake.
    """

    root: Table
    files: tuple[str, ...] = ()
    whole: bool = True
    parts: Mapping[str, Table] = EMPTY


def number(text: str) -> str | int | float:
    """The number that an unquoted text means, else the text."""
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def plain(node: Node) -> Plain:
    """The value of a node without places. Lists become tuples."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return tuple(plain(item) for item in node.items)
    return {key: plain(value) for key, value in node.entries.items()} or EMPTY


def is_null(node: Node | None) -> bool:
    """Whether there is no value: no node, or a null."""
    return node is None or (isinstance(node, Scalar) and node.value is None)


def is_section(node: Node | None) -> bool:
    """Whether a section is a mapping, or has no value. If not, the schema reports it, and nothing
    is known of what it should contain.
    """
    return isinstance(node, Table) or is_null(node)


def table(node: Node | None) -> Mapping[str, Node]:
    """The entries of a mapping. Anything else has none; the schema reports it."""
    return node.entries if isinstance(node, Table) else EMPTY


def elements(node: Node, value: tuple[Any, ...]) -> Iterator[tuple[Node, Any]]:
    """The elements of the value of a node, each with its own node if the file writes the list out,
    else with the node of the list.
    """
    written = isinstance(node, Sequence) and len(node.items) == len(value)
    nodes = node.items if isinstance(node, Sequence) and written else (node,) * len(value)
    yield from zip(nodes, value, strict=True)


def empty(file: str) -> Table:
    """A mapping without keys, at the start of a file."""
    return Table({}, (), file, 1, 1)


_MERGED_DEPTH = {
    "variables": 1,
    "locals": 1,
    "environments": 1,
    "defaults": 1,
    "outputs": 1,
    "prices": 1,
    "components": 1,
    "stacks": 1,
    "existing": 2,
}
"""The depth to which the mappings of a section are merged over the files of a folder. A deeper key
may be defined only once.
"""

_JOINED = ("assert", "moved", "removed")
"""The lists of which each file of a folder may have one. Together they are one list."""


EXTENSION = "x-"
"""How the keys of a file begin that have no meaning: a place for anchors. Each file has its own."""


def _merged_depth(section: str) -> int:
    return 1 if section in all_kinds().sections else _MERGED_DEPTH.get(section, 0)


def merge(roots: list[Table], problems: list[Problem], *, file: str) -> Table:
    """The mappings of several files as one. A key that is defined twice is a problem with both
    places. `file` names a stack without files.
    """
    if not roots:
        return empty(file)
    merged = roots[0]
    for root in roots[1:]:
        merged = _join(merged, root, problems, depth=0, section=None)
    return merged


def _join(
    first: Table, second: Table, problems: list[Problem], *, depth: int, section: str | None
) -> Table:
    """Both tables as one. A key in both is merged if it is a section or one of `_JOINED`; otherwise
    it is an error with both places.
    """
    entries: dict[str, Node] = dict(first.entries)
    marks = dict(zip(first.entries, first.marks, strict=True))
    for (key, value), mark in zip(second.entries.items(), second.marks, strict=True):
        known = entries.get(key)
        if known is None or (depth == 0 and key.startswith(EXTENSION)):
            entries[key], marks[key] = value, mark
            continue
        name = section or key
        listed = depth == 0 and key in _JOINED
        below = listed or depth < _merged_depth(name)
        if below and is_null(value):
            continue
        if below and is_null(known):
            entries[key], marks[key] = value, mark
        elif below and isinstance(known, Table) and isinstance(value, Table):
            entries[key] = _join(known, value, problems, depth=depth + 1, section=name)
        elif listed and isinstance(known, Sequence) and isinstance(value, Sequence):
            entries[key] = known._replace(items=(*known.items, *value.items))
        else:
            problems.append(_twice(key, first.key_place(key), Place(value.file, *mark)))
    return Table(entries, tuple(marks.values()), first.file, first.line, first.column)


def _twice(key: str, first: Place, second: Place) -> Problem:
    message = msg("`{key}` is already defined at {first}", key=key, first=first)
    return error(
        "yaml-duplicate-key",
        message,
        place=second,
        hint=msg("the files of a folder form one stack; define each key once"),
    )
