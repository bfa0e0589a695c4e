"""Text for people: a template with named fields, written once, so that a catalogue can translate it
where it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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


def enumerated(texts: Sequence[str]) -> str:
    """The texts in one line, as a sentence lists them: `a`, `a and b`, `a, b and c`."""
    if len(texts) < 2:
        return "".join(texts)
    return msg("{first} and {last}", first=", ".join(texts[:-1]), last=texts[-1])


def first_few(texts: Sequence[str], most: int) -> str:
    """The texts in one line: all of them, or the first `most` and how many there are besides."""
    more = len(texts) - most
    if more <= 0:
        return joined(", ", texts)
    return msg("{names} and {count} more", names=joined(", ", texts[:most]), count=more)


def joined(between: str, parts: Iterable[str]) -> str:
    """The parts with a text between them, as `between.join(parts)`; a view can still translate the
    parts, and the text between them.
    """
    every = list(parts)
    if not any(isinstance(part, Text) for part in (between, *every)):
        return between.join(every)
    fields: dict[str, Any] = {f"part_{number}": part for number, part in enumerate(every)}
    template = "{between}".join(f"{{{name}}}" for name in fields)
    return Text(template, {**fields, "between": between})


class Rewritten(Text):
    """A text that was changed after it was made, such as a hint whose commands were completed. A
    view makes the same change to its translation.
    """

    __slots__ = ("change", "original")

    original: Text
    change: Callable[[str], str]

    def __new__(cls, original: Text, change: Callable[[str], str]) -> Self:
        made = str.__new__(cls, change(original))
        made.template, made.fields = original.template, original.fields
        made.original, made.change = original, change
        return made

    def __getnewargs__(self) -> tuple[Text, Callable[[str], str]]:  # type: ignore[override]
        return self.original, self.change


def rewritten(text: str, change: Callable[[str], str]) -> str:
    """The changed text; the text itself if nothing changes."""
    changed = change(text)
    if changed == text:
        return text
    return Rewritten(text, change) if isinstance(text, Text) else changed


def replaced(text: str, old: str, new: str) -> str:
    """`text.replace(old, new)`, which a view can still translate."""
    return rewritten(text, lambda found: found.replace(old, new))
