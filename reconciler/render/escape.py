"""Text from outside: whatever comes from a file, the cloud or another program passes through here
before it reaches a screen.

`outside` is for lines on a terminal or in a CI log (a pipe may end in either, so both get the
same), `json_text` for lines of JSON, `visible` for pages. All keep every letter, Hangul included.
They escape what a screen would obey instead of show: control characters, bidi and other invisible
format characters; the first two also the commands that CI systems look for in output.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from rich.cells import cell_len

from reconciler.locale import language

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode categories that take effect or are invisible: control, format (bidi, zero width, tags),
surrogates, private, separators.
"""

_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"
"""Letters by category that are invisible: the Hangul fillers and the empty Braille cell."""

_UNUSUAL = re.compile(r"[^\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\uac00-\ud7a3]")
"""Characters that are checked one by one: all but ASCII, Latin and Hangul syllables."""

_ELLIPSIS = "..."

_KEPT_MAX = 1000
"""How long a text may be whose escaped form is kept in memory."""

_CI_COMMAND = re.compile(r"^(\s*):(?=:)|:(?=:[A-Za-z][^:]*::)|#(?=#(?:\[|vso\[|teamcity\[))")


def outside(text: object) -> str:
    """The text as one line that is safe for a terminal and for a CI log, in the user's language."""
    found = language.translated(text)
    return _outside(found) if len(found) <= _KEPT_MAX else _escaped(found)


def is_inert(text: str) -> bool:
    """Whether a terminal and a CI log show every line of the text as it is, so that another program
    may get it unchanged.
    """
    return all(outside(line) == line for line in text.replace("\t", " ").split("\n"))


def visible(text: object) -> str:
    """The text with every character visible, in the user's language: for a page, which no CI system
    reads for commands.
    """
    return _visible(language.translated(text))


def _visible(text: str) -> str:
    return _UNUSUAL.sub(lambda found: _escape(found[0]), text)


@lru_cache(maxsize=8192)
def _outside(text: str) -> str:
    return _escaped(text)


def _escaped(text: str) -> str:
    text = _visible(text)
    return _CI_COMMAND.sub(_defuse, text) if "::" in text or "##" in text else text


def _defuse(found: re.Match[str]) -> str:
    return found[0][:-1] + ("\\x3a" if found[0].endswith(":") else "\\x23")


def _escape(character: str) -> str:
    if character not in _BLANK_LETTERS and unicodedata.category(character) not in _HIDDEN:
        return character
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    if named is not None:
        return named
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_text(
    data: Mapping[str, Any] | list[Any], *, indent: int | None = None, compact: bool = False
) -> str:
    """The data as JSON: letters as they are, and what a screen or a CI system would obey as
    `\\uXXXX`. `compact`: without spaces.
    """
    text = json.dumps(
        data,
        ensure_ascii=False,
        indent=indent,
        allow_nan=False,
        separators=(",", ":") if compact else None,
    )
    text = _UNUSUAL.sub(lambda found: _json_escape(found[0]), text)
    return re.sub(r"#(?=#(?:\[|vso\[|teamcity\[))", r"\\u0023", text)


def _json_escape(character: str) -> str:
    if character == "\n" or (
        character not in _BLANK_LETTERS and unicodedata.category(character) not in _HIDDEN
    ):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def width(text: str) -> int:
    """The number of terminal cells of a safe text; a Hangul syllable takes two."""
    return len(text) if text.isascii() else cell_len(text)


def pad(text: str, cells: int) -> str:
    """The text, filled with spaces up to this number of cells; a longer text stays as it is."""
    return text + " " * (cells - width(text))


def cut(text: str, cells: int) -> str:
    """The text, cut to this number of cells; it ends with `...` if something is left out."""
    if width(text) <= cells:
        return text
    return _head(text, max(cells - len(_ELLIPSIS), 0)) + _ELLIPSIS[:cells]


def wrap(text: str, cells: int, *, whole: bool = False) -> list[str]:
    """The text in lines of at most this number of cells, broken at spaces and, if a word is too
    long, after its commas. What is still too long is cut, or with `whole` has a line of its own.
    """
    lines = [""]
    for number, word in enumerate(text.split(" ")):
        gap = " " if number else ""
        for piece in [word] if width(word) <= cells else _after_commas(word):
            if width(lines[-1] + gap + piece) <= cells:
                lines[-1] += gap + piece
            else:
                lines.append(piece if whole else cut(piece, cells))
            gap = ""
    kept = [line.strip() if number else line.rstrip() for number, line in enumerate(lines)]
    return [line for line in kept if line] or [""]


def _after_commas(word: str) -> list[str]:
    parts = word.split(",")
    return [f"{part}," for part in parts[:-1]] + [part for part in parts[-1:] if part]


def _head(text: str, cells: int) -> str:
    taken = used = 0
    for character in text:
        used += width(character)
        if used > cells:
            break
        taken += 1
    return text[:taken]
