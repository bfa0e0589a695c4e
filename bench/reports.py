"""What a report takes in Chromium, from opening the file until its graph is drawn."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser import chromium, documents

STEPS = (100, 1_000)
REPEATS = 5
_MARK = """
document.addEventListener('DOMContentLoaded', () => {
  new MutationObserver(() => { window.__drawn = performance.now(); })
    .observe(document.body, { subtree: true, attributeFilter: ['data-drawn'] });
  document.querySelector('figure.graph').scrollIntoView();
});
"""


def figures() -> dict[str, dict[str, float]] | None:
    """Seconds and bytes by the number of steps, the lowest of several runs: `drawn` folds equal
    steps, `every` shows each of them. None without Chromium.
    """
    try:
        program = chromium.path()
    except LookupError:
        return None
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        browser = playwright.chromium.launch(executable_path=program)
        return {str(steps): _figures(browser, Path(folder), steps) for steps in STEPS}


def _figures(browser: Browser, folder: Path, steps: int) -> dict[str, float]:
    content = documents.page(documents.thousand(steps))
    file = folder / "report.html"
    file.write_bytes(content)
    runs = [_run(browser, file) for _ in range(REPEATS)]
    drawn, every = (min(each) for each in zip(*runs, strict=True))
    return {"bytes": len(content), "drawn": drawn, "every": every}


def _run(browser: Browser, file: Path) -> tuple[float, float]:
    context = browser.new_context(offline=True)
    try:
        page = context.new_page()
        page.add_init_script(_MARK)
        page.goto(file.as_uri())
        page.locator("figure.graph[data-drawn]").wait_for()
        drawn = page.evaluate("window.__drawn")
        button = page.get_by_role("button", name="Show every step")
        if not button.count():
            return drawn / 1_000, drawn / 1_000
        began = page.evaluate(
            "() => { const now = performance.now(); document.querySelector('figure.graph')"
            ".removeAttribute('data-drawn'); return now; }"
        )
        button.click()
        page.locator("figure.graph[data-drawn]").wait_for()
        return drawn / 1_000, (page.evaluate("window.__drawn") - began) / 1_000
    finally:
        context.close()
