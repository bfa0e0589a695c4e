"""The state: what reconciler knows of its own objects, and the records that change it.

A state is the fold of a snapshot and the records after it. Values here are plain (JSON): references
are texts of addresses or ids. They never contain a password, key, signature or console link.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from enum import Enum
from typing import Any, Literal, NamedTuple, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.persistent_map import GONE, layered
from reconciler.model.resource import EMPTY

FORMAT = 1
"""The format of state and journal that this version writes; a newer one is refused."""

FROZEN_FORMAT = 3
"""The format of a state that is frozen, and of what freezes it: a version that knows no freeze
refuses it. (Format 2 is that of a state that was moved away.)
"""

OVERRIDES_MAX = 20
"""How many of the runs that a freeze did not hold back are kept, the last ones."""


SWITCHED_OFF = "switched-off:"
"""The prefix, before the id of an instance, of facts that say when `server stop` switched it off,
as a unix second; an empty text once it was started again.
"""

MADE = "(made)"
"""The placeholder for an id that is not known before the answer."""


Result: TypeAlias = Literal["accepted", "done", "refused", "failed", "unknown"]
"""What is recorded of a request."""

OpenResult: TypeAlias = Literal["accepted", "unknown"]
"""A result after which an intent is still unsettled."""


class Phase(Enum):
    """`incomplete`: has an id, not yet seen ready. `ready`: seen ready. `deleting`: the delete was
    accepted, absence is not yet proved.
    """

    INCOMPLETE = "incomplete"
    READY = "ready"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of one object.

    `address` is the address's text. `applied` holds the managed values as last applied, in normal
    form with links as addresses (or ids of objects that are not ours). `lookups` maps a field to
    `{text: id}` of what its lookup gave. `depends_on` are addresses it needed when applied, for the
    order of deletion. `parent` is the id of the firewall for a rule. `protect` is sticky. `nonce`
    is the marker it was made with, `made` the unix second of its create, None for imported objects.
    `stopped` is set before a server is stopped on the way to something else, until it is started
    again: so that a run after a crash knows that it is to run.
    """

    address: str
    kind: str
    id: str
    applied: Mapping[str, Any] = EMPTY
    lookups: Mapping[str, Mapping[str, str]] = EMPTY
    depends_on: tuple[str, ...] = ()
    parent: str | None = None
    protect: tuple[str, ...] = ()
    phase: Phase = Phase.READY
    nonce: str | None = None
    made: int | None = None
    retain: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Deposed:
    """The old object of a replacement that has not yet been deleted; keyed by its id."""

    address: str
    kind: str
    id: str
    nonce: str | None = None
    phase: Phase = Phase.READY


@dataclass(frozen=True, slots=True)
class Override:
    """A run that changed the cloud although the stack was frozen: why, by whom (`user@host`), and
    when, as a unix second.
    """

    reason: str
    by: str
    at: int


@dataclass(frozen=True, slots=True)
class Freeze:
    """Why nothing may change the objects of a stack, by whom it was frozen (`user@host`), and since
    which unix second. `overrides` are the runs that were let through, oldest first.
    """

    reason: str
    by: str
    at: int
    overrides: tuple[Override, ...] = ()

    def overridden(self, override: Override) -> Freeze:
        """The freeze after one more run that it did not hold back."""
        return replace(self, overrides=(*self.overrides, override)[-OVERRIDES_MAX:])


