"""Suggestions for misspelt names."""

from __future__ import annotations

import difflib
import shlex
import unicodedata
from collections.abc import Iterable

from reconciler.common.text import msg

_LISTED_MAX = 12


def spelled(text: str) -> str:
    """A name in Unicode form NFC: macOS and Windows write Hangul and accents as different
    characters.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def same(one: object, other: object) -> bool:
    """Whether two names look the same to a person."""
    return isinstance(one, str) and isinstance(other, str) and spelled(one) == spelled(other)


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name closest to a name, or None if none is close."""
    if len(name) > 64:
        return None
    found = difflib.get_close_matches(name, sorted(valid), n=1, cutoff=0.6)
    return found[0] if found else None


def hint_for(name: str, valid: Iterable[str]) -> str | None:
    """A hint with the closest valid name, else with all of them. None if there are none.

    For an address with a missing or wrong index or key, the hint lists the addresses that exist.
    """
    names = sorted(valid)
    stem = name.partition("[")[0] + "["
    indexed = [valid_name for valid_name in names if valid_name.startswith(stem)]
    if len(indexed) > 1:
        return msg("use one of {names}", names=listed(indexed))
    close = nearest(name, names)
    if close is not None:
        return msg("did you mean `{name}`?", name=close)
    return msg("use one of {names}", names=listed(names)) if names else None


def pasted(text: object) -> str:
    """A word of a command line, such as an address or a path, quoted for bash, zsh and fish."""
    word = str(text)
    # zsh replaces `=name` by the path of a program.
    return f"'{word}'" if word.startswith("=") and shlex.quote(word) == word else shlex.quote(word)


def in_yaml(address: object) -> str:
    """An address as a value inside `{...}` of YAML: in quotes if it has an index or a key."""
    text = str(address)
    return "'" + text.replace("'", "''") + "'" if "[" in text else text


def command_line(words: Iterable[object]) -> str:
    """A command line that has these words in bash, zsh and fish."""
    return " ".join(map(pasted, words))


def listed(names: Iterable[str]) -> str:
    """The first dozen names, in one line."""
    shown = list(names)
    found = ", ".join(f"`{name}`" for name in shown[:_LISTED_MAX])
    rest = len(shown) - _LISTED_MAX
    return found if rest <= 0 else msg("{found} and {rest} more", found=found, rest=rest)
