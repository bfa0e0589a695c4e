"""Texts that a person sees are templates with named fields, so that a catalog can translate
them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import catalogue
from tests.house.test_house_rules import SOURCES, listed, name, nodes

ROOMS = ("reconciler/render/", "reconciler/importing/")
TEMPLATES = frozenset({"phrase", "msg", "_listed"})
"""The functions whose first argument is a template."""

NOT_SHOWN = {
    "reconciler/render/plan/saved_text.py": (" is not an address",),
    "reconciler/render/report/report_page.py": ("<!DOCTYPE html>", "light dark"),
}
"""Other texts of several words: an internal error, HTML."""

_PROSE = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of several words in a module that are neither docstrings nor in a template."""
    exempt: set[int] = set()
    for node in nodes(path):
        if isinstance(node, ast.Expr):
            exempt.add(id(node.value))
        if isinstance(node, ast.AnnAssign) and "LiteralString" in ast.unparse(node.annotation):
            exempt |= {id(inner) for inner in ast.walk(node)}  # a table of templates
        if isinstance(node, ast.Call) and node.args:
            called = catalogue.dotted(node.func)
            if called in TEMPLATES or called.startswith("re."):
                exempt |= {id(inner) for inner in ast.walk(node.args[0])}
    for node in nodes(path):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in exempt
            and _PROSE.search(node.value)
        ):
            yield node.lineno, node.value


@pytest.mark.parametrize("path", [p for p in SOURCES if name(p).startswith(ROOMS)], ids=name)
def test_texts_for_people_are_templates(path: Path) -> None:
    known = NOT_SHOWN.get(name(path), ())
    wrong = [
        f"{name(path)}:{line}: {text}"
        for line, text in prose(path)
        if not any(part in text for part in known)
    ]
    assert not wrong, listed(wrong)
