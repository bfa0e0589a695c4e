"""The operations of one step: in order, by its fallback, and back to what it stopped."""

from __future__ import annotations

import pytest

from reconciler.model.address import Address
from reconciler.model.plan import Fallback, Step
from reconciler.schedule.step_state import (
    Done,
    Failed,
    Failure,
    ImpossibleTransition,
    InFlight,
    Pending,
    StepEvent,
)
from reconciler.schedule.task import Task

REFUSED, LATE = Failure("refused"), Failure("not ready within the time limit")
OPERATIONS = ("instance.stop", "instance.resize", "instance.start")


def resize() -> Task:
    """A resize that stops the instance if the cloud refuses it otherwise."""
    fallback = Fallback(("IN_USE",), OPERATIONS, restore="instance.start")
    step = Step("resize", Address("instances", "web"), "instance.resize", fallback=fallback)
    return Task(step, 1.0, [step.operation])


def send(task: Task) -> None:
    task.advance(StepEvent.SENT, InFlight())


def stopped() -> Task:
    """The same, after the instance was stopped."""
    task = resize()
    send(task)
    task.fall_back(OPERATIONS)
    send(task)
    task.operation_done()
    return task


def test_fallback_is_done_operation_by_operation() -> None:
    task = stopped()
    done = []
    while not task.ended:
        done.append(task.operation)
        send(task)
        task.operation_done()
    assert (done, task.state) == (["instance.resize", "instance.start"], Done())


def test_operation_whose_result_was_there_before_needs_no_request() -> None:
    task = resize()
    send(task)
    task.fall_back(OPERATIONS)
    task.operation_done()
    assert (task.operation, task.state) == ("instance.resize", Pending())


@pytest.mark.parametrize("is_sent", [True, False])
def test_stopped_instance_is_started_before_the_step_fails(is_sent: bool) -> None:
    task = stopped()
    if is_sent:
        send(task)
    task.fail(REFUSED)
    assert (task.operation, task.state, task.failure) == ("instance.start", Pending(), REFUSED)
    send(task)
    task.operation_done()
    assert task.state == Failed(REFUSED)


def test_first_failure_is_kept_if_the_restore_fails_as_well() -> None:
    task = stopped()
    task.fail(REFUSED)
    send(task)
    task.fail(LATE)
    assert task.state == Failed(REFUSED)


def test_event_that_is_impossible_changes_nothing() -> None:
    task = resize()
    with pytest.raises(ImpossibleTransition, match="ACCEPTED in Pending"):
        task.advance(StepEvent.ACCEPTED, InFlight())
    assert task.state == Pending()
