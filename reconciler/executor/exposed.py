"""Servers that a run leaves, or may leave, without a firewall: it took them off one, or made them,
and another one has not come.

Read at the end of a run, from its tasks and the lists read last. What is told is what a person has
to know who looks at nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.common.dataclass import dataclass
from reconciler.executor.late_values import Known
from reconciler.executor.list_poller import ListPoller
from reconciler.executor.task import Status, Task
from reconciler.model.resource import Link
from reconciler.planner.kinds.plan_instances import SWITCH_SECOND_WAY


@dataclass(frozen=True, slots=True)
class Exposed:
    """Address texts: of servers that have no firewall now, and of those of which the run does not
    know.
    """

    sure: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """What is said of them, with what puts it right."""
        found = [
            f"{instance} has no firewall; attach one with the next apply or in the console"
            for instance in self.sure
        ]
        if self.doubtful:
            found.append(
                f"{', '.join(self.doubtful)} may have no firewall; check the console, or apply again"
            )
        return tuple(found)


def instances(tasks: Mapping[str, Task], known: Known, poller: ListPoller) -> Exposed:
    """The servers that run, and are to be behind a firewall that they did not get."""
    sure: list[str] = []
    doubtful: list[str] = []
    for task in tasks.values():
        if (
            task.step.operation != "firewall.attach"
            or task.status is Status.DONE
            or _is_behind_another(task)
        ):
            continue
        instance = _instance(task, tasks)
        live = known.live("instances", instance)
        if instance is None or (live is not None and live.attributes.get("power") == "off"):
            continue
        left = _leaving(task, tasks)
        if left is None:
            continue  # it is behind the firewall that it had
        has_left = left is task or (left.status is Status.DONE and left.sent)
        if task.second and task.operation == "firewall.detach":
            has_left = False
        if has_left and any(instance in members for members in poller.members.values()):
            continue
        (sure if has_left and not _may_have_happened(task) else doubtful).append(
            str(task.step.address)
        )
    return Exposed(tuple(sorted(sure)), tuple(sorted(doubtful)))


def _is_behind_another(task: Task) -> bool:
    """Whether the cloud refused to attach the server because it is behind a firewall that somebody
    has put it behind meanwhile.
    """
    return task.failure is not None and task.failure.error_code in SWITCH_SECOND_WAY.refusals


def _instance(task: Task, tasks: Mapping[str, Task]) -> str | None:
    """The id of the server, None where it was not made."""
    named = task.step.inputs["instance"]
    if not isinstance(named, Link):
        return str(named)
    made = tasks.get(f"instance.create {task.step.address}")
    return (
        made.target if made is not None and made.status in (Status.DONE, Status.WAITING) else None
    )


def _leaving(task: Task, tasks: Mapping[str, Task]) -> Task | None:
    """The task by which the server has, or may have, no firewall: its detach, the second way of its
    attach, or its attach where it had none before. None where it still has the one that it had.
    """
    if "former" in task.step.inputs:
        return (
            task
            if task.second and (task.operation != "firewall.detach" or _may_have_happened(task))
            else None
        )
    left = tasks.get(f"firewall.detach {task.step.address}")
    return (
        task
        if left is None
        else left
        if left.status is Status.DONE or _may_have_happened(left)
        else None
    )


def _may_have_happened(task: Task) -> bool:
    """Whether the last write of a task was sent, and not refused."""
    refused = task.failure is not None and task.failure.http_status is not None
    return (
        task.intent is not None
        and task.sent
        and not refused
        and task.status not in (Status.PENDING, Status.RECHECKING)
    )
