"""Writes: from a step's operation to a durable intent, a send, and from its answer to a durable
outcome. A request is sent once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.executor import effects as records
from reconciler.executor import first_passwords, late_exposure, late_values
from reconciler.executor.first_passwords import Keeper
from reconciler.executor.journaling import Ledger
from reconciler.executor.late_values import CannotFill
from reconciler.executor.operations import MEMBERSHIP, Operations
from reconciler.executor.precondition import Preconditions
from reconciler.executor.task import Failure, Status, Task
from reconciler.executor.transitions import Transitions
from reconciler.executor.waiter import Waiter
from reconciler.model.diagnostics import Problem, error
from reconciler.model.events import Event, Message, StepStarted
from reconciler.model.owners import entry_with
from reconciler.model.ports import Accepted, Answer, Client, NoAnswer, Refused
from reconciler.model.resource import Account, Stack
from reconciler.model.resource_type import ResourceType, creates, waits
from reconciler.recovery.signature_fence import SIGNATURE_SECONDS

ATTEMPTS_MAX = 8
"""How often one operation may be refused before execution (429, busy) and be made anew."""

UNSENT_ATTEMPTS_MAX = 3
BUSY_SECONDS = 10.0
UNSENT_SECONDS = 5.0

BUSY = frozenset({"DELETED_OR_WORKING_INSTANCE"})
"""Deleted or busy: never proof of absence (contract#rules, 9); looked at, and sent once more where
the object is there and at rest.
"""


@dataclass(slots=True)
class Sender:
    """All writes of one run. `account` is what the plan was made from; `stop` is the problem after
    which nothing more may be sent.
    """

    stack: Stack
    account: Account
    exchange: Client
    kinds: Mapping[str, ResourceType]
    emit: Callable[[Event], None]
    time_scale: float
    operations: Operations
    ledger: Ledger
    transitions: Transitions
    preconditions: Preconditions
    waiter: Waiter
    keep: Keeper | None = None
    stop: Problem | None = None
    _sent: dict[int, Task] = field(default_factory=dict)
    _at_risk: list[str] = field(default_factory=list)

    # Sending
    # --------------------------------------------------------------------------------------------------------------------

    def begin(self, task: Task, token: Callable[[], int]) -> None:
        """Takes the next operation of a task as far as it goes now."""
        task.holds = True
        if task.started is None:
            task.started = self.exchange.now()
        if not task.resolved and not self._resolve(task):
            return
        if self.operations.equal(task):
            self.ledger.close(task, self.operations.if_done(task, 0), "nothing to send")
            self.transitions.next(task)
        elif waits(task.operation) or self.operations.deleted_before(task):
            self.waiter.begin(task, accepted=self.exchange.now())
        elif self.preconditions.is_due(task):
            self.preconditions.ask(task)
        else:
            self._send(task, token())

    def _resolve(self, task: Task) -> bool:
        step = task.step
        try:
            task.inputs = late_values.fill(
                step, self.ledger.known, self.stack, self.kinds[self.operations.kind_of(task)]
            )
            if (
                task.target is None
                and not creates(task.operation)
                and task.operation not in MEMBERSHIP
            ):
                task.target = self.ledger.known.id_of(step.address)
                if task.target is None:
                    raise CannotFill(f"{step.address} has no id yet")
            if (
                said := late_exposure.exposure(step, task.target, task.inputs, self.ledger.known)
            ) is not None:
                raise CannotFill(said)
        except CannotFill as failure:
            self.transitions.fail(task, Failure(str(failure)))
            return False
        task.resolved = True
        return True

    def _send(self, task: Task, token: int) -> None:
        objection = self.preconditions.objection(task)
        if objection is not None:
            self.transitions.fail(task, Failure(objection))
            return
        operation, create = self.operations.operation(task), creates(task.operation)
        task.nonce = self.operations.marker(task, create=create)
        asked = late_values.described(
            task.step.address, self.operations.asked(task), self.stack, task.nonce, create=create
        )
        try:
            call = operation.encode(task.target, asked)
        except (ValueError, KeyError) as failure:
            self.transitions.fail(task, Failure(f"cannot be written as a request: {failure}"))
            return
        self.ledger.writer.check()
        if task.operation == "instance.stop" and (
            effects := records.stopping(self.ledger.state, task.step)
        ):
            self.ledger.note("to be stopped, and started again", effects=effects)
        signed = int(self.exchange.unix())
        effects = self.operations.if_done(task, signed)
        intent = self.ledger.intend(
            task, asked, nonce=task.nonce if create else None, signed=signed, effects=effects
        )
        task.intent, task.status, task.sent = intent, Status.SENT, True
        self._sent[token] = task
        # With the second on record, from which the fence counts: where this process was held up
        # meanwhile, the cloud refuses the request.
        self.exchange.send(token, call, signed=signed)
        self.emit(StepStarted(task.key, str(task.step.address), task.operation))

    # Answers
    # --------------------------------------------------------------------------------------------------------------------

    def take(self, token: int, answer: Answer) -> None:
        """Records what an answer says before anything else happens."""
        task = self._sent.pop(token)
        match answer:
            case Accepted():
                self._accepted(task, answer)
            case Refused():
                self._refused(task, answer)
            case NoAnswer():
                self._unanswered(task, answer)
        self.ledger.refresh()

    def _accepted(self, task: Task, answer: Accepted) -> None:
        operation = self.operations.operation(task)
        if creates(task.operation):
            try:
                task.target = operation.receipt(answer.result)
            except ValueError as failure:
                self.waiter.doubt(
                    task,
                    f"accepted, but the receipt does not name what was created: {failure}",
                    answer.status,
                )
                return
            if self._was_there(task):
                named, task.target = task.target, None
                self.waiter.doubt(
                    task,
                    f"accepted, but the receipt names {named}, which existed before",
                    answer.status,
                )
                return
        watched = self.operations.watched(task)
        effects = self.operations.on_accept(task, ended=not watched)
        if creates(task.operation):
            self._at_risk = [f"{task.step.address} = {task.target}"]
        unkept, told = first_passwords.kept(
            self.keep, task.operation, str(task.step.address), task.target, answer.result
        )
        if told is not None:
            self.emit(Message(told))
        self.ledger.outcome(task, "accepted" if watched else "done", effects)
        self._at_risk = []
        if unkept is not None:
            raise unkept
        if watched:
            self.waiter.begin(task, accepted=self.exchange.now())
        else:
            self.operations.answered(task)
            self.transitions.next(task)

    def _was_there(self, task: Task) -> bool:
        """Whether what a create is said to have made was there when the plan was made: no object of
        others becomes ours by a receipt.
        """
        id, kind = task.target or "", self.operations.kind_of(task)
        return (
            self.account.find(kind, id) is not None
            or entry_with(self.ledger.state, kind, id) is not None
        )

    def _refused(self, task: Task, answer: Refused) -> None:
        code = answer.error_code or f"HTTP {answer.status}"
        self.ledger.outcome(task, "refused", code=code)
        second = task.step.fallback
        if answer.status == 401 and self._is_stale(task):
            self._again(task, answer, 0.0)
        elif answer.status == 429 or (answer.error_code in BUSY and not creates(task.operation)):
            self._again(
                task, answer, 0.0 if answer.status == 429 else BUSY_SECONDS / self.time_scale
            )
        elif answer.status == 401:
            self.stop = self.stop or error(
                "credentials",
                msg("the cloud refuses the keys: {code}", code=code),
                hint=msg("`reconciler doctor` shows the reason"),
            )
            self.transitions.fail(task, _failure(answer))
        elif second is not None and not task.second and answer.error_code in second.refusals:
            task.second, task.program, task.status = True, list(second.operations), Status.PENDING
            way = ", ".join(second.operations)
            self.emit(
                Message(
                    f"{task.step.address}: {task.step.operation} was refused ({code}); continuing with {way}"
                )
            )
        else:
            self._bring_back(task)
            self.transitions.fail(task, _failure(answer))

    def _bring_back(self, task: Task) -> None:
        """A server that this run took off its firewall for another one goes back behind it, where
        the other one is refused.
        """
        former = (
            self.operations.taken_off(task)
            if task.operation == "firewall.attach" and task.failure is None
            else None
        )
        if former is not None:
            task.inputs, task.restore = {**task.inputs, "former": former}, "firewall.attach"
            self.emit(
                Message(f"{task.step.address}: new firewall refused; reattaching the previous one")
            )

    def _is_stale(self, task: Task) -> bool:
        """Whether its signature was so old that the cloud may have refused it for that alone: the
        machine slept, or the disk hung.
        """
        return (
            task.intent is not None
            and self.exchange.unix() - task.intent.signed > SIGNATURE_SECONDS
        )

    def _again(self, task: Task, answer: Refused, pause: float) -> None:
        """Refused before execution: a new intent with a new marker, after the wait. An object that
        may be gone is looked at first.
        """
        task.attempts += 1
        if task.attempts >= ATTEMPTS_MAX:
            self._bring_back(task)
            self.transitions.fail(task, _failure(answer))
            return
        task.status, task.not_before = Status.PENDING, self.exchange.now() + pause
        if answer.status not in (401, 429):
            task.look_after = task.not_before

    def _unanswered(self, task: Task, answer: NoAnswer) -> None:
        if answer.sent:
            self.waiter.doubt(task, answer.reason, answer.status)
            return
        self.ledger.outcome(task, "refused", code="not sent")
        task.attempts += 1
        if task.attempts >= UNSENT_ATTEMPTS_MAX:
            self.transitions.fail(task, Failure(f"could not be sent: {answer.reason}"))
            return
        task.status, task.not_before = (
            Status.PENDING,
            self.exchange.now() + UNSENT_SECONDS / self.time_scale,
        )

    def unrecorded(self) -> tuple[str, ...]:
        """Objects whose id is not on record because the record could not be written."""
        return tuple(self._at_risk)


def _failure(answer: Refused) -> Failure:
    return Failure(
        answer.message or "the cloud refused it",
        error_code=answer.error_code,
        http_status=answer.status,
    )
