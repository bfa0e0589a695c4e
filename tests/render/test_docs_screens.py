"""The page that explains plans shows what the program shows: docs/make_screens.py
makes its screens from real runs, and this test compares them.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from reconciler.model.plan import RiskClass
from reconciler.render.format import SYMBOLS

DOCS = Path(__file__).parents[2] / "docs"
SCREENS = DOCS / "screens"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_screens", DOCS / "make_screens.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("terminal_picture")


def test_the_screens_are_those_of_the_program() -> None:
    # Goal: renewed by `python docs/make_screens.py`, never by hand.
    made = script()
    pages, pictures = made.made()

    assert len(pages) == 1
    for path, page in pages.items():
        assert page == path.read_text(encoding="utf-8")
    kept = {path.name: path.read_text(encoding="utf-8") for path in SCREENS.glob("*.svg")}
    assert sorted(kept) == sorted(pictures)
    outdated = [name for name, text in kept.items() if not made.current(name, text, pictures[name])]
    assert not outdated


def test_pictures_are_small_load_nothing_and_are_shown_on_a_page() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")]
    shown = set(re.findall(r"screens/(\w+\.svg)", "".join(texts)))

    for path in SCREENS.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert len(text.encode()) < 150_000
        assert "http" not in text.replace("http://www.w3.org", "")
        assert path.name in shown


def test_columns_of_pictures_stay_aligned_behind_hangul(drawing: ModuleType) -> None:
    frame = drawing.still("가나 ab  c\n\x1b[2m12345\x1b[0m  c\n", 20)
    svg = drawing.picture([frame], 20, "", theme="dark")

    assert re.findall(r'x="([\d.]+)"[^>]* textLength="([\d.]+)"[^>]*>([^<]+)', svg) == [
        ("0", "33.6", "가나"),
        ("42", "16.8", "ab"),
        ("75.6", "8.4", "c"),
        ("0", "42", "12345"),
        ("58.8", "8.4", "c"),
    ]
    assert drawing.texts(svg) == ["가나 ab c\n12345 c"]


def test_a_picture_that_moves_is_a_still_for_readers_who_want_less_motion(
    drawing: ModuleType,
) -> None:
    svg = (SCREENS / "first_apply_dark.svg").read_text(encoding="utf-8")
    still, moving = svg.split("@media (prefers-reduced-motion:no-preference)")
    frames = drawing.texts(svg)

    assert f".frame{{visibility:hidden}} #f{len(frames) - 1}{{visibility:visible}}" in still
    assert "animation:" not in still and "animation:" in moving
    assert frames[0] == "$" and "Apply complete" in frames[-1]


def test_pages_explain_every_symbol_and_every_class() -> None:
    page = (DOCS / "explanation" / "plan.md").read_text(encoding="utf-8")
    consent = (DOCS / "reference" / "consent.md").read_text(encoding="utf-8")

    assert all(f"| `{symbol}` |" in page for symbol in SYMBOLS.values() if symbol != " ")
    assert all(f"| `{risk.value}` |" in consent for risk in RiskClass)


def test_pictures_of_reports_are_small_and_shown_on_a_page() -> None:
    # `docs/make_report_pictures.py` makes them; fonts differ, so bytes are not compared.
    shown = set()
    for page in DOCS.rglob("*.md"):
        shown |= set(re.findall(r"screens/(\w+\.png)", page.read_text(encoding="utf-8")))
    kept = {path.name: path.read_bytes() for path in SCREENS.glob("*.png")}
    assert set(kept) == shown
    assert all(
        content.startswith(b"\x89PNG") and len(content) < 150_000 for content in kept.values()
    )
