"""The browser of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser import chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this folder. It ends with the folder: while Playwright runs, no
    other test of the process can have an event loop.
    """
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium.path())
        yield started
        started.close()
