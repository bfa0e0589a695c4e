"""Problems on a screen: `file:line:column  error[code]  message`, the hint below, all of a run
together and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model.diagnostics import Problem, Severity
from reconciler.render import escape, format
from reconciler.render.run.screen import Line, Style, Tone

_TONES = {Severity.ERROR: Tone.DANGER, Severity.WARNING: Tone.CARE, Severity.NOTICE: Tone.PLAIN}


def problems_lines(found: Sequence[Problem], look: Style) -> Iterable[Line]:
    """All problems in the order given, then their count; one line of the file that is wrong for
    many objects is told once.
    """
    from reconciler.render import problem_groups  # late: most commands have no problem to tell

    for item in problem_groups.together(found, errors=True):
        yield from problem_lines(item, look)
    if len(found) > 1:
        yield Line(tally(found))


def problem_lines(item: Problem, look: Style, *, indent: str = "") -> Iterable[Line]:
    """One problem: its line, and its hint on lines of their own."""
    where = f"{escape.outside(item.place)}  " if item.place is not None else ""
    about = ""
    if item.address is not None and item.address not in item.message:
        about = f"{escape.outside(item.address)}: "
    text = (
        f"{indent}{where}{item.severity.value}[{item.code}]  {about}{escape.outside(item.message)}"
    )
    yield from _folded(text, indent + "    ", look, _TONES[item.severity])
    if item.hint is not None:
        for number, part in enumerate(item.hint.splitlines()):
            label = "hint: " if number == 0 else "      "
            yield from _folded(
                f"{indent}    {label}{escape.outside(part)}",
                indent + "          ",
                look,
                Tone.PLAIN,
            )


def tally(found: Sequence[Problem]) -> str:
    """`2 errors, 1 warning`."""
    counts = ((severity, sum(item.severity is severity for item in found)) for severity in Severity)
    return ", ".join(format.count(number, severity.value) for severity, number in counts if number)


def _folded(text: str, hanging: str, look: Style, tone: Tone) -> Iterable[Line]:
    if look.width is None or escape.width(text) <= look.width:
        yield Line(text, tone)
        return
    indent = text[: len(text) - len(text.lstrip(" "))]
    first, *_ = escape.wrap(text.lstrip(" "), max(look.width - len(indent), 20))
    yield Line(indent + first, tone)
    rest = text.lstrip(" ")[len(first) :].strip()
    for line in escape.wrap(rest, max(look.width - len(hanging), 20)) if rest else []:
        yield Line(hanging + line, tone)
