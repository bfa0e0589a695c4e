"""Which lists belong to the next operation of a task: those that show its result, those that must
be read again before it, and those that tell what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model.resource_type import (
    Operation,
    ResourceType,
    acts_on,
    deletes,
    kind_of,
    operation_of,
    waits,
)
from reconciler.resources.firewall import ATTACH, DETACH
from reconciler.resources.instance import FIREWALL
from reconciler.resources.rule import SINGULAR as RULE
from reconciler.schedule.task import Task


@dataclass(frozen=True, slots=True)
class OperationLists:
    """Reads tasks in the light of the kinds alone."""

    kinds: Mapping[str, ResourceType]
    _operations: dict[str, Operation] = field(default_factory=dict)
    """Those that were asked for, by name: a large plan asks for the same few many times."""

    def kind_of(self, task: Task) -> str:
        """The name of the kind that a task is about."""
        return kind_of(self.kinds, task.step.operation).name

    def operation(self, task: Task) -> Operation:
        """The operation that is next. A wait is judged like the create that it continues."""
        name = task.operation
        found = self._operations.get(name)
        if found is None:
            found = self._operations[name] = operation_of(self.kinds, name)
        return found

    def asked(self, task: Task) -> Mapping[str, Any]:
        """The inputs of the operation that is next. When an instance is detached from its former
        firewall, or attached to it again, that firewall is meant.
        """
        back = task.operation == ATTACH and task.failure is not None
        if (task.operation == DETACH or back) and "former" in task.inputs:
            return {**task.inputs, FIREWALL: task.inputs["former"]}
        return task.inputs

    def watched(self, task: Task) -> tuple[str, ...]:
        """The lists that show the result; none if the answer itself is the result."""
        operation, asked = self.operation(task), self.asked(task)
        if deletes(task.operation) and not acts_on(task.operation, RULE):
            return operation.settled_by(task.target, asked)
        watched = operation.watches(task.target, asked)
        if task.operation == ATTACH and "former" in task.inputs and task.failure is None:
            return (*watched, f"members:{task.inputs['former']}")
        return watched

    def evidence(self, task: Task) -> tuple[str, ...]:
        """The lists that tell what became of a write without an answer."""
        return self.operation(task).settled_by(task.target, self.asked(task))

    def rechecked(self, task: Task) -> tuple[str, ...]:
        """The lists that must be read again before the operation, that of the object itself first.
        There are none once the step took its fallback, or restores something.
        """
        fingerprint = task.step.fingerprint
        if (
            not fingerprint
            or task.detour.fallback
            or task.failure is not None
            or waits(task.operation)
        ):
            return ()
        return self.operation(task).second_look(fingerprint, self.asked(task))
