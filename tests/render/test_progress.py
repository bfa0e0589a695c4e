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
from reconciler.model.plan import Action, Step
from reconciler.render.plan.change_text import Head
from reconciler.render.plan.plan_rows import PlanRow
from reconciler.render.plan.tally import Tally
from reconciler.render.run import progress, run_end, screen
from reconciler.render.run.progress import Lines, Live
from reconciler.render.run.run_report import RunReport
from reconciler.render.run.screen import Style
from tests.render import plans

CREATE = Head(Action.CREATE)
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
        PlanRow(each["address"], (what,), CREATE, addresses=(each["address"],))
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
        Tally({plans.address(each["address"]): Action.CREATE for each in (WEB, DB, DISK)}),
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

    text = screen.text(run_end.summary_lines(SUMMARY, run, style=Style()), Style())

    assert text.splitlines() == [
        "",
        "  failed   instances.db  create instance: 할당량 초과 \\x1b[2J  (LIMIT, HTTP 400)",
        "  unknown  instances.web  create instance: no answer",
        "  skipped  block_storages.data  create block storage: because of instances.db",
        "",
        "Apply incomplete: 1 created, 0 changed, 0 replaced, 0 deleted; 1 failed; 1 not done.",
        "Time: 1 min 3 s; 9 API calls.",
        "",
        "To continue:",
        "  reconciler apply web.yaml --env prod",
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
                "instances.web[0..1]",
                ("std_2.4-g1",),
                CREATE,
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
        and "ok       +  instances.web[0..1]  create 2: std_2.4-g1  22 s" in stream.getvalue()
    )


def test_the_end_shows_the_rows_that_are_done_the_dangerous_ones_all_and_the_rest_in_part() -> None:
    quiet = [
        PlanRow(
            f"instances.a{number}", ("std_2.4-g1",), CREATE, addresses=(f"instances.a{number}",)
        )
        for number in range(30)
    ]
    danger = [
        PlanRow(
            f"instances.z{number}",
            ("left out of the file",),
            Head(Action.DELETE),
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


def test_the_end_mentions_the_estimate_only_where_it_was_far_off() -> None:
    def end(seconds: float, *, planned: int = 60, exit_code: int = 0, scale: float = 1.0) -> str:
        summary = Summary(
            1, 0, 0, 0, calls=9, seconds=seconds, exit_code=exit_code, eta_seconds=planned
        )
        return screen.text(
            run_end.summary_lines(summary, RunReport(), style=Style(), time_scale=scale), Style()
        )

    far = "The plan expected about 1 min."
    assert far in end(80) and far in end(40)
    assert not any("expected" in text for text in (end(70), end(55), end(9, planned=1)))
    assert "expected" not in end(80, exit_code=3)
    assert "Time: 0.9 s on the local cloud; 9 API calls.\n" in end(0.9, scale=60.0)


def test_the_end_counts_resources_as_the_plan_does() -> None:
    firewall, rule = plans.address("firewalls.web"), plans.address("firewalls.web.rules.ssh")
    server = plans.address("instances.web")
    steps = [
        Step(f"{operation} {address}", address, operation)
        for address, operation in (
            (firewall, "firewall.create"),
            (rule, "rule.create"),
            (server, "instance.delete"),
        )
    ]
    found = Tally({firewall: Action.CREATE, server: Action.DELETE})
    run, half = RunReport((), steps, found), RunReport((), steps, found)
    for number, step in enumerate(steps):
        done = StepDone(key=step.key, address=str(step.address), operation=step.operation)
        run.take(done)
        if number:
            half.take(done)

    def end(report: RunReport, code: int) -> str:
        summary = Summary(3, 0, 0, 0, calls=9, seconds=1.0, exit_code=code)
        return screen.text(run_end.summary_lines(summary, report, style=Style()), Style())

    assert "Apply complete: 1 created, 0 changed, 0 replaced, 1 deleted.\n" in end(run, 0)
    incomplete = "Apply incomplete: 0 created, 0 changed, 0 replaced, 1 deleted; 1 not done.\n"
    assert incomplete in end(half, 3)
