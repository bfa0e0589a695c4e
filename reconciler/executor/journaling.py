"""What a run writes down: intents, outcomes and notes go to the journal, and what is known of the
account follows at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.executor.late_values import Known
from reconciler.model.ports import StateWriter
from reconciler.model.state import Intent, Note, Outcome, Record, Result, State, StateChange
from reconciler.schedule.list_poller import ListPoller
from reconciler.schedule.task import Task


@dataclass(slots=True)
class RunJournal:
    """The records of one run. Every record is durable when its method returns; each may raise
    `RecordFailed` or `LostLock`.
    """

    run_id: str
    writer: StateWriter
    known: Known
    poller: ListPoller
    _shown: set[str] = field(default_factory=set)

    @property
    def state(self) -> State:
        """The state with everything that was recorded so far."""
        return self.writer.state

    def intend(
        self,
        task: Task,
        asked: Mapping[str, Any],
        *,
        nonce: str | None,
        signed: int,
        effects: tuple[StateChange, ...],
    ) -> Intent:
        """Records that a write is about to be sent: what it asks for, the second it is signed, and
        the state that results if it succeeds.
        """
        intent = Intent(
            self._next,
            self.run_id,
            task.key,
            str(task.step.address),
            task.operation,
            task.target,
            asked,
            nonce,
            signed,
            effects=effects,
        )
        self._append(intent)
        return intent

    def outcome(
        self,
        task: Task,
        result: Result,
        effects: tuple[StateChange, ...] = (),
        code: str | None = None,
    ) -> None:
        """Records how a write ended. If nothing was sent, only its effects are recorded."""
        intent = task.write.intent
        if intent is not None:
            self._append(Outcome(self._next, self.run_id, intent.sequence, result, effects, code))
        elif effects:
            self.note(result, effects=effects)

    def note(
        self, reason: str, *, effects: tuple[StateChange, ...] = (), settles: int | None = None
    ) -> None:
        """Records a change of the state that belongs to no write of this run."""
        self._append(Note(self._next, self.run_id, reason, effects, settles))

    def close(self, task: Task, effects: tuple[StateChange, ...], reason: str) -> None:
        """Records that an operation is done, whether it was sent or there was nothing to send."""
        if task.write.intent is not None:
            self.outcome(task, "done", effects)
        elif effects:
            self.note(reason, effects=effects)
        self.refresh()

    def refresh(self) -> None:
        """Brings what is known up to the state and to the lists read last."""
        self.known.entries = self.writer.state.entries
        for what in self.poller.news.take_shown():
            self._shown.add(what)
            name, _, parent = what.partition(":")
            if name == "members":
                self.known.members[parent] = self.poller.members[parent]
            else:
                self.known.seen.setdefault(name, {}).update(self.poller.objects[name])

    def take_shown(self) -> set[str]:
        """The names of the lists that were read since this was called last."""
        shown, self._shown = self._shown, set()
        return shown

    @property
    def _next(self) -> int:
        return self.state.sequence + 1

    def _append(self, record: Record) -> None:
        self.writer.append(record)
        self.known.entries = self.state.entries
