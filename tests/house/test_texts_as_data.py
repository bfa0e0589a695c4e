"""No text for people is data: code compares kinds and typed fields, so that a corrected or
translated sentence changes nothing but the sentence.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.test_house_rules import SOURCES, name, tree

FOR_PEOPLE = frozenset({"reason", "message"})
"""Fields and variables that hold a sentence."""

READERS = frozenset(
    {
        *("startswith", "endswith", "removeprefix", "removesuffix"),
        *("split", "rsplit", "partition", "rpartition", "find", "index", "count"),
    }
)
"""Methods that take a text apart."""

PARSED = {
    "reconciler/cli/run_context.py": {"reconciler "},
    "reconciler/config/yaml_errors.py": {"expected ',' or", "mapping values"},
    "reconciler/common/patterns.py": {"escape sequence"},
    "reconciler/forge/forge_retry.py": {"rate limit"},
    "reconciler/forge/github_errors.py": {"not permitted to create"},
    "reconciler/resources/_operations.py": {" rc-"},
    "reconciler/simulator/switches.py": {" reads", " read"},
}
"""Texts that are no sentences of this project: a command in a hint, messages of libraries and
forges, a marker, an input.
"""

LEFT = {
    "reconciler/model/state.py": {"reason"},
    "reconciler/cli/subcommands/output_command.py": {"reason"},
    "reconciler/config/loader.py": {"reason"},
    "reconciler/planner/steps/outputs.py": {"reason"},
    "reconciler/render/plan/change_text.py": {"in {traffic}"},
    "reconciler/render/problem_text.py": {"message"},
    "reconciler/render/documents/state_json.py": {"reason"},
}
"""What is left to replace by a kind. The list may only become shorter."""

_SEVERAL_WORDS = re.compile(r"[A-Za-z]+\W* | \W*[A-Za-z(]")


def texts_as_data(module: ast.Module) -> Iterator[str]:
    """The literals of several words that a module compares or looks for, and the fields for people
    that it compares or takes apart.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            if any(isinstance(each, ast.Constant) and each.value is None for each in operands):
                continue
            literals = operands
        elif isinstance(node, ast.Call) and _reads_text(node.func):
            operands, literals = [node.func.value], list(node.args)  # type: ignore[attr-defined]
        else:
            continue
        yield from (field for each in operands if (field := _field(each)) in FOR_PEOPLE)
        yield from (text for each in literals for text in _literals(each))


def _reads_text(called: ast.expr) -> bool:
    if not isinstance(called, ast.Attribute):
        return False
    return called.attr in READERS and _field(called.value) != "re"


def _field(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _literals(node: ast.expr) -> Iterator[str]:
    for inner in ast.walk(node):
        if not isinstance(inner, ast.Constant) or not isinstance(inner.value, str):
            continue
        if _SEVERAL_WORDS.search(inner.value):
            yield inner.value


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_text_for_people_is_data(path: Path) -> None:
    found = set(texts_as_data(tree(path))) - PARSED.get(name(path), set())
    left = LEFT.get(name(path), set())
    assert not found - left, "give the value a kind or a typed field, and compare that"
    assert not left - found, "shorten the list of what is left"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('change.reason == "new"', ["reason"]),
        ("change.reason == FOLLOWS", ["reason"]),
        ('"settled: done" == note', ["settled: done"]),
        ("item.reason.startswith(NOT_KNOWN)", ["reason"]),
        ('line.rpartition(" on ")', [" on "]),
        ('" (" in loss.address', [" ("]),
        ("change.reason is None", []),
        ("reason_kind(change.reason) is ReasonKind.NEW", []),
        ('line.split(" ")', []),
        ('action == "create"', []),
    ],
)
def test_the_fault_is_found(source: str, found: list[str]) -> None:
    assert list(texts_as_data(ast.parse(source))) == found