@dataclass(frozen=True, slots=True)
class StateChange:
    """One change of the state: exactly one of the members is set.

    `put` sets the entry of its address; `drop` removes the entry of an address; `depose` adds a
    deposed object, `remove_deposed` removes the one with that id; `output` is a (name, value,
    reason) to keep (reason where value is None), `unset` names one to keep no longer; `fact` is a
    (name, value) about the account or an object, no longer kept if the value is None;
    `missing_since` is a (subject, unix second) of the first of two lists without it, None if that
    no longer counts; `freeze` freezes the stack, `unfreeze` ends that and names by whom.
    """

    put: Entry | None = None
    drop: str | None = None
    depose: Deposed | None = None
    remove_deposed: str | None = field(default=None, metadata={"json": "bury"})
    output: tuple[str, Any, str | None] | None = None
    unset: str | None = None
    fact: tuple[str, str | None] | None = None
    missing_since: tuple[str, int | None] | None = field(default=None, metadata={"json": "look"})
    freeze: Freeze | None = None
    unfreeze: str | None = None

    def __post_init__(self) -> None:
        changes = (self.put, self.drop, self.depose, self.remove_deposed, self.freeze)
        others = (self.output, self.unset, self.fact, self.missing_since, self.unfreeze)
        if (*changes, *others).count(None) != len(changes) + len(others) - 1:
            raise ValueError("a state change sets exactly one of its members")


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that is about to be sent. It is recorded durably before that.

    `sequence` counts within the journal, gapless. `step` is the plan's step key; `target` the id
    acted on, None for a create; `inputs` the plain values asked for, `nonce` the marker of this
    very send, `signed` the unix second from which the fence counts. `effects` are what the state
    becomes if it is done; in them `MADE` stands for the id of what a create makes.
    """

    sequence: int
    run: str
    step: str
    address: str
    operation: str
    target: str | None
    inputs: Mapping[str, Any]
    nonce: str | None
    signed: int
    effects: tuple[StateChange, ...] = ()
    type: Literal["intent"] = field(default="intent", repr=False, compare=False)

    def done(self, id: str | None, phase: Phase | None = None) -> tuple[StateChange, ...]:
        """The effects with the id of the created object in place of `MADE`, and in that phase if
        one is given.
        """
        found = []
        for effect in self.effects:
            entry = effect.put
            if entry is None or entry.id != MADE:
                found.append(effect)
            elif id is not None:
                found.append(StateChange(put=replace(entry, id=id, phase=phase or entry.phase)))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an intent.

    `result`: `accepted` (the cloud took it, it still works; effects hold the id), `done`, `refused`
    (not executed), `failed` (accepted, then seen to fail), `unknown` (may have happened). `code` is
    the API's error name or a short reason.
    """

    sequence: int
    run: str
    intent: int
    result: Result
    effects: tuple[StateChange, ...] = ()
    code: str | None = None
    type: Literal["outcome"] = field(default="outcome", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Note:
    """A change of the state without a write to the cloud: bind, move, forget, protection, outputs,
    settling by evidence.

    `settles` is the intent that evidence settled, if any; `reason` is short, for people.
    """

    sequence: int
    run: str
    reason: str
    effects: tuple[StateChange, ...] = ()
    settles: int | None = None
    type: Literal["note"] = field(default="note", repr=False, compare=False)


Record: TypeAlias = "Intent | Outcome | Note"


def only_freezes(record: Record) -> bool:
    """Whether a record only freezes the stack or ends that: such a run changed nothing that an undo
    could return to.
    """
    return bool(record.effects) and all(
        change.unfreeze is not None or (change.freeze is not None and not change.freeze.overrides)
        for change in record.effects
    )


class OpenIntent(NamedTuple):
    """An unsettled intent and its last result, None if no outcome was recorded."""

    intent: Intent
    last: OpenResult | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The whole state after its records.

    `open` maps the sequence of each unsettled intent (no outcome, or `accepted`/`unknown` as the
    last one) to the intent and that last result (None where no outcome was recorded). `account` is
    the digest of the access key, `endpoint` the origin without port on loopback. `outputs` maps a
    name to `(value, reason)`. `facts` are learned about the account (`attach: replace`, `marker:
    unproved`). `looks` are the first of the two looks that prove an absence, so that a later run
    can do the second one: the id of an object that we delete, or the marker of a create, to the
    unix second at which it was not there. `frozen` is the freeze of the stack, if it is frozen.
    """

    lineage: str
    serial: int
    stack: str
    environment: str | None
    account: str | None = None
    endpoint: str | None = None
    entries: Mapping[str, Entry] = field(default=EMPTY, metadata={"key": "address"})
    deposed: Mapping[str, Deposed] = field(default=EMPTY, metadata={"key": "id"})
    open: Mapping[int, OpenIntent] = EMPTY  # type: ignore[assignment]
    outputs: Mapping[str, tuple[Any, str | None]] = EMPTY
    facts: Mapping[str, str] = EMPTY
    missing_since: Mapping[str, int] = field(default=EMPTY, metadata={"json": "looks"})
    sequence: int = 0
    format: int = FORMAT
    frozen: Freeze | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the state has no object and no open intent."""
        return not (self.entries or self.deposed or self.open)


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A state of the same place under a name that no file uses: `stack` and `environment`, which
    differ from those in the state if a rename was interrupted. `where` is its location.
    """

    state: State
    where: str
    stack: str
    environment: str | None


def fold(state: State, records: Iterable[Record]) -> State:
    """The state after the records, in order. A record that the state already contains (by sequence)
    is skipped.
    """
    folded = _Fold(state)
    sequence = state.sequence
    for record in records:
        if record.sequence > sequence:
            sequence = record.sequence
            folded.add(record)
    return replace(
        state,
        entries=layered(state.entries).changed(folded.entries),
        deposed=layered(state.deposed).changed(folded.deposed),
        open=layered(state.open).changed(folded.open),
        outputs=folded.outputs,
        facts=folded.facts,
        missing_since=folded.missing_since,
        frozen=folded.frozen,
        sequence=sequence,
    )


class _Fold:
    """What records change in a state: of its large members the changes, of the small ones a
    copy.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.entries: dict[str, Entry] = {}
        self.deposed: dict[str, Deposed] = {}
        self.open: dict[int, OpenIntent] = {}
        self.outputs, self.facts = dict(state.outputs), dict(state.facts)
        self.missing_since = dict(state.missing_since)
        self.frozen = state.frozen

    def add(self, record: Record) -> None:
        """Takes the next record."""
        if isinstance(record, Intent):
            self.open[record.sequence] = OpenIntent(record)
            # a list from before a request proves nothing about it
            self.missing_since.pop(record.target or "", None)
            return
        if isinstance(record, Outcome):
            self._settle(record)
        elif record.settles is not None:
            self.open[record.settles] = GONE
        for change in record.effects:
            self._change(change)

    def _settle(self, outcome: Outcome) -> None:
        found = self.open.get(outcome.intent) or self._state.open.get(outcome.intent)
        if found is None or found is GONE:
            return
        match outcome.result:
            case "accepted" | "unknown" as last:
                self.open[outcome.intent] = OpenIntent(found.intent, last)
            case _:
                self.open[outcome.intent] = GONE

    def _change(self, change: StateChange) -> None:
        if change.put is not None:
            self.entries[change.put.address] = change.put
        elif change.drop is not None:
            dropped = self.entries.get(change.drop) or self._state.entries.get(change.drop)
            self.missing_since.pop(dropped.id if isinstance(dropped, Entry) else "", None)
            self.entries[change.drop] = GONE
        elif change.depose is not None:
            self.deposed[change.depose.id] = change.depose
        elif change.remove_deposed is not None:
            self.deposed[change.remove_deposed] = GONE
            self.missing_since.pop(change.remove_deposed, None)
        elif change.output is not None:
            name, value, reason = change.output
            self.outputs[name] = (value, reason)
        elif change.unset is not None:
            self.outputs.pop(change.unset, None)
        elif change.fact is not None:
            name, fact = change.fact
            self.facts.pop(name, None)
            if fact is not None:
                self.facts[name] = fact
        elif change.missing_since is not None:
            subject, second = change.missing_since
            self.missing_since.pop(subject, None)
            if second is not None:
                self.missing_since[subject] = second
        elif change.freeze is not None or change.unfreeze is not None:
            self.frozen = change.freeze


STALE = "it is from before the last run, which did not complete or is still active"
"""The reason of a value from the start of a run until it is computed again at its end."""


def is_stale(kept: Mapping[str, tuple[Any, str | None]]) -> bool:
    """Whether one of the outputs is from before the last run."""
    return any(reason == STALE for _, reason in kept.values())
