"""Text for people: a template with named fields, written once, so that a catalogue can translate it
where it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString, Self


class Text(str):
    """An English sentence that remembers its template and its fields.

    It is the finished English text wherever a `str` is wanted: in files, in JSON, in comparisons. A
    view that speaks another language looks up `template` in its catalogue and fills in `fields`,
    which may be texts themselves.
    """

    __slots__ = ("fields", "template")

    template: str
    fields: dict[str, Any]

    def __str__(self) -> str:
        return self  # so that `str(exception)` keeps the template of the message

    def __new__(cls, template: str, fields: dict[str, Any]) -> Self:
        made = super().__new__(
            cls,
            template.format(**fields) if fields else template.replace("{{", "{").replace("}}", "}"),
        )
        made.template, made.fields = template, fields
        return made

    def __getnewargs__(self) -> tuple[str, dict[str, Any]]:  # type: ignore[override]
        return self.template, self.fields  # for copies, as `dataclasses.asdict` makes them


def msg(template: LiteralString, /, **fields: Any) -> Text:
    """The sentence that `template` makes with these fields. Literal braces are doubled, as in
    `str.format`.
    """
    return Text(template, fields)


def first_few(texts: Sequence[str], most: int) -> str:
    """The texts in one line: all of them, or the first `most` and how many there are besides."""
    more = len(texts) - most
    if more <= 0:
        return ", ".join(texts)
    return msg("{names} and {count} more", names=", ".join(texts[:most]), count=more)
