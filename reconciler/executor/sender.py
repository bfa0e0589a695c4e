"""Sending: from a step's operation to a durable intent and a request, and from its answer to a
durable outcome. A request is sent once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, msg
from reconciler.executor import effects, first_passwords, late_exposure, late_values
from reconciler.executor.journaling import RunJournal
from reconciler.executor.late_values import CannotFill
from reconciler.executor.operations import MEMBERSHIP, Operations
from reconciler.executor.precondition import Preconditions
from reconciler.executor.run_inputs import RunInputs
from reconciler.executor.waiter import Waiter
from reconciler.model.diagnostics import Problem, error
from reconciler.model.events import Message, ProblemFound, StepStarted
from reconciler.model.owners import entry_with
from reconciler.model.ports import Accepted, Answer, NoAnswer, Refused
from reconciler.model.resource_type import creates, deletes, waits
from reconciler.recovery import refusal_hints
from reconciler.recovery.signature_fence import SIGNATURE_SECONDS
from reconciler.resources.firewall import ATTACH
from reconciler.resources.instance import STOP
from reconciler.schedule.step_state import Failure, InFlight, Pending, StepEvent
from reconciler.schedule.task import Task

ATTEMPTS_MAX = 8
"""How often one operation may be refused before execution (429, busy) and sent again."""

UNSENT_ATTEMPTS_MAX = 3
BUSY_SECONDS = 10.0
UNSENT_SECONDS = 5.0

BUSY = frozenset({"DELETED_OR_WORKING_INSTANCE"})
"""Deleted or busy: never proof of absence (contract#rules, 9). The object is read again, and the
request is sent once more if the object is there and at rest.
"""


@dataclass(slots=True)
class Sender:
    """All writes of one run. `stop` is the problem after which nothing more may be sent."""

    inputs: RunInputs
    operations: Operations
    journal: RunJournal
    preconditions: Preconditions
    waiter: Waiter
    stop: Problem | None = None
    _in_flight: dict[int, Task] = field(default_factory=dict)
    _not_recorded: list[str] = field(default_factory=list)

    # Sending
    # -----------------------------------------------------------------------------------------

    def begin(self, task: Task, token: Callable[[], int]) -> None:
        """Takes the next operation of a task as far as it goes now."""
        if self._is_held_back(task):
            return
        if task.started is None:
            task.started = self.inputs.client.now()
        if not task.write.resolved and not self._resolve(task):
            return
        rechecks = self.preconditions.rechecks
        if self.operations.equal(task):
            self.journal.close(task, self.operations.if_done(task, 0), "nothing to send")
            task.operation_done()
        elif waits(task.operation) or self.operations.deleted_before(task):
            self.waiter.begin(task, StepEvent.RESUMED, self.inputs.client.now())
        elif rechecks.is_due(task):
            rechecks.ask(task)
        else:
            self._send(task, token())

    def _is_held_back(self, task: Task) -> bool:
        """Whether it is a delete that must wait until others are proved."""
        if not deletes(task.operation) or self.operations.deleted_before(task):
            return False
        return self.preconditions.last_control.hold_back(task, self.inputs.client.now())

    def _resolve(self, task: Task) -> bool:
        step, known = task.step, self.journal.known
        kind = self.inputs.kinds[self.operations.lists.kind_of(task)]
        try:
            task.note(inputs=late_values.fill(step, known, self.inputs.stack, kind))
            if task.target is None and self._needs_target(task):
                task.note(target=known.id_of(step.address))
                if task.target is None:
                    raise CannotFill(msg("{address} has no id yet", address=step.address))
            exposure = late_exposure.exposure(step, task.target, task.inputs, known)
            if exposure is not None:
                raise CannotFill(exposure)
        except CannotFill as failure:
            task.fail(Failure(str(failure)))
            return False
        task.note(resolved=True)
        return True

    def _needs_target(self, task: Task) -> bool:
        return not creates(task.operation) and task.operation not in MEMBERSHIP

    def _send(self, task: Task, token: int) -> None:
        failure = self.preconditions.failure(task)
        if failure is not None:
            task.fail(Failure(failure))
            return
        create, client, lists = creates(task.operation), self.inputs.client, self.operations.lists
        task.note(nonce=self.operations.marker(task, create=create))
        asked = late_values.described(
            task.step.address,
            lists.asked(task),
            self.inputs.stack,
            task.write.nonce,
            create=create,
        )
        try:
            call = lists.operation(task).encode(task.target, asked)
        except (ValueError, KeyError) as problem:
            task.fail(Failure(msg("cannot be written as a request: {problem}", problem=problem)))
            return
        self.journal.writer.check()
        self._note_stop(task)
        signed = int(client.unix())
        intent = self.journal.intend(
            task,
            asked,
            nonce=task.write.nonce if create else None,
            signed=signed,
            effects=self.operations.if_done(task, signed),
        )
        task.note(intent=intent, sent=True)
        task.advance(StepEvent.SENT, InFlight())
        self._in_flight[token] = task
        # The signature has the second of the record, from which the signature fence counts. If this
        # process was held up since, the cloud refuses the request.
        client.send(token, call, signed=signed)
        self.inputs.emit(StepStarted(task.key, str(task.step.address), task.operation))

    def _note_stop(self, task: Task) -> None:
        """Records that an instance is to be started again, before it is stopped."""
        if task.operation == STOP and not task.step.temporary:
            found = effects.stopping(self.journal.state, task.step)
            if found:
                self.journal.note("to be stopped, and started again", effects=found)

    # Answers
    # -----------------------------------------------------------------------------------------

    def take(self, token: int, answer: Answer) -> None:
        """Records an answer before anything else happens."""
        task = self._in_flight.pop(token)
        match answer:
            case Accepted():
                self._accepted(task, answer)
            case Refused():
                self._refused(task, answer)
            case NoAnswer():
                self._unanswered(task, answer)
        self.journal.refresh()

    def _accepted(self, task: Task, answer: Accepted) -> None:
        if creates(task.operation):
            mistake = self._take_receipt(task, answer)
            if mistake is not None:
                self.waiter.answer_lost(task, Failure(mistake, http_status=answer.status))
                return
        watched = self.operations.lists.watched(task)
        found = self.operations.on_accept(task, ended=not watched)
        if creates(task.operation):
            self._not_recorded = [f"{task.step.address} = {task.target}"]
        not_kept, notice = first_passwords.kept(self.inputs.keep, task, answer.result)
        if notice is not None:
            self.inputs.emit(Message(notice))
        self.journal.outcome(task, "accepted" if watched else "done", found)
        self._not_recorded = []
        if not_kept is not None:
            raise not_kept
        if watched:
            self.waiter.begin(task, StepEvent.ACCEPTED, self.inputs.client.now())
        else:
            self.operations.answered(task)
            task.operation_done()

    def _take_receipt(self, task: Task, answer: Accepted) -> Text | None:
        """Takes the id of what was created. Returns why that cannot be believed, if so."""
        try:
            task.note(target=self.operations.lists.operation(task).receipt(answer.result))
        except ValueError as failure:
            return msg(
                "accepted, but the receipt does not name what was created: {failure}",
                failure=failure,
            )
        if not self._existed_before(task):
            return None
        named = task.target
        task.note(target=None)
        return msg("accepted, but the receipt names {id}, which existed before", id=named)

    def _existed_before(self, task: Task) -> bool:
        """Whether what a receipt names existed when the plan was made: no object of others becomes
        ours by a receipt.
        """
        id, kind = task.target or "", self.operations.lists.kind_of(task)
        return (
            self.inputs.account.find(kind, id) is not None
            or entry_with(self.journal.state, kind, id) is not None
        )

    def _refused(self, task: Task, answer: Refused) -> None:
        code, status = answer.error_code or f"HTTP {answer.status}", answer.status
        self.journal.outcome(task, "refused", code=code)
        fallback = task.step.fallback
        if status == 429 or (status == 401 and self._is_stale(task)):
            self._retry(task, answer, 0.0)
        elif answer.error_code in BUSY and not creates(task.operation):
            self._retry(task, answer, BUSY_SECONDS / self.inputs.time_scale)
        elif status == 401:
            self.stop = self.stop or error(
                "credentials",
                msg("the cloud refuses the keys: {code}", code=code),
                hint=msg("`reconciler doctor` shows the reason"),
            )
            task.fail(_failure(answer))
        elif (
            fallback is not None
            and not task.detour.fallback
            and answer.error_code in fallback.refusals
        ):
            task.fall_back(fallback.operations)
            self.inputs.emit(
                Message(
                    msg(
                        "{address}: {operation} was refused ({code}); continuing with {operations}",
                        address=task.step.address,
                        operation=task.step.operation,
                        code=code,
                        operations=", ".join(fallback.operations),
                    )
                )
            )
        else:
            self._reattach(task)
            task.fail(_failure(answer))

    def _reattach(self, task: Task) -> None:
        """An instance that this run detached from its firewall is attached to it again, if the
        cloud refuses the new one.
        """
        if task.operation != ATTACH or task.failure is not None:
            return
        former = self.operations.detached_from(task)
        if former is None:
            return
        task.note(inputs={**task.inputs, "former": former})
        task.restore_with(ATTACH)
        self.inputs.emit(
            Message(
                msg(
                    "{address}: new firewall refused; reattaching the previous one",
                    address=task.step.address,
                )
            )
        )

    def _is_stale(self, task: Task) -> bool:
        """Whether the signature was so old that the cloud may have refused it for that alone: the
        machine slept, or the disk was slow.
        """
        intent = task.write.intent
        now = self.inputs.client.unix()
        return intent is not None and now - intent.signed > SIGNATURE_SECONDS

    def _retry(self, task: Task, answer: Refused, pause: float) -> None:
        """Refused before execution: a new intent with a new marker, after the pause. An object that
        may be gone is read again first.
        """
        task.note(attempts=task.write.attempts + 1)
        if task.write.attempts >= ATTEMPTS_MAX:
            self._reattach(task)
            task.fail(_failure(answer))
            return
        not_before = self.inputs.client.now() + pause
        if answer.status not in (401, 429):
            task.note(read_since=not_before)
        task.advance(StepEvent.RETRIED, Pending(not_before))

    def _unanswered(self, task: Task, answer: NoAnswer) -> None:
        if answer.sent:
            problem = refusal_hints.restricted_zone(
                self.inputs.kinds, task.operation, answer.error_code, str(task.step.address)
            )
            if problem is not None:
                self.inputs.emit(ProblemFound(problem))
            self.waiter.answer_lost(task, Failure(answer.reason, http_status=answer.status))
            return
        self.journal.outcome(task, "refused", code="not sent")
        task.note(attempts=task.write.attempts + 1)
        if task.write.attempts >= UNSENT_ATTEMPTS_MAX:
            task.fail(Failure(msg("could not be sent: {reason}", reason=answer.reason)))
            return
        pause = UNSENT_SECONDS / self.inputs.time_scale
        task.advance(StepEvent.RETRIED, Pending(self.inputs.client.now() + pause))

    def not_recorded(self) -> tuple[str, ...]:
        """Objects whose id is not on record because the record could not be written."""
        return tuple(self._not_recorded)


def _failure(answer: Refused) -> Failure:
    return Failure(
        answer.message or msg("the cloud refused it"),
        error_code=answer.error_code,
        http_status=answer.status,
    )
