"""Makes the pictures of the guide about pull requests: pages of the story in `examples/gitops`.

    .venv/bin/python docs/make_review_pictures.py

It needs a Chromium on the PATH and a font with Hangul, such as Debian's fonts-nanum. No test
compares the pictures: look at them after a change.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs"), str(ROOT / "examples" / "gitops")]

import story
from make_screens import PICTURES
from playwright.sync_api import Page, sync_playwright

from tests.browser import chromium
from tests.forges.fake_github import FakeGitHub
from tests.forges.forge_world import ForgeWorld

BYTES_MAX = 150_000
NAMES: Mapping[int, str] = {
    4: "pull_approved",
    6: "pull_applied",
    8: "pull_denied",
    12: "pull_drift",
}
"""The pictures by the step of the story after which they are taken."""


class PicturedStory(story.Story):
    """The story, with a picture instead of each pause that has a name."""

    def pause(self) -> None:
        """Takes a picture of the page that the step shows."""
        name = NAMES.get(self.steps)
        if name is not None and self.shown is not None:
            self.tab.goto(self.page(self.shown))
            data = self.tab.screenshot()
            assert len(data) <= BYTES_MAX, (name, len(data))
            (PICTURES / f"{name}.png").write_bytes(data)

    tab: Page


def main() -> None:
    """Tells the story and writes the pictures."""
    world = ForgeWorld()
    world.wait(time.time() - world.now)
    with (
        tempfile.TemporaryDirectory(prefix="gitops-") as name,
        story.cloud(Path(name)) as variables,
        FakeGitHub(world) as forge,
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=chromium.path(), args=["--no-sandbox"]
        ) as browser,
    ):
        told = PicturedStory(Path(name), forge, variables, wait=False)
        told.tab = browser.new_page(viewport={"width": 900, "height": 760})
        story.tell(told)


if __name__ == "__main__":
    main()
