"""A rule that somebody made in the console has no address: the steps that delete it name it."""

from __future__ import annotations

from typing import Any

from reconciler.model.events import Event, StepDone, StepFailed, StepStarted, Summary
from reconciler.model.plan import Plan
from reconciler.render.plan import totals
from reconciler.render.run import progress, run_end, screen
from reconciler.render.run.run_clock import RunClock
from reconciler.render.run.run_report import RunReport
from reconciler.render.run.screen import Style
from tests.builders import Case, firewall, rule, settled
from tests.doubles.clock import VirtualClock

ROW = {"firewall": "f-web", "direction": "in", "protocol": "tcp", "cidr": "0.0.0.0/0"}


def base() -> Case:
    case = settled(firewall("web"), rule("web", "old")).leave_out("firewalls.web.rules.old")
    case = case.foreign_object("rules", "r-1", ports="22", title="ssh", **ROW)
    return case.foreign_object("rules", "r-2", ports="25", title=None, **ROW)


def test_the_order_of_the_steps_names_each_rule() -> None:
    assert totals.order(base().plan().steps) == ["1 delete rule web.old web.ssh web.r-2"]


def test_the_lines_of_a_run_name_the_rule() -> None:
    plan: Plan = base().plan()
    step = next(step for step in plan.steps if step.target == "r-1")
    which: dict[str, Any] = {
        "key": step.key,
        "address": str(step.address),
        "operation": step.operation,
    }
    report = RunReport((), plan.steps)
    clock = RunClock(plan.steps, now=VirtualClock().monotonic)
    events: list[Event] = [
        StepStarted(**which),
        StepDone(**which, seconds=1.0),
        StepFailed(**which, message="no"),
    ]
    for event in events:
        report.take(event)
        text = screen.text(progress.event_lines(event, Style(), report, clock), Style())
        assert "firewalls.web  delete rule ssh  " in text
    summary = Summary(1, 1, 0, 0, 1, 1.0, 1)
    end = screen.text(run_end.summary_lines(summary, report, style=Style()), Style())
    assert "failed   firewalls.web  delete rule ssh: no" in end
