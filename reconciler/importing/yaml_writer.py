"""Values as YAML that reads back as the same values and is quoted only if necessary, for files that
people edit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z가-힣_/][0-9A-Za-z가-힣_./-]*(?: [0-9A-Za-z가-힣_./-]+)*")
_ADDRESS_RANGE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}/[0-9]{1,2}|[1-9][0-9]*-[1-9][0-9]*")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "y", "n", "on", "off", "none"})
"""Plain words that some YAML readers do not read as text."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


_REFERENCE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
_EXPRESSION = re.compile(r"\$\{[a-z.]+\}")


class Raw(str):
    """A text with a meaning in the language: a reference, an expression, `none`, `off`."""

    __slots__ = ()


def scalar(value: Any) -> str:
    """One value. A text is quoted if it would be read as something else; `${` in it is written as a
    literal.
    """
    if isinstance(value, Raw):
        return (
            str(value)
            if _REFERENCE.fullmatch(value) or _EXPRESSION.fullmatch(value)
            else quoted(value)
        )
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace("${", "$${")
    if _ADDRESS_RANGE.fullmatch(text) or (_PLAIN.fullmatch(text) and text.lower() not in _RESERVED):
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """A text in double quotes; invisible characters are escaped."""
    return '"' + "".join(map(_letter, text)) + '"'


def _letter(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if unicodedata.category(letter) not in _HIDDEN:
        return letter
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def flow(value: Any) -> str:
    """A value on one line: mappings in braces, lists in brackets."""
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{key(str(name))}: {flow(item)}" for name, item in value.items())
        return f"{{{pairs}}}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    # Between braces an expression, which has braces of its own, is always quoted.
    return quoted(value) if isinstance(value, Raw) and "$" in value else scalar(value)


def key(text: str) -> str:
    """A key of a mapping."""
    return (
        text
        if re.fullmatch(r"[A-Za-z_][0-9A-Za-z._-]*", text) and text.lower() not in _RESERVED
        else quoted(text)
    )
