"""The view of a run: one line a step, a live table, and an end that says what goes on."""

from __future__ import annotations

import io
from typing import Any

from reconciler.model.events import (
    Event,
    Message,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepUnknown,
    StepWaiting,
    Summary,
)
from reconciler.model.plan import Step
from reconciler.render.plan.plan_rows import PlanRow
from reconciler.render.run import progress, run_end, screen
from reconciler.render.run.progress import Lines, Live
from reconciler.render.run.run_report import RunReport
from reconciler.render.run.screen import Style
from tests.render import plans

WEB: dict[str, Any] = {
    "key": "instance.create instances.web",
    "address": "instances.web",
    "operation": "instance.create",
}
DB: dict[str, Any] = {
    "key": "instance.create instances.db",
    "address": "instances.db",
    "operation": "instance.create",
}
DISK: dict[str, Any] = {
    "key": "block_storage.create block_storages.data",
    "address": "block_storages.data",
    "operation": "block_storage.create",
}
RUN: list[Event] = [
    StepStarted(**WEB),
    StepWaiting(**WEB, status="build"),
    StepStarted(**DB),
    Message("60 calls a minute: waiting 3 s"),
    StepDone(**WEB, id="1", seconds=41.2),
    StepFailed(**DB, message="할당량 초과 \x1b[2J", error_code="LIMIT", http_status=400),
    StepSkipped(**DISK, because="instances.db"),
]
SUMMARY = Summary(
    1,
    1,
    1,
    0,
    calls=9,
    seconds=63.0,
    exit_code=3,
    eta_seconds=60,
    next="reconciler apply web.yaml --env prod",
)


def rows() -> list[PlanRow]:
    """The rows of the plan that the run is of."""
    return [
        PlanRow("+", each["address"], (what,), addresses=(each["address"],))
        for each, what in (
            (WEB, "std_2.4-g1  ubuntu 22.04"),
            (DB, "std_4.8-g1"),
            (DISK, "100 GB  ssd  on db"),
        )
    ]


def report() -> RunReport:
    return RunReport(
        rows(),
        [
            Step(each["key"], plans.address(each["address"]), each["operation"])
            for each in (WEB, DB, DISK)
        ],
    )


def test_elsewhere_than_at_a_terminal_each_step_is_one_line() -> None:
    written: list[str] = []
    view = Lines(written.append, Style(), report())
    for event in RUN:
        view(event)

    assert "".join(written).splitlines() == [
        "  60 calls a minute: waiting 3 s",
        "  [1/3] ok       +  instances.web  create instance  41 s",
        "  [2/3] FAILED   +  instances.db  create instance  할당량 초과 \\x1b[2J  (LIMIT, HTTP 400)",
        "  [3/3] skipped  +  block_storages.data  create block storage  because of instances.db",
    ]


def test_verbose_lines_show_starts_and_waits_too() -> None:
    written: list[str] = []
    view = Lines(written.append, Style(verbose=True), report())
    for event in RUN[:2]:
        view(event)

    assert "".join(written).count("\n") == 2 and "build" in written[1]


def test_a_terminal_shows_what_is_under_way_and_keeps_what_ended() -> None:
    stream, moment = io.StringIO(), [0.0]
    view = Live(stream, Style(width=80), report(), now=lambda: moment[0])
    try:
        for event in RUN[:3]:
            view(event)
        moment[0] = 75.0
        view._live.refresh()
    finally:
        view.close()
    shown = stream.getvalue()

    assert "create instance: build" in shown and "1 min 15 s" in shown and "0 of 3 steps" in shown


def test_the_summary_lists_done_failed_and_skipped_steps_and_how_to_continue() -> None:
    run = report()
    for event in [*RUN, StepUnknown(**WEB, message="no answer")]:
        run.take(event)

    text = screen.text(
        run_end.summary_lines(SUMMARY, run, title="shop/prod", style=Style()), Style()
    )

    assert text.splitlines() == [
        "",
        "  failed   instances.db  create instance: 할당량 초과 \\x1b[2J  (LIMIT, HTTP 400)",
        "  unknown  instances.web  create instance: no answer",
        "  skipped  block_storages.data  create block storage: because of instances.db",
        " shop/prod: 1 done, 1 failed, 1 skipped.    9 calls in 1 min 3 s (planned about 1 min)",
        " To continue:  reconciler apply web.yaml --env prod",
    ]


def test_a_terminal_leaves_each_row_of_the_plan_behind_when_all_of_it_is_done() -> None:
    stream = io.StringIO()
    steps: list[dict[str, Any]] = [
        {
            "key": f"instance.create instances.web[{number}]",
            "address": f"instances.web[{number}]",
            "operation": "instance.create",
        }
        for number in (0, 1)
    ]
    followed = RunReport(
        [
            PlanRow(
                "+",
                "instances.web[0..1]",
                ("std_2.4-g1",),
                addresses=("instances.web[0]", "instances.web[1]"),
                alike=2,
            )
        ],
        [Step(each["key"], plans.address(each["address"]), each["operation"]) for each in steps],
    )
    view = Live(stream, Style(width=80), followed, now=lambda: 0.0)
    try:
        view(StepDone(**steps[0], id="1", seconds=20.0))
        half = stream.getvalue()
        view(StepDone(**steps[1], id="2", seconds=22.0))
    finally:
        view.close()

    assert (
        "ok" not in half
        and "ok       +  instances.web[0..1]  2 alike   std_2.4-g1  22 s" in stream.getvalue()
    )


def test_the_end_shows_the_rows_that_are_done_the_dangerous_ones_all_and_the_rest_in_part() -> None:
    quiet = [
        PlanRow("+", f"instances.a{number}", ("std_2.4-g1",), addresses=(f"instances.a{number}",))
        for number in range(30)
    ]
    danger = [
        PlanRow(
            "-",
            f"instances.z{number}",
            ("deleted",),
            addresses=(f"instances.z{number}",),
            dangerous=True,
        )
        for number in range(25)
    ]
    every = [*quiet, *danger]
    followed = RunReport(
        every,
        [Step(row.address, plans.address(row.address), "instance.create") for row in every],
    )
    for row in every:
        followed.take(
            StepDone(
                key=row.address,
                address=row.address,
                operation="instance.create",
                id="1",
                seconds=2.0,
            )
        )

    text = screen.text(progress.row_lines(followed.done, Style()), Style())

    assert text.count("  -  ") == 25 and text.endswith("  ok       and 30 more\n")


def test_the_end_compares_the_estimate_with_what_happened_at_the_clouds_own_speed() -> None:
    def end(seconds: float, exit_code: int = 0) -> str:
        summary = Summary(1, 0, 0, 0, calls=9, seconds=seconds, exit_code=exit_code, eta_seconds=60)
        return screen.text(
            run_end.summary_lines(
                summary, RunReport(), title="shop", style=Style(), time_scale=60.0
            ),
            Style(),
        )

    assert "(planned about 1 min: it took 20 % longer)" in end(1.2)
    assert "(planned about 1 min: it took 50 % less)" in end(0.5)
    assert "(planned about 1 min)" in end(1.0) and "(planned about 1 min)" in end(9.0, exit_code=3)
