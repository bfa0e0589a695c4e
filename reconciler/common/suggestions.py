"""Near misses: the valid name that somebody probably meant."""

from __future__ import annotations

import difflib
import shlex
import unicodedata
from collections.abc import Iterable

_LISTED_MAX = 12


def spelled(text: str) -> str:
    """A name in the one form in which equal names are equal: macOS and Windows write Hangul and
    accents as different characters.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def same(one: object, other: object) -> bool:
    """Whether two names are the same to a person."""
    return isinstance(one, str) and isinstance(other, str) and spelled(one) == spelled(other)


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid name most like a word, or None where none is much like it."""
    if len(word) > 64:
        return None
    found = difflib.get_close_matches(word, sorted(valid), n=1, cutoff=0.6)
    return found[0] if found else None


def hint_for(word: str, valid: Iterable[str]) -> str | None:
    """A hint that offers the nearest valid name, else lists them; None where there are none.

    Of an address without the index or key that it needs, or with another one, those there are.
    """
    names = sorted(valid)
    kin = [name for name in names if name.startswith(word.partition("[")[0] + "[")]
    if len(kin) > 1:
        return f"there are {listed(kin)}"
    close = nearest(word, names)
    if close is not None:
        return f"did you mean `{close}`?"
    return f"known are {listed(names)}" if names else None


def pasted(text: object) -> str:
    """An address, or an option's value with one in it, as it is typed into a shell: brackets and
    quotes mean something else there.
    """
    return shlex.quote(str(text))


def listed(names: Iterable[str]) -> str:
    """Names in one line, the first dozen of them."""
    shown = list(names)
    more = f" and {len(shown) - _LISTED_MAX} more" if len(shown) > _LISTED_MAX else ""
    return ", ".join(f"`{name}`" for name in shown[:_LISTED_MAX]) + more
