"""HTML that is escaped where it is made: texts and attributes become `Markup` only through `el`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import LiteralString, TypeAlias

from reconciler.render import escape

_VOID = frozenset({"meta"})
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_ENDS = re.compile(r"</|<!--", re.IGNORECASE)
"""What could end an element whose text is not escaped, or hide its end."""


class Markup(str):
    """A piece of HTML. Only this module makes one."""

    __slots__ = ()


Child: TypeAlias = "object | Iterable[Child]"


def escaped(value: object) -> Markup:
    """A value as text of a page, in the user's language."""
    return Markup(html.escape(escape.visible(value), quote=True))


def el(name: LiteralString, /, *children: Child, **attributes: object) -> Markup:
    """An element. A child is `Markup`, a value that is shown as text, or an iterable of children;
    None is left out. `class_` is the attribute `class`, and `aria_label` is `aria-label`. An
    attribute that is None or False is left out; one that is True has no value, and one that is a
    tuple has its texts with spaces between them.

    Raises `ValueError` for a link out of the page.
    """
    assert _NAME.fullmatch(name), name
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        written = key.rstrip("_").replace("_", "-")
        assert _NAME.fullmatch(written) and not written.startswith("on"), key
        if written in ("href", "src") and not str(value).startswith("#"):
            raise ValueError(str(value))
        if isinstance(value, tuple):
            value = " ".join(filter(None, value))
        parts.append(written if value is True else f'{written}="{escaped(value)}"')
    start = f"<{' '.join(parts)}>"
    return Markup(start if name in _VOID else f"{start}{joined(children)}</{name}>")


def joined(children: Iterable[Child]) -> Markup:
    """Children one after another."""
    return Markup("".join(map(_child, children)))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, Iterable) and not isinstance(child, str):
        return joined(child)
    return escaped(child)


def verbatim(name: LiteralString, text: str, /, **attributes: object) -> Markup:
    """A `style` or `script` with a text of our own, which is not escaped. Raises `ValueError` if
    the text could end the element.
    """
    assert name in ("style", "script"), name
    if _ENDS.search(text):
        raise ValueError(name)
    return Markup(el(name, **attributes).removesuffix(f"</{name}>") + f"{text}</{name}>")


_IN_DATA = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def data_text(data: dict[str, object]) -> str:
    """JSON for a `<script>` that is data: nothing in it can end the element."""
    return escape.json_text(data, compact=True).translate(_IN_DATA)
