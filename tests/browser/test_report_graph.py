"""The graph of a report: drawn, folded, moved with the keyboard, and shown in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from reconciler.locale import choice
from tests.browser import chromium, documents
from tests.browser.chromium import opened

pytestmark = chromium.needed

HANGUL = re.compile("[가-힣]")
DRAWN = """() => [...document.querySelectorAll('.graph-canvas canvas')].some((canvas) => {
  const { width, height } = canvas;
  return canvas.getContext('2d').getImageData(0, 0, width, height).data.some((part) => part > 0);
})"""
PICTURE = "[...document.querySelectorAll('.graph-canvas canvas')].map((c) => c.toDataURL()).join()"


def details(page: Page) -> str:
    return page.locator(".graph-details").inner_text()


def test_the_steps_are_drawn(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, documents.page(documents.gated()), tmp_path) as report:
        chromium.wait_for_graph(report.page.locator("figure.graph"))
        report.page.wait_for_function(DRAWN)
        label = report.page.locator(".graph-canvas").get_attribute("aria-label") or ""
    number = len(documents.gated()["steps"])
    assert f"nodes {number}," in label
    assert report.noise == []


@pytest.mark.parametrize("steps", [148, 160, 1_000])
def test_equal_steps_are_folded_if_there_are_many(
    browser: Browser, tmp_path: Path, steps: int
) -> None:
    with opened(browser, documents.page(documents.thousand(steps)), tmp_path) as report:
        page = report.page
        chromium.wait_for_graph(page.locator("figure.graph"))
        page.wait_for_function(DRAWN)
        drawn = page.locator("figure.graph").get_attribute("data-drawn")
        every = page.get_by_role("button", name="Show every step")
        assert (drawn, every.count()) == ((str(steps), 0) if steps < 150 else ("4", 1))
        if steps == 1_000:
            page.locator(".graph-canvas").press("ArrowRight")
            assert "× 250" in details(page)
            assert page.locator(".graph-long li").count() == 250
    assert report.noise == []


def test_folded_steps_are_opened_one_by_one_or_all(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, documents.page(documents.thousand(160)), tmp_path) as report:
        page = report.page
        chromium.wait_for_graph(page.locator("figure.graph"))
        # Later pictures are drawn on the same canvas: a new one would draw even what is not in view.
        page.evaluate("document.querySelector('.graph-canvas canvas').dataset.kept = 'yes'")
        page.locator(".graph-canvas").press("ArrowRight")
        page.get_by_role("button", name="Open this node").click()
        page.locator("figure.graph[data-drawn='43']").wait_for()
        page.locator(".graph-canvas").press("ArrowRight")
        page.locator(".graph-canvas").press("Enter")
        page.locator("figure.graph[data-drawn='82']").wait_for()
        page.get_by_role("button", name="Show every step").click()
        page.locator("figure.graph[data-drawn='160']").wait_for()
        page.get_by_role("button", name="Fold equal steps").click()
        page.locator("figure.graph[data-drawn='4']").wait_for()
        assert page.locator(".graph-canvas canvas[data-kept]").count() == 1


def test_the_keyboard_alone_reaches_every_step(browser: Browser, tmp_path: Path) -> None:
    plan = documents.varied()["replace_server"]
    with opened(browser, documents.page(plan), tmp_path) as report:
        page = report.page
        chromium.wait_for_graph(page.locator("figure.graph"))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.className") == "graph-canvas":
                break
        seen = set()
        for key in ("ArrowRight", "ArrowDown", "ArrowUp") * 6:
            page.keyboard.press(key)
            seen.add(page.locator(".graph-details dd").first.inner_text())
        assert seen == {step["key"] for step in plan["steps"]}
        page.keyboard.press("Escape")
        assert details(page) == "Choose a node to see what it waits for."


def test_keys_and_buttons_zoom_and_move(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, documents.page(documents.gated()), tmp_path) as report:
        page = report.page
        chromium.wait_for_graph(page.locator("figure.graph"))
        page.wait_for_function(DRAWN)
        canvas = page.locator(".graph-canvas")
        canvas.press("0")
        acts: tuple[Callable[[], None], ...] = (
            lambda: canvas.press("+"),
            lambda: canvas.press("-"),
            lambda: canvas.press("Shift+ArrowLeft"),
            lambda: page.get_by_role("button", name="Zoom in").click(),
            lambda: page.get_by_role("button", name="Zoom out").click(),
            lambda: page.get_by_role("button", name="Fit to view").click(),
        )
        for act in acts:
            before = page.evaluate(PICTURE)
            act()
            page.wait_for_function(f"(before) => {PICTURE} !== before", arg=before)


def test_a_step_shows_what_it_waits_for_and_what_needs_it(browser: Browser, tmp_path: Path) -> None:
    plan = documents.thousand(8)
    with opened(browser, documents.page(plan), tmp_path) as report:
        page = report.page
        chromium.wait_for_graph(page.locator("figure.graph"))
        page.locator(".graph-canvas").press("ArrowRight")
        first = details(page)
        page.locator(".graph-link").first.click()
        second = details(page)
        assert page.evaluate("document.activeElement.className") == "graph-canvas"
    name = first.splitlines()[0]
    assert first.endswith("Waits for\nnone\nNeeded by\ninstances.s0 · attach firewall")
    assert name in second.split("Waits for")[1]


def test_the_wheel_scrolls_the_page_and_not_the_graph(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, documents.page(documents.gated()), tmp_path) as report:
        page = report.page
        chromium.wait_for_graph(page.locator("figure.graph"))
        page.locator(".graph-canvas").hover()
        before = page.evaluate("scrollY")
        page.mouse.wheel(0, 200)
        page.wait_for_function("(before) => scrollY > before", arg=before)


def test_the_wheel_zooms_with_ctrl_and_two_fingers_move(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, documents.page(documents.gated()), tmp_path, has_touch=True) as report:
        page = report.page
        chromium.wait_for_graph(page.locator("figure.graph"))
        page.wait_for_function(DRAWN)
        page.locator(".graph-canvas").hover()
        before, scrolled = page.evaluate(PICTURE), page.evaluate("scrollY")
        page.keyboard.down("Control")
        for _ in range(100):  # Cytoscape passes over wheels for 250 ms after a page has scrolled
            page.mouse.wheel(0, -100)
            if page.evaluate(PICTURE) != before:
                break
        page.keyboard.up("Control")
        assert page.evaluate(PICTURE) != before
        assert page.evaluate("scrollY") == scrolled
        # A touch with one finger stays with the page, so that nobody is caught in the graph.
        taken = page.evaluate(
            """() => [1, 2].map((fingers) => {
              const target = document.querySelector('.graph-canvas canvas');
              const touches = [...Array(fingers).keys()].map((identifier) =>
                new Touch({ identifier, target, clientX: 300 + 40 * identifier, clientY: 300 }));
              let reached = false;
              const inner = document.querySelector('.graph-inner');
              inner.addEventListener('touchstart', () => { reached = true; }, { once: true });
              target.dispatchEvent(new TouchEvent('touchstart',
                { touches, targetTouches: touches, changedTouches: touches, bubbles: true }));
              return reached;
            })"""
        )
    assert taken == [False, True]


def test_the_colors_follow_the_theme(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, documents.page(documents.gated()), tmp_path) as report:
        page = report.page
        chromium.wait_for_graph(page.locator("figure.graph"))
        page.wait_for_function(DRAWN)
        before = page.evaluate(PICTURE)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(f"(before) => {PICTURE} !== before", arg=before)


def test_the_graph_speaks_the_language_of_the_report(browser: Browser, tmp_path: Path) -> None:
    try:
        choice.use("ko")
        content = documents.page(documents.thousand(160))
    finally:
        choice.use("en")
    with opened(browser, content, tmp_path) as report:
        page = report.page
        chromium.wait_for_graph(page.locator("figure.graph"))
        page.locator(".graph-canvas").press("ArrowRight")
        names = page.locator("figure.graph button:not(.graph-link)").evaluate_all(
            "(all) => all.map((each) => each.ariaLabel || each.textContent)"
        )
        texts = [*names, *details(page).splitlines(), page.locator(".graph-help").inner_text()]
    data = re.compile(r"|firewalls\.f\d+|.* · .*")
    assert [each for each in texts if not data.fullmatch(each) and not HANGUL.search(each)] == []
