"""Makes the pictures of the page about reports: a plan of the local cloud, in Chromium.

    .venv/bin/python docs/make_report_pictures.py

It needs a Chromium on the PATH and a font with Hangul, such as Debian's fonts-nanum. Fonts differ
from machine to machine, so no test compares the pictures: look at them after a change.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from make_screens import EDITS, PICTURES, Studio
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from reconciler.commands import context
from reconciler.locale import choice
from reconciler.planner.saved_plan import Made
from reconciler.render.plan import plan_json
from reconciler.render.report import report_page
from reconciler.render.report.reported import of_document
from tests.browser import chromium

BYTES_MAX = 150_000
WIDE = {"width": 1_000, "height": 760}
PHONE = {"width": 360, "height": 740}


def pictures(browser: Browser, folder: Path) -> Iterator[tuple[str, bytes]]:
    """The pictures by file name."""
    studio = Studio(folder)
    first = _report(studio, studio.plan())
    studio.apply()
    studio.edit(*EDITS)
    planned = studio.plan()
    content = _report(studio, planned)
    with _opened(browser, folder, first) as page:
        figure = page.locator("figure.graph")
        chromium.wait_for_graph(figure)
        page.locator(".graph-canvas").press("ArrowRight")
        page.locator(".graph-canvas").blur()
        yield "report_graph.png", _part(page, figure)
    with _opened(browser, folder, content) as page:
        yield "report.png", page.screenshot()
        yield "report_reach.png", _part(page, page.locator("section.part.reach"))
    with _opened(browser, folder, content, color_scheme="dark") as page:
        yield "report_dark.png", page.screenshot()
    phone = {"viewport": PHONE, "device_scale_factor": 1.5}
    with _opened(browser, folder, content, **phone) as page:
        yield "report_360.png", page.screenshot()
    try:
        choice.use("ko")
        content = _report(studio, planned)
    finally:
        choice.use("en")
    with _opened(browser, folder, content, locale="ko-KR") as page:
        yield "report_ko.png", page.screenshot()


def _report(studio: Studio, planned: context.Planned) -> bytes:
    document = _without_folder(plan_json.plan_document(planned.plan), f"{studio.folder}/")
    made = Made(planned.at, "kim@desk")
    return report_page.page(of_document(document, made, simulated=True))


def _without_folder(found: Any, folder: str) -> Any:
    """A document with files by their names, as a plan of the current folder has them."""
    if isinstance(found, dict):
        return {
            name: value.removeprefix(folder) if name == "file" else _without_folder(value, folder)
            for name, value in found.items()
        }
    if isinstance(found, list):
        return [_without_folder(each, folder) for each in found]
    return found


def _part(page: Page, part: Locator) -> bytes:
    """A picture of a part of the page, with some room around it."""
    box = part.bounding_box()
    assert box is not None
    top = page.evaluate("scrollY") + box["y"]
    sides, height = {"x": box["x"] - 16, "width": box["width"] + 32}, box["height"] + 4
    clip = {**sides, "y": top, "height": height}
    return page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]


@contextmanager
def _opened(browser: Browser, folder: Path, content: bytes, **options: Any) -> Iterator[Page]:
    """The report in a window."""
    settings = {"viewport": WIDE, **options}
    with chromium.opened(browser, content, folder, **settings) as report:
        yield report.page
    if report.noise:
        raise SystemExit(f"the report is not quiet: {report.noise}")


def main() -> None:
    """Writes them."""
    hangul = subprocess.run(["fc-list", ":lang=ko"], capture_output=True, text=True, check=True)
    if not hangul.stdout:
        raise SystemExit("no font with Hangul: apt-get install fonts-nanum")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium.path())
        for name, content in pictures(browser, Path(folder)):
            if len(content) > BYTES_MAX:
                raise SystemExit(f"{name} has {len(content)} bytes; at most {BYTES_MAX}")
            (PICTURES / name).write_bytes(content)


if __name__ == "__main__":
    main()
