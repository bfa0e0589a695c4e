"""The glossary is the vocabulary: words that it strikes are used nowhere."""

from __future__ import annotations

import keyword
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
SOURCES = sorted((ROOT / "reconciler").rglob("*.py"))
PAGES = sorted(
    path for path in (*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")) if path != GLOSSARY
)
"""How many uses of struck words are left; these numbers only fall."""
NAMES_LEFT = 0
SENTENCES_LEFT = 0
PAGES_LEFT = 0
ALLOWED = frozenset({"__slots__", "slots", "volume", "instance_delete_volumes"})
"""Names of Python, and of switches that people write for the local cloud."""


def struck(heading: str) -> tuple[str, ...]:
    """The words of the table under a line of the glossary."""
    _, _, rest = GLOSSARY.read_text("utf-8").partition(heading)
    rows = re.findall(r"^\| (.+?) \|", rest.partition("\n\nIn ")[0], re.MULTILINE)
    return tuple(word for row in rows[2:] for word in row.split(", "))


@cache
def _pattern(refused: tuple[str, ...]) -> re.Pattern[str]:
    found = "|".join(map(re.escape, refused))
    return re.compile(rf"(?<!there )\b(?:{found})\b(?! longer| for)", re.IGNORECASE)


def phrases(text: str, refused: tuple[str, ...]) -> list[str]:
    """The struck phrases in a text. `There is no`, `is no longer` and `stands for` are plain
    English.
    """
    return _pattern(refused).findall(text)


@cache
def tokens(path: Path) -> tuple[tuple[int, str], ...]:
    """The names, texts and comments of a module, each with its kind."""
    with path.open(encoding="utf-8") as file:
        return tuple(
            (token.type, token.string)
            for token in tokenize.generate_tokens(file.readline)
            if token.type in (tokenize.NAME, tokenize.STRING, tokenize.COMMENT)
        )


def names(path: Path) -> Iterator[str]:
    """Every name in a module's code."""
    for kind, text in tokens(path):
        if kind == tokenize.NAME and not keyword.iskeyword(text):
            yield text


@cache
def parts(name: str) -> list[str]:
    """The words of a name in snake or camel case, in lower case."""
    return [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def sentences(path: Path) -> Iterator[str]:
    """Every docstring, comment and other text in a module."""
    for kind, text in tokens(path):
        if kind != tokenize.NAME:
            yield " ".join(text.split())


def test_names_in_the_code_use_the_words_of_the_glossary() -> None:
    refused = frozenset(struck("In names of the code:"))
    found = Counter(
        f"{path.relative_to(ROOT)} {name}"
        for path in SOURCES
        for name in names(path)
        if name not in ALLOWED and not refused.isdisjoint(parts(name))
    )
    assert sum(found.values()) <= NAMES_LEFT, found


def test_sentences_in_the_code_use_the_words_of_the_glossary() -> None:
    refused = struck("In sentences:")
    found = [
        f"{path.relative_to(ROOT)} `{phrase}`: {text[:160]}"
        for path in SOURCES
        for text in sentences(path)
        for phrase in phrases(text, refused)
    ]
    assert len(found) <= SENTENCES_LEFT, "\n".join(found)


def test_pages_use_the_words_of_the_glossary() -> None:
    refused = struck("In sentences:")
    found = [
        f"{path.relative_to(ROOT)}:{number} `{phrase}`"
        for path in PAGES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for phrase in phrases(line, refused)
    ]
    assert len(found) <= PAGES_LEFT, "\n".join(found)


@pytest.mark.parametrize("text", ["the object hangs on it", "It is told at once", "for good"])
def test_a_struck_phrase_is_found(text: str) -> None:
    assert phrases(text, struck("In sentences:"))


def test_the_words_of_a_name_are_found() -> None:
    assert parts("_isToldOnce_looks") == ["is", "told", "once", "looks"]
