"""No function takes many parameters, and no mutable object holds much: what belongs together is a
value of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.test_house_rules import SOURCES, name, nodes, not_listed

PARAMETERS_MAX, FIELDS_MAX = 6, 8


def functions() -> Iterator[tuple[str, int]]:
    """Every function and its parameters, without `self` and `cls`."""
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef):
                arguments = node.args
                names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
                own = names[1:] if names[:1] in (["self"], ["cls"]) else names
                yield f"{name(path)} {node.name}", len(own) + len(arguments.kwonlyargs)


def mutable_classes() -> Iterator[tuple[str, int]]:
    """Every class whose instances change, and their fields."""
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.ClassDef) and not is_value(node):
                yield f"{name(path)} {node.name}", len(fields_of(node))


def is_value(node: ast.ClassDef) -> bool:
    """Whether a class is a frozen dataclass."""
    return any(
        isinstance(decorator, ast.Call)
        and any(
            keyword.arg == "frozen" and ast.unparse(keyword.value) == "True"
            for keyword in decorator.keywords
        )
        for decorator in node.decorator_list
    )


def fields_of(node: ast.ClassDef) -> set[str]:
    """The annotated fields of a dataclass, and what any method sets on `self`."""
    found = set()
    if node.decorator_list:
        found = {
            statement.target.id
            for statement in node.body
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        }
    for inner in ast.walk(node):
        if (
            isinstance(inner, ast.Attribute)
            and isinstance(inner.ctx, ast.Store)
            and isinstance(inner.value, ast.Name)
            and inner.value.id == "self"
        ):
            found.add(inner.attr)
    return found


MANY_PARAMETERS: dict[str, int] = {
    "reconciler/simulator/cloud.py __init__": 10,
}
"""Functions that take more, by file and name. The list only shrinks."""

MANY_FIELDS: dict[str, int] = {
    "reconciler/simulator/cloud.py Cloud": 19,
    "reconciler/simulator/world.py World": 10,
}
"""Mutable classes that hold more, likewise. The parameters of `Cloud` are the documented interface
of the local cloud, and a `World` is plain data.
"""


def test_functions_take_few_parameters() -> None:
    many = {text: count for text, count in functions() if count > PARAMETERS_MAX}
    assert not_listed(many, MANY_PARAMETERS) == {}


def test_mutable_objects_have_few_fields() -> None:
    many = {text: count for text, count in mutable_classes() if count > FIELDS_MAX}
    assert not_listed(many, MANY_FIELDS) == {}


def test_conditional_expressions_are_not_nested() -> None:
    nested = [
        f"{name(path)}:{node.lineno}"
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.IfExp)
        and any(isinstance(inner, ast.IfExp) for inner in ast.walk(node) if inner is not node)
    ]
    assert nested == []


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name(path))
    assert {each: found for each, found in places.items() if len(found) > 1} == {}
