"""Which step may begin when, without a cloud: order, busy instances, skips and unsettled steps."""

from __future__ import annotations

from typing import Any

from reconciler.model.address import Address
from reconciler.model.plan import Step
from reconciler.schedule.scheduler import Scheduler
from reconciler.schedule.step_state import (
    Done,
    Failure,
    InFlight,
    Pending,
    Polling,
    Skipped,
    StepEvent,
    UnknownOutcome,
    Unsettled,
)
from reconciler.schedule.task import Task

FAILURE = Failure("refused")
POLLING = Polling(("instances",), accepted=0.0, usual_seconds=1.0, deadline=9.0, next_poll=1.0)
UNKNOWN = UnknownOutcome(FAILURE, ("instances",), 0.0, deadline=9.0, next_poll=0.0, judged=0.0)


def step(key: str, **fields: Any) -> Step:
    """A step of an instance named as its key, if no other address is given."""
    name = fields.pop("name", key)
    return Step(key, Address("instances", name), "instance.create", **fields)


def scheduler_of(*steps: Step, weights: dict[str, float] | None = None) -> Scheduler:
    """A scheduler of these steps, each with its weight, or one."""
    weight = weights or {}
    return Scheduler({s.key: Task(s, weight.get(s.key, 1.0), [s.operation]) for s in steps})


def begin(scheduler: Scheduler, now: float = 0.0) -> Task:
    """Sends the next step."""
    task = scheduler.next(now)
    assert task is not None
    scheduler.take(task)
    task.started = now
    task.advance(StepEvent.SENT, InFlight())
    return task


def test_heaviest_step_begins_first() -> None:
    scheduler = scheduler_of(step("a"), step("b"), weights={"b": 2.0})
    assert [begin(scheduler).key, begin(scheduler).key] == ["b", "a"]
    assert scheduler.next(0.0) is None


def test_step_waits_until_what_it_comes_after_is_done() -> None:
    scheduler = scheduler_of(step("a"), step("b", after=("a",)))
    first = begin(scheduler)
    assert scheduler.next(0.0) is None
    first.operation_done()
    scheduler.follow_up()
    assert begin(scheduler).key == "b"


def test_acceptance_is_enough_for_a_step_that_says_so() -> None:
    scheduler = scheduler_of(step("a"), step("b", after=("a",), after_accepted=("a",)))
    first = begin(scheduler)
    first.advance(StepEvent.ACCEPTED, POLLING)
    scheduler.follow_up()
    second = begin(scheduler)
    first.fail(FAILURE)
    scheduler.follow_up()
    assert (second.key, second.state) == ("b", InFlight())


def test_only_one_step_at_a_time_acts_on_an_instance() -> None:
    scheduler = scheduler_of(step("a", instances=("web",)), step("b", instances=("web",)))
    first = begin(scheduler)
    assert scheduler.next(0.0) is None
    first.operation_done()
    assert begin(scheduler).key == "b"


def test_step_that_is_retried_keeps_its_instance_and_waits_for_its_time() -> None:
    scheduler = scheduler_of(step("a", instances=("web",)), step("b", instances=("web",)))
    begin(scheduler).advance(StepEvent.RETRIED, Pending(not_before=5.0))
    assert scheduler.next(0.0) is None
    assert (scheduler.next_time(), scheduler.is_stuck(0.0)) == (5.0, False)
    assert begin(scheduler, now=5.0).key == "a"


def test_skipped_steps_name_the_step_that_failed() -> None:
    scheduler = scheduler_of(step("a"), step("b", after=("a",)), step("c", after=("b",)))
    begin(scheduler).fail(FAILURE)
    scheduler.follow_up()
    assert [scheduler.tasks[key].state for key in "bc"] == [Skipped("a"), Skipped("a")]
    assert not scheduler.open


def test_step_that_is_done_regardless_begins_after_a_failure() -> None:
    scheduler = scheduler_of(step("a"), step("b", after=("a",), regardless_of=("a",)))
    begin(scheduler).fail(FAILURE)
    scheduler.follow_up()
    assert begin(scheduler).key == "b"


def test_nothing_more_is_begun_at_the_address_of_an_unsettled_step() -> None:
    scheduler = scheduler_of(step("a", name="web"), step("b", name="web"), step("c", name="db"))
    first = begin(scheduler)
    first.advance(StepEvent.ANSWER_LOST, UNKNOWN)
    first.advance(StepEvent.GIVEN_UP, Unsettled("no answer came"))
    scheduler.follow_up()
    assert scheduler.tasks["b"].state == Skipped("a")
    assert begin(scheduler).key == "c"


def test_lists_are_watched_until_the_deadline_or_the_end() -> None:
    scheduler = scheduler_of(step("a"))
    task = begin(scheduler)
    task.advance(StepEvent.ACCEPTED, POLLING)
    waiting = scheduler.waiting
    assert waiting.watchers(["instances"]) == [task]
    assert (waiting.first_deadline(), waiting.overdue(8.0)) == (9.0, [])
    assert (waiting.overdue(9.0), waiting.overdue(9.0)) == ([task], [])
    task.operation_done()
    assert (waiting.watchers(["instances"]), waiting.take_unwatched()) == ([], ["instances"])


def test_each_end_is_reported_once() -> None:
    ended: list[str] = []
    tasks = {key: Task(step(key), 1.0, ["instance.create"]) for key in "ab"}
    scheduler = Scheduler(tasks, on_end=lambda task: ended.append(task.key))
    begin(scheduler).operation_done()
    begin(scheduler).fail(FAILURE)
    scheduler.follow_up()
    assert ended == ["a", "b"]
    assert isinstance(tasks["a"].state, Done)
