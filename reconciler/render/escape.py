"""The one sink for text from outside: nothing that came from a file, the cloud or another program
reaches a screen but through here.

`outside` is for lines on a terminal or in a CI log (a pipe may end in either, so both get the
same), `json_text` for lines of JSON. Both keep every letter, Hangul included; what is escaped is
what a screen would obey instead of show: control characters, bidi and other invisible format
characters, and the commands that CI systems look for in output.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from rich.cells import cell_len

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode categories that are obeyed or invisible: control, format (bidi, zero width, tags),
surrogates, private, separators.
"""

_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"
"""Letters by category that show nothing: the Hangul fillers and the empty Braille cell."""

_UNUSUAL = re.compile(r"[^\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\uac00-\ud7a3]")
"""What has to be looked at one by one: all but ASCII, Latin and Hangul syllables."""

_CI_COMMAND = re.compile(
    r"^(\s*):(?=:)|:(?=:[A-Za-z][A-Za-z-]*[^:]*::)|#(?=#(?:\[|vso\[|teamcity\[))"
)


def outside(text: object) -> str:
    """The text made safe for a terminal and for a CI log, on one line."""
    return _outside(str(text))


def is_inert(text: str) -> bool:
    """Whether a terminal and a CI log show every line of the text as it is: then it may be handed
    raw to another program.
    """
    return all(outside(line) == line for line in text.replace("\t", " ").split("\n"))


@lru_cache(maxsize=8192)
def _outside(text: str) -> str:
    text = _UNUSUAL.sub(lambda found: _escape(found[0]), text)
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
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def json_text(data: Mapping[str, Any] | list[Any], *, indent: int | None = None) -> str:
    """The data as JSON: letters as they are, everything that a screen or a CI system would obey as
    `\\uXXXX`.
    """
    text = json.dumps(data, ensure_ascii=False, indent=indent, allow_nan=False)
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
    """How many cells of a terminal a safe text takes; Hangul counts two."""
    return len(text) if text.isascii() else cell_len(text)


def pad(text: str, cells: int) -> str:
    """The text filled with spaces up to so many cells; longer text stays as it is."""
    return text + " " * (cells - width(text))


def cut(text: str, cells: int) -> str:
    """The text cut to so many cells, with `~` as its last where something is left out."""
    if width(text) <= cells:
        return text
    kept = ""
    used = 0
    for character in text:
        used += width(character)
        if used > cells - 1:
            break
        kept += character
    return kept + "~"


def wrap(text: str, cells: int) -> list[str]:
    """The text in lines of at most so many cells, broken at spaces where there are some; nothing is
    left out.
    """
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        while width(word) > cells:
            head = _head(word, cells)
            lines.extend([line] if line else [])
            lines.append(head)
            line, word = "", word[len(head) :]
        joined = f"{line} {word}" if line else word
        if width(joined) <= cells:
            line = joined
        else:
            lines.append(line.rstrip())
            line = word.lstrip()
    return [*lines, line.rstrip()] if line or not lines else lines


def _head(word: str, cells: int) -> str:
    taken = used = 0
    for character in word:
        used += width(character)
        if used > cells:
            break
        taken += 1
    return word[: max(taken, 1)]
