"""A field of the language on a screen, as `kubectl explain` does it: what it means, what it takes,
what an edit of it does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from reconciler.config.reference import FieldDoc
from reconciler.render import escape
from reconciler.render.run.screen import Line, Style, Tone

_WIDTH = 100


def explain_lines(field: FieldDoc, members: Iterable[FieldDoc], look: Style) -> Iterable[Line]:
    """The field, then one line for each of those below it."""
    width = min(look.width or _WIDTH, _WIDTH)
    yield Line(f" {field.name or 'a stack file'}", Tone.TITLE)
    yield from _wrapped(field.description, "   ", width)
    facts = [
        ("takes", ", ".join(field.types)),
        ("one of", ", ".join(field.allowed)),
        ("its keys", field.keyed or ""),
    ]
    facts += [
        ("default", written(field.default) if field.default is not None else ""),
        ("must be there", "yes" if field.required else ""),
    ]
    facts += [
        ("an edit", field.edit or ""),
        ("example", "   ".join(written(example) for example in field.examples)),
    ]
    for name, said in facts:
        if said:
            first, *rest = escape.wrap(f"{name:<14} {escape.outside(said)}", max(width - 3, 40))
            yield Line(f"   {first}")
            yield from (Line(f"   {'':<14} {line}") for line in rest)
    found = list(members)
    if not found:
        return
    yield Line()
    yield Line(" FIELDS", Tone.TITLE)
    longest = max(len(one.path[-1]) for one in found)
    for one in found:
        star = "*" if one.required else " "
        yield from _wrapped(
            first_sentence(one.description), f"   {one.path[-1]:<{longest}}{star} ", width
        )
    if any(one.required for one in found):
        yield Line("   * must be there", Tone.FAINT)


def first_sentence(text: str) -> str:
    """What a field is, in one sentence."""
    first = re.split(r"(?<=[a-z0-9`)])\. (?=[A-Z`])", text, maxsplit=1)[0]
    return first.rstrip(".") + "." if text else ""


def written(value: Any) -> str:
    """A value as one would write it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _wrapped(text: str, head: str, width: int) -> Iterable[Line]:
    for number, line in enumerate(escape.wrap(escape.outside(text), max(width - len(head), 30))):
        yield Line(f"{head if number == 0 else ' ' * len(head)}{line}".rstrip())
