"""Instances that a run leaves worse than before: without a firewall, or powered off.

Read at the end of a run, from its tasks and the lists read last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, joined, msg
from reconciler.executor.late_values import Known
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Link
from reconciler.model.state import State
from reconciler.planner.kinds.plan_memberships import SWITCH_FALLBACK
from reconciler.resources.firewall import ATTACH, DETACH, INSTANCE
from reconciler.resources.instance import NAME as INSTANCES
from reconciler.schedule.list_poller import ListPoller
from reconciler.schedule.step_state import Done, InFlight, Pending, Polling, Rechecking
from reconciler.schedule.task import Task


@dataclass(frozen=True, slots=True)
class Exposed:
    """Address texts of instances that have no firewall now, and of those that may have none."""

    certain: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[Text, ...]:
        """One message for each, and what to do about it."""
        found = [
            msg(
                "{address} has no firewall; attach one with the next apply or in the console",
                address=address,
            )
            for address in self.certain
        ]
        if self.possible:
            found.append(
                msg(
                    "{addresses} may have no firewall; check the console, or apply again",
                    addresses=", ".join(self.possible),
                )
            )
        return tuple(found)


NOTHING_EXPOSED = Exposed()


def instances(tasks: Mapping[str, Task], known: Known, poller: ListPoller) -> Exposed:
    """The running instances that should be behind a firewall and were not attached to it."""
    certain: list[str] = []
    possible: list[str] = []
    for task in tasks.values():
        if (
            task.step.operation != ATTACH
            or isinstance(task.state, Done)
            or _is_behind_another(task)
        ):
            continue
        instance = _instance(task, tasks)
        live = known.live(INSTANCES, instance)
        if instance is None or (live is not None and live.attributes.get("power") == "off"):
            continue
        left = _leaving(task, tasks)
        if left is None:
            continue  # it is behind its former firewall
        has_left = left is task or (isinstance(left.state, Done) and left.write.sent)
        if task.detour.fallback and task.operation == DETACH:
            has_left = False
        if has_left and any(instance in members for members in poller.members.values()):
            continue
        found = certain if has_left and not _may_have_happened(task) else possible
        found.append(str(task.step.address))
    return Exposed(tuple(sorted(certain)), tuple(sorted(possible)))


def _is_behind_another(task: Task) -> bool:
    """Whether the cloud refused to attach the instance because somebody has attached it to another
    firewall meanwhile.
    """
    return task.failure is not None and task.failure.error_code in SWITCH_FALLBACK.refusals


def _instance(task: Task, tasks: Mapping[str, Task]) -> str | None:
    """The id of the instance, None if it was not created."""
    named = task.step.inputs[INSTANCE]
    if not isinstance(named, Link):
        return str(named)
    made = tasks.get(f"instance.create {task.step.address}")
    return made.target if made is not None and isinstance(made.state, Done | Polling) else None


def _leaving(task: Task, tasks: Mapping[str, Task]) -> Task | None:
    """The task by which the instance has, or may have, no firewall: its detach, the fallback of its
    attach, or its attach if it had no firewall before. None if it still has the former one.
    """
    if "former" in task.step.inputs:
        detaching = task.operation == DETACH
        is_leaving = task.detour.fallback and (not detaching or _may_have_happened(task))
        return task if is_leaving else None
    left = tasks.get(f"firewall.detach {task.step.address}")
    if left is None:
        return task
    return left if isinstance(left.state, Done) or _may_have_happened(left) else None


def _may_have_happened(task: Task) -> bool:
    """Whether the last write of a task was sent, and not refused."""
    refused = task.failure is not None and task.failure.http_status is not None
    return (
        task.write.intent is not None
        and task.write.sent
        and not refused
        and not isinstance(task.state, Pending | Rechecking)
    )


def interruption(
    state: State, tasks: Sequence[Task], exposed: Exposed = NOTHING_EXPOSED
) -> Problem:
    """What still runs in the cloud after an interrupt. Instances that are off or exposed come
    first, with what brings them back (safety#interrupts).
    """
    running = [
        f"{task.operation} {task.step.address}"
        for task in tasks
        if isinstance(task.state, Polling | InFlight)
    ]
    if running:
        last = msg("still running in the cloud: {steps}", steps=", ".join(running))
    else:
        last = msg("nothing is running in the cloud")
    return error(
        "interrupted",
        joined("; ", (*worse_than_before(state, exposed), last)),
        hint=msg("the state is complete: the next apply continues from here"),
    )


def worse_than_before(state: State, exposed: Exposed) -> tuple[Text, ...]:
    """The instances that a run leaves off, or without a firewall, and what brings each back."""
    off = sorted(entry.address for entry in state.entries.values() if entry.stopped)
    return (
        *(
            msg(
                "{address} is powered off; the next apply, or the console, starts it",
                address=address,
            )
            for address in off
        ),
        *exposed.lines,
    )
