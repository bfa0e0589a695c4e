"""The page that explains plans shows what the program shows: docs/make_screens.py
makes its screens from real runs, and this test compares them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from reconciler.model.plan import RiskClass
from reconciler.render.format import SYMBOLS

DOCS = Path(__file__).parents[2] / "docs"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_screens", DOCS / "make_screens.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_screens_are_those_of_the_program() -> None:
    # Goal: renewed by `python docs/make_screens.py`, never by hand.
    pages, pictures = script().made()

    assert len(pages) == 1
    for path, page in pages.items():
        assert page == path.read_text(encoding="utf-8")
    assert pictures == {
        path.name: path.read_text(encoding="utf-8") for path in sorted((DOCS / "screens").iterdir())
    }
    assert all("http" not in text.replace("http://www.w3.org", "") for text in pictures.values())


def test_pages_explain_every_symbol_and_every_class() -> None:
    page = (DOCS / "explanation" / "plan.md").read_text(encoding="utf-8")
    consent = (DOCS / "reference" / "consent.md").read_text(encoding="utf-8")

    assert all(f"| `{symbol}` |" in page for symbol in SYMBOLS.values() if symbol != " ")
    assert all(f"| `{risk.value}` |" in consent for risk in RiskClass)
