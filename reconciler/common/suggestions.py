"""Near misses: the valid name that somebody probably meant."""

from __future__ import annotations

import difflib
import shlex
import unicodedata
from collections.abc import Iterable

from reconciler.common.text import msg

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
    """A hint with the nearest valid name, else with all of them. None if there are none.

    For an address with a missing or wrong index or key, the hint lists the addresses that exist.
    """
    names = sorted(valid)
    kin = [name for name in names if name.startswith(word.partition("[")[0] + "[")]
    if len(kin) > 1:
        return msg("use one of {names}", names=listed(kin))
    close = nearest(word, names)
    if close is not None:
        return msg("did you mean `{name}`?", name=close)
    return msg("use one of {names}", names=listed(names)) if names else None


def pasted(text: object) -> str:
    """An address, or an option's value that contains one, quoted for a shell."""
    return shlex.quote(str(text))


def listed(names: Iterable[str]) -> str:
    """The first dozen names, in one line."""
    shown = list(names)
    more = f" and {len(shown) - _LISTED_MAX} more" if len(shown) > _LISTED_MAX else ""
    return ", ".join(f"`{name}`" for name in shown[:_LISTED_MAX]) + more
