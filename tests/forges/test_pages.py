"""The pages of the fake forges, and the world over a real repository."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reconciler.model.ports.forge_ports import PullState, StatusState
from tests.forges.fake_github import FakeGitHub
from tests.forges.forge_world import ForgeWorld, Refused
from tests.forges.git_world import GitWorld
from tests.forges.pages import markdown

HOSTILE = """\
<script>alert(1)</script> <img src=x onerror=alert(1)> "'><svg onload=alert(1)>
# <b onclick=x> heading
- [link](javascript:alert(1)) [more](https://x.example/"onmouseover="alert(1))
| <script> | `<script>` |
|---|---|
| **<i>** | \\| |
<details open onclick=x><summary>sum</summary>
```html
</pre><script>alert(1)</script>
```
<!-- hidden <script> -->
"""
ALLOWED = {
    "article", "a", "b", "blockquote", "code", "details", "h1", "h2", "h3", "header", "html", "li", "meta", "p", "pre", "style", "summary",
    "table", "td", "th", "title", "tr", "ul",
}  # fmt: skip


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]


def read(url: str) -> tuple[_Tags, str]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        text = answer.read().decode()
    found = _Tags()
    found.feed(text)
    return found, text


def test_nothing_that_people_write_becomes_code() -> None:
    world = ForgeWorld()
    world.open_pull('<script>"', title=HOSTILE, body=HOSTILE, branch="<script>")
    world.comment(1, "<img src=x>", HOSTILE)
    world.set_status(world.pull(1).head, "a", "<script>", StatusState.FAILURE, "<b>", "")
    with FakeGitHub(world) as fake:
        for path in ("", "/acme/infra", "/acme/infra/pull/1"):
            found, _ = read(fake.url + path)
            assert found.tags <= ALLOWED
            assert found.attributes <= {"lang", "charset", "rel", "href", "class"}
            assert all(link.startswith(("/acme/infra/", "https://")) for link in found.links)
    assert "hidden" not in markdown(HOSTILE)


def test_pull_request_shows_what_a_forge_shows() -> None:
    world = ForgeWorld()
    world.open_pull("alice", title="Grow")
    head = world.pull(1).head
    for state in (StatusState.PENDING, StatusState.SUCCESS):
        world.set_status(head, "bot", "reconciler/shop", state, "한글", "")
    made = world.comment(1, "bob", "**2** to `change`\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    world.edit_comment(made.id, made.body)
    with FakeGitHub(world) as fake:
        _, text = read(f"{fake.url}/acme/infra/pull/1")
    assert "reconciler/shop</b> success: 한글" in text
    assert "pending" not in text.partition("<h1>")[2]
    assert "<b>2</b> to <code>change</code>" in text
    assert "<tr><th>a</th><th>b</th>" in text
    assert "(edited)" in text


def test_page_that_is_not_there() -> None:
    with FakeGitHub(ForgeWorld()) as fake, pytest.raises(urllib.error.HTTPError, match="404"):
        read(f"{fake.url}/acme/infra/pull/1")


def test_link_in_angle_brackets_is_a_link() -> None:
    expected = '<p><a rel="nofollow" href="https://a.example/1">Run</a>.</p>'
    assert markdown("[Run](<https://a.example/1>).") == expected


def test_folded_details_stay_folded() -> None:
    text = markdown("<details><summary>Plan</summary>\n\ntext\n\n</details>")
    assert text == "<details><summary>Plan</summary>\n<p>text</p>\n</details>"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A bare repository with `main`, and `change` that adds a file."""

    def git(*arguments: str) -> None:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@a.example"]
        subprocess.run([*command, *arguments], check=True, capture_output=True)

    git("init", "-q", "-b", "main", "work")
    work = ("-C", "work")
    git(*work, "commit", "-q", "--allow-empty", "-m", "first")
    git(*work, "checkout", "-q", "-b", "change")
    (tmp_path / "work" / "file").write_text("text")
    git(*work, "add", "file")
    git(*work, "commit", "-q", "-m", "second")
    git("clone", "-q", "--bare", "work", "forge.git")
    return tmp_path / "forge.git"


def test_heads_and_merges_are_those_of_the_repository(repository: Path) -> None:
    world = GitWorld(repository)
    record = world.open_pull("alice", branch="change")
    assert record.head == world.tip("change")
    moved = world.git("commit-tree", "change^{tree}", "-p", "change", "-m", "third")
    world.git("update-ref", "refs/heads/change", moved)
    assert world.pull(1).head == moved
    merged = world.merge(1)
    assert (world.tip("main"), world.pull(1).state) == (merged, PullState.MERGED)
    assert world.git("show", "main:file") == "text"
    assert [one.number for one in world.pulls_of(merged)] == [1]


def test_branch_that_is_missing_has_no_pull_request(repository: Path) -> None:
    with pytest.raises(Refused):
        GitWorld(repository).open_pull("alice", branch="other")
