"""A half-typed command line: its words, and how to quote more of them."""

from __future__ import annotations

import re

from reconciler.common.dataclass import dataclass

_PLAIN = re.compile(r"([^\w@%+=:,./~-])")
_IN_DOUBLE_QUOTES = re.compile(r'(["$`\\])')


@dataclass(frozen=True, slots=True)
class TypedLine:
    """The words of a command line without their quotes. `last` is the word at the cursor, and
    `quote` the quote that is open there, or nothing.
    """

    words: tuple[str, ...]
    last: str
    quote: str


def split(text: str, *, fish: bool = False) -> TypedLine:
    """The words of a command line up to the cursor. In fish a backslash also escapes within single
    quotes.
    """
    words: list[str] = []
    word: list[str] | None = None
    quote, is_escaped = "", False
    for char in text:
        if char.isspace() and not quote and not is_escaped:
            words += [] if word is None else ["".join(word)]
            word = None
            continue
        word = [] if word is None else word
        if is_escaped:
            special = {"'": "\\'", '"': '\\"$`', "": char}[quote]
            word.append(char if char in special else f"\\{char}")
            is_escaped = False
        elif char == "\\" and (quote != "'" or fish):
            is_escaped = True
        elif char == quote:
            quote = ""
        elif char in "'\"" and not quote:
            quote = char
        else:
            word.append(char)
    return TypedLine(tuple(words), "".join(word or []), quote)


def quoted(text: str, quote: str) -> str:
    """A text as bash reads it after an open quote, or outside of quotes."""
    if quote == "'":
        return text.replace("'", "'\\''")
    return (_IN_DOUBLE_QUOTES if quote else _PLAIN).sub(r"\\\1", text)
