"""Names in Latin letters: Hangul by the letters of the Revised Romanization, so that `웹` is `web`
and `방화벽` is `banghwabyeog`.

The Revised Romanization has two forms, by sound and by letter; this is the one by letter (its
section 3, paragraph 8), which needs no dictionary. An initial ㄹ is `r`.
"""

from __future__ import annotations

import unicodedata


def _letters(text: str) -> tuple[str, ...]:
    """Letters by their place in Unicode; an empty one has no sound."""
    return tuple(text.split("/"))


_INITIALS = _letters("g/kk/n/d/tt/r/m/b/pp/s/ss//j/jj/ch/k/t/p/h")
_VOWELS = _letters("a/ae/ya/yae/eo/e/yeo/ye/o/wa/wae/oe/yo/u/wo/we/wi/yu/eu/ui/i")
_FINALS = _letters("/g/kk/gs/n/nj/nh/d/l/lg/lm/lb/ls/lt/lp/lh/m/b/bs/s/ss/ng/j/ch/k/t/p/h")
_SYLLABLES = range(0xAC00, 0xAC00 + 19 * 21 * 28)
_LETTERS = (
    {0x1100 + at: text for at, text in enumerate(_INITIALS)}
    | {0x1161 + at: text for at, text in enumerate(_VOWELS)}
    | {0x11A7 + at: text for at, text in enumerate(_FINALS)}
)
"""Letters of Hangul outside a syllable, such as `ㅋ`, after normalization."""


def romanized(text: str) -> str:
    """The text with Hangul in Latin letters and without accents, in NFKC form otherwise. Other
    scripts stay as they are.
    """
    return "".join(map(_latin, unicodedata.normalize("NFKC", text)))


def _latin(character: str) -> str:
    code = ord(character)
    if code in _SYLLABLES:
        rest, final = divmod(code - _SYLLABLES.start, len(_FINALS))
        initial, vowel = divmod(rest, len(_VOWELS))
        return _INITIALS[initial] + _VOWELS[vowel] + _FINALS[final]
    if code in _LETTERS:
        return _LETTERS[code]
    plain = unicodedata.normalize("NFKD", character)
    return plain[0] if plain[:1].isascii() and plain[:1].isalpha() else character
