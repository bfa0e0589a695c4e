"""Problems on a screen: `file:line:column  error[code]  message`, the hint below; all problems of a
run together with their count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import LiteralString

from reconciler.locale import language
from reconciler.model.diagnostics import Place, Problem, Severity
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.problems.source_excerpt import SHOWN_MAX, SourceLines, excerpt
from reconciler.render.run.screen import Line, Style, Tone

_LABELS: Mapping[Severity, LiteralString] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTICE: "notice",
}
_TONES = {Severity.ERROR: Tone.DANGER, Severity.WARNING: Tone.CARE, Severity.NOTICE: Tone.PLAIN}


def problems_lines(
    found: Sequence[Problem], style: Style, sources: SourceLines = lambda file, line: None
) -> Iterable[Line]:
    """All problems in the given order, then their count. A line of the file that is wrong for many
    objects is shown once. The first problems show the line of the file.
    """
    from reconciler.render import problem_groups  # late: most commands have no problem to show

    shown = problem_groups.together(found, errors=True)
    lines: dict[Place, str] = {}
    left_out = False
    for item in shown:
        source = None
        if item.place is not None and item.place not in lines:
            source = sources(item.place.file, item.place.line)
        if source is not None and item.place is not None:
            left_out = left_out or len(lines) == SHOWN_MAX
            source = None if left_out else lines.setdefault(item.place, source)
        yield from problem_lines(item, style, source=source)
    if len(shown) > 1:
        yield Line(
            phrase(
                "{tally}[; lines of the file are shown for the first {count}]",
                tally=tally(shown),
                count=SHOWN_MAX if left_out else None,
            )
        )


def problem_lines(
    item: Problem, style: Style, *, indent: str = "", source: str | None = None
) -> Iterable[Line]:
    """One problem: its line, the line of the file if it is given, and its hint on lines of its
    own.
    """
    text = phrase(
        "[{place}  ]{severity}  [{address}: ]{message}",
        place=item.place,
        severity=f"{phrase(_LABELS[item.severity])}[{item.code}]",
        address=subject(item),
        message=item.message,
    )
    yield from _wrapped(indent, text, indent + "    ", style, _TONES[item.severity])
    if source is not None and item.place is not None:
        yield from excerpt(item.place, source, style, _TONES[item.severity], indent=indent)
    label = phrase("hint:") + " "
    for part in () if item.hint is None else language.translated(item.hint).splitlines():
        yield from _wrapped(
            f"{indent}    {label}", escape.outside(part), f"{indent}          ", style
        )
        label = " " * escape.width(label)


def subject(item: Problem) -> str | None:
    """The object that a problem is about, if its message does not name it."""
    return None if (item.address or "") in item.message else item.address


def tally(found: Sequence[Problem]) -> str:
    """`2 errors, 1 warning`."""
    counts = ((severity, sum(item.severity is severity for item in found)) for severity in Severity)
    return ", ".join(format.count(number, severity.value) for severity, number in counts if number)


def _wrapped(
    label: str, text: str, indent: str, style: Style, tone: Tone = Tone.PLAIN
) -> Iterable[Line]:
    """The text behind a label; lines that continue it have an indent of their own."""
    if style.width is None or escape.width(label + text) <= style.width:
        yield Line(label + text, tone)
        return
    first, *_ = escape.wrap(text, max(style.width - escape.width(label), 20), whole=True)
    yield Line(label + first, tone)
    rest = text[len(first) :].strip()
    room = max(style.width - len(indent), 20)
    for line in escape.wrap(rest, room, whole=True) if rest else ():
        yield Line(indent + line, tone)
