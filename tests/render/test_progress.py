"""A run in a log: a line for the begin and the end of each step, and an end that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.model.events import (
    Event,
    Message,
    RunStarted,
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
from reconciler.render.run.live_area import Ticker, no_ticker
from reconciler.render.run.progress import Lines
from reconciler.render.run.run_clock import RunClock
from reconciler.render.run.run_report import RunReport
from reconciler.render.run.screen import Style
from tests.doubles.clock import VirtualClock
from tests.render import plans

CREATE = Head(Action.CREATE)
STYLE = Style()

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


def steps() -> list[Step]:
    """The steps of the run."""
    return [
        Step(each["key"], plans.address(each["address"]), each["operation"])
        for each in (WEB, DB, DISK)
    ]


def report() -> RunReport:
    resources = {plans.address(each["address"]): Action.CREATE for each in (WEB, DB, DISK)}
    return RunReport(rows(), steps(), Tally(resources))


def test_a_log_has_a_line_when_a_step_starts_and_one_when_it_ends() -> None:
    written: list[str] = []
    view = log(written.append)
    for event in RUN:
        view(event)

    assert "".join(written).splitlines() == [
        "  [0/3] ..       +  instances.web  create instance  started",
        "  [0/3] ..       +  instances.db  create instance  started",
        "  60 calls a minute: waiting 3 s",
        "  [1/3] ok       +  instances.web  create instance  41 s",
        "  [1/3] FAILED   +  instances.db  create instance  할당량 초과 \\x1b[2J  (LIMIT, HTTP 400)",
        "  [1/3] skipped  +  block_storages.data  create block storage  because of instances.db",
    ]


def test_a_step_of_several_requests_starts_once_in_a_log() -> None:
    written: list[str] = []
    view = log(written.append)
    for operation in ("instance.stop", "instance.resize"):
        view(StepStarted(WEB["key"], WEB["address"], operation))

    assert "".join(written).count("started") == 1


def test_verbose_lines_show_waits_too() -> None:
    written: list[str] = []
    view = log(written.append, Style(verbose=True))
    for event in RUN[:2]:
        view(event)

    assert "".join(written).count("\n") == 2 and "build" in written[1]


def test_a_log_says_every_half_minute_how_far_the_run_is() -> None:
    # Goal: a CI job that is silent for minutes looks like one that hangs.
    written: list[str] = []
    clock, ticks = VirtualClock(), list[Callable[[], None]]()

    def ticker(tick: Callable[[], None], seconds: float) -> Callable[[], None]:
        ticks.append(tick)
        return ticks.clear

    view = log(written.append, clock=clock, ticker=ticker)
    view(RunStarted({WEB["key"]: 40.0, DB["key"]: 70.0, DISK["key"]: 100.0}))
    for event in RUN[:3]:
        view(event)
    for _ in range(70):
        clock.advance(1.0)
        ticks[0]()
    view.close()

    assert [line for line in "".join(written).splitlines() if "elapsed" in line] == [
        "  .. 0 of 3 resources, 30 s elapsed, about 1 min 10 s left; "
        "under way: instances.web 30 s, instances.db 30 s",
        "  .. 0 of 3 resources, 1 min elapsed, about 1 min left; "
        "under way: instances.web 1 min, instances.db 1 min",
    ]
    assert not ticks and "\r" not in "".join(written) and "\x1b" not in "".join(written)


def log(
    write: Callable[[str], None],
    style: Style = STYLE,
    *,
    clock: VirtualClock | None = None,
    ticker: Ticker = no_ticker,
) -> Lines:
    """The view of a log."""
    now = (clock or VirtualClock()).monotonic
    return Lines(write, style, report(), RunClock(steps(), now=now), ticker=ticker)


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
