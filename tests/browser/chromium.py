"""Chromium, which is found on the PATH, and what a page did while it was open.

    pytestmark = chromium.needed

    def test_something(browser: Browser, tmp_path: Path) -> None:
        with chromium.opened(browser, content, tmp_path) as report:
            report.page.click(...)
        assert report.is_quiet

Nothing is downloaded: Playwright drives the browser that is installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
needed = [pytest.mark.servers("Chromium"), pytest.mark.xdist_group("chromium")]
"""The marks of a module whose tests need the browser."""

FIRED = "top.__fired=[1]"
"""What a hostile text would do, without a character that must be quoted."""
_WATCH = """
window.__refused = [];
document.addEventListener('securitypolicyviolation',
  (event) => window.__refused.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


def path() -> str:
    """The program. Raises `LookupError` if there is none."""
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    raise LookupError("no Chromium on the PATH: apt-get install chromium")


@dataclass
class Opened:
    """A page and all that it did: requests beside its own file, what the console says, dialogs and
    errors of scripts, and what its policy refused.
    """

    page: Page
    file: Path
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    fired: list[str] = field(default_factory=list)

    @property
    def noise(self) -> list[str]:
        """All of it. A report that does what it should does none of it."""
        return [
            *self.requests,
            *self.console,
            *self.dialogs,
            *self.errors,
            *self.refused,
            *self.fired,
        ]


@contextmanager
def opened(browser: Browser, content: bytes, folder: Path, **options: Any) -> Iterator[Opened]:
    """Opens a report from a file, without a network. `options` are those of a browser context."""
    file = folder / "report.html"
    file.write_bytes(content)
    context = browser.new_context(offline=True, **options)
    try:
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.add_init_script(_WATCH)
        found = Opened(page, file)

        def on_dialog(dialog: Dialog) -> None:
            found.dialogs.append(dialog.message)
            dialog.dismiss()

        def on_console(message: ConsoleMessage) -> None:
            found.console.append(f"{message.type}: {message.text}")

        context.on("request", lambda request: found.requests.append(request.url))
        page.on("dialog", on_dialog)
        page.on("console", on_console)
        page.on("pageerror", lambda error: found.errors.append(str(error)))
        page.goto(file.as_uri())
        yield found
        if options.get("java_script_enabled", True):
            found.refused = page.evaluate("window.__refused")
            found.fired = page.evaluate("window.__fired || []")
        found.requests.remove(file.as_uri())
    finally:
        context.close()


def wait_for_graph(figure: Locator) -> None:
    """Scrolls to a graph, as it is drawn when it comes near the view, and waits until it is."""
    figure.scroll_into_view_if_needed()
    figure.and_(figure.page.locator("[data-drawn]")).wait_for()
