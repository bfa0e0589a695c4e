"""The end of a run as a few lines: what is done, failed, skipped or unknown, and the command that
continues it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model.events import StepFailed, StepSkipped, StepUnknown, Summary
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.layout import event_line, sentence
from reconciler.render.plan.consent_text import pasted
from reconciler.render.plan.tally import done
from reconciler.render.run import progress
from reconciler.render.run.run_report import NOTHING_LEFT, RunReport
from reconciler.render.run.screen import Line, Style, Tone

_LISTED_MAX = 20
_OFF_SHARE_MIN, _OFF_SECONDS_MIN = 0.25, 10
"""An estimate that was off by less is not mentioned."""


def summary_lines(
    summary: Summary,
    report: RunReport,
    *,
    style: Style,
    time_scale: float = 1.0,
    with_rows: bool = False,
) -> Iterable[Line]:
    """The end of a run: what is done, failed, skipped and why, unknown, and the command that
    continues it.

    `time_scale` is how many times faster than the real cloud this one was; the plan's estimate is
    for the real one, and is compared only there.
    `with_rows`: the rows that are done were not shown yet.
    """
    yield Line()
    if with_rows:
        yield from progress.row_lines(report.done, style)
    yield from _listed(phrase("failed"), report.failed, report, style)
    for hint in dict.fromkeys(item.hint for item in report.failed if item.hint is not None):
        label = f"  {escape.pad(phrase('hint:'), 8)} "
        yield from event_line(label, [escape.outside(hint)], style, tone=Tone.CARE)
    yield from _listed(phrase("unknown"), report.unknown, report, style)
    yield from _listed(phrase("skipped"), report.skipped, report, style)
    if (with_rows and report.done) or report.failed or report.unknown or report.skipped:
        yield Line()
    good = summary.exit_code == 0
    tone = Tone.GOOD if good else Tone.CARE
    yield from sentence(_counts(report, good=good), style, tone=tone)
    yield from sentence(_time(summary, simulated=time_scale != 1.0), style)
    if summary.next is not None:
        yield Line()
        yield Line(phrase("To continue:"), Tone.TITLE)
        yield from pasted(escape.outside(summary.next), style)


def _counts(report: RunReport, *, good: bool) -> str:
    """What became of how many resources, counted as the plan counts them."""
    found, left = report.resources.done(), report.resources.left(report.failed, report.unknown)
    if good and left == NOTHING_LEFT:
        return phrase(
            "Destroy complete: {counts}." if found.destroys else "Apply complete: {counts}.",
            counts=done(found),
        )
    return phrase(
        "Destroy incomplete: {counts}[; {failed} failed][; {unknown} with an unknown outcome]"
        "[; {other} not done]."
        if found.destroys
        else "Apply incomplete: {counts}[; {failed} failed][; {unknown} with an unknown outcome]"
        "[; {other} not done].",
        counts=done(found),
        failed=left.failed or None,
        unknown=left.unknown or None,
        other=left.other or None,
    )


def _time(summary: Summary, *, simulated: bool) -> str:
    """How long the run took, and what the plan expected if that was far off."""
    time, calls = format.duration(summary.seconds), format.count(summary.calls, "api-call")
    if simulated:
        return phrase("Time: {time} on the local cloud; {calls}.", time=time, calls=calls)
    return phrase(
        "Time: {time}; {calls}.[ The plan expected about {expected}.]",
        time=time,
        calls=calls,
        expected=_missed_estimate(summary),
    )


def _missed_estimate(summary: Summary) -> str:
    """The duration that the plan expected, if a run that ended well shows that it was far off."""
    expected = summary.eta_seconds
    if expected is None or summary.exit_code != 0:
        return ""
    off = abs(summary.seconds - expected)
    far = off > _OFF_SECONDS_MIN and off > _OFF_SHARE_MIN * expected
    return format.duration(expected) if far else ""


def _listed(
    label: str,
    events: Sequence[StepFailed | StepSkipped | StepUnknown],
    report: RunReport,
    style: Style,
) -> Iterable[Line]:
    label = f"  {escape.pad(label, 8)} "
    for event in events[:_LISTED_MAX]:
        _, text, tone = progress.outcome(event)
        operation = report.operation(event.key, event.operation)
        line = phrase(
            "{address}  {operation}: {text}", address=event.address, operation=operation, text=text
        )
        yield from event_line(label, [line], style, tone=tone)
    if len(events) > _LISTED_MAX:
        more = phrase("and {number} more", number=len(events) - _LISTED_MAX)
        yield Line(f"{label}{more}", tone)
