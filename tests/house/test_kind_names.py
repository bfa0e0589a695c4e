"""House rules for kinds: their names stand in their tables, and behaviour is an attribute there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from reconciler.resources import FIREWALL_APIS, all_kinds
from tests.house.test_house_rules import SOURCES, listed, name, nodes

HOME = (
    "reconciler/resources/",
    "reconciler/planner/kinds/",
    "reconciler/simulator/",
    "reconciler/contract/",
)
"""Where names of kinds and operations may stand. The simulator shares nothing with the client, and
the checks of the contract name members of the API.
"""

SECTIONS = {("reconciler/config/project/parsing.py", "rules")}
"""Sections of a project's file that are spelled like a kind."""

KIND_NAMES_MAX, OPERATION_NAMES_MAX = 3, 0
"""String literals outside of `HOME`. The numbers only fall: lower them with every name removed."""

KINDS = [kind for api in FIREWALL_APIS for kind in all_kinds(api).values()]
KIND_NAMES = {text for kind in KINDS for text in (kind.name, kind.singular)}
OPERATION_NAMES = {f"{kind.singular}.{verb}" for kind in KINDS for verb in kind.operations}


@cache
def literals(path: Path) -> tuple[tuple[str, int], ...]:
    """The string literals of a file with their lines, docstrings aside."""
    return tuple(_literals(path))


def _literals(path: Path) -> Iterator[tuple[str, int]]:
    docstrings = {
        id(node.value)
        for node in nodes(path)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in nodes(path):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        ):
            yield node.value, node.lineno


def uses(names: set[str]) -> list[str]:
    """Where one of these names is written out outside of its home."""
    return [
        f"{name(path)}:{line}: {text}"
        for path in SOURCES
        if not name(path).startswith(HOME)
        for text, line in literals(path)
        if text in names and (name(path), text) not in SECTIONS
    ]


def test_names_of_kinds_outside_their_tables_only_get_fewer() -> None:
    found = uses(KIND_NAMES)
    assert len(found) <= KIND_NAMES_MAX, f"{len(found)} stand elsewhere" + listed(found)


def test_names_of_operations_outside_their_tables_only_get_fewer() -> None:
    found = uses(OPERATION_NAMES)
    assert len(found) <= OPERATION_NAMES_MAX, f"{len(found)} stand elsewhere" + listed(found)


CLEAN = ("reconciler/importing/", "reconciler/render/")
JSON_MEMBERS = {("reconciler/render/why_text.py", "rule")}
"""Members of JSON documents that are spelled like a kind."""


def test_the_views_and_the_writers_of_stack_files_name_no_kind() -> None:
    # Goal: a new kind or field is shown, adopted and absorbed by its table alone.
    wrong = []
    for use in uses(KIND_NAMES | OPERATION_NAMES):
        path, _, text = use.split(":", 2)
        if path.startswith(CLEAN) and (path, text.strip()) not in JSON_MEMBERS:
            wrong.append(use)
    assert not wrong, listed(wrong)


TEXT_METHODS = {"endswith", "startswith", "partition", "rpartition", "split", "replace"}

READS_THE_NAME = {"reconciler/model/resource_type.py", "reconciler/render/format.py"}
"""The functions about names of operations, and their wording for people."""


def test_no_behaviour_is_chosen_by_the_text_of_an_operation() -> None:
    # Use `creates`, `deletes`, `acts_on` and the like, or an attribute of the operation.
    wrong = [
        f"{name(path)}:{node.lineno}"
        for path in SOURCES
        if name(path) not in READS_THE_NAME
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in TEXT_METHODS
        and ast.unparse(node.func.value).split(".")[-1] in {"operation", "verb"}
    ]
    assert not wrong, listed(wrong)
