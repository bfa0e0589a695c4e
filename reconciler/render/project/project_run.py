"""The end of a run over several stacks: what became of each of them, in lines and as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.layout import labelled, sentence
from reconciler.render.plan.consent_text import pasted
from reconciler.render.run.screen import Line, Style, Tone

MARGIN = "  "


@dataclass(frozen=True, slots=True)
class StackEnding:
    """How one stack ended: `done`, `unchanged`, `failed`, `skipped` or `not-started`. `because` are
    the stacks that failed before it.
    """

    title: str
    end: str
    exit_code: int
    calls: int = 0
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectEnding:
    """The end of a run. `again` is the command that continues it, if there is something left."""

    stacks: tuple[StackEnding, ...]
    seconds: float
    exit_code: int
    again: str | None = None
    destroys: bool = False

    @property
    def calls(self) -> int:
        """The requests of the runs of all stacks."""
        return sum(each.calls for each in self.stacks)

    def number(self, end: str) -> int:
        """How many stacks ended in this way."""
        return sum(each.end == end for each in self.stacks)


_TONES: Mapping[str, Tone] = {
    "done": Tone.GOOD,
    "unchanged": Tone.FAINT,
    "failed": Tone.DANGER,
    "skipped": Tone.CARE,
    "not-started": Tone.CARE,
}


_MEANINGS: Mapping[int, str] = {
    exit_codes.ERROR: msg("errors"),
    exit_codes.DECIDE: msg("not finished"),
    exit_codes.REFUSED: msg("refused"),
    exit_codes.ACCOUNT: msg("key, account or clock"),
    exit_codes.LOCKED: msg("locked by another run"),
    exit_codes.NOT_RECORDED: msg("the state was not written"),
    exit_codes.INTERRUPTED: msg("interrupted"),
}
"""What the exit code of a failed stack means."""


def lines(ending: ProjectEnding, style: Style) -> Iterable[Line]:
    """A line for each stack, then how many ended in which way, and the command that continues."""
    yield Line()
    yield Line(phrase("Stacks"), Tone.TITLE)
    marks = {each.title: _mark(each) for each in ending.stacks}
    cells = max((escape.width(mark) for mark in marks.values()), default=0)
    names = {each.title: escape.outside(each.title) for each in ending.stacks}
    wide = max((escape.width(name) for name in names.values()), default=0)
    for each in ending.stacks:
        head = f"{MARGIN}{escape.pad(marks[each.title], cells)}  "
        label = f"{head}{escape.pad(names[each.title], wide)}  "
        yield from labelled(label, [_reason(each)], style, tone=_TONES[each.end])
    yield Line()
    good = ending.exit_code == exit_codes.DONE
    yield from sentence(_counts(ending, good=good), style, tone=Tone.GOOD if good else Tone.CARE)
    time, calls = format.duration(ending.seconds), format.count(ending.calls, "api-call")
    yield from sentence(phrase("Time: {time}; {calls}.", time=time, calls=calls), style)
    if ending.again is not None:
        yield Line()
        yield Line(phrase("To continue:"), Tone.TITLE)
        yield from pasted(escape.outside(ending.again), style)


def _mark(each: StackEnding) -> str:
    match each.end:
        case "done":
            return phrase("ok")
        case "unchanged":
            return phrase("unchanged")
        case "failed":
            return phrase("FAILED")
        case "skipped":
            return phrase("skipped")
        case _:
            return phrase("not started")


def _reason(each: StackEnding) -> str:
    if each.end == "skipped":
        return phrase("needs {stacks}", stacks=format.first_of(each.because, ", "))
    if each.end == "failed":
        meaning = _MEANINGS.get(each.exit_code)
        return phrase("[{meaning}, ]exit code {code}", meaning=meaning, code=each.exit_code)
    return ""


def _counts(ending: ProjectEnding, *, good: bool) -> str:
    done, unchanged = ending.number("done"), ending.number("unchanged")
    if good:
        return phrase(
            "Destroy complete: {stacks} destroyed[, {unchanged} unchanged]."
            if ending.destroys
            else "Apply complete: {stacks} applied[, {unchanged} unchanged].",
            stacks=format.count(done, "stack"),
            unchanged=unchanged or None,
        )
    return phrase(
        "Destroy incomplete: {stacks} destroyed[, {unchanged} unchanged][; {failed} failed]"
        "[; {skipped} skipped][; {left} not started]."
        if ending.destroys
        else "Apply incomplete: {stacks} applied[, {unchanged} unchanged][; {failed} failed]"
        "[; {skipped} skipped][; {left} not started].",
        stacks=format.count(done, "stack"),
        unchanged=unchanged or None,
        failed=ending.number("failed") or None,
        skipped=ending.number("skipped") or None,
        left=ending.number("not-started") or None,
    )


def members(ending: ProjectEnding) -> dict[str, Any]:
    """The end of a run as members of a JSON line."""
    return {
        "stacks": [
            {
                "title": each.title,
                "end": each.end,
                "because": list(each.because),
                "calls": each.calls,
                "exit_code": each.exit_code,
            }
            for each in ending.stacks
        ],
        "calls": ending.calls,
        "seconds": round(ending.seconds, 3),
        "exit_code": ending.exit_code,
        "next": ending.again,
    }
