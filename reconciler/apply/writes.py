"""Writes: from a step's operation to a durable intent, a send, and from its answer to a durable outcome. A request is sent once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from reconciler.apply import openings, passwords, records, settle, values
from reconciler.apply.board import Board
from reconciler.apply.deeds import MEMBERSHIP, Deeds
from reconciler.apply.passwords import Keeper
from reconciler.apply.task import Failure, Status, Task
from reconciler.apply.values import CannotFill, Known
from reconciler.apply.waits import READ_FAILURE_SECONDS, Waits
from reconciler.core import evidence, rhythm
from reconciler.core.changes import Plan
from reconciler.core.dataclass import dataclass
from reconciler.core.events import Event, StepDone, StepFailed, StepStarted, StepUnknown, StepWaiting, Told
from reconciler.core.kind import Kind, Progress, operation_of
from reconciler.core.model import Account, Stack
from reconciler.core.owners import entry_with
from reconciler.core.problems import Problem, error
from reconciler.core.rhythm import LOOK_AGE_SECONDS
from reconciler.core.state import Effect, Intent, Note, Outcome, Phase
from reconciler.ports import Accepted, Answer, Exchange, NoAnswer, Refused, StateWriter

ATTEMPTS_MAX = 8
"""How often one operation may be refused before execution (429, busy) and be made anew."""

UNSENT_ATTEMPTS_MAX = 3
BUSY_SECONDS = 10.0
UNSENT_SECONDS = 5.0
NEAR_SECONDS = 15.0
"""Two looks that are no further apart tell when something came to its end."""

DOUBT_SECONDS = 60.0
"""How long a run looks for what became of a write without an answer, before it leaves that to a later run."""

BUSY = frozenset({"DELETED_OR_WORKING_INSTANCE"})
"""Deleted or busy: never proof of absence (contract 1.9); looked at, and sent once more where the object is there and at rest."""


@dataclass(slots=True)
class Writes:
    """All writes of one run. `account` is what the plan was made from; `stop` is the problem after which nothing more may be sent."""

    plan: Plan
    stack: Stack
    writer: StateWriter
    exchange: Exchange
    kinds: Mapping[str, Kind]
    emit: Callable[[Event], None]
    run: str
    nonce: Callable[[], str]
    time_scale: float
    known: Known
    waits: Waits
    board: Board
    account: Account
    began: float
    keep: Keeper | None = None
    stop: Problem | None = None
    _sent: dict[int, Task] = field(default_factory=dict)
    _at_risk: list[str] = field(default_factory=list)
    _shown: set[str] = field(default_factory=set)
    _probing: dict[tuple[str, str], Task] = field(default_factory=dict)
    durations: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    deeds: Deeds = field(init=False)

    def __post_init__(self) -> None:
        self.deeds = Deeds(self.plan, self.stack, self.writer, self.kinds, self.known, self.nonce, self.board.tasks)

    # Sending --------------------------------------------------------------------------------------------------------------------

    def begin(self, task: Task, token: Callable[[], int]) -> None:
        """Takes the next operation of a task as far as it goes now."""
        task.holds = True
        if task.started is None:
            task.started = self.exchange.now()
        if not task.resolved and not self._resolve(task):
            return
        if self.deeds.equal(task):
            self._effects(task, self.deeds.if_done(task, 0), "nothing to send")
            self._next(task)
        elif task.operation.endswith(".wait") or self.deeds.deleted_before(task):
            self._await(task, accepted=self.exchange.now())
        elif self._needs_look(task):
            self._look(task)
        else:
            self._send(task, token())

    def _resolve(self, task: Task) -> bool:
        step = task.step
        try:
            task.inputs = values.fill(step, self.known, self.stack, self.kinds[self.deeds.kind_of(task)])
            if task.target is None and not task.operation.endswith(".create") and task.operation not in MEMBERSHIP:
                task.target = self.known.id_of(step.address)
                if task.target is None:
                    raise CannotFill(f"{step.address} has no id yet")
            if (said := openings.exposure(step, task.target, task.inputs, self.known)) is not None:
                raise CannotFill(said)
        except CannotFill as failure:
            self.fail(task, Failure(str(failure)))
            return False
        task.resolved = True
        return True

    def _needs_look(self, task: Task) -> bool:
        if not task.step.fingerprint or not self._looks(task):
            return False
        if task.look_after is None:
            since = max(self.began, self.exchange.now() - LOOK_AGE_SECONDS / self.time_scale)
            task.look_after = since
        return not self._looked(task)

    def _looks(self, task: Task) -> tuple[str, ...]:
        """The lists of the second look; after the first refusal of a step there is none."""
        return () if task.second else rhythm.second_look(task.operation, self.deeds.kind_of(task), task.target)

    def _looked(self, task: Task) -> bool:
        """Whether enough was read since: of an object that is no longer there nothing else can be."""
        kind, *others = self._looks(task)
        since = task.look_after or 0.0
        if not self.waits.fresh((kind,), since):
            return False
        return task.target not in self.waits.objects.get(kind, {}) or self.waits.fresh(others, since)

    def _look(self, task: Task) -> None:
        task.status, now = Status.LOOKING, self.exchange.now()
        task.deadline = now + self.deeds.operation(task).deadline_seconds / self.time_scale
        self.board.watch(task, self._looks(task))
        self.waits.ask(self._looks(task), now)

    def _send(self, task: Task, token: int) -> None:
        said = settle.second_look(task, self.waits, self.deeds.kind_of(task), self.account) if self._looks(task) else None
        if said is not None:
            self.fail(task, Failure(said))
            return
        operation, create = self.deeds.operation(task), task.operation.endswith(".create")
        task.nonce = self.deeds.marker(task, create=create)
        asked = values.described(task.step.address, self.deeds.asked(task), self.stack, task.nonce, create=create)
        try:
            call = operation.encode(task.target, asked)
        except (ValueError, KeyError) as failure:
            self.fail(task, Failure(f"cannot be written as a request: {failure}"))
            return
        self.writer.check()
        if task.operation == "instance.stop" and (effects := records.stopping(self.writer.state, task.step)):
            self.note("to be stopped, and started again", effects=effects)
        signed = int(self.exchange.unix())
        intent = Intent(
            self.writer.state.sequence + 1,
            self.run,
            task.key,
            str(task.step.address),
            task.operation,
            task.target,
            asked,
            task.nonce if create else None,
            signed,
            effects=self.deeds.if_done(task, signed),
        )
        self.writer.append(intent)
        task.intent, task.status, task.sent = intent, Status.SENT, True
        self._sent[token] = task
        # With the second on record, from which the fence counts: where this process was held up meanwhile, the cloud refuses the request.
        self.exchange.send(token, call, signed=signed)
        self.emit(StepStarted(task.key, str(task.step.address), task.operation))

    # Answers --------------------------------------------------------------------------------------------------------------------

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
        self.refresh()

    def _accepted(self, task: Task, answer: Accepted) -> None:
        operation = self.deeds.operation(task)
        if task.operation.endswith(".create"):
            try:
                task.target = operation.receipt(answer.result)
            except ValueError as failure:
                self._unknown(task, f"accepted, but the receipt does not say what was made: {failure}", answer.status)
                return
            if self._was_there(task):
                named, task.target = task.target, None
                self._unknown(task, f"accepted, but the receipt names {named}, which was there before", answer.status)
                return
        watched = self.deeds.watched(task)
        effects = self.deeds.on_accept(task, ended=not watched)
        if task.operation.endswith(".create"):
            self._at_risk = [f"{task.step.address} = {task.target}"]
        unkept, told = passwords.kept(self.keep, task.operation, str(task.step.address), task.target, answer.result)
        if told is not None:
            self.emit(Told(told))
        self._outcome(task, "accepted" if watched else "done", effects)
        self._at_risk = []
        if unkept is not None:
            raise unkept
        if watched:
            self._await(task, accepted=self.exchange.now())
        else:
            self._next(task)

    def _was_there(self, task: Task) -> bool:
        """Whether what a create is said to have made was there when the plan was made: no object of others becomes ours by a receipt."""
        id, kind = task.target or "", self.deeds.kind_of(task)
        return self.account.find(kind, id) is not None or entry_with(self.writer.state, kind, id) is not None

    def _refused(self, task: Task, answer: Refused) -> None:
        code = answer.error_code or f"HTTP {answer.status}"
        self._outcome(task, "refused", code=code)
        second = task.step.second_way
        if answer.status == 401 and self._is_stale(task):
            self._again(task, answer, 0.0)
        elif answer.status == 429 or (answer.error_code in BUSY and not task.operation.endswith(".create")):
            self._again(task, answer, 0.0 if answer.status == 429 else BUSY_SECONDS / self.time_scale)
        elif answer.status == 401:
            self.stop = self.stop or error("credentials", f"the cloud refuses the keys: {code}", hint="reconciler doctor tells why")
            self.fail(task, _failure(answer))
        elif second is not None and not task.second and answer.error_code in second.refusals:
            task.second, task.program, task.status = True, list(second.operations), Status.PENDING
            way = ", ".join(second.operations)
            self.emit(Told(f"{task.step.address}: {task.step.operation} was refused ({code}); going on with {way}"))
        else:
            self._bring_back(task)
            self.fail(task, _failure(answer))

    def _bring_back(self, task: Task) -> None:
        """A server that this run took off its firewall for another one goes back behind it, where the other one is refused."""
        former = self.deeds.taken_off(task) if task.operation == "firewall.attach" and task.failure is None else None
        if former is not None:
            task.inputs, task.restore = {**task.inputs, "former": former}, "firewall.attach"
            self.emit(Told(f"{task.step.address}: its new firewall was refused; it goes back behind the one it had"))

    def _is_stale(self, task: Task) -> bool:
        """Whether its signature was so old that the cloud may have refused it for that alone: the machine slept, or the disk hung."""
        return task.intent is not None and self.exchange.unix() - task.intent.signed > evidence.SIGNATURE_SECONDS

    def _again(self, task: Task, answer: Refused, pause: float) -> None:
        """Refused before execution: a new intent with a new marker, after the wait. An object that may be gone is looked at first."""
        task.attempts += 1
        if task.attempts >= ATTEMPTS_MAX:
            self._bring_back(task)
            self.fail(task, _failure(answer))
            return
        task.status, task.not_before = Status.PENDING, self.exchange.now() + pause
        if answer.status not in (401, 429):
            task.look_after = task.not_before

    def _unanswered(self, task: Task, answer: NoAnswer) -> None:
        if answer.sent:
            self._unknown(task, answer.reason, answer.status)
            return
        self._outcome(task, "refused", code="not sent")
        task.attempts += 1
        if task.attempts >= UNSENT_ATTEMPTS_MAX:
            self.fail(task, Failure(f"could not be sent: {answer.reason}"))
            return
        task.status, task.not_before = Status.PENDING, self.exchange.now() + UNSENT_SECONDS / self.time_scale

    def _unknown(self, task: Task, reason: str, status: int | None) -> None:
        """May have happened: it is looked for at once, for a while, and never sent again."""
        self._outcome(task, "unknown", code=reason[:200])
        now = self.exchange.now()
        task.doubt = Failure(reason, http_status=status)
        task.status, task.accepted, task.judged = Status.DOUBT, now, now
        task.deadline, task.next_poll = now + DOUBT_SECONDS / self.time_scale, now
        self.board.watch(task, self.deeds.evidence_lists(task))
        self.emit(Told(f"{task.step.address}: no answer to {task.operation} ({reason}); looking for what became of it"))

    def forsake(self, task: Task) -> None:
        """The run ends before it is known what became of a write: a later run settles it."""
        if task.status is Status.SENT:
            self._outcome(task, "unknown", code="the run ended before the answer came")
            task.doubt = Failure("the run ended before the answer came")
        self._give_up(task, (task.doubt or Failure("not known")).message)

    def _give_up(self, task: Task, reason: str) -> None:
        task.status, task.holds = Status.UNKNOWN, False
        status = task.doubt.http_status if task.doubt is not None else None
        self.emit(StepUnknown(task.key, str(task.step.address), task.operation, reason, http_status=status))

    def _doubted(self, task: Task, now: float) -> None:
        """Looks at what the lists show of a write that had no answer (SPEC 5, settling)."""
        intent, whats = task.intent, self.deeds.evidence_lists(task)
        if intent is None or not self.waits.fresh(whats, task.judged):
            if now >= task.deadline:
                self._give_up(task, task.not_proved or "no list could be read that would tell")
            self.waits.ask(whats, max(task.next_poll, now))
            return
        task.judged = min(self.waits.lists[what].shown_at for what in whats) + 1e-9
        if task.operation.endswith(".delete") and self.deeds.watched(task):
            self._doubted_delete(task, now)
            return
        account = Account(self.waits.objects, self.waits.members, complete=frozenset(self.waits.objects))
        observed = evidence.Observation(account, self.exchange.unix())
        found = evidence.settle_one(self.writer.state, intent, "unknown", (observed,), self.kinds, now=self.exchange.unix())
        if found.finding is evidence.Finding.DONE:
            self._proved(task, intent, found)
        elif found.finding is evidence.Finding.PERSON or now >= task.deadline:
            self._give_up(task, found.reason)
        else:
            task.not_proved, task.next_poll = found.reason, now + self.waits.interval(now - task.accepted)
            self.waits.ask(whats, task.next_poll)

    def _doubted_delete(self, task: Task, now: float) -> None:
        """A delete without an answer is proved like every other; where a successor follows, that it is gone is for a person to say."""
        shown = self.deeds.operation(task).progress(task.target, self.deeds.asked(task), self.waits.view()) is not Progress.DONE
        entry = self.writer.state.entries.get(str(task.step.address))
        followed = entry is not None and entry.id == task.target and task.step.address in self.stack.resources and not self.plan.destroy
        if shown and now < task.deadline:
            task.next_poll = now + self.waits.interval(now - task.accepted)
            self.waits.ask(self.deeds.evidence_lists(task), task.next_poll)
        elif shown:
            self._give_up(task, "it is still shown, and its request could still be taken")
        elif followed:
            self._give_up(task, f"it is not shown, and its delete had no answer: its successor needs --accept gone={task.step.address}")
        else:
            self._await(task, accepted=now)

    def _proved(self, task: Task, intent: Intent, found: evidence.Settlement) -> None:
        """It was done: from here on as if the answer had come."""
        made = next((e.put.id for e in found.effects if e.put is not None and e.put.address == intent.address), None)
        create = task.operation.endswith(".create")
        if create:
            task.target = made
        if create and self.deeds.watched(task):
            self._outcome(task, "accepted", intent.done(made, Phase.INCOMPLETE))
            self._await(task, accepted=self.exchange.now())
        else:
            self._outcome(task, "done", found.effects)
            self._next(task)

    # Waiting --------------------------------------------------------------------------------------------------------------------

    def _await(self, task: Task, *, accepted: float) -> None:
        operation = self.deeds.operation(task)
        task.status, task.accepted, task.next_poll = Status.WAITING, accepted, accepted + self._usual(task)
        task.deadline = accepted + operation.deadline_seconds / self.time_scale
        task.first_absence = task.not_yet = None
        watched = self.deeds.watched(task)
        self.board.watch(task, watched)
        self.waits.ask(watched, task.next_poll)
        self.emit(StepWaiting(task.key, str(task.step.address), task.operation))

    def judge(self) -> None:
        """Looks at what the lists showed since, for every task that waits for one of them; asks for the next read."""
        self.refresh()
        now, shown = self.exchange.now(), self._shown
        self._shown = set()
        probed = [self._probing.pop(subject) for subject in self.waits.take_probed() if subject in self._probing]
        found = (*self.board.watchers((*shown, *self.waits.take_failed())), *probed, *self.board.overdue(now), *self.board.of(Status.DOUBT))
        for task in sorted({task.key: task for task in found}.values(), key=lambda task: task.key):
            if task.status is Status.LOOKING:
                if self._looked(task):
                    task.status = Status.PENDING
                elif now >= task.deadline:
                    self.fail(task, Failure("it could not be looked at before it would be changed for good; nothing was sent"))
                else:
                    self.waits.ask(self._looks(task), now + READ_FAILURE_SECONDS / self.time_scale)
            elif task.status is Status.DOUBT:
                self._doubted(task, now)
            elif task.status is Status.WAITING:
                self._judge(task, now)
        self.waits.calm(self.board.take_unwatched())

    def _judge(self, task: Task, now: float) -> None:
        watched = self.deeds.watched(task)
        # What was sent, a description with its marker, is what the lists must show.
        sent = task.intent.inputs if task.intent is not None else self.deeds.asked(task)
        verdict = settle.verdict(task, self.deeds.operation(task), sent, self.waits, watched, self.kinds[self.deeds.kind_of(task)])
        late = now >= task.deadline and self._is_late(task, verdict, watched)
        if verdict is settle.Verdict.DONE:
            self._learn(task, watched)
            self._settled(task)
        elif verdict is settle.Verdict.FAILED:
            self._outcome(task, "failed", code="error status")
            self.fail(task, Failure("the cloud reports it as failed"))
        elif late and task.doubt is not None and task.operation.endswith(".delete"):
            self._give_up(task, task.doubt.message)
        elif late:
            self._outcome(task, "failed", code="deadline")
            why = "no list could be read that would tell" if verdict is settle.Verdict.UNREAD else "not ready in the time allowed"
            self.fail(task, Failure(f"{why}; the next run goes on with it"))
        elif verdict is settle.Verdict.LATER:
            if task.first_absence is None:
                task.not_yet = min(self.waits.lists[what].shown_at for what in watched)
            task.next_poll = max(task.next_poll, now + self.waits.interval(now - task.accepted, task.accepted + self._usual(task) - now))
            self.waits.ask(watched, task.next_poll)
        elif verdict is settle.Verdict.UNREAD:
            self.waits.ask(watched, max(min(task.next_poll, task.deadline), now))
        else:
            self._probing[self.deeds.kind_of(task), task.target or ""] = task

    def _is_late(self, task: Task, verdict: settle.Verdict, watched: tuple[str, ...]) -> bool:
        """Whether a look past the deadline still did not show the end, or could not be had.

        Writes go before waits: that nobody looked since is no delay of the cloud's, nor is an absence whose proof is not complete.
        """
        if verdict is settle.Verdict.UNREAD:
            return self.waits.tried(watched, max(task.deadline, task.judged))
        return verdict is settle.Verdict.LATER and task.first_absence is None

    def _usual(self, task: Task) -> float:
        """Seconds after which what is waited for is worth a look; nothing is known of an object found at work."""
        return 0.0 if task.operation.endswith(".wait") else self.deeds.operation(task).look_seconds / self.time_scale

    def _learn(self, task: Task, watched: tuple[str, ...]) -> None:
        """Keeps how long the cloud took for it, where looks were close enough to tell."""
        seen = task.first_absence or min(self.waits.lists[what].shown_at for what in watched)
        usual = self.deeds.operation(task).look_seconds
        found = settle.duration(task, seen, usual / self.time_scale, near=NEAR_SECONDS / self.time_scale)
        if found is not None and usual and not task.operation.endswith(".wait"):
            low, high = found
            self.durations.setdefault(task.operation, []).append((low * self.time_scale, high * self.time_scale))

    def _settled(self, task: Task) -> None:
        self.refresh()
        effects: tuple[Effect, ...]
        if task.operation.endswith(".delete"):
            effects = records.gone(self.writer.state, task.step)
        elif task.operation.endswith((".create", ".wait")):
            self._close_accepted(task)
            effects = records.ready(self.writer.state, task.step) + settle.marker_facts(task, self.known, self.deeds.kind_of(task))
        else:
            effects = (task.intent.done(task.target) if task.intent is not None else ()) + settle.attach_facts(task, self.waits)
        if "rules" in task.inputs:
            effects += settle.written_rules(task, self.stack, self.writer.state, self.waits)
        self._effects(task, effects, "done")
        extra = settle.after_attach(task, self.waits)
        if extra:
            task.program += extra
        self._next(task)

    def _close_accepted(self, task: Task) -> None:
        """What an earlier run had asked of an object that was at work: it is done where the object, at rest, shows it."""
        if not task.operation.endswith(".wait"):
            return
        view = self.waits.view()
        for sequence, (intent, result) in sorted(self.writer.state.open.items()):
            if result == "accepted" and intent.target == task.target:
                done = operation_of(self.kinds, intent.operation).progress(intent.target, intent.inputs, view) is Progress.DONE
                effects = evidence.as_it_is_now(self.writer.state, intent, intent.done(intent.target)) if done else ()
                self.note("settled: at rest", effects=effects, settles=sequence)

    def _effects(self, task: Task, effects: tuple[Effect, ...], reason: str) -> None:
        if task.intent is not None:
            self._outcome(task, "done", effects)
        elif effects:
            self.note(reason, effects=effects)
        self.refresh()

    # Ends -----------------------------------------------------------------------------------------------------------------------

    def _next(self, task: Task) -> None:
        """The operation is done: on to the next one of the task, or to its end."""
        if task.second and task.operation == "instance.stop" and task.step.second_way is not None:
            task.restore = task.step.second_way.restore
        elif task.operation == task.restore:
            task.restore = None
        task.intent, task.attempts = None, 0
        if len(task.program) > 1:
            task.program, task.status = task.program[1:], Status.PENDING
        elif task.failure is not None:
            self.fail(task, task.failure)
        else:
            self._finish(task, sent=task.sent)

    def _finish(self, task: Task, *, sent: bool) -> None:
        task.status, task.holds = Status.DONE, False
        seconds = self.exchange.now() - (task.started or self.exchange.now())
        self.emit(StepDone(task.key, str(task.step.address), task.step.operation, id=task.target, seconds=seconds, sent=sent))

    def fail(self, task: Task, failure: Failure) -> None:
        """The task ends as failed; a server that it stopped is started again first."""
        if task.restore is not None and task.failure is None:
            task.failure, task.program, task.status = failure, [task.restore], Status.PENDING
            task.attempts = 0
            return
        task.failure, task.status, task.holds = task.failure or failure, Status.FAILED, False
        self.emit(
            StepFailed(
                task.key,
                str(task.step.address),
                task.operation,
                task.failure.message,
                error_code=task.failure.error_code,
                http_status=task.failure.http_status,
            )
        )

    # The record -----------------------------------------------------------------------------------------------------------------

    def _outcome(self, task: Task, result: str, effects: tuple[Effect, ...] = (), code: str | None = None) -> None:
        if task.intent is None:
            if effects:
                self.note(result, effects=effects)
            return
        self.writer.append(Outcome(self.writer.state.sequence + 1, self.run, task.intent.sequence, result, effects, code))
        self.known.entries = self.writer.state.entries

    def note(self, reason: str, *, effects: tuple[Effect, ...] = (), settles: int | None = None) -> None:
        """Records a change of the state that goes with no write."""
        self.writer.append(Note(self.writer.state.sequence + 1, self.run, reason, effects, settles))
        self.known.entries = self.writer.state.entries

    def refresh(self) -> None:
        """Brings what is known up to the state and to the lists read last."""
        self.known.entries = self.writer.state.entries
        for what in self.waits.take_shown():
            self._shown.add(what)
            name, _, parent = what.partition(":")
            if name == "members":
                self.known.members[parent] = self.waits.members[parent]
            else:
                self.known.seen.setdefault(name, {}).update(self.waits.objects[name])

    def unrecorded(self) -> tuple[str, ...]:
        """Objects whose id is not on record because the record could not be written."""
        return tuple(self._at_risk)


def _failure(answer: Refused) -> Failure:
    return Failure(answer.message or "the cloud refused it", error_code=answer.error_code, http_status=answer.status)
