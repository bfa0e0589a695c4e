"""What the next operation of a task asks for, and what it makes of the state. Nothing is sent or
recorded here.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.common.dataclass import dataclass
from reconciler.executor import effects, late_values
from reconciler.executor.late_values import Known
from reconciler.executor.run_inputs import RunInputs
from reconciler.model.resource_type import Progress, View, acts_on, creates, deletes, waits
from reconciler.model.state import Phase, StateChange
from reconciler.resources.firewall import ATTACH, DETACH
from reconciler.resources.instance import FIREWALL, START, STOP
from reconciler.resources.rule import CREATE as CREATE_RULE
from reconciler.resources.rule import SINGULAR as RULE
from reconciler.schedule.operation_lists import OperationLists
from reconciler.schedule.step_state import Done
from reconciler.schedule.task import Task

MEMBERSHIP = (ATTACH, DETACH)
"""These name both objects in their inputs and have no target of their own."""


@dataclass(frozen=True, slots=True)
class Operations:
    """Reads tasks in the light of the plan, the state and what is known of the account."""

    inputs: RunInputs
    lists: OperationLists
    known: Known
    tasks: Mapping[str, Task]

    def equal(self, task: Task) -> bool:
        """Whether the object already is as asked, by what was seen last: then nothing is sent
        (stack-files#unknown-until-apply).
        """
        if task.failure is not None or creates(task.operation) or waits(task.operation):
            return False
        operation = self.lists.operation(task)
        if deletes(task.operation) or operation.always_sent:
            return False
        if task.step.operation == STOP and "power" not in task.step.applies:
            # The stop is only needed for something else. If somebody else stopped the instance, it
            # is not for this run to start it again.
            return False
        view = View(self.known.seen, self.known.members)
        asked = late_values.described(
            task.step.address,
            self.lists.asked(task),
            self.inputs.stack,
            self.marker(task, create=False),
            create=False,
        )
        return operation.progress(task.target, asked, view) is Progress.DONE

    def deleted_before(self, task: Task) -> bool:
        """Whether an earlier run's delete of this very object was acknowledged: then only its
        absence is awaited.

        If the object is there and at rest, that delete had no effect.
        """
        live = self.known.live(self.lists.kind_of(task), task.target)
        if not deletes(task.operation) or (live is not None and live.ready):
            return False
        state = self.inputs.writer.state
        if task.step.deposed:
            old = state.deposed.get(task.target or "")
            return old is not None and old.phase is Phase.DELETING
        entry = state.entries.get(str(task.step.address))
        return entry is not None and entry.id == task.target and entry.phase is Phase.DELETING

    def detached_from(self, task: Task) -> str | None:
        """The firewall from which this run detached an instance, to attach it to another one: by
        the fallback, or by a step of its own.
        """
        if task.detour.fallback:
            return str(task.inputs["former"]) if "former" in task.inputs else None
        left = self.tasks.get(f"firewall.detach {task.step.address}")
        if left is not None and isinstance(left.state, Done) and left.write.sent:
            return str(left.inputs[FIREWALL])
        return None

    def marker(self, task: Task, *, create: bool) -> str | None:
        """A new nonce for every create; for an edit of a description the nonce with which the
        object was created; none for rules.
        """
        if acts_on(task.operation, RULE):
            return None
        if create:
            resource = self.inputs.stack.resources.get(task.step.address)
            marked = resource is None or resource.lifecycle.marker
            return self.inputs.nonce() if marked else None
        entry = self.inputs.writer.state.entries.get(str(task.step.address))
        return None if entry is None else entry.nonce

    def answered(self, task: Task) -> None:
        """The answer to the current operation is its result: from now on it is known."""
        if task.operation not in MEMBERSHIP and not deletes(task.operation):
            kind = self.inputs.kinds[self.lists.kind_of(task)]
            answered = self.lists.operation(task).answered(self.lists.asked(task))
            self.known.took(kind, task.target, answered)

    def if_done(self, task: Task, signed: int) -> tuple[StateChange, ...]:
        """What the state becomes if the next operation succeeds."""
        state, step, stack = self.inputs.writer.state, task.step, self.inputs.stack
        lookups = self.inputs.plan.lookups.get(str(step.address), {})
        if deletes(task.operation):
            return effects.deleted(state, step)
        if creates(task.operation):
            created = effects.Created(
                self.lists.kind_of(task),
                applied=late_values.applied(step.applies, self.known, stack),
                lookups=lookups,
                parent=str(task.inputs[FIREWALL]) if task.operation == CREATE_RULE else None,
                nonce=task.write.nonce,
                at=signed,
            )
            return effects.created(state, step, stack.resources.get(step.address), created)
        restored = task.operation == START or (
            task.operation == STOP and step.applies.get("power") == "off"
        )
        if len(task.operations) > 1 or task.failure is not None:
            # In the middle of a fallback nothing managed has changed yet.
            return effects.changed(state, step, {}, restored=True) if restored else ()
        applied = late_values.applied(step.applies, self.known, stack)
        switched: tuple[StateChange, ...] = ()
        if task.operation == START or (task.operation == STOP and step.temporary):
            off_at = signed if task.operation == STOP else None
            switched = effects.switched(state, task.target, off_at)
        return (*effects.changed(state, step, applied, lookups, restored=restored), *switched)

    def on_accept(self, task: Task, *, ended: bool) -> tuple[StateChange, ...]:
        """What the state becomes when the cloud accepted the request; `ended` if the answer is the
        result.
        """
        intent = task.write.intent
        if intent is None:
            return ()
        if ended:
            return intent.done(task.target)
        if deletes(task.operation):
            return effects.deleting(self.inputs.writer.state, task.step)
        return intent.done(task.target, Phase.INCOMPLETE) if creates(task.operation) else ()
