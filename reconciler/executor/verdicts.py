"""Judging what lists show: whether what was asked for has come, and what is learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

from reconciler.common.text import msg
from reconciler.common.timing import ABSENCE_SECONDS
from reconciler.executor.exposed import Exposed
from reconciler.executor.late_values import Known
from reconciler.executor.list_poller import ListPoller
from reconciler.executor.task import Status, Task
from reconciler.model.address import parse
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Stack
from reconciler.model.resource_type import Operation, Progress, ResourceType, deletes
from reconciler.model.state import Entry, State, StateChange
from reconciler.planner.compare.rule_matching import meaning
from reconciler.planner.steps.state_updates import depends_on

_NOBODY = Exposed()


class Verdict(Enum):
    """`DONE` and `FAILED` are ends; `LATER`: a list was read and does not show it yet; `UNREAD`: no
    list was read since; `PROBING`: the list does not show it, and the object is being looked at by
    its id.
    """

    DONE = "done"
    FAILED = "failed"
    LATER = "later"
    UNREAD = "unread"
    PROBING = "probing"


def verdict(
    task: Task,
    operation: Operation,
    asked: Mapping[str, Any],
    poller: ListPoller,
    watched: tuple[str, ...],
    kind: ResourceType,
) -> Verdict:
    """How far a waiting task is by the lists that were begun after it was accepted (or after it was
    judged last).
    """
    since = max(task.accepted, task.judged)
    if not poller.fresh(watched, since):
        return Verdict.UNREAD
    if deletes(task.operation):
        return _absence(task, operation, asked, poller, watched, kind)
    task.judged = min(poller.lists[what].shown_at for what in watched) + 1e-9
    progress = operation.progress(task.target, asked, poller.view())
    if progress is Progress.DONE:
        return Verdict.DONE
    return Verdict.FAILED if progress is Progress.FAILED else Verdict.LATER


def _absence(
    task: Task,
    operation: Operation,
    asked: Mapping[str, Any],
    poller: ListPoller,
    watched: tuple[str, ...],
    kind: ResourceType,
) -> Verdict:
    """Gone: the documented not-found for the id and a complete list without it, twice, 10 s apart
    (safety#absence).
    """
    shown_at = min(poller.lists[what].shown_at for what in watched)
    if operation.progress(task.target, asked, poller.view()) is not Progress.DONE:
        task.first_absence, task.judged = None, shown_at + 1e-9
        poller.forget_probe(kind.name, task.target or "")
        return Verdict.LATER
    probe = poller.probe(kind.name, task.target or "") if kind.detail is not None else None
    if probe is not None and probe.failure is None and probe.seen is None:
        return Verdict.PROBING
    if probe is not None and (probe.seen is None or not probe.seen.absent):
        poller.forget_probe(kind.name, task.target or "")
        task.first_absence, task.judged = None, shown_at + 1e-9
        return Verdict.LATER
    poller.forget_probe(kind.name, task.target or "")
    pause = ABSENCE_SECONDS / poller.time_scale
    if task.first_absence is not None and shown_at >= task.first_absence + pause:
        return Verdict.DONE
    if task.first_absence is None:
        task.first_absence = shown_at
    task.judged = task.first_absence + pause
    task.next_poll = task.judged
    return Verdict.LATER


def duration(task: Task, seen: float, usual: float, *, near: float) -> tuple[float, float] | None:
    """How long something took that was seen to be done at `seen`: longer than the first, at most
    the second.

    None where nobody looked when it mattered, because writes came first.
    """
    low = 0.0 if task.not_yet is None else max(0.0, task.not_yet - task.accepted)
    looked_late = (
        seen - task.accepted > usual + near if task.not_yet is None else seen - task.not_yet > near
    )
    return None if looked_late else (low, seen - task.accepted)


def marker_facts(task: Task, known: Known, kind: str) -> tuple[StateChange, ...]:
    """After a create the marker is looked for in the first read; where it did not come back the
    account is noted (safety#settling).
    """
    live = known.live(kind, task.target)
    if task.nonce is None or live is None or live.nonce == task.nonce:
        return ()
    return (StateChange(fact=("marker", "unproved")),)


def attach_facts(task: Task, poller: ListPoller) -> tuple[StateChange, ...]:
    """Which way this account takes a second firewall on a server (contract#attachment)."""
    former = task.inputs.get("former")
    if task.operation != "firewall.attach" or former is None or task.failure is not None:
        return ()
    if task.second:
        return (StateChange(fact=("attach", "refuse")),)
    still = task.inputs["instance"] in poller.members.get(str(former), ())
    return (StateChange(fact=("attach", "many" if still else "replace")),)


def after_attach(task: Task, poller: ListPoller) -> list[str]:
    """Where the old firewall still lists the server after the new one was attached, it is taken off
    it.
    """
    former = task.inputs.get("former")
    if (
        task.operation != "firewall.attach"
        or former is None
        or task.second
        or task.failure is not None
    ):
        return []
    return (
        ["firewall.detach"]
        if task.inputs["instance"] in poller.members.get(str(former), ())
        else []
    )


def written_rules(
    task: Task, stack: Stack, state: State, poller: ListPoller
) -> tuple[StateChange, ...]:
    """In the older firewall form a write makes every rule anew: their ids are taken from the list,
    by meaning (contract#older-firewall).
    """
    shown = {
        meaning(row.attributes): row.id
        for row in poller.objects.get("rules", {}).values()
        if row.attributes.get("firewall") == task.target
    }
    found: list[StateChange] = []
    written: set[str] = set()
    for rule in task.inputs["rules"]:
        id = shown.get(meaning(rule))
        if id is None or not rule.get("address"):
            continue
        written.add(rule["address"])
        known = state.entries.get(rule["address"]) or Entry(rule["address"], "rules", id)
        address = parse(rule["address"])
        resource = stack.resources.get(address) if address is not None else None
        # What the file does not write went along as it was, and is not managed.
        managed = set(resource.attributes) if resource is not None else set(rule) - {"address"}
        applied = {name: value for name, value in rule.items() if name in managed}
        needed = depends_on(resource) if resource is not None else known.depends_on
        found.append(
            StateChange(
                put=replace(known, id=id, applied=applied, parent=task.target, depends_on=needed)
            )
        )
    gone = [
        e.address
        for e in state.entries.values()
        if e.parent == task.target and e.address not in written
    ]
    return (*(StateChange(drop=address) for address in sorted(gone)), *found)


def interruption(state: State, tasks: Sequence[Task], exposed: Exposed = _NOBODY) -> Problem:
    """What still runs in the cloud after an interrupt; which server is off, or open, and what
    brings it back comes first (safety#interrupts).
    """
    running = [
        f"{task.operation} {task.step.address}"
        for task in tasks
        if task.status in (Status.WAITING, Status.SENT)
    ]
    parts = [*worse_than_before(state, exposed)]
    parts.append(
        f"still running in the cloud: {', '.join(running)}"
        if running
        else "nothing is running in the cloud"
    )
    return error(
        "interrupted",
        "; ".join(parts),
        hint=msg("the state is complete: the next apply continues from here"),
    )


def worse_than_before(state: State, exposed: Exposed) -> tuple[str, ...]:
    """The servers that a run leaves off, or without a firewall, and what brings each back."""
    off = sorted(entry.address for entry in state.entries.values() if entry.stopped)
    return (
        *(
            f"{address} is powered off; the next apply, or the console, starts it"
            for address in off
        ),
        *exposed.lines,
    )
