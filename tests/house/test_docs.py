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
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
CODE = [
    path
    for folder in ("reconciler", "tests", "bench", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
REFERENCE = {path.stem: path for path in (DOCS / "reference").glob("*.md")} | {"contract": CONTRACT}


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


def _prose_of_code(path: Path) -> Iterator[str]:
    """Comments and docstrings."""
    source = path.read_text(encoding="utf-8")
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
    # Goal: `safety#settling` is a section of docs/reference/safety.md, `contract#absence` one of
    # the API contract; chapters have no numbers to go stale.
    sections = {name: anchors(page) for name, page in REFERENCE.items()}
    wrong = []
    for path in CODE:
        for text in _prose_of_code(path):
            wrong += [
                f"{path.relative_to(ROOT)}: {page}#{section}"
                for page, section in re.findall(r"(?<![\w./-])([a-z-]+)#([a-z][a-z0-9-]*)", text)
                if section not in sections.get(page, ())
            ]
            wrong += [
                f"{path.relative_to(ROOT)}: {number}"
                for number in re.findall(r"\b(?:SPEC|contract(?: sections?)?)\s+\d[\d.]*", text)
            ]
    assert not wrong, listed(wrong)
