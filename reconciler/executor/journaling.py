"""The ledger of a run: intents, outcomes and notes go to the journal, and what is known of the
world follows at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.executor.late_values import Known
from reconciler.executor.list_poller import ListPoller
from reconciler.executor.task import Task
from reconciler.model.ports import StateWriter
from reconciler.model.state import Intent, Note, Outcome, Record, Result, State, StateChange


@dataclass(slots=True)
class Ledger:
    """What one run writes down. Every record is durable when its method returns; each may raise
    `RecordFailed` or `LostLock`.
    """

    run: str
    writer: StateWriter
    known: Known
    poller: ListPoller
    _shown: set[str] = field(default_factory=set)

    @property
    def state(self) -> State:
        """The state with all that was recorded so far."""
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
        """Records that a write is about to be sent: what it asks, the second it is signed, what the
        state becomes if it is done.
        """
        address = str(task.step.address)
        intent = Intent(
            self._next,
            self.run,
            task.key,
            address,
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
        """Records how a write ended; of what was not sent, what it changes all the same. Raises
        `RecordFailed`, `LostLock`.
        """
        if task.intent is None:
            if effects:
                self.note(result, effects=effects)
            return
        self._append(Outcome(self._next, self.run, task.intent.sequence, result, effects, code))

    def note(
        self, reason: str, *, effects: tuple[StateChange, ...] = (), settles: int | None = None
    ) -> None:
        """Records a change of the state that goes with no write."""
        self._append(Note(self._next, self.run, reason, effects, settles))

    def refresh(self) -> None:
        """Brings what is known up to the state and to the lists read last."""
        self.known.entries = self.writer.state.entries
        for what in self.poller.take_shown():
            self._shown.add(what)
            name, _, parent = what.partition(":")
            if name == "members":
                self.known.members[parent] = self.poller.members[parent]
            else:
                self.known.seen.setdefault(name, {}).update(self.poller.objects[name])

    def close(self, task: Task, effects: tuple[StateChange, ...], reason: str) -> None:
        """Records that an operation is done, whether it was sent or there was nothing to send."""
        if task.intent is not None:
            self.outcome(task, "done", effects)
        elif effects:
            self.note(reason, effects=effects)
        self.refresh()

    def take_shown(self) -> set[str]:
        """The names of the lists that were read since this was asked last."""
        shown, self._shown = self._shown, set()
        return shown

    @property
    def _next(self) -> int:
        return self.state.sequence + 1

    def _append(self, record: Record) -> None:
        self.writer.append(record)
        self.known.entries = self.state.entries
