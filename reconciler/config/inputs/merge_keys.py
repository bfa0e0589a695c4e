"""Merge keys: `<<: *a` and `<<: [*a, *b]` add the entries of other mappings to a mapping
(stack-files#anchors-and-merge-keys).

The entries of the mapping itself come first, then those of `a`, then those of `b`: the first one
with a key counts. Values are replaced as a whole and never merged. Each keeps its own place.
"""

from __future__ import annotations

from reconciler.common.text import msg
from reconciler.config.document import Node, Sequence, Table
from reconciler.model.diagnostics import Problem, error

KEY = "<<"
"""The key, if it is written without quotes (YAML 1.1, type `merge`)."""

TWICE = msg("write one list: `<<: [*a, *b]`")
"""The hint for two merge keys in one mapping."""


def merged(own: Table, value: Node) -> tuple[Table, tuple[Problem, ...]]:
    """The mapping with the entries of the value of its merge key, and a problem for each part of
    that value that is not a mapping.
    """
    entries = dict(own.entries)
    marks = dict(zip(own.entries, own.marks, strict=True))
    problems: list[Problem] = []
    for source in value.items if isinstance(value, Sequence) else (value,):
        if not isinstance(source, Table):
            problems.append(_not_a_mapping(source))
            continue
        for (key, node), mark in zip(source.entries.items(), source.marks, strict=True):
            if key not in entries:
                entries[key], marks[key] = node, mark
    return own._replace(entries=entries, marks=tuple(marks.values())), tuple(problems)


def _not_a_mapping(node: Node) -> Problem:
    return error(
        "yaml-merge",
        msg("`<<` can only add mappings"),
        place=node.place,
        hint=msg("write `<<: *NAME` with an anchor `&NAME` of a mapping, or `<<: [*a, *b]`"),
    )
