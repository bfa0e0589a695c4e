"""A field of the language on a screen, as `kubectl explain` shows it: what it means, which values
it takes, what an edit of it does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from reconciler.common.text import joined
from reconciler.config.reference import FieldDoc
from reconciler.render import escape
from reconciler.render.format import phrase
from reconciler.render.layout import labelled
from reconciler.render.run.screen import Line, Style, Tone

_WIDTH = 100


def explain_lines(field: FieldDoc, members: Iterable[FieldDoc], style: Style) -> Iterable[Line]:
    """The field, then one line for each field below it."""
    style = replace(style, width=min(style.width or _WIDTH, _WIDTH))
    yield Line(f" {field.name or phrase('a stack file')}", Tone.TITLE)
    yield from labelled("   ", [escape.outside(field.description)], style)
    facts = (
        (phrase("takes"), joined(", ", field.types)),
        (phrase("one of"), ", ".join(field.allowed)),
        (phrase("its keys"), field.keyed or ""),
        (phrase("default"), "" if field.default is None else written(field.default)),
        (phrase("required"), phrase("yes") if field.required else ""),
        (phrase("an edit"), field.edit or ""),
        (phrase("example"), "   ".join(map(written, field.examples))),
    )
    for name, text in facts:
        if text:
            yield from labelled(f"   {escape.pad(name, 14)} ", [escape.outside(text)], style)
    found = list(members)
    if not found:
        return
    yield Line()
    yield Line(" " + phrase("FIELDS"), Tone.TITLE)
    cells = max(len(one.path[-1]) for one in found)
    for one in found:
        name = escape.pad(one.path[-1], cells) + ("*" if one.required else " ")
        text = first_sentence(escape.outside(one.description))
        yield from labelled(f"   {name} ", [text], style)
    if any(one.required for one in found):
        yield Line("   * " + phrase("required"), Tone.FAINT)


def first_sentence(text: str) -> str:
    """What a field is, in one sentence."""
    first = re.split(r"(?<=[a-z0-9`)다])\. (?=[A-Z`가-힣])", text, maxsplit=1)[0]
    return first.rstrip(".") + "." if text else ""


def written(value: Any) -> str:
    """A value as a person writes it in a file."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
