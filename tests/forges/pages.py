"""Small pages of a fake forge for people: the pull requests, and one with its comments.

Comments are Markdown, shown as a forge would: a few forms, everything else escaped. Of HTML only
`<details>` and `<summary>` without attributes have a meaning, and HTML comments are hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape

from tests.forges.fake_server import Answer
from tests.forges.forge_world import ForgeWorld, PullRecord, Refused

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1rem auto; padding: 0 1rem; }
article { border: 1px solid #8886; border-radius: 6px; margin: 1rem 0; padding: 0 1rem; }
article > header { border-bottom: 1px solid #8886; margin: 0 -1rem; padding: .4rem 1rem; }
pre { background: #8881; overflow: auto; padding: .6rem; }
table { border-collapse: collapse; } td, th { border: 1px solid #8886; padding: .2rem .6rem; }
.success { color: #1a7f37; } .failure { color: #b3261e; } .pending { color: #8a6100; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_DETAILS = re.compile(r"&lt;(/?(?:details|summary))&gt;")
_LINK = re.compile(r"\[([^\[\]]+)\]\((?:&lt;)?(https?://[^\s()]+?)(?:&gt;)?\)")
_LIST = re.compile(r"\s*[-*] (.*)")


def page(world: ForgeWorld, path: str, *, pull_word: str) -> Answer:
    """A page of a world: `/` and `/PROJECT` have the pull requests."""
    parts = path.removeprefix("/" + world.project).strip("/").split("/")
    try:
        with world.lock:
            if parts == [""]:
                return _answer("Pull requests", _list(world, pull_word))
            if len(parts) == 2 and parts[0] == pull_word and parts[1].isdecimal():
                found = world.pull(int(parts[1]))
                return _answer(f"#{found.number} {found.title}", _pull(world, found))
    except Refused:
        pass
    return _answer("Not found", [], status=404)


def _answer(title: str, lines: Iterator[str] | list[str], *, status: int = 200) -> Answer:
    text = "\n".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<style>{_STYLE}</style><h1>{escape(title)}</h1>",
            *lines,
        ]
    )
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
    return Answer(status, headers=headers, text=text, kind="text/html; charset=utf-8")


def _list(world: ForgeWorld, pull_word: str) -> Iterator[str]:
    yield "<ul>"
    for one in reversed(world.all_pulls()):
        place = f"/{world.project}/{pull_word}/{one.number}"
        yield (
            f'<li><a href="{escape(place)}">#{one.number} {escape(one.title)}</a> '
            f"({one.state.value}, {escape(one.author)})"
        )
    yield "</ul>"


def _pull(world: ForgeWorld, one: PullRecord) -> Iterator[str]:
    yield (
        f"<p><b>{one.state.value}</b>: {escape(one.author)} wants to merge "
        f"<code>{escape(one.branch)}</code> ({one.head[:12]}) into <code>{escape(one.base)}</code></p>"
    )
    yield markdown(one.body)
    seen: set[str] = set()
    yield "<h2>Statuses</h2><ul>"
    for status in world.statuses_of(one.head):
        if status.name not in seen:
            seen.add(status.name)
            yield (
                f'<li class="{status.state.value}"><b>{escape(status.name)}</b> '
                f"{status.state.value}: {escape(status.text)}"
            )
    yield "</ul><h2>Comments</h2>"
    for comment in world.comments_of(one.number):
        when = datetime.fromtimestamp(comment.created, UTC).strftime("%Y-%m-%d %H:%M")
        edited = " (edited)" if comment.updated != comment.created else ""
        yield f"<article><header><b>{escape(comment.author)}</b> {when}{edited}</header>"
        yield markdown(comment.body)
        yield "</article>"


def markdown(text: str) -> str:
    """A few forms of Markdown as HTML: headings, lists, tables, fences, quotes, code, bold, links
    and folded details. Everything else is escaped.
    """
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    return "\n".join(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[str]:
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        if (fence := re.match(r"\s*(`{3,}|~{3,})", line)) is not None:
            inner = []
            while position < len(lines) and not lines[position].strip().startswith(fence[1]):
                inner.append(lines[position])
                position += 1
            position += 1
            yield f"<pre>{escape(chr(10).join(inner))}</pre>"
        elif (heading := re.match(r"(#{1,6}) (.*)", line)) is not None:
            level = min(len(heading[1]) + 1, 6)
            yield f"<h{level}>{_inline(heading[2])}</h{level}>"
        elif line.lstrip().startswith("|"):
            rows = [line]
            while position < len(lines) and lines[position].lstrip().startswith("|"):
                rows.append(lines[position])
                position += 1
            yield from _table(rows)
        elif (item := _LIST.match(line)) is not None:
            items = [item[1]]
            while position < len(lines) and (more := _LIST.match(lines[position])) is not None:
                items.append(more[1])
                position += 1
            yield "<ul>" + "".join(f"<li>{_inline(one)}" for one in items) + "</ul>"
        elif line.startswith("> "):
            yield f"<blockquote>{_inline(line[2:])}</blockquote>"
        elif line.strip():
            shown = _inline(line)
            yield shown if _DETAILS.match(escape(line.strip())) else f"<p>{shown}</p>"


def _table(rows: list[str]) -> Iterator[str]:
    yield "<table>"
    for number, row in enumerate(rows):
        cells = re.split(r"(?<!\\)\|", row.strip().strip("|"))
        if number == 1 and all(re.fullmatch(r"\s*:?-+:?\s*", cell) for cell in cells):
            continue
        tag = "th" if number == 0 else "td"
        shown = (_inline(cell.strip().replace("\\|", "|")) for cell in cells)
        yield "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in shown)
    yield "</table>"


def _inline(text: str) -> str:
    """A line with code, bold and links."""
    parts = re.split(r"(`+)(.+?)\1", text)
    shown = []
    for number in range(0, len(parts), 3):
        plain = escape(parts[number])
        plain = _LINK.sub(r'<a rel="nofollow" href="\2">\1</a>', plain)
        plain = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", plain)
        shown.append(_DETAILS.sub(r"<\1>", plain))
        if number + 2 < len(parts):
            shown.append(f"<code>{escape(parts[number + 2])}</code>")
    return "".join(shown)
