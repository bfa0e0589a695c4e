"""The language of texts for people: English, or a catalogue of translations.

A `Text` is English everywhere in the program: in comparisons, in JSON, in files, in logs. Only a
view translates it, at the moment when it shows it.

Korean particles depend on the sound before them: a translation has `{name}을(를)`, and the form
that fits is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from string import Formatter

from reconciler.common.text import Rewritten, Text

_lookup: Callable[[str], str] | None = None
"""Finds the translation of a template, None for English."""
_code = "en"
_PLAIN = frozenset({str, int, float, bool, list, tuple, dict, type(None)})
"""Types of fields without a `Text`: a format of the template may need their values."""


def use(lookup: Callable[[str], str] | None, code: str = "en") -> None:
    """Sets the language of the process. `lookup` finds the translation of a template, or returns
    the template; None is for English.
    """
    global _lookup, _code
    _lookup, _code = lookup, "en" if lookup is None else code


def current() -> str:
    """`en` or `ko`."""
    return _code


def template(english: str) -> str:
    """The template in the current language; the English one if there is no translation."""
    return english if _lookup is None or not english else _lookup(english)


def translated(text: object) -> str:
    """A text in the current language. Anything else is converted to `str`: it is a name or value
    that no language changes.
    """
    if not isinstance(text, Text):
        text = str(text)  # of an object whose text is a `Text`, this is a `Text`
    if _lookup is None or not isinstance(text, Text):
        return text
    if isinstance(text, Rewritten):
        return text.change(translated(text.original))
    return filled(template(text.template), text.fields)


def filled(wanted: str, fields: Mapping[str, object]) -> str:
    """A template of the current language with its fields."""
    return _fill(
        wanted,
        {
            name: value if type(value) in _PLAIN else translated(value)
            for name, value in fields.items()
        },
    )


# Particles
# ------------------------------------------------------------------------------------------------

_FORMS: Mapping[str, tuple[str, str]] = {
    "을(를)": ("을", "를"),
    "이(가)": ("이", "가"),
    "은(는)": ("은", "는"),
    "과(와)": ("과", "와"),
    "(으)로": ("으로", "로"),
    "(이)": ("이", ""),
}
"""After a final consonant, and after a vowel."""

_PARTICLE = re.compile("|".join(map(re.escape, _FORMS)))
_CLOSING = " ])\"'`»”’>}"
"""What is written between a word and its particle, and not spoken."""
_DIGITS_OF_VOWELS = "2459"
"""Digits whose Korean name ends with a vowel: 이, 사, 오, 구."""
_DIGITS_OF_L = "178"
"""Digits whose Korean name ends with ㄹ: 일, 칠, 팔."""
_SHORT = re.compile("[b-df-hj-np-tv-z][aeiou](?:ck|[bkpt])|app|ng")
"""How English words end that Korean writes with a final consonant: shop 샵, web 웹, stack 스택."""
_FIRST, _LAST, _FINALS, _FINAL_L = "가", "힣", 28, 8


def _fill(template: str, fields: Mapping[str, object]) -> str:
    """The template with its fields, as `str.format` fills it, and each particle in the form that
    fits the text before it.
    """
    if not fields:
        return with_particles("", template.replace("{{", "{").replace("}}", "}"))
    formatter = Formatter()
    found = ""
    for literal, name, spec, conversion in formatter.parse(template):
        found = with_particles(found, literal)
        if name is not None:
            value = formatter.convert_field(fields[name], conversion)
            found += format(value, spec or "")
    return found


def with_particles(before: str, literal: str) -> str:
    """`before` and the literal text behind it, in which `을(를)` and its like are resolved."""
    found = before
    position = 0
    for match in _PARTICLE.finditer(literal):
        found += literal[position : match.start()]
        consonant, vowel = _FORMS[match[0]]
        final = final_sound(found)
        closed = final == "other" or (final == "l" and match[0] != "(으)로")
        found += consonant if closed else vowel
        position = match.end()
    return found + literal[position:]


def final_sound(text: str) -> str:
    """How the last spoken character of a text ends: `vowel`, `l` (ㄹ) or `other` consonant.

    Quotes and brackets are not spoken. Digits are read in Korean; letters as Korean readers spell
    or read them in most words.
    """
    spoken = text.rstrip(_CLOSING)
    last = spoken[-1:]
    if _FIRST <= last <= _LAST:
        final = (ord(last) - ord(_FIRST)) % _FINALS
        return {0: "vowel", _FINAL_L: "l"}.get(final, "other")
    if last.isdecimal():
        if last in _DIGITS_OF_L:
            return "l"
        return "vowel" if last in _DIGITS_OF_VOWELS else "other"
    if last == "e":  # silent in zone, name and file
        before = text.rstrip(_CLOSING)[-2:-1]
        return {"m": "other", "n": "other", "l": "l"}.get(before, "vowel")
    if last in ("l", "L", "R"):
        return "l"
    closed = last in ("m", "n", "M", "N") or any(
        _SHORT.fullmatch(spoken, max(0, len(spoken) - length)) for length in (2, 3, 4)
    )
    return "other" if closed else "vowel"
