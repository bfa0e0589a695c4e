"""The site that is built from `docs/`: every page is in its navigation, every link leads somewhere,
it loads nothing from elsewhere, and it is searched in English and Korean.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.site.browser import PROGRAM, Browser, browser

ROOT = Path(__file__).parents[2]
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "srcset", "object": "data"}
SEARCH = "[...document.querySelectorAll('*')].find(each => each.shadowRoot)?.shadowRoot"


@dataclass
class Page(HTMLParser):
    """What is in a built page: its anchors, its links, and what it loads."""

    text: str
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") not in ("canonical", "prev", "next", "alternate"):
            self.loads.append(found["href"])
        if found.get(LOADS.get(tag, "")):
            self.loads.append(found[LOADS[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning of the generator, such as a broken link, fails the build."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "zensical.toml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {
        path: Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
        if path.name != "404.html"
    }


def test_every_page_is_in_the_navigation() -> None:
    def files(entry: Any) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
            return
        for each in entry.values() if isinstance(entry, dict) else entry:
            yield from files(each)

    nav = list(files(tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"]))
    docs = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(nav) == sorted(docs)


def test_every_link_and_picture_of_the_site_is_there(pages: dict[Path, Page]) -> None:
    # The generator checks links to pages; this also checks files, pictures and raw HTML.
    wrong = []
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            if re.match(r"[a-z]+:", link):
                continue
            where, _, anchor = unquote(link).partition("#")
            target = (path.parent / where.partition("?")[0]).resolve() if where else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (anchor and anchor not in pages[target].anchors):
                wrong.append(f"{path.name}: {link}")
    assert not wrong, "\n".join(wrong)


def test_the_site_loads_nothing_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    wrong = [
        f"{path.name}: {load}"
        for path, page in pages.items()
        for load in page.loads
        if re.match(r"([a-z]+:)?//", load)
    ]
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        wrong += re.findall(r"url\([\"']?(?:https?:)?//[^)]*|@import[^;]*//[^;]*", text)
    assert not wrong, "\n".join(wrong)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """The requests are not of interest."""


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if PROGRAM is None:
        pytest.skip("needs chromium")
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


def results(page: Browser, text: str, wanted: str) -> list[str]:
    """The pages that a search finds, once the wanted one is among them."""
    page.until(f"{SEARCH}.querySelector('input') !== null")
    page.evaluate(f"{SEARCH}.querySelector('input').focus()")
    page.evaluate(f"{SEARCH}.querySelector('input').select()")
    page.type(text)
    links = f"[...{SEARCH}.querySelectorAll('a')].map(each => each.href.split(/[?#]/)[0])"
    page.until(f"{links}.some(each => each.endsWith('{wanted}'))")
    return [str(each) for each in page.evaluate(links)]


def test_copied_commands_are_without_prompt_and_output(served: str, page: Browser) -> None:
    page.open(f"{served}how-to/adopt.html")
    block = "document.querySelector('.language-console code')"
    page.evaluate(f"{block}.setAttribute('data-md-copying', '')")
    copied = page.evaluate(f"{block}.innerText")
    assert copied.strip() == "reconciler adopt --all > /dev/null"


def test_the_site_is_searched_in_english_and_korean(served: str, page: Browser) -> None:
    # Words of Korean end in particles: 방화벽 must find 방화벽을, too.
    page.open(f"{served}index.html")
    page.until(f"{SEARCH} !== undefined")
    page.evaluate("document.querySelector('[data-md-component=search] button').click()")
    assert len(results(page, "exposure", "reference/consent.html")) > 1
    for text in ("방화벽", "스택", "인스턴스"):
        results(page, text, "ko/index.html")
    assert [each for each in page.requests if not each.startswith((served, "data:", "blob:"))] == []
