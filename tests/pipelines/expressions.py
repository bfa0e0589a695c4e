"""The expressions of Actions, as far as the ready pipelines use them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<sign>==|!=|&&|\|\||[!(),])|(?P<name>[A-Za-z_][\w.-]*))"
)
_INSERT = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
STATUS = re.compile(r"\b(always|cancelled|failure|success)\(\)")
"""A function by which a step decides itself whether it runs after a failure."""


def filled(text: object, contexts: Mapping[str, Any]) -> str:
    """A text with the values of its expressions."""
    return _INSERT.sub(lambda found: _text(value(found[1], contexts)), _text(text))


def holds(condition: object, contexts: Mapping[str, Any]) -> bool:
    """Whether an `if:` holds; one without `${{` is an expression as a whole."""
    text = str(condition).strip()
    whole = _INSERT.fullmatch(text)
    return bool(value(whole[1] if whole else text, contexts))


def value(text: str, contexts: Mapping[str, Any]) -> Any:
    """The value of an expression. Raises `ValueError` for what this module does not know."""
    parser = _Parser(text, contexts)
    found = parser.either()
    if parser.tokens:
        raise ValueError(f"not understood: {text}")
    return found


class _Parser:
    def __init__(self, text: str, contexts: Mapping[str, Any]) -> None:
        self.contexts = contexts
        self.tokens: list[tuple[str, str]] = []
        place, text = 0, text.strip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                raise ValueError(f"not understood: {text[place:]}")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()

    def either(self) -> Any:
        found = self._both()
        while self._take("||"):
            other = self._both()
            found = found or other
        return found

    def _both(self) -> Any:
        found = self._compared()
        while self._take("&&"):
            other = self._compared()
            found = other if found else found
        return found

    def _compared(self) -> Any:
        found = self._single()
        if self._take("=="):
            return _same(found, self._single())
        if self._take("!="):
            return not _same(found, self._single())
        return found

    def _single(self) -> Any:
        if self._take("!"):
            return not self._single()
        if self._take("("):
            found = self.either()
            self._require(")")
            return found
        kind, text = self.tokens.pop(0)
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind != "name":
            raise ValueError(f"not understood: {text}")
        return self._call(text) if self._take("(") else self._named(text)

    def _call(self, name: str) -> Any:
        values = []
        while not self._take(")"):
            values.append(self.either())
            self._take(",")
        if name == "startsWith":
            return _text(values[0]).lower().startswith(_text(values[1]).lower())
        return {"always": True, "cancelled": False}[name]

    def _named(self, name: str) -> Any:
        if name in ("true", "false"):
            return name == "true"
        first, *steps = name.split(".")
        found: Any = self.contexts[first]
        for step in steps:
            found = found.get(step) if isinstance(found, Mapping) else None
        return found

    def _take(self, sign: str) -> bool:
        if self.tokens and self.tokens[0] == ("sign", sign):
            self.tokens.pop(0)
            return True
        return False

    def _require(self, sign: str) -> None:
        if not self._take(sign):
            raise ValueError(f"{sign} is missing")


def _same(one: Any, other: Any) -> bool:
    return _text(one).lower() == _text(other).lower()


def _text(found: Any) -> str:
    if isinstance(found, bool):
        return "true" if found else "false"
    return "" if found is None else str(found)
