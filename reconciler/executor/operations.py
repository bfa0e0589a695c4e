"""Deeds: what the next operation of a task asks, watches and makes of the state. Nothing is sent or
recorded here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.executor import effects, late_values
from reconciler.executor.late_values import Known
from reconciler.executor.task import Status, Task
from reconciler.model.plan import Plan
from reconciler.model.ports import StateWriter
from reconciler.model.resource import Stack
from reconciler.model.resource_type import (
    Operation,
    Progress,
    ResourceType,
    View,
    acts_on,
    creates,
    deletes,
    kind_of,
    operation_of,
    waits,
)
from reconciler.model.state import Phase, StateChange

MEMBERSHIP = ("firewall.attach", "firewall.detach")
"""These name both objects in their inputs and have no target of their own."""


@dataclass(frozen=True, slots=True)
class Operations:
    """Reads tasks in the light of the plan, the state and what is known of the world."""

    plan: Plan
    stack: Stack
    writer: StateWriter
    kinds: Mapping[str, ResourceType]
    known: Known
    nonce: Callable[[], str]
    tasks: Mapping[str, Task]

    def kind_of(self, task: Task) -> str:
        """The name of the kind that a task is about."""
        return kind_of(self.kinds, task.step.operation).name

    def equal(self, task: Task) -> bool:
        """Whether the object already is as asked by what was seen last: then nothing is sent
        (stack-files#unknown-until-apply).
        """
        if task.failure is not None or creates(task.operation) or waits(task.operation):
            return False
        if deletes(task.operation) or self.operation(task).always_sent:
            return False
        if task.step.operation == "instance.stop" and "power" not in task.step.applies:
            # on the way to something else: where somebody else has stopped it, it is not ours to
            # start again
            return False
        view = View(self.known.seen, self.known.members)
        asked = late_values.described(
            task.step.address,
            self.asked(task),
            self.stack,
            self.marker(task, create=False),
            create=False,
        )
        return self.operation(task).progress(task.target, asked, view) is Progress.DONE

    def deleted_before(self, task: Task) -> bool:
        """Whether our delete of this very object was acknowledged by an earlier run: then only its
        absence is waited for.

        Where it is there and at rest, that delete came to nothing.
        """
        live = self.known.live(self.kind_of(task), task.target)
        if not deletes(task.operation) or (live is not None and live.ready):
            return False
        if task.step.deposed:
            old = self.writer.state.deposed.get(task.target or "")
            return old is not None and old.phase is Phase.DELETING
        entry = self.writer.state.entries.get(str(task.step.address))
        return entry is not None and entry.id == task.target and entry.phase is Phase.DELETING

    def operation(self, task: Task) -> Operation:
        """The operation that is next; a wait is judged like the create that it goes on with."""
        return operation_of(self.kinds, task.operation)

    def asked(self, task: Task) -> dict[str, Any]:
        """The inputs of the operation that is next: where a server is taken off its old firewall,
        or brought back, that one is meant.
        """
        back = task.operation == "firewall.attach" and task.failure is not None
        if (task.operation == "firewall.detach" or back) and "former" in task.inputs:
            return {**task.inputs, "firewall": task.inputs["former"]}
        return dict(task.inputs)

    def taken_off(self, task: Task) -> str | None:
        """The firewall that this run has taken a server off, to attach it to another one: by the
        second way, or by a step of its own.
        """
        if task.second:
            return str(task.inputs["former"]) if "former" in task.inputs else None
        left = self.tasks.get(f"firewall.detach {task.step.address}")
        return (
            str(left.inputs["firewall"])
            if left is not None and left.status is Status.DONE and left.sent
            else None
        )

    def marker(self, task: Task, *, create: bool) -> str | None:
        """A new nonce for every create; the one the object was made with where its description is
        edited; none for rules.
        """
        if acts_on(task.operation, "rule"):
            return None
        if create:
            resource = self.stack.resources.get(task.step.address)
            return self.nonce() if resource is None or resource.lifecycle.marker else None
        entry = self.writer.state.entries.get(str(task.step.address))
        return None if entry is None else entry.nonce

    def answered(self, task: Task) -> None:
        """The answer to the operation that is under way is its end: what was asked for is so, and
        is known from now on.
        """
        if task.operation not in MEMBERSHIP and not deletes(task.operation):
            kind = self.kinds[self.kind_of(task)]
            self.known.took(kind, task.target, self.operation(task).answered(self.asked(task)))

    def watched(self, task: Task) -> tuple[str, ...]:
        """The lists in which the end of the operation shows."""
        operation, asked = self.operation(task), self.asked(task)
        if deletes(task.operation) and not acts_on(task.operation, "rule"):
            return operation.settled_by(task.target, asked)
        watched = operation.watches(task.target, asked)
        if task.operation == "firewall.attach" and "former" in task.inputs and task.failure is None:
            watched = (*watched, f"members:{task.inputs['former']}")
        return watched

    def if_done(self, task: Task, signed: int) -> tuple[StateChange, ...]:
        """What the state becomes if the operation that is next is done."""
        state, step = self.writer.state, task.step
        lookups = self.plan.lookups.get(str(step.address), {})
        if deletes(task.operation):
            return effects.gone(state, step)
        if creates(task.operation):
            applied = late_values.applied(step.applies, self.known, self.stack)
            return effects.born(
                state,
                step,
                self.kind_of(task),
                self.stack.resources.get(step.address),
                applied=applied,
                lookups=lookups,
                parent=str(task.inputs["firewall"]) if task.operation == "rule.create" else None,
                nonce=task.nonce,
                made=signed,
            )
        restored = task.operation == "instance.start" or (
            task.operation == "instance.stop" and step.applies.get("power") == "off"
        )
        if len(task.program) > 1 or task.failure is not None:
            # In the middle of a second way nothing managed has changed yet.
            return effects.changed(state, step, {}, restored=True) if restored else ()
        return effects.changed(
            state,
            step,
            late_values.applied(step.applies, self.known, self.stack),
            lookups,
            restored=restored,
        )

    def on_accept(self, task: Task, *, ended: bool) -> tuple[StateChange, ...]:
        """What the state becomes when the cloud took it; `ended` where the answer is the end of it."""
        intent = task.intent
        if intent is None:
            return ()
        if ended:
            return intent.done(task.target)
        if deletes(task.operation):
            return effects.deleting(self.writer.state, task.step)
        return intent.done(task.target, Phase.INCOMPLETE) if creates(task.operation) else ()

    def evidence_lists(self, task: Task) -> tuple[str, ...]:
        """The lists that tell what became of a write without an answer."""
        return self.operation(task).settled_by(task.target, self.asked(task))
