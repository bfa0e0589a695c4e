"""Pages and comments name only what exists, and the pages are plain."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONTRACT = DOCS / "api" / "iwinv-api.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
CODE = [
    path
    for folder in ("reconciler", "tests", "bench", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
REFERENCE = {
    path.stem: path
    for folder in ("reference", "explanation")
    for path in (DOCS / folder).glob("*.md")
} | {"contract": CONTRACT}


def listed(wrong: list[str]) -> str:
    return "\n" + "\n".join(wrong)


def prose(page: Path) -> str:
    """The text of a page without fenced blocks."""
    return re.sub(
        r"^(`{3,}|~{3,}).*?^\1\s*?$",
        "",
        page.read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )


def anchors(page: Path) -> set[str]:
    """The fragments that a link to the page may have, as GitHub makes them."""
    text = prose(page)
    found = set(re.findall(r'<a id="([^"]+)">', text))
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        bare = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", bare).strip().replace(" ", "-"))
    return found


def test_links_between_pages_lead_somewhere() -> None:
    # Goal: neither a page nor a section of it is missing.
    wrong = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
            path, _, fragment = target.partition("#")
            if re.match(r"[a-z]+:", path):
                continue
            other = (page.parent / path).resolve() if path else page
            if not other.exists() or (
                fragment and other.suffix == ".md" and fragment not in anchors(other)
            ):
                wrong.append(f"{page.relative_to(ROOT)}: {target}")
    assert not wrong, listed(wrong)


_SECTION = re.compile(r"(?<![\w./-])([a-z-]+)#([a-z][a-z0-9-]*)")
_NUMBER = re.compile(r"\b(?:SPEC|contract(?: sections?)?)\s+\d[\d.]*")


def _prose_of_code(path: Path) -> Iterator[str]:
    """Comments and docstrings, if a section may be named in one of them."""
    source = path.read_text(encoding="utf-8")
    if not (_SECTION.search(source) or _NUMBER.search(source)):
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.value.value


def test_sections_named_in_comments_exist() -> None:
    # Goal: `safety#settling` is a section of docs/explanation/safety.md, `contract#absence` one of
    # the API contract; chapters have no numbers to go stale.
    sections = {name: anchors(page) for name, page in REFERENCE.items()}
    wrong = []
    for path in CODE:
        for text in _prose_of_code(path):
            wrong += [
                f"{path.relative_to(ROOT)}: {page}#{section}"
                for page, section in _SECTION.findall(text)
                if section not in sections.get(page, ())
            ]
            wrong += [f"{path.relative_to(ROOT)}: {number}" for number in _NUMBER.findall(text)]
    assert not wrong, listed(wrong)


WORDS = 30
LONG_SENTENCES: frozenset[str] = frozenset({"docs/reference/command-line.md"})
"""Pages that still have a longer sentence; the list only shrinks."""

INVERTED = re.compile(r"^Where [^?]*?, \w", re.IGNORECASE | re.MULTILINE)
PLAIN = [page for page in PAGES if not {"api", "decisions", "ko"} & set(page.parts)]


def sentences(page: Path) -> Iterator[str]:
    """The sentences of paragraphs and list items; code counts as one word. Tables are left out."""
    text = re.sub(r"^\s*(?:\||<|#).*$", "", prose(page), flags=re.MULTILINE)
    text = re.sub(r"`[^`]*`", "`x`", re.sub(r"\]\([^)]*\)", "]", text))
    for block in re.split(r"\n\s*\n|\n\s*(?=[-*] |\d+\. )", text):
        yield from re.split(
            r"(?:(?<=[.!?])|(?<=[.!?]\*\*))\s+(?=[A-Z`*\[(0-9])", " ".join(block.split())
        )


def test_sentences_of_pages_are_short() -> None:
    # Goal: at most 30 words; a page leaves the list for ever when it is rewritten.
    long = {
        str(page.relative_to(ROOT)): found
        for page in PLAIN
        if (found := [each for each in sentences(page) if len(each.split()) > WORDS])
    }
    wrong = [
        f"{page}: {each}"
        for page, found in long.items()
        if page not in LONG_SENTENCES
        for each in found
    ]
    assert not wrong, listed(wrong)
    assert set(long) >= LONG_SENTENCES, sorted(LONG_SENTENCES - set(long))


def test_sentences_of_pages_do_not_begin_with_where() -> None:
    # Goal: current technical English, subject first.
    wrong = [
        f"{page.relative_to(ROOT)}: {each[:90]}"
        for page in PLAIN
        for each in (*sentences(page), *re.findall(r"^\|.*$", prose(page), re.MULTILINE))
        if INVERTED.search(each)
    ]
    assert not wrong, listed(wrong)
