"""The view of a run: one line a step, a live table, and an end that says what goes on."""

from __future__ import annotations

import io
from typing import Any

from reconciler.core.events import Event, StepDone, StepFailed, StepSkipped, StepStarted, StepUnknown, StepWaiting, Summary, Told
from reconciler.ui import progress, screen
from reconciler.ui.progress import Lines, Live, Tally
from reconciler.ui.screen import Look

WEB: dict[str, Any] = {"key": "instance.create instances.web", "address": "instances.web", "operation": "instance.create"}
DB: dict[str, Any] = {"key": "instance.create instances.db", "address": "instances.db", "operation": "instance.create"}
DISK: dict[str, Any] = {
    "key": "block_storage.create block_storages.data",
    "address": "block_storages.data",
    "operation": "block_storage.create",
}
RUN: list[Event] = [
    StepStarted(**WEB),
    StepWaiting(**WEB, status="build"),
    StepStarted(**DB),
    Told("60 calls a minute: waiting 3 s"),
    StepDone(**WEB, id="1", seconds=41.2),
    StepFailed(**DB, message="할당량 초과 \x1b[2J", error_code="LIMIT", http_status=400),
    StepSkipped(**DISK, because="instances.db"),
]
SUMMARY = Summary(1, 1, 1, 0, calls=9, seconds=63.0, exit_code=3, eta_seconds=60, next="reconciler apply web.yaml --env prod")


def test_elsewhere_than_at_a_terminal_each_step_is_one_line() -> None:
    written: list[str] = []
    view = Lines(written.append, Look(), total=3)
    for event in RUN:
        view(event)

    assert "".join(written).splitlines() == [
        "  60 calls a minute: waiting 3 s",
        "  [1/3] ok       instances.web  create instance  41 s",
        "  [2/3] FAILED   instances.db  create instance  할당량 초과 \\x1b[2J  (LIMIT, HTTP 400)",
        "  [3/3] skipped  block_storages.data  create block storage  because of instances.db",
    ]


def test_verbose_lines_tell_starts_and_waits_too() -> None:
    written: list[str] = []
    view = Lines(written.append, Look(verbose=True), total=3)
    for event in RUN[:2]:
        view(event)

    assert "".join(written).count("\n") == 2 and "build" in written[1]


def test_a_terminal_shows_what_is_under_way_and_keeps_what_ended() -> None:
    stream, moment = io.StringIO(), [0.0]
    view = Live(stream, Look(width=80), total=3, now=lambda: moment[0])
    try:
        for event in RUN[:3]:
            view(event)
        moment[0] = 75.0
        view._live.refresh()
    finally:
        view.close()
    shown = stream.getvalue()

    assert "build" in shown and "1 min 15 s" in shown and "0 of 3" in shown


def test_the_end_says_done_failed_skipped_because_and_how_to_go_on() -> None:
    tally = Tally()
    for event in [*RUN, StepUnknown(**WEB, message="no answer")]:
        tally.take(event)

    text = screen.text(progress.summary_lines(SUMMARY, tally, title="shop/prod", look=Look()), Look())

    assert text.splitlines() == [
        "",
        " shop/prod: 1 done, 1 failed, 1 skipped.    9 calls in 1 min 3 s (planned about 1 min)",
        "  failed   instances.db  create instance: 할당량 초과 \\x1b[2J  (LIMIT, HTTP 400)",
        "  unknown  instances.web  create instance: no answer",
        "  skipped  block_storages.data  create block storage: because of instances.db",
        " To go on:  reconciler apply web.yaml --env prod",
    ]
