"""What the lists show about a write besides its result: how long it took, which marker came back,
how firewalls behave.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.executor.late_values import Known
from reconciler.model.address import parse
from reconciler.model.resource import Stack
from reconciler.model.resource_type import RULES
from reconciler.model.state import Entry, State, StateChange
from reconciler.planner.compare.rule_matching import meaning
from reconciler.planner.steps.state_updates import depends_on
from reconciler.resources.firewall import ATTACH, DETACH, INSTANCE
from reconciler.resources.instance import FIREWALL
from reconciler.schedule.list_poller import ListPoller
from reconciler.schedule.step_state import Polling
from reconciler.schedule.task import Task


def duration(
    polling: Polling, shown_at: float, usual: float, *, near: float
) -> tuple[float, float] | None:
    """How long something took whose result was seen in a list begun at `shown_at`: longer than the
    first, at most the second.

    None if nobody read a list at the time that matters, because writes came first.
    """
    accepted, not_yet = polling.accepted, polling.not_yet
    if not_yet is None:
        low, was_read_late = 0.0, shown_at - accepted > usual + near
    else:
        low, was_read_late = max(0.0, not_yet - accepted), shown_at - not_yet > near
    return None if was_read_late else (low, shown_at - accepted)


def marker_facts(task: Task, known: Known, kind: str) -> tuple[StateChange, ...]:
    """After a create its marker is looked for in the first list. If it did not come back, the state
    keeps that fact of the account (safety#settling).
    """
    live, nonce = known.live(kind, task.target), task.write.nonce
    if nonce is None or live is None or live.nonce == nonce:
        return ()
    return (StateChange(fact=("marker", "unproved")),)


def attach_facts(task: Task, poller: ListPoller) -> tuple[StateChange, ...]:
    """How this account treats a second firewall on an instance (contract#attachment)."""
    former = task.inputs.get("former")
    if task.operation != ATTACH or former is None or task.failure is not None:
        return ()
    if task.detour.fallback:
        return (StateChange(fact=("attach", "refuse")),)
    behaviour = "many" if _is_member(task, poller) else "replace"
    return (StateChange(fact=("attach", behaviour)),)


def after_attach(task: Task, poller: ListPoller) -> list[str]:
    """If the former firewall still lists the instance after the new one was attached, the instance
    is detached from it.
    """
    if (
        task.operation != ATTACH
        or "former" not in task.inputs
        or task.detour.fallback
        or task.failure is not None
    ):
        return []
    return [DETACH] if _is_member(task, poller) else []


def _is_member(task: Task, poller: ListPoller) -> bool:
    """Whether the former firewall of an instance lists it."""
    return task.inputs[INSTANCE] in poller.members.get(str(task.inputs["former"]), ())


def written_rules(
    task: Task, stack: Stack, state: State, poller: ListPoller
) -> tuple[StateChange, ...]:
    """In the older firewall form a write creates every rule again: their ids are taken from the
    list, by what the rules mean (contract#older-firewall).
    """
    shown = {
        meaning(row.attributes): row.id
        for row in poller.objects.get(RULES, {}).values()
        if row.attributes.get(FIREWALL) == task.target
    }
    found: list[StateChange] = []
    written: set[str] = set()
    for rule in task.inputs[RULES]:
        id = shown.get(meaning(rule))
        if id is None or not rule.get("address"):
            continue
        written.add(rule["address"])
        known = state.entries.get(rule["address"]) or Entry(rule["address"], RULES, id)
        address = parse(rule["address"])
        resource = stack.resources.get(address) if address is not None else None
        # What the file does not state was sent unchanged, and is not managed.
        managed = set(resource.attributes) if resource is not None else set(rule) - {"address"}
        applied = {name: value for name, value in rule.items() if name in managed}
        needed = depends_on(resource) if resource is not None else known.depends_on
        entry = replace(known, id=id, applied=applied, parent=task.target, depends_on=needed)
        found.append(StateChange(put=entry))
    gone = [
        entry.address
        for entry in state.entries.values()
        if entry.parent == task.target and entry.address not in written
    ]
    return (*(StateChange(drop=address) for address in sorted(gone)), *found)
