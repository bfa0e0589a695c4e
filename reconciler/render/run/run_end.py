"""The end of a run as a few lines: what is done, failed, skipped or unknown, and the command that
continues it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model.events import StepFailed, StepSkipped, StepUnknown, Summary
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.run import progress
from reconciler.render.run.run_report import RunReport
from reconciler.render.run.screen import Line, Style, Tone

_LISTED_MAX = 20
_OFF_PERCENT_MIN = 10
"""An estimate that was off by less is not mentioned."""


def summary_lines(
    summary: Summary,
    report: RunReport,
    *,
    title: str,
    style: Style,
    time_scale: float = 1.0,
    with_rows: bool = False,
) -> Iterable[Line]:
    """The end of a run: what is done, failed, skipped and why, unknown, and the command that
    continues it.

    `time_scale` is how many times faster than the real cloud this one was; the plan's estimate is
    for the real one. `with_rows`: the rows that are done were not shown yet.
    """
    yield Line()
    if with_rows:
        yield from progress.row_lines(report.done, style)
    yield from _listed(phrase("failed"), report.failed, Tone.DANGER)
    for hint in dict.fromkeys(item.hint for item in report.failed if item.hint is not None):
        yield Line(f"  {phrase('hint:'):<8} {escape.outside(hint)}", Tone.CARE)
    yield from _listed(phrase("unknown"), report.unknown, Tone.DANGER)
    yield from _listed(phrase("skipped"), report.skipped, Tone.CARE)
    scaled = time_scale != 1.0
    text = phrase(
        "{stack}: {done} done[, {failed} failed][, {skipped} skipped][, {unknown} unknown].    "
        "{calls} in {duration}[, which is {real} at the cloud's own speed][ ({estimate})]",
        stack=title,
        done=summary.done,
        failed=summary.failed or None,
        skipped=summary.skipped or None,
        unknown=summary.unknown or None,
        calls=format.count(summary.calls, "call"),
        duration=format.duration(summary.seconds),
        real=format.duration(summary.seconds * time_scale) if scaled else None,
        estimate=_estimate(summary, time_scale),
    )
    yield Line(f" {text}", Tone.GOOD if summary.exit_code == 0 else Tone.CARE)
    if summary.next is not None:
        yield Line(" " + phrase("To continue:  {command}", command=summary.next), Tone.TITLE)


def _estimate(summary: Summary, time_scale: float) -> str:
    """The planned duration, and by how much it was off if the run ended well."""
    planned = summary.eta_seconds
    if planned is None:
        return ""
    percent = round(100 * (summary.seconds * time_scale - planned) / planned) if planned else 0
    off = "" if abs(percent) < _OFF_PERCENT_MIN or summary.exit_code != 0 else abs(percent)
    return phrase(
        "planned about {duration}[: it took {off} % longer]"
        if percent > 0
        else "planned about {duration}[: it took {off} % less]",
        duration=format.duration(planned),
        off=off,
    )


def _listed(
    label: str, events: Sequence[StepFailed | StepSkipped | StepUnknown], tone: Tone
) -> Iterable[Line]:
    for event in events[:_LISTED_MAX]:
        _, text, _ = progress.outcome(event)
        operation = format.operation(event.operation)
        line = phrase(
            "{address}  {operation}: {text}", address=event.address, operation=operation, text=text
        )
        yield Line(f"  {escape.pad(label, 8)} {line}", tone)
    if len(events) > _LISTED_MAX:
        more = phrase("and {number} more", number=len(events) - _LISTED_MAX)
        yield Line(f"  {escape.pad(label, 8)} {more}", tone)
