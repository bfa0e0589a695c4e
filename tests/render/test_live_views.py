"""What a terminal shows while a command works, on its screen and in virtual time."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from reconciler.model.events import (
    ActivityEnded,
    LockWait,
    Planning,
    QuotaWait,
    ReadProgress,
    RetryWait,
    RunStarted,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepWaiting,
)
from reconciler.model.plan import Action, Step
from reconciler.render import escape
from reconciler.render.plan.change_text import Head
from reconciler.render.plan.plan_rows import PlanRow
from reconciler.render.run import live_area
from reconciler.render.run.activity_view import ActivityLine, ActivityLog
from reconciler.render.run.live_area import LiveArea, Terminal, no_ticker, threaded
from reconciler.render.run.progress import Live
from reconciler.render.run.run_clock import RunClock
from reconciler.render.run.run_report import RunReport
from reconciler.render.run.screen import Line
from tests.doubles.clock import VirtualClock
from tests.render import plans
from tests.render.terminals import Screen

NAMES = ("firewalls.web", "firewalls.web.rules.https", "instances.web[0]", "instances.web[1]")
ENDS = {"firewalls.web": 2.0, "firewalls.web.rules.https": 4.0} | {
    "instances.web[0]": 40.0,
    "instances.web[1]": 60.0,
}


def event(name: str) -> dict[str, Any]:
    kind = name.partition(".")[0].removesuffix("s")
    operation = "rule.create" if ".rules." in name else f"{kind}.create"
    return {"key": name, "address": name, "operation": operation}


def steps() -> list[Step]:
    return [Step(name, plans.address(name), event(name)["operation"]) for name in NAMES]


def live(screen: Screen) -> Live:
    """The view of a run of two instances and a firewall with a rule."""
    rows = [
        PlanRow(
            name,
            ("웹 서버 std_2.4-g1",),
            Head(Action.CREATE),
            addresses=tuple(each for each in NAMES if each.startswith(name)),
        )
        for name in NAMES
        if ".rules." not in name
    ]
    now = screen.clock.monotonic
    report, clock = RunReport(rows, steps()), RunClock(steps(), now=now)
    view = Live(screen.area, screen.write, screen.style, report, clock)
    view(RunStarted(ENDS))
    return view


def reading(screen: Screen) -> ActivityLine:
    return ActivityLine(screen.area, screen.style, now=screen.clock.monotonic)


# Reading and waiting
# ------------------------------------------------------------------------------------------------


def test_a_quick_reading_shows_nothing() -> None:
    # Goal: a plan of half a second does not flicker.
    screen = Screen()
    view = reading(screen)
    for done in range(4):
        view(ReadProgress(done, 4))
        screen.wait(0.1)
    view(Planning())
    view(ActivityEnded())
    screen.wait(0.2)
    view.close()

    assert screen.written == "" and screen.tickers == 0


def test_a_longer_reading_shows_the_calls_done_of_those_expected_and_leaves_nothing() -> None:
    screen = Screen()
    view = reading(screen)
    screen.write("before\n")
    view(ReadProgress(0, 4))
    screen.wait(0.6)
    first = screen.lines
    view(ReadProgress(5, 11))
    screen.wait(0.1)
    second = screen.lines
    view(ActivityEnded())
    view.close()

    assert first[1].endswith(" Reading the account: 0 of 4 API calls")
    assert second[1].endswith(" Reading the account: 5 of 11 API calls")
    assert first[1][0] != second[1][0]  # the sign turns
    assert screen.lines == ["before"] and screen.tickers == 0


def test_a_wait_for_the_quota_counts_down() -> None:
    screen = Screen()
    view = reading(screen)
    view(ReadProgress(5, 11))
    view(QuotaWait(12.0))
    shown = []
    for _ in range(3):
        screen.wait(4.0)
        shown.append(screen.lines[0][2:])

    assert shown == [
        "Reading the account: 5 of 11 API calls; waiting 8 s for the request quota",
        "Reading the account: 5 of 11 API calls; waiting 4 s for the request quota",
        "Reading the account: 5 of 11 API calls",
    ]


def test_a_wait_for_the_lock_names_its_holder_and_fits_a_narrow_terminal() -> None:
    screen = Screen(60)
    view = reading(screen)
    view(LockWait("kim on desk (process 7) works on this stack", 60.0))
    screen.wait(15.0)

    assert len(screen.lines) == 1 and escape.width(screen.lines[0]) < 60
    assert screen.lines[0][2:].startswith("Waiting for the lock, at most 45 s: kim on desk")


def test_an_ascii_terminal_gets_ascii_signs() -> None:
    screen = Screen(ascii=True)
    view = reading(screen)
    run = live(screen)
    view(ReadProgress(1, 2))
    screen.wait(1.0)
    run.close()
    view.close()

    assert screen.written.isascii() and "Reading the account" in screen.written


def test_a_log_reports_each_kind_of_wait_once_and_a_long_reading_every_half_minute() -> None:
    lines: list[Line] = []
    clock = VirtualClock()
    view = ActivityLog(lines.extend, clock.monotonic)
    for number in range(70):
        view(ReadProgress(number, 70))
        view(QuotaWait(2.0))
        clock.advance(1.0)
    view(RetryWait(3.0))
    view(LockWait("kim works on this stack", 60.0))
    view.close()

    assert [line.text for line in lines] == [
        " the request quota is used up: sending the next request in 2 s",
        " Reading the account: 30 of 70 API calls",
        " Reading the account: 60 of 70 API calls",
        " no usable answer yet: asking again in 3 s",
        " waiting for the lock, at most 1 min: kim works on this stack",
    ]


# A run
# ------------------------------------------------------------------------------------------------


def test_a_run_shows_what_is_under_way_and_a_bar_with_the_time_left() -> None:
    screen = Screen(100)
    view = live(screen)
    for name in NAMES[:2]:
        view(StepStarted(**event(name)))
        view(StepDone(**event(name), id="1", seconds=2.0))
    view(StepStarted(**event("instances.web[0]")))
    view(StepWaiting(**event("instances.web[0]"), status="build"))
    screen.wait(12.0)
    view(StepStarted(**event("instances.web[1]")))
    screen.wait(12.0)

    assert screen.lines == [
        "  ok       +  firewalls.web  create: 웹 서버 std_2.4-g1  2 s",
        "  ..       +  instances.web[0]  create instance: build  24 s",
        "  ..       +  instances.web[1]  create instance: sent  12 s",
        "  ━━━━━━━━━━────────────────────  1 of 3 resources, 24 s elapsed, about 32 s left",
    ]
    assert screen.cursor_is_shown


def test_a_rule_counts_as_part_of_its_firewall_and_a_failure_as_not_done() -> None:
    screen = Screen()
    view = live(screen)
    view(StepDone(**event(NAMES[0]), id="1", seconds=2.0))
    view(StepFailed(**event(NAMES[1]), message="refused"))
    view(StepSkipped(**event(NAMES[2]), because=NAMES[1]))
    screen.wait(1.0)

    assert "0 of 3 resources, 2 not done, 1 s elapsed" in screen.lines[-1]


@pytest.mark.parametrize("columns", [40, 60, 80, 140])
def test_every_line_fits_the_terminal(columns: int) -> None:
    screen = Screen(columns)
    view = live(screen)
    for name in NAMES[2:]:
        view(StepStarted(**event(name)))
    screen.wait(75.0)

    assert all(escape.width(line) < columns for line in screen.lines)
    assert "0 of 3" in screen.lines[-1] or "0/3" in screen.lines[-1]
    assert "1 min 15 s" in screen.lines[0] and len(screen.lines) == 3


def test_a_short_terminal_shows_the_end_of_a_long_list_and_the_bar() -> None:
    screen = Screen(80, rows=3)
    view = live(screen)
    for name in NAMES:
        view(StepStarted(**event(name)))
    screen.wait(1.0)

    assert len(screen.lines) == 2 and "0 of 3 resources" in screen.lines[-1]


def test_the_wait_for_the_quota_counts_down_in_a_run() -> None:
    screen = Screen()
    view = live(screen)
    view(QuotaWait(30.0))
    screen.wait(18.0)
    waiting = screen.lines[0]
    screen.wait(13.0)

    assert waiting == "  waiting 12 s for the request quota" and len(screen.lines) == 1


def test_a_terminal_leaves_each_row_of_the_plan_behind_when_all_of_it_is_done() -> None:
    screen = Screen()
    row = PlanRow("instances.web[0..1]", ("std_2.4-g1",), Head(Action.CREATE), addresses=NAMES[2:])
    now = screen.clock.monotonic
    report, clock = RunReport([row], steps()[2:]), RunClock(steps()[2:], now=now)
    view = Live(screen.area, screen.write, screen.style, report, clock)
    view(StepDone(**event(NAMES[2]), id="1", seconds=20.0))
    half = list(screen.lines)
    view(StepDone(**event(NAMES[3]), id="2", seconds=22.0))
    view.close()

    assert not any("ok" in line for line in half)
    assert screen.lines == ["  ok       +  instances.web[0..1]  create: std_2.4-g1  22 s"]


# The area
# ------------------------------------------------------------------------------------------------


def test_other_output_is_written_above_and_a_question_is_not_drawn_over() -> None:
    screen = Screen()
    view = live(screen)
    screen.wait(1.0)
    screen.write("a line\n")
    assert screen.lines[0] == "a line" and "resources" in screen.lines[1]
    with screen.area.paused():
        screen.write("\n Type shop to apply: ")
        screen.wait(1.0)
        assert screen.lines == ["a line", "", " Type shop to apply:"]
    view.close()

    assert screen.lines == ["a line", "", " Type shop to apply:"]


def test_a_terminal_that_became_narrower_is_cleaned_with_the_wrapped_lines() -> None:
    screen = Screen(80)
    view = live(screen)
    screen.wait(1.0)
    drawn = screen.lines[0]
    before, screen.columns = len(screen.written), 40
    view.close()

    rows = -(-escape.width(drawn) // 40)
    assert screen.written[before:] == f"\r\x1b[{rows - 1}A\x1b[J"


def test_what_a_signal_handler_reports_comes_above_with_the_next_redraw() -> None:
    screen = Screen()
    assert not screen.area.write_above("nobody would write it\n")
    view = live(screen)
    screen.wait(1.0)
    assert screen.area.write_above("interrupted\n")
    screen.wait(0.1)
    assert screen.lines[0] == "interrupted" and "resources" in screen.lines[1]
    view.close()


@pytest.mark.parametrize("at", range(6))
def test_a_process_that_ends_at_once_leaves_nothing_whatever_is_being_written(at: int) -> None:
    # Goal: a second Ctrl-C between the erasure of lines and the next frame, or in the middle of
    # a frame, leaves a clean screen (the frame is whole first, and there is no other).
    screen, gone = Screen(), threading.Event()
    writes = 0

    def leave(erasure: str) -> None:
        screen.feed(erasure)
        gone.set()

    def feed(text: str) -> None:
        nonlocal writes
        if gone.is_set():
            return
        if writes == at:  # half of it is on the screen
            screen.feed(text[: len(text) // 2])
            screen.area.end(leave)
            assert not gone.wait(0.01)
            text = text[len(text) // 2 :]
        screen.feed(text)
        writes += 1

    area = screen.area = LiveArea(
        Terminal(feed, lambda: (80, 24), screen.style, screen.clock.monotonic, no_ticker)
    )
    view = live(screen)
    screen.wait(1.0)
    assert area.write_above("interrupted\n")
    screen.wait(1.0)
    with area.hidden(whole=True):
        feed("a line\n")

    assert gone.wait(5.0) and writes > at
    assert screen.lines in ([], ["interrupted"], ["interrupted", "a line"])
    assert screen.cursor_is_shown
    view.close()


def test_a_process_that_ends_at_once_does_not_wait_for_output_that_is_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_area, "END_SECONDS", 0.01)
    screen, gone = Screen(), threading.Event()
    live(screen)
    screen.wait(1.0)
    with screen.area.changing():
        screen.area.end(lambda erasure: gone.set())
        assert gone.wait(5.0)


def test_nothing_is_written_while_nothing_changes() -> None:
    screen = Screen()
    live(screen)
    screen.wait(0.3)
    before = screen.written
    for _ in range(3):
        screen.wait(0.1)

    assert screen.written == before


def test_the_thread_that_redraws_ends_when_it_is_stopped() -> None:
    ticked = threading.Event()
    stop = threaded(ticked.set, 0.001)
    assert ticked.wait(5.0)
    stop()

    assert not any(thread.name == "progress" for thread in threading.enumerate())


# Time left
# ------------------------------------------------------------------------------------------------


def run_clock(scale: float = 1.0) -> tuple[VirtualClock, RunClock]:
    clock = VirtualClock()
    found = RunClock(steps(), now=clock.monotonic, time_scale=scale)
    found.take(RunStarted({name: seconds * scale for name, seconds in ENDS.items()}))
    return clock, found


@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_the_time_left_follows_the_forecast_and_the_delay_of_the_run(scale: float) -> None:
    clock, run = run_clock(scale)
    assert run.remaining() == pytest.approx(60.0)
    clock.advance(10.0)
    run.take(StepDone(**event(NAMES[0]), id="1", seconds=2.0))  # eight seconds late
    assert run.remaining() == pytest.approx(58.0)
    run.take(StepStarted(**event(NAMES[2])))
    clock.advance(60.0)  # it should have ended 30 s ago
    assert run.remaining() == pytest.approx(20.0)
    for name in NAMES[1:]:
        run.take(StepDone(**event(name), id="1", seconds=2.0))

    assert run.remaining() == 0.0 and (run.resources.done, run.resources.total) == (3, 3)


def test_a_run_without_a_forecast_says_nothing_of_the_time_left() -> None:
    clock = VirtualClock()
    run = RunClock(steps(), now=clock.monotonic)
    run.take(RunStarted())
    clock.advance(3.0)

    assert run.remaining() is None and run.elapsed == 3.0
